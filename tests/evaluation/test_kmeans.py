import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.cluster import KMeans

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation import kmeans
from dcgan_pipeline.evaluation.settings import KMeansSettings
from dcgan_pipeline.weights import Weights

CPU = torch.device("cpu")
TINY = KMeansSettings(maps=5, patch=3, patches=300, passes=20)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (11, 2, 8, 9), dtype=np.uint8)


@pytest.fixture
def images(stored, pixels):
    return stored(pixels, images_id="i")


def learned(images, settings=TINY, seed=0, rows=None):
    return kmeans.learn(images, np.arange(len(images)) if rows is None else rows, settings, seed)


def features_of(weights, images, batch=4):
    return np.concatenate(list(kmeans.kmeans_features(weights, images, CPU, batch, "test").chunks))


def patches_of(image, side):
    """All patches of (C, H, W), one pixel apart: float64 (rows, columns, C * side * side)."""
    rows, columns = (length - side + 1 for length in image.shape[1:])
    return np.array(
        [[image[:, i : i + side, j : j + side].ravel() for j in range(columns)] for i in range(rows)], dtype=np.float64
    )


def reference(weights, image):
    """Coates & Ng's steps for one image, one after the other, in float64: (maps * grid * grid,)."""
    s, w = weights.settings, {name: value.double().numpy() for name, value in weights.tensors.items()}
    x = patches_of(image, s["patch"])
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, ddof=1, keepdims=True) + s["contrast_floor"])
    x = (x - w["mean"]) @ w["whitening"]
    z = np.sqrt(((x[:, :, None] - w["centroids"]) ** 2).sum(-1))  # (rows, columns, maps)
    active = np.maximum(0, z.mean(-1, keepdims=True) - z)
    halves = [[int(k * length / s["grid"] + 0.5) for k in range(s["grid"] + 1)] for length in z.shape[:2]]
    cells = [
        active[top:bottom, left:right].sum((0, 1))
        for top, bottom in zip(halves[0], halves[0][1:], strict=False)
        for left, right in zip(halves[1], halves[1][1:], strict=False)
    ]
    return np.stack(cells, axis=1).ravel()


@pytest.mark.parametrize(("patch", "grid"), [(3, 2), (2, 3), (6, 1), (3, 1)])
def test_features_are_those_of_the_authors_steps(images, pixels, patch, grid):
    weights = learned(images, TINY.model_copy(update={"patch": patch, "grid": grid}))
    found = features_of(weights, images)
    assert found.dtype == np.float32
    assert found.shape == (11, 5 * grid**2)
    # A patch that is a cluster of its own is at distance 0, which float32 knows to 3e-3 (see kmeans_features).
    np.testing.assert_allclose(found, [reference(weights, image) for image in pixels], rtol=1e-4, atol=1e-2)


def test_the_first_cell_gets_the_odd_patch_as_in_the_authors_code():
    assert kmeans._edges(27, 2) == [0, 14, 27]
    assert kmeans._edges(27, 1) == [0, 27]
    assert kmeans._edges(10, 5) == [0, 2, 4, 6, 8, 10]


@given(cells=st.integers(1, 9), more=st.integers(0, 60))
@settings(deadline=None)
def test_cells_share_out_all_patches_and_differ_by_one_at_most(cells, more):
    edges = kmeans._edges(cells + more, cells)
    sizes = np.diff(edges)
    assert (edges[0], edges[-1], len(sizes)) == (0, cells + more, cells)
    assert sizes.min() >= 1
    assert sizes.max() - sizes.min() <= 1


def test_a_flat_patch_is_nothing_and_contrast_and_brightness_hardly_matter():
    x = torch.tensor([[7.0, 7, 7, 7], [0, 80, 20, 100], [50, 210, 90, 250]])  # the third is 2 x + 50
    found = kmeans.normalised(x, 10)
    assert torch.equal(found[0], torch.zeros(4))
    torch.testing.assert_close(found[1], found[2], rtol=1e-2, atol=0)
    torch.testing.assert_close(found[1], (x[1] - 50) / np.sqrt(x[1].numpy().var(ddof=1) + 10))


def test_whitened_patches_have_the_covariance_that_the_floor_leaves():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 6)) @ rng.normal(size=(6, 6)) + rng.normal(size=6)
    mean, whitening = kmeans.zca(torch.from_numpy(x.astype(np.float32)), 0.1)
    np.testing.assert_allclose(mean.numpy(), x.mean(0), atol=1e-5)
    np.testing.assert_allclose(whitening.numpy(), whitening.numpy().T, atol=1e-6)  # ZCA turns nothing
    variances, axes = np.linalg.eigh(np.cov(x.T))
    np.testing.assert_allclose(whitening.numpy(), axes / np.sqrt(variances + 0.1) @ axes.T, rtol=1e-4, atol=1e-5)
    white = np.linalg.eigvalsh(np.cov(((x - mean.numpy()) @ whitening.numpy()).T))
    np.testing.assert_allclose(white, np.sort(variances / (variances + 0.1)), rtol=1e-4)


def test_whitening_stands_axes_without_variance():
    x = torch.zeros(50, 3)
    x[:, 0] = torch.linspace(-1, 1, 50)
    _, whitening = kmeans.zca(x, 0.1)
    torch.testing.assert_close(whitening[1:, 1:], torch.eye(2) / 0.1**0.5)


def test_centroids_are_as_near_to_normalised_and_whitened_patches_as_lloyds(stored):
    """Whitened by another way than the module's; images of smooth blobs, so that patches have something to cluster."""
    rng = np.random.default_rng(3)
    smooth = rng.integers(0, 256, (40, 2, 3, 3)).repeat(4, axis=2).repeat(4, axis=3).astype(np.uint8)
    settings = KMeansSettings(maps=6, patch=3, patches=1500)
    images = stored(smooth)
    x = kmeans._random_patches(images, np.arange(40), settings, 0).numpy().astype(np.float64)
    variances, axes = np.linalg.eigh(np.cov(x.T))
    x = (x - x.mean(0)) @ (axes / np.sqrt(variances + 0.1) @ axes.T)
    centroids = learned(images, settings).tensors["centroids"].double().numpy()
    squared = ((x[:, None] - centroids) ** 2).sum(2)
    best = KMeans(6, n_init=10, random_state=0).fit(x).inertia_
    assert squared.min(1).sum() < 1.1 * best
    assert len(np.unique(squared.argmin(1))) == 6
    means = np.stack([x[squared.argmin(1) == k].mean(0) for k in range(6)])
    np.testing.assert_allclose(centroids, means, atol=0.3)  # whitened patches have a standard deviation of 1 an axis


def test_patches_are_drawn_from_the_given_rows_and_from_every_place(stored):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 1, 6, 7), dtype=np.uint8)
    settings = KMeansSettings(maps=2, patch=3, patches=2000)
    found = kmeans._random_patches(stored(pixels, rows_per_shard=3), np.array([1, 3]), settings, 0)
    expected = torch.from_numpy(np.concatenate([patches_of(pixels[row], 3).reshape(-1, 9) for row in (1, 3)]))
    distances = torch.cdist(found.double(), kmeans.normalised(expected, 10))
    assert distances.min(1).values.max() < 1e-5  # every one is a patch of these images,
    assert distances.min(0).values.max() < 1e-5  # and every patch was drawn


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_any_number_of_channels_and_any_size(stored, channels):
    rng = np.random.default_rng(1)
    small, large = (rng.integers(0, 256, (4, channels, *size), dtype=np.uint8) for size in ((4, 4), (13, 7)))
    weights = learned(stored(small))
    np.testing.assert_allclose(
        features_of(weights, stored(large)), [reference(weights, image) for image in large], rtol=1e-4, atol=1e-2
    )


@pytest.mark.parametrize("limit", [1, 40, 300, 10**9])
def test_features_do_not_depend_on_the_batch_or_on_what_memory_holds(images, monkeypatch, limit):
    weights = learned(images)
    whole = features_of(weights, images, batch=11)
    monkeypatch.setattr(kmeans, "_NUMBERS", limit)
    for batch in (1, 5):
        np.testing.assert_allclose(features_of(weights, images, batch), whole, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("maps", "limit"), [(5, 100), (5, 1000), (40, 170), (40, 2000)])
def test_memory_for_patches_and_distances_is_bounded(images, monkeypatch, maps, limit):
    weights, sizes, found = learned(images, TINY.model_copy(update={"maps": maps})), [], torch.cdist

    def watched(patches, centroids, **options):
        distances = found(patches, centroids, **options)
        sizes.extend([patches.numel(), distances.numel()])
        return distances

    monkeypatch.setattr(torch, "cdist", watched)
    monkeypatch.setattr(kmeans, "_NUMBERS", limit)
    features_of(weights, images, batch=11)
    assert limit / 3 < max(sizes) <= limit  # a cell of all images has 12 x 11 patches of 18 numbers


def test_the_seed_decides(images):
    one, same, other = (learned(images, seed=seed) for seed in (0, 0, 1))
    assert one.digest() == same.digest()
    assert one.digest() != other.digest()
    np.testing.assert_array_equal(features_of(one, images), features_of(same, images))


def test_weights_survive_a_file_and_features_say_which_they_are_of(images, tmp_path):
    weights = learned(images)
    weights.save(tmp_path / "weights")
    again = Weights.load(tmp_path / "weights")
    assert again.settings == {"kind": "kmeans", "channels": 2, **TINY.model_dump()}
    np.testing.assert_array_equal(features_of(again, images), features_of(weights, images))
    attrs = kmeans.kmeans_features(again, images, CPU, 4, "test").attrs
    assert attrs == {"kmeans": weights.digest(), "images_id": "i"}


def test_black_images_are_nothing_to_worry_about(stored):
    black = np.zeros((4, 1, 6, 6), np.uint8)
    black[:2] = np.random.default_rng(0).integers(0, 256, (2, 1, 6, 6))
    weights = learned(stored(black), KMeansSettings(maps=4, patch=3, patches=100))
    assert np.isfinite(features_of(weights, stored(black))).all()


def refused(call, message):
    with pytest.raises(InputError, match=message) as refusal:
        call()
    assert "\n" not in str(refusal.value)


def test_what_cannot_be_is_refused(stored, images):
    def zeros(*shape):
        return stored(np.zeros(shape, np.uint8))

    refused(lambda: learned(zeros(3, 1, 2, 8)), r"kmeans.patch must be at most the images' side, got 3 for 2 x 8")
    refused(lambda: learned(images, rows=np.array([], np.int64)), "at least one training image, got none")
    weights = learned(images)
    refused(lambda: features_of(weights, zeros(2, 3, 8, 8)), "must have the 2 channels .*, got 3")
    refused(lambda: features_of(weights, zeros(2, 2, 3, 8)), "must be 4 x 4 or more .*, got 3 x 8; .*kmeans.grid")


def test_fewer_patches_than_maps_are_refused():
    with pytest.raises(ValidationError, match="patches must be at least maps, got 10 and 20"):
        KMeansSettings(maps=20, patches=10)


def test_the_defaults_are_the_papers():
    found = KMeansSettings()
    assert (found.maps, found.patch, found.grid, found.whitening_floor, found.contrast_floor) == (4800, 6, 2, 0.1, 10)
