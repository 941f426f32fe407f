"""FID, KID and the Inception score, with the real network and random weights: the published ones are not at hand."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.monitor_settings import QualitySettings
from dcgan_pipeline.gan.quality.inception import InceptionSpace
from dcgan_pipeline.gan.quality.metrics import make_quality_metrics
from dcgan_pipeline.gan.settings import Architecture

CPU = torch.device("cpu")
SHAPE = Architecture(image_size=16, channels=1, latent_dim=5, width=3, kernel=3)
installed = pytest.mark.skipif(
    importlib.util.find_spec("torch_fidelity") is None, reason="torch-fidelity is not installed: the extra fidelity"
)


def images(seed, count=12, channels=1):
    return np.random.default_rng(seed).integers(0, 256, (count, channels, 16, 16), dtype=np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of random weights with the names and shapes of torch-fidelity's."""
    from torch_fidelity import feature_extractor_inceptionv3 as module

    kept = {}

    class Taken(module.FeatureExtractorInceptionV3):
        def load_state_dict(self, state, *arguments, **options):
            if not state:  # the moment at which it would load the file
                generator = torch.Generator().manual_seed(0)
                for value in self.parameters():
                    value.data.normal_(0, 0.05, generator=generator)
                kept.update({name: value.clone() for name, value in self.state_dict().items()})

    empty = tmp_path_factory.mktemp("weights") / "empty.pth"
    torch.save({}, empty)
    Taken("inception", ["2048"], feature_extractor_weights_path=str(empty))
    path = empty.with_name("inception.pth")
    torch.save(kept, path)
    return str(path)


@installed
def test_fid_kid_and_the_inception_score_are_torch_fidelitys(weights):
    import torch_fidelity
    from torch.utils.data import Dataset

    class Pictures(Dataset):
        def __init__(self, pixels):
            self.pixels = torch.from_numpy(pixels).expand(-1, 3, -1, -1).contiguous()

        def __len__(self):
            return len(self.pixels)

        def __getitem__(self, k):
            return self.pixels[k]

    real, generated = images(0), 255 - images(1) // 2
    settings = QualitySettings(every=1, metrics=("fid", "kid", "inception_score"), inception_weights=weights)
    found = make_quality_metrics(settings, SHAPE, real, CPU)(generated)
    expected = torch_fidelity.calculate_metrics(
        input1=Pictures(generated),
        input2=Pictures(real),
        fid=True,
        kid=True,
        isc=True,
        kid_subsets=1,
        kid_subset_size=len(real),  # a subset that is the whole: the same estimator
        feature_extractor_weights_path=weights,
        samples_shuffle=False,
        cuda=False,
        save_cpu_ram=True,  # and no processes to load them
        cache=False,
        verbose=False,
        batch_size=6,
    )
    assert found["fid"] == pytest.approx(expected["frechet_inception_distance"], rel=1e-3)
    assert found["kid"] == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-4)
    assert found["inception_score"] == pytest.approx(expected["inception_score_mean"], rel=1e-4)


@installed
def test_grey_images_are_colour_images_of_three_equal_channels(weights):
    space = InceptionSpace(weights, CPU)
    grey = images(0, 2)
    np.testing.assert_array_equal(space(grey), space(np.repeat(grey, 3, axis=1)))
    assert space(grey).shape == (2, 2048 + 1008)


@installed
def test_a_missing_file_is_named_and_nothing_is_downloaded(tmp_path):
    with pytest.raises(InputError, match=r"inception_weights must be a file, and there is none at .*none\.pth") as no:
        InceptionSpace(str(tmp_path / "none.pth"), CPU)
    assert "\n" not in str(no.value)


class Harmful:
    def __reduce__(self):
        return os.mkdir, ("ran",)


@installed
def test_a_file_that_would_run_code_is_refused_before_it_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"Conv2d_1a_3x3.conv.weight": Harmful()}, tmp_path / "harm.pth")
    with pytest.raises(InputError, match=r"must be torch-fidelity's weights of Inception, and .*harm\.pth is not"):
        InceptionSpace(str(tmp_path / "harm.pth"), CPU)
    assert not (tmp_path / "ran").exists()


@installed
def test_weights_of_another_network_are_refused_in_one_line(tmp_path):
    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"must be torch-fidelity's weights of Inception") as refusal:
        InceptionSpace(str(tmp_path / "other.pth"), CPU)
    assert "\n" not in str(refusal.value)


MISSING = """
import sys
sys.modules["torch_fidelity"] = None  # every import of it fails, as where it is not installed
import torch
from dcgan_pipeline.gan.quality.inception import InceptionSpace
try:
    InceptionSpace("weights.pth", torch.device("cpu"))
except ValueError as error:
    print(type(error).__name__, error)
"""


def test_where_torch_fidelity_is_not_installed_one_line_says_what_to_do():
    found = subprocess.run([sys.executable, "-c", MISSING], capture_output=True, text=True, check=True).stdout
    assert found.startswith("InputError fid, kid and inception_score need torch-fidelity, and it is not installed; pip")
    assert found.count("\n") == 1
