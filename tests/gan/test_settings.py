import itertools
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.networks import Discriminator, Generator
from dcgan_pipeline.gan.settings import (
    Architecture,
    ArchitectureOverrides,
    TrainSettings,
    presets,
    resolve_architecture,
)


def preset(name):
    return Architecture.parse(presets()[name], name)


def networks(name):
    with torch.device("meta"):  # shapes without memory
        return Generator(preset(name)), Discriminator(preset(name))


def described(network):
    """Every convolution as (maps in, maps out, kernel, stride)."""
    return [
        (m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0])
        for m in network.modules()
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
    ]


# Layers as (maps in, maps out, kernel, stride), from the table of networks in the recipe (paper and authors' code).
FIVE_BY_FIVE_64 = [(3, 128, 5, 2), (128, 256, 5, 2), (256, 512, 5, 2), (512, 1024, 5, 2)]
LAYERS = {
    "faces64": FIVE_BY_FIVE_64,
    "lsun64": FIVE_BY_FIVE_64,
    "svhn32": [(3, 64, 5, 2), (64, 128, 5, 2), (128, 256, 5, 2)],
    "imagenet32": [
        (3, 128, 3, 1),
        (128, 128, 3, 2),
        (128, 256, 3, 1),
        (256, 256, 3, 2),
        (256, 512, 3, 1),
        (512, 512, 3, 2),
    ],
}
GENERATED = {
    "faces64": [(1024, 512, 5, 2), (512, 256, 5, 2), (256, 128, 5, 2), (128, 3, 5, 2)],
    "lsun64": [(1024, 512, 5, 2), (512, 256, 5, 2), (256, 128, 5, 2), (128, 3, 5, 2)],
    "svhn32": [(256, 128, 5, 2), (128, 64, 5, 2), (64, 3, 5, 2)],
    "imagenet32": [
        (512, 512, 3, 2),
        (512, 256, 3, 1),
        (256, 256, 3, 2),
        (256, 128, 3, 1),
        (128, 128, 3, 2),
        (128, 3, 3, 1),
    ],
}
LATENT = {"faces64": 100, "lsun64": 100, "imagenet32": 256, "svhn32": 100}
FLAT = {"faces64": 1024 * 16, "lsun64": 1024 * 16, "imagenet32": 8192, "svhn32": 256 * 16}


def test_the_presets_are_those_of_the_recipe():
    assert set(presets()) == {*LAYERS, "mnist28"}  # test_conditional.py has that one


@pytest.mark.parametrize("name", LAYERS)
def test_discriminator_of_a_preset_has_the_layers_of_the_recipe(name):
    _, discriminator = networks(name)
    assert described(discriminator) == LAYERS[name]
    assert (discriminator.logit.in_features, discriminator.logit.out_features) == (FLAT[name], 1)


@pytest.mark.parametrize("name", LAYERS)
def test_generator_of_a_preset_has_the_layers_of_the_recipe(name):
    generator, _ = networks(name)
    assert described(generator) == GENERATED[name]
    assert (generator.project.in_features, generator.project.out_features) == (LATENT[name], FLAT[name])


@pytest.mark.parametrize("name", LAYERS)
def test_layers_lists_the_discriminators_convolutions(name):
    assert [(i, o, s) for i, o, _, s in LAYERS[name]] == [tuple(layer) for layer in preset(name).layers()]


@pytest.mark.parametrize("name", LAYERS)
def test_networks_have_as_many_parameters_as_weights_gains_and_shifts_add_up_to(name):
    generator, discriminator = networks(name)
    convolutions = sum(k * k * i * o for i, o, k, _ in GENERATED[name])
    inner = sum(o for _, o, _, _ in GENERATED[name][:-1])
    of_g = LATENT[name] * FLAT[name] + 2 * FLAT[name] + convolutions + 2 * inner
    of_d = convolutions + 2 * sum(o for _, o, _, _ in LAYERS[name][1:]) + FLAT[name]
    assert sum(p.numel() for p in generator.parameters()) == of_g
    assert sum(p.numel() for p in discriminator.parameters()) == of_d


def test_faces64_has_the_published_number_of_parameters():
    generator, discriminator = networks("faces64")
    millions = [round(sum(p.numel() for p in n.parameters()) / 1e6, 2) for n in (generator, discriminator)]
    assert millions == [18.89, 17.23]  # the recipe's table of networks


def test_size_and_channels_come_from_the_images_where_nothing_else_says():
    found = resolve_architecture(None, ArchitectureOverrides(width=8), (10, 1, 32, 32))
    assert (found.image_size, found.channels, found.width) == (32, 1, 8)


def test_overrides_win_over_the_preset():
    found = resolve_architecture("svhn32", ArchitectureOverrides(width=8, channels=1), (10, 1, 32, 32))
    assert (found.width, found.channels, found.kernel) == (8, 1, 5)


@pytest.mark.parametrize("shape", [(10, 3, 64, 64), (10, 1, 32, 32)])
def test_networks_that_do_not_fit_the_images_are_refused(shape):
    message = f"got networks for 3 channels of 32 pixels and images of {shape[1]} channels of {shape[2]} pixels"
    with pytest.raises(InputError, match=message):
        resolve_architecture("svhn32", ArchitectureOverrides(), shape)


def test_an_unknown_preset_is_refused_and_the_known_ones_are_named():
    with pytest.raises(InputError, match=r"one of faces64, .*mnist28, or null, got 'faces'"):
        resolve_architecture("faces", ArchitectureOverrides(), (10, 3, 64, 64))


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"image_size": 48}, r"base 4 times a power of two .*got 48; .*, or train\.architecture\.base to 3$"),
        ({"image_size": 28}, r"got 28; .*, or train\.architecture\.base to 7$"),
        ({"image_size": 50}, r"got 50; set preprocess\.image_size to one of these$"),
        ({"image_size": 32, "base": 32}, "base 32 times a power of two .*got 32"),
        ({"image_size": 32, "base": 64}, "base 64 times a power of two .*got 32"),
        ({"kernel": 4, "strides": (1, 2)}, "an even kernel needs strides"),
        ({"strides": [1]}, r"strides must .*multiply to 2.*got \[1\]"),
        ({"strides": [2, 2]}, r"strides must .*multiply to 2.*got \[2, 2\]"),
        ({"strides": []}, r"strides must .*multiply to 2.*got \[\]"),
        ({"strides": [-1, -2]}, r"strides must .*got \[-1, -2\]"),
        ({"channels": 4}, "channels"),
        ({"labels": 10}, "labels and hidden go together: .*got 10 and 0"),
        ({"hidden": 10}, "labels and hidden go together: .*got 0 and 10"),
        ({"labels": 1, "hidden": 10}, "labels must be 2 or more classes.*got 1"),
        ({"labels": -1}, "labels.*-1"),
        ({"depth": 3}, "train.architecture.depth is not a setting"),
    ],
)
def test_impossible_networks_are_refused_in_one_line(wrong, rule):
    def build():
        settings = TrainSettings.parse({"steps": 1, "architecture": wrong}, "train")
        return resolve_architecture(settings.preset, settings.architecture, (10, 3, 64, 64))

    with pytest.raises(InputError, match=rule) as refusal:
        build()
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("lengths", [{}, {"epochs": 1, "steps": 1}, {"epochs": None, "steps": None}])
def test_one_of_epochs_and_steps_is_required(lengths):
    with pytest.raises(InputError, match=re.escape("set one of epochs and steps")):
        TrainSettings.parse(lengths, "train")


def test_defaults_are_the_papers_and_its_authors():
    found = TrainSettings(steps=1)
    assert (found.batch_size, found.schedule, found.latent, found.precision) == (128, "alternate", "uniform", "float32")
    assert (found.learning_rate, found.beta1, found.beta2) == (2e-4, 0.5, 0.999)
    assert (found.adam_epsilon, found.weight_decay) == (1e-8, 1e-5)


@given(st.integers(1, 50), st.integers(2, 64), st.integers(1, 5))
def test_an_epoch_is_the_whole_batches_of_the_set(whole, batch, epochs):
    settings = TrainSettings(epochs=epochs, batch_size=batch)
    assert settings.total_steps(whole * batch + batch - 1) == epochs * whole


def test_part_of_an_epoch_is_rounded_to_minibatches_and_never_to_none():
    assert TrainSettings(epochs=0.5, batch_size=10).total_steps(60) == 3
    assert TrainSettings(epochs=0.01, batch_size=10).total_steps(60) == 1


def test_steps_are_taken_as_they_are():
    assert TrainSettings(steps=7, batch_size=10).total_steps(1000) == 7


def test_the_rate_falls_epoch_by_epoch_as_in_the_authors_mnist_code():
    settings = TrainSettings(epochs=200, decay_epochs=100, batch_size=10)
    # Their loop: after each epoch past the hundredth is over, a hundredth of the first rate is taken off.
    rate, expected = 2e-4, []
    for epoch in range(1, 201):
        expected += [rate] * 7
        if epoch > 100:
            rate -= 2e-4 / 100
    assert [settings.learning_rate_at(step, 79) for step in range(200 * 7)] == pytest.approx(expected, rel=1e-9)


def test_the_rate_falls_minibatch_by_minibatch_over_the_last_steps():
    settings = TrainSettings(steps=10, decay_steps=4, learning_rate=0.4)
    assert [settings.learning_rate_at(step, 1000) for step in range(10)] == pytest.approx(
        [0.4] * 6 + [0.4, 0.3, 0.2, 0.1]
    )


@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from(["epochs", "steps"]), st.integers(8, 60))
def test_a_decay_is_linear_ends_above_nothing_and_never_rises(length, decay, unit, images):
    decay = min(length, decay)
    settings = TrainSettings(**{unit: length, f"decay_{unit}": decay, "batch_size": 8, "learning_rate": 1.0})
    total = settings.total_steps(images)
    rates = [settings.learning_rate_at(step, images) for step in range(total)]
    each = images // 8 if unit == "epochs" else 1
    assert all(a >= b for a, b in itertools.pairwise(rates))
    assert rates[: (length - decay + 1) * each] == [1.0] * (length - decay + 1) * each
    assert rates[::each][-decay:] == pytest.approx([1 - k / decay for k in range(decay)])


def test_a_decay_over_part_of_an_epoch_ends_above_nothing():
    settings = TrainSettings(epochs=1.5, decay_epochs=1, batch_size=10, learning_rate=1.0)
    assert {settings.learning_rate_at(step, 40) for step in range(settings.total_steps(40))} == {1.0}


def test_the_rate_is_constant_without_a_decay():
    settings = TrainSettings(steps=5)
    assert {settings.learning_rate_at(step, 1000) for step in range(5)} == {2e-4}


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"steps": 10, "decay_steps": 11}, "decay_steps is the last part of steps.*got decay_steps 11 and steps 10"),
        ({"epochs": 2.5, "decay_epochs": 3}, "decay_epochs is the last part of epochs.*got decay_epochs 3"),
        ({"steps": 10, "decay_epochs": 1}, "decay_epochs is the last part of epochs.*epochs None"),
        ({"epochs": 10, "decay_steps": 1}, "decay_steps is the last part of steps.*steps None"),
        ({"epochs": 10, "decay_epochs": 0}, "decay_epochs.*greater than or equal to 1.*got 0"),
    ],
)
def test_a_decay_outside_the_length_is_refused(values, rule):
    with pytest.raises(InputError, match=rule) as refusal:
        TrainSettings.parse(values, "train")
    assert "\n" not in str(refusal.value)
