"""A training that begins with the networks of another one."""

import numpy as np
import pytest
import torch
from trainings import BASE, CPU, ROWS, StoppedError, check_same, run, stop_at

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.initial import initial_networks
from dcgan_pipeline.gan.settings import Architecture, TrainSettings
from dcgan_pipeline.gan.train import train_gan
from dcgan_pipeline.weights import Weights


@pytest.fixture(scope="module")
def start(stored, tmp_path_factory):
    """A trained gan, as a file."""
    folder = tmp_path_factory.mktemp("start")
    pixels = np.random.default_rng(0).integers(0, 256, (23, 1, 16, 16), dtype=np.uint8)
    gan = run(stored(pixels, images_id="0123456789abcdef"), folder).gan
    gan.save(folder / "gan.safetensors")
    return folder / "gan.safetensors"


@pytest.fixture
def others(stored, pixels):
    return stored(255 - pixels, images_id="another set")


def test_the_first_samples_are_those_of_the_gan_it_begins_with_and_the_result_says_so(start, others, folder):
    trained = run(others, folder, initial_gan=str(start))
    first = next(iter(trained.samples.chunks))[0]
    fresh = next(iter(run(others, folder / "fresh").samples.chunks))[0]
    assert not np.array_equal(first, fresh)
    gan = Weights.load(start)
    origin = {"name": str(start), "digest": gan.digest(), "step": 14, "images_id": "0123456789abcdef"}
    assert trained.gan.settings["initial_gan"] == origin
    assert trained.gan.settings["step"] == 14
    assert trained.gan.settings["train"]["initial_gan"] == str(start)


def test_training_with_no_step_to_speak_of_keeps_both_networks(start, others, folder):
    trained = run(others, folder, initial_gan=str(start), steps=2, learning_rate=1e-12)
    gan = Weights.load(start)
    for name, value in trained.gan.tensors.items():
        if name.startswith(("generator.", "discriminator.")) and name.endswith(("weight", "bias")):
            torch.testing.assert_close(value, gan.tensors[name], atol=1e-6, rtol=0)


def test_a_killed_fine_tuning_goes_on_bit_for_bit_with_or_without_the_name_of_its_start(start, others, tmp_path):
    whole = run(others, tmp_path / "whole", initial_gan=str(start))
    for name, given in (("with", {"initial_gan": str(start)}), ("without", {})):
        with pytest.raises(StoppedError):
            run(others, tmp_path / name, stop_at(9), initial_gan=str(start))
        resumed = run(others, tmp_path / name, resume=True, **given)
        check_same(whole, resumed)
        assert resumed.gan.settings["initial_gan"] == whole.gan.settings["initial_gan"]


def test_a_start_from_another_one_on_a_resume_is_refused(start, others, folder):
    run(others, folder, initial_gan=str(start))
    with pytest.raises(InputError, match=r"train\.initial_gan was .* and is 'other'"):
        run(others, folder, initial_gan="other", resume=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"architecture": BASE["architecture"] | {"width": 4}}, r"train\.architecture\.width is 4 and was 3; set"),
        ({"latent": "normal"}, r"train\.latent is 'normal' and was 'uniform'; set"),
    ],
)
def test_networks_of_another_shape_are_refused_and_the_difference_is_named(start, others, folder, change, said):
    with pytest.raises(InputError, match=said) as refusal:
        run(others, folder, initial_gan=str(start), **change)
    assert "\n" not in str(refusal.value)
    assert not list(folder.rglob("*.safetensors"))


def test_an_average_begins_at_the_gans_weights(start, others, folder):
    gan = run(others, folder, initial_gan=str(start), steps=1, ema=0.999999).gan
    weights = Weights.load(start).tensors["generator.convs.0.weight"]
    torch.testing.assert_close(gan.tensors["generator_average.convs.0.weight"], weights, atol=1e-6, rtol=0)


def test_names_of_classes_must_agree():
    architecture = Architecture(image_size=16, channels=1, labels=2, hidden=4)
    settings = {"kind": "gan", "step": 1, "architecture": architecture.model_dump(), "train": {"latent": "uniform"}}
    gan = Weights({"generator.w": torch.ones(1)}, settings | {"classes": ["cat", "dog"]})
    assert initial_networks(gan, "it", architecture, "uniform", ["cat", "dog"]).origin["step"] == 1
    with pytest.raises(InputError, match=r"it has 'dog' where these images have 'cow'"):
        initial_networks(gan, "it", architecture, "uniform", ["cat", "cow"])


def test_other_weights_are_no_start():
    architecture = Architecture(image_size=16, channels=1)
    with pytest.raises(InputError, match=r"must be a gan, and it is of the kind 'hash_encoder'"):
        initial_networks(Weights({}, {"kind": "hash_encoder"}), "it", architecture, "uniform", None)


def test_processes_begin_alike(start, others, folder):
    values = {"schedule": "both", "adam_epsilon": 1e-3, "steps": 4}
    one, two = (
        train_gan(
            others,
            ROWS,
            TrainSettings.parse(BASE | values | {"processes": n, "initial_gan": str(start)}, "train"),
            0,
            CPU,
            folder / str(n),
            lambda *_: None,
        ).gan
        for n in (1, 2)
    )
    for name, value in one.part("generator.").items():
        if name.endswith(("weight", "bias")):
            torch.testing.assert_close(value, two.part("generator.")[name], atol=1e-5, rtol=1e-4)
