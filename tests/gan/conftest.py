from itertools import count

import numpy as np
import pytest

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray, write_shards
from dcgan_pipeline.gan.settings import Architecture


@pytest.fixture(scope="session")
def stored(tmp_path_factory):
    """Write an array in small shards and open it as a stage would get it."""
    numbers = count()

    def store(array, rows_per_shard=7, **attrs):
        folder = tmp_path_factory.mktemp("arrays") / str(next(numbers))
        write_shards(ArrayChunks([array], attrs), folder, rows_per_shard)
        return ShardedArray(folder)

    return store


@pytest.fixture
def tiny():
    """Networks of two convolutions, so that both have a batch norm between convolutions."""
    return Architecture(image_size=16, channels=1, latent_dim=5, width=3, kernel=3)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (23, 1, 16, 16), dtype=np.uint8)
