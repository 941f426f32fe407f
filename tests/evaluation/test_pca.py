import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation import pca
from dcgan_pipeline.evaluation.settings import PcaSettings
from dcgan_pipeline.weights import Weights

CPU = torch.device("cpu")
TINY = PcaSettings(components=3)


@pytest.fixture
def pixels():
    """Images of two patterns and noise: two axes have most of the variance."""
    rng = np.random.default_rng(0)
    patterns, amounts = rng.normal(size=(2, 3 * 4 * 4)), rng.normal(size=(60, 2)) * [25, 12]
    flat = amounts @ patterns + rng.normal(size=(60, 48)) + 128
    return flat.round().clip(0, 255).astype(np.uint8).reshape(60, 3, 4, 4)


def learned(images, settings=TINY, seed=0, rows=None):
    return pca.learn(images, np.arange(len(images)) if rows is None else rows, settings, seed)


def features_of(weights, images, batch=7):
    return np.concatenate(list(pca.pca_features(weights, images, CPU, batch, "test").chunks))


def test_features_are_scikit_learns(stored, pixels):
    images = stored(pixels)
    weights = learned(images)
    scaled = pixels.reshape(60, -1) / 127.5 - 1
    theirs = PCA(3, svd_solver="full").fit(scaled)
    expected = theirs.transform(scaled)
    found = features_of(weights, images)
    assert found.dtype == np.float32
    signs = np.sign((found * expected).sum(0))  # an axis may point either way
    np.testing.assert_allclose(found * signs, expected, atol=1e-4)
    assert weights.settings["explained"] == pytest.approx(theirs.explained_variance_ratio_.sum(), rel=1e-5)


def test_axes_are_orthonormal_and_of_most_variance_first(stored, pixels):
    images = stored(pixels)
    weights = learned(images)
    axes = weights.tensors["axes"].double()
    torch.testing.assert_close(axes @ axes.T, torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-5)
    assert (np.diff(features_of(weights, images).var(0)) <= 0).all()
    assert weights.settings["explained"] > 0.95


def test_axes_are_fitted_to_the_given_rows_alone_and_to_so_many(stored, pixels):
    rows = np.arange(30)
    changed = pixels.copy()
    changed[30:] = 0
    one, two = (learned(stored(array), rows=rows) for array in (pixels, changed))
    assert one.digest() == two.digest()
    fewer = learned(stored(pixels), TINY.model_copy(update={"images": 10}))
    assert fewer.digest() != learned(stored(pixels)).digest()


def test_the_seed_decides_and_weights_survive_a_file(stored, pixels, tmp_path):
    images = stored(pixels, images_id="i")
    some = TINY.model_copy(update={"images": 20})
    one, same, other = (learned(images, some, seed) for seed in (0, 0, 1))
    assert one.digest() == same.digest() != other.digest()
    one.save(tmp_path / "weights")
    again = Weights.load(tmp_path / "weights")
    assert again.settings == one.settings
    np.testing.assert_array_equal(features_of(again, images), features_of(one, images))
    assert pca.pca_features(one, images, CPU, 7, "test").attrs == {"pca": one.digest(), "images_id": "i"}


@pytest.mark.parametrize("batch", [1, 60])
def test_features_do_not_depend_on_the_batch(stored, pixels, batch):
    images = stored(pixels)
    weights = learned(images)
    np.testing.assert_allclose(features_of(weights, images, batch), features_of(weights, images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("components", "rows", "message"),
    [(12, 10, "at most the 10 images it is fitted to and their 48 numbers, got 12"), (49, 60, "got 49; lower it")],
)
def test_more_components_than_can_be_are_refused(stored, pixels, components, rows, message):
    with pytest.raises(InputError, match=message) as refusal:
        learned(stored(pixels), PcaSettings(components=components), rows=np.arange(rows))
    assert "\n" not in str(refusal.value)


def test_images_of_another_shape_are_refused(stored, pixels):
    weights = learned(stored(pixels))
    with pytest.raises(InputError, match=r"must be 3 x 4 x 4, as those .*, got 3 x 8 x 8"):
        features_of(weights, stored(np.zeros((2, 3, 8, 8), np.uint8)))
