import numpy as np
import pytest
import torch

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.monitor_settings import METRICS, QualitySettings
from dcgan_pipeline.gan.quality import distances
from dcgan_pipeline.gan.quality.metrics import REGISTRY, QualityMetrics, make_quality_metrics
from dcgan_pipeline.gan.quality.spaces import UntrainedSpace, pixels
from dcgan_pipeline.gan.settings import Architecture, TrainSettings

CPU = torch.device("cpu")
SHAPE = Architecture(image_size=16, channels=1, latent_dim=5, width=3, kernel=3)


def smooth(seed, count=40, contrast=1.0):
    """Pictures of soft stripes at random places, uint8 (count, 1, 16, 16)."""
    rng = np.random.default_rng(seed)
    phase, angle = rng.uniform(0, 2 * np.pi, (2, count, 1, 1, 1))
    y, x = np.mgrid[:16, :16] / 3
    waves = np.sin(x * np.cos(angle) + y * np.sin(angle) + phase)
    return np.round(127.5 + 120 * contrast * waves).astype(np.uint8)


@pytest.fixture(scope="module")
def judge():
    settings = QualitySettings(every=1, metrics=("nearest", "frechet_untrained", "kernel_untrained"))
    return make_quality_metrics(settings, SHAPE, smooth(0), CPU)


def test_the_settings_know_the_metrics_of_the_registry():
    assert set(METRICS) == set(REGISTRY)
    assert all(metric.name == name for name, metric in REGISTRY.items())


def test_every_metric_that_is_asked_for_is_a_number_of_its_name(judge):
    found = judge(smooth(1))
    assert list(found) == ["nearest", "frechet_untrained", "kernel_untrained"]
    assert all(type(value) is float for value in found.values())


@pytest.mark.parametrize(
    "worse",
    [
        pytest.param(np.random.default_rng(0).integers(0, 256, (40, 1, 16, 16), dtype=np.uint8), id="noise"),
        pytest.param(np.repeat(smooth(1)[:1], 40, axis=0), id="one picture"),
        pytest.param(smooth(1, contrast=0.3), id="faded"),
        pytest.param(np.full((40, 1, 16, 16), 128, np.uint8), id="grey"),
    ],
)
def test_every_metric_prefers_images_to_what_is_none(judge, worse):
    good, bad = judge(smooth(1)), judge(worse)
    for name in good:
        assert good[name] < bad[name], name


def test_the_images_themselves_are_the_best(judge):
    found = judge(smooth(0))
    assert found["nearest"] == 0
    assert found["frechet_untrained"] < 1e-9


def test_a_metric_is_a_distance_between_the_vectors_of_its_space(judge):
    space = UntrainedSpace(SHAPE, smooth(0), CPU)
    expected = distances.frechet(space(smooth(0)), space(smooth(1)))
    assert judge(smooth(1))["frechet_untrained"] == expected


def test_a_metric_of_ones_own_fits_the_interface():
    class Brightness:
        name, space = "brightness", "pixels"

        def __call__(self, real, generated):
            return abs(real.mean() - generated.mean())

    found = QualityMetrics([Brightness()], {"pixels": pixels}, smooth(0))(255 - smooth(0))
    assert found == {"brightness": abs(smooth(0).mean() - (255 - smooth(0)).mean())}


def test_a_vector_depends_on_its_own_image_alone_and_on_nothing_that_training_chooses():
    space = UntrainedSpace(SHAPE, smooth(0), CPU)
    torch.testing.assert_close(torch.tensor(space(smooth(1))[:3]), torch.tensor(space(smooth(1)[:3])))
    other = SHAPE.model_copy(update={"width": 7, "kernel": 5, "latent_dim": 9})
    np.testing.assert_array_equal(UntrainedSpace(other, smooth(0), CPU)(smooth(1)), space(smooth(1)))
    assert space(smooth(1)).shape == (40, 64 + 128)


def test_a_vector_is_the_means_of_the_maps():
    space = UntrainedSpace(SHAPE, smooth(0), CPU)
    x = torch.from_numpy(smooth(1)).float() / 127.5 - 1
    with torch.no_grad():
        maps = space._network.eval().activations(x)
    expected = np.concatenate([m.numpy().mean((2, 3)) for m in maps], axis=1)
    np.testing.assert_allclose(space(smooth(1)), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"metrics": ["fdi"]}, "metrics must be among nearest, .*got 'fdi'"),
        ({"metrics": ["nearest", "nearest"]}, "metrics must be named once each"),
        ({"metrics": ["fid"], "every": 5}, "fid needs inception_weights"),
        ({"held_out": 1}, "held_out must be 0, or 2 or more, got 1"),
        ({"evry": 5}, "train.quality.evry is not a setting"),
    ],
)
def test_wrong_settings_are_one_line(values, message):
    with pytest.raises(InputError, match=message) as refusal:
        TrainSettings.parse({"steps": 1, "quality": values}, "train")
    assert "\n" not in str(refusal.value)


def test_contrast_has_a_lower_and_an_upper_end():
    values = {"min_contrast": 2.0, "max_contrast": 1.0}
    with pytest.raises(InputError, match=r"min_contrast must be below max_contrast, got 2\.0 and 1\.0"):
        TrainSettings.parse({"steps": 1, "diagnostics": values}, "train")
