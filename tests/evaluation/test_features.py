import numpy as np
import pytest
import torch

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.compare import compare_features
from dcgan_pipeline.evaluation.features import _stored, discriminator_features, untrained_discriminator
from dcgan_pipeline.evaluation.settings import EvaluateSettings, FeaturesSettings
from dcgan_pipeline.gan.networks import Discriminator, initialise
from dcgan_pipeline.gan.settings import Architecture, presets
from dcgan_pipeline.weights import Weights

CPU = torch.device("cpu")
TINY = {"image_size": 16, "channels": 1, "latent_dim": 5, "width": 2, "kernel": 3}


def checkpoint(architecture, step=7):
    """A discriminator whose every number, statistics too, is drawn: nothing is left at 0 or 1."""
    generator = torch.Generator().manual_seed(0)
    network = Discriminator(Architecture(**architecture))
    initialise(network, generator)
    with torch.no_grad():
        for conv in network.convs:
            conv.weight.mul_(10)
        for norm in network.norms:
            norm.bias.normal_(generator=generator)
            norm.running_mean.normal_(generator=generator)
            norm.running_var.uniform_(0.5, 2, generator=generator)
    tensors = {f"discriminator.{name}": value for name, value in network.state_dict().items()}
    return Weights(tensors, {"kind": "gan", "step": step, "architecture": network_settings(architecture)})


def network_settings(architecture):
    return Architecture(**architecture).model_dump(mode="json")


def features_of(gan, images, **settings):
    found = discriminator_features(gan, images, FeaturesSettings(**settings), CPU, "test")
    return np.concatenate(list(found.chunks))


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (9, 1, 16, 16), dtype=np.uint8)


def convolved(x, weight):
    """Correlate (C, H, W) with (maps, C, 3, 3), stride 2, padding 1, one number at a time."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    side = x.shape[1] // 2
    found = np.zeros((len(weight), side, side))
    for m in range(len(weight)):
        for i in range(side):
            for j in range(side):
                found[m, i, j] = np.sum(padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] * weight[m])
    return found


def pooled(maps, grid):
    side = maps.shape[1] // grid
    cells = [
        [maps[:, i * side : (i + 1) * side, j * side : (j + 1) * side].max((1, 2)) for j in range(grid)]
        for i in range(grid)
    ]
    return np.array(cells).transpose(2, 0, 1).ravel()  # (maps, grid, grid), flat


def reference(gan, image, grid):
    w = {name: value.double().numpy() for name, value in gan.part("discriminator.").items()}
    first = convolved(image / 127.5 - 1, w["convs.0.weight"])
    first = np.where(first > 0, first, 0.2 * first)
    second = convolved(first, w["convs.1.weight"])
    mean, spread, gain, shift = (
        value[:, None, None]
        for value in (
            w["norms.0.running_mean"],
            np.sqrt(w["norms.0.running_var"] + 1e-8),
            w["norms.0.weight"],
            w["norms.0.bias"],
        )
    )
    second = (second - mean) / spread * gain + shift
    second = np.where(second > 0, second, 0.2 * second)
    return np.concatenate([pooled(first, grid), pooled(second, grid)])


@pytest.mark.parametrize("grid", [4, 2, 1])
def test_features_are_the_pooled_activations_of_every_convolution(stored, pixels, grid):
    gan = checkpoint(TINY)
    found = features_of(gan, stored(pixels), grid=grid)
    assert found.dtype == np.float32
    assert found.shape == (9, (2 + 4) * grid**2)
    expected = np.stack([reference(gan, image, grid) for image in pixels])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("preset", "length"), [("imagenet32", 28_672), ("svhn32", 7_168)])
def test_features_of_a_preset_are_as_many_as_in_the_paper(stored, preset, length):
    images = np.random.default_rng(0).integers(0, 256, (1, 3, 32, 32), dtype=np.uint8)
    assert features_of(checkpoint(presets()[preset]), stored(images)).shape == (1, length)


THREE = {**TINY, "base": 2}  # three convolutions, of 2, 4 and 8 maps


@pytest.mark.parametrize("layers", [(0,), (2,), (0, 2), (2, 0), (0, 1, 2)])
def test_chosen_layers_are_the_columns_of_all(stored, pixels, layers):
    gan = checkpoint(THREE)
    whole, ends = features_of(gan, stored(pixels), grid=2), np.cumsum([0, 2, 4, 8]) * 4
    assert whole.shape == (9, ends[-1])
    expected = np.concatenate([whole[:, ends[k] : ends[k + 1]] for k in layers], axis=1)
    np.testing.assert_array_equal(features_of(gan, stored(pixels), grid=2, layers=layers), expected)


@pytest.mark.parametrize("layers", [(3,), (0, -1)])
def test_layers_that_are_not_there_are_refused(stored, pixels, layers):
    message = rf"features.layers must be from 0 to 2, the discriminator's convolutions, got \[{layers[0]}"
    with pytest.raises(InputError, match=message) as refusal:
        features_of(checkpoint(THREE), stored(pixels), layers=layers)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("layers", [[], [1, 1]])
def test_no_layers_and_a_layer_twice_are_refused(layers):
    with pytest.raises(InputError, match=r"layers must name one convolution or more, each once, got \["):
        FeaturesSettings.parse({"layers": layers}, "features")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("batch", [1, 2, 4, 100])
def test_features_do_not_depend_on_the_batch(stored, pixels, batch, precision):
    gan = checkpoint(TINY)
    # oneDNN may choose another algorithm for another number of images, whose sums are rounded otherwise: a few units
    # in the last place of float32. (imagenet32, measured: 3e-7 of the largest feature for 1, 3 and 7 images, and
    # nothing for 2, 5, 16 and 32; svhn32: nothing.)
    whole = features_of(gan, stored(pixels), batch_size=9, precision=precision)
    found = features_of(gan, stored(pixels), batch_size=batch, precision=precision)
    tolerance = {"float32": 1e-5, "bfloat16": 2e-2}[precision]
    np.testing.assert_allclose(found, whole, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_features_do_not_depend_on_the_order_or_on_other_images_by_a_bit(stored, pixels, precision):
    gan, order = checkpoint(TINY), np.random.default_rng(1).permutation(9)
    whole = features_of(gan, stored(pixels), precision=precision)
    np.testing.assert_array_equal(features_of(gan, stored(pixels[order]), precision=precision), whole[order])
    others = np.where(np.arange(9)[:, None, None, None] == 3, pixels, 255 - pixels)
    np.testing.assert_array_equal(features_of(gan, stored(others), precision=precision)[3], whole[3])


def test_bfloat16_is_near_and_is_another_thing(stored, pixels):
    gan = checkpoint(TINY)
    whole, rough = (features_of(gan, stored(pixels), precision=kind) for kind in ("float32", "bfloat16"))
    assert rough.dtype == np.float32
    error = np.sqrt(np.mean((rough - whole) ** 2) / np.mean(whole**2))
    assert 1e-5 < error < 2**-7  # bfloat16 rounds to 8 bits, by 2^-9 at most, once or twice a layer


def test_float16_rounds_what_is_stored(stored, pixels):
    gan = checkpoint(TINY)
    found = features_of(gan, stored(pixels), dtype="float16")
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, features_of(gan, stored(pixels)).astype(np.float16))


@pytest.mark.parametrize(("feature", "fits"), [(65_519.0, True), (65_520.0, False), (-65_520.0, False)])
def test_a_feature_that_float16_cannot_hold_is_refused(feature, fits):
    features, half = np.array([[1, feature]], np.float32), FeaturesSettings(dtype="float16")
    assert _stored(features, FeaturesSettings()) is features
    if fits:
        assert np.isfinite(_stored(features, half)).all()
        return
    with pytest.raises(InputError, match=r"float16 holds numbers up to 65504, got a feature of 65520") as refusal:
        _stored(features, half)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_feature_that_is_no_number_is_refused(broken, dtype):
    with pytest.raises(
        InputError, match="features must be finite numbers, got NaN or infinity from the discr"
    ) as refusal:
        _stored(np.array([[1, broken]], np.float32), FeaturesSettings(dtype=dtype))
    assert "\n" not in str(refusal.value)


def test_float16_features_are_judged_as_the_numbers_that_they_are(stored, labelled, blobs):
    (X, y), (test, y_test) = blobs(90, 3, apart=2), blobs(60, 3, apart=2, seed=1)
    halves = X.astype(np.float16), test.astype(np.float16)
    kinds = {
        "halves": tuple(stored(x) for x in halves),
        "whole": tuple(stored(x.astype(np.float32)) for x in halves),
    }
    settings = EvaluateSettings(labels_per_class=5, validation=30, selection_draws=2, report_draws=2, C=(1e-2, 0.1))
    tables = [labelled(k, ["a", "b", "c"]) for k in (y, y_test)]
    outcomes = compare_features(kinds, *tables, settings, seed=0).outcomes
    np.testing.assert_array_equal(outcomes["halves"].accuracies, outcomes["whole"].accuracies)
    assert outcomes["halves"].validation == outcomes["whole"].validation


def test_features_say_which_training_and_which_images_they_are_of(stored, pixels):
    gan = checkpoint(TINY)
    found = discriminator_features(gan, stored(pixels, images_id="i"), FeaturesSettings(batch_size=4), CPU, "test")
    learned_from = "this run's images, no labels"
    made = {"grid": 4, "layers": None, "precision": "float32", "dtype": "float32"}  # not the size of batches
    assert found.attrs == {"gan": gan.digest(), "trained_on": learned_from, "images_id": "i", "features": made}
    assert [len(chunk) for chunk in found.chunks] == [4, 4, 1]


@pytest.mark.parametrize("shape", [(2, 3, 16, 16), (2, 1, 32, 32)])
def test_images_of_another_shape_are_refused(stored, shape):
    message = f"must be 1 x 16 x 16, as the discriminator takes them, got {' x '.join(map(str, shape[1:]))}"
    with pytest.raises(InputError, match=message) as refusal:
        features_of(checkpoint(TINY), stored(np.zeros(shape, np.uint8)))
    assert "\n" not in str(refusal.value)


def test_the_untrained_baseline_has_fresh_weights_and_statistics_of_the_training_set(stored, pixels):
    images, rows, gan = stored(pixels), np.array([0, 2, 3, 5]), checkpoint(TINY)
    made = untrained_discriminator(gan, images, rows, 0, CPU)
    assert made.settings == {
        "kind": "untrained_discriminator",
        "step": 0,
        "architecture": network_settings(TINY),
        "gan": gan.digest(),
    }
    w = made.part("discriminator.")
    first = [convolved(pixels[k] / 127.5 - 1, w["convs.0.weight"].numpy()) for k in rows]
    inner = np.stack([convolved(np.where(x > 0, x, 0.2 * x), w["convs.1.weight"].numpy()) for x in first])
    np.testing.assert_allclose(w["norms.0.running_mean"].numpy(), inner.mean((0, 2, 3)), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(w["norms.0.running_var"].numpy(), inner.var((0, 2, 3)), rtol=1e-4, atol=1e-9)


def test_the_untrained_baseline_is_decided_by_the_seed_and_is_not_where_training_began(stored, pixels):
    images, rows, gan = stored(pixels), np.arange(9), checkpoint(TINY)
    one, same, other = (untrained_discriminator(gan, images, rows, seed, CPU).tensors for seed in (0, 0, 1))
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    began = Discriminator(Architecture(**TINY))
    initialise(began, torch.Generator().manual_seed(0))
    for found in (other["discriminator.convs.0.weight"], began.convs[0].weight):
        assert not torch.equal(one["discriminator.convs.0.weight"], found)


def test_the_untrained_baselines_features_come_by_the_same_way(stored, pixels):
    images = stored(pixels)
    made = untrained_discriminator(checkpoint(TINY), images, np.arange(9), 0, CPU)
    expected = np.stack([reference(made, image, 4) for image in pixels])
    np.testing.assert_allclose(features_of(made, images), expected, rtol=1e-3, atol=1e-4)
