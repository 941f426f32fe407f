import numpy as np
import pytest

from dcgan_pipeline.evaluation import standardised
from dcgan_pipeline.evaluation.standardised import Standardised, moments


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(50, 4)) * [1, 10, 0.1, 0] + [100, 0, -3, 5]).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_moments_are_those_of_the_rows_whatever_the_batch(stored, features, monkeypatch, batch):
    monkeypatch.setattr(standardised, "_BATCH", batch)
    rows = np.array([40, 3, 3, 17, 9, 8])
    mean, scale = moments(stored(features), rows)
    np.testing.assert_allclose(mean, features[rows].astype(np.float64).mean(0), rtol=1e-12)
    np.testing.assert_allclose(scale, np.sqrt(features[rows].astype(np.float64).var(0) + 0.01), rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_the_view_looks_like_the_features_it_is_of(stored, features, dtype):
    array = stored(features.astype(dtype), images_id="i")
    view = Standardised(array, *moments(array, np.arange(50)))
    assert (view.shape, len(view), view.dtype, view.attrs) == ((50, 4), 50, np.float32, {"images_id": "i"})
    found = view[np.arange(50)]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-4)
    spread = features.astype(dtype).std(0, dtype=np.float64)
    np.testing.assert_allclose(found.std(0), spread / np.sqrt(spread**2 + 0.01), atol=1e-4)
    for rows in (slice(3, 9), np.array([4, 2])):
        np.testing.assert_array_equal(view[rows], found[rows])
