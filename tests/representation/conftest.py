from itertools import count

import numpy as np
import pandas as pd
import pytest

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray, write_shards


@pytest.fixture(scope="session")
def stored(tmp_path_factory):
    """Write an array in small shards and open it as a stage would get it."""
    numbers = count()

    def store(array, rows_per_shard=50, **attrs):
        folder = tmp_path_factory.mktemp("arrays") / str(next(numbers))
        write_shards(ArrayChunks([array], attrs), folder, rows_per_shard)
        return ShardedArray(folder)

    return store


@pytest.fixture(scope="session")
def blobs():
    """Draw points around one centre a class, ``apart`` standard deviations from the origin each."""

    def make(count, classes, apart, dimensions=6, seed=0):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, classes, count)
        centres = np.eye(classes, dimensions) * apart
        return (centres[y] + rng.normal(size=(count, dimensions))).astype(np.float32), y.astype(np.int64)

    return make


@pytest.fixture(scope="session")
def labelled():
    """Make the table of labels of some classes, as ``prepare_labelled`` does."""

    def make(y, names, images_id="none"):
        table = pd.DataFrame({"row": range(len(y)), "label": y, "class": [names[k] for k in y]})
        table.attrs = {"images_id": images_id}
        return table

    return make
