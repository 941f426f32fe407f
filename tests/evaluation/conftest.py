import numpy as np
import pandas as pd
import pytest


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
    """Make the table of labels of some classes, as ``mark_copies`` does where no picture comes twice."""

    def make(y, names, images_id="none"):
        table = pd.DataFrame({"row": range(len(y)), "label": y, "class": [names[k] for k in y]})
        table = table.assign(picture=range(len(y)), copy_of="", held_out=False)
        table.attrs = {"images_id": images_id}
        return table

    return make
