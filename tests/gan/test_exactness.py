"""The recipe to the letter: one training step against float64 formulas, and every shape and count in closed form."""

import importlib.util
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from scipy.stats import kstest
from torch import nn

from dcgan_pipeline.gan.conditional import build_discriminator, build_generator
from dcgan_pipeline.gan.networks import initialise
from dcgan_pipeline.gan.sampling import draw_latent
from dcgan_pipeline.gan.settings import Architecture, TrainSettings, presets
from dcgan_pipeline.gan.trainer import Trainer

_spec = importlib.util.spec_from_file_location("gan_reference", Path(__file__).with_name("reference.py"))
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)

CPU = torch.device("cpu")
BATCH = 5
# Tiny networks of every kind: settings of the architecture, and what the reference needs to know of them.
KINDS = {
    "5x5": ({"image_size": 16, "channels": 3, "latent_dim": 4, "width": 2}, reference.Plan((2, 2), 4)),
    "3x3": (
        {"image_size": 8, "channels": 1, "latent_dim": 4, "width": 2, "kernel": 3, "strides": (1, 2), "base": 2},
        reference.Plan((1, 2, 1, 2), 2),
    ),
    "conditional": (
        {"image_size": 12, "channels": 1, "latent_dim": 4, "width": 2, "base": 3, "labels": 3, "hidden": 5},
        reference.Plan((2, 2), 3),
    ),
}


def arrays(network):
    return {name: value.detach().double().numpy().copy() for name, value in network.named_parameters()}


def case(kind, dtype=torch.float64, seed=0, **values):
    """A trainer, and the reference with the same weights."""
    shape, plan = KINDS[kind]
    # A large L2, so that a difference in it would show.
    given = {"steps": 10, "batch_size": BATCH, "sample_count": 2, "weight_decay": 0.1} | values
    trainer = Trainer(Architecture(**shape), TrainSettings(**given), seed, CPU)
    for network in (trainer.generator, trainer.discriminator):
        network.to(dtype)
        with torch.no_grad():
            for value in network.parameters():
                if value.ndim > 1:
                    value.mul_(10)  # as after some training: no sum is so small that only its rounding is left
    trainer.generator.register_forward_pre_hook(lambda _, inputs: (inputs[0].to(dtype), *inputs[1:]))
    classes = shape.get("labels", 0)
    literal = reference.Training(
        arrays(trainer.generator), arrays(trainer.discriminator), plan, trainer.settings, classes
    )
    return trainer, literal


def batch(kind, seed):
    """Images in [-1, 1] as the trainer takes them, as the reference does, and labels."""
    shape, _ = KINDS[kind]
    rng = np.random.default_rng(seed)
    pixels = rng.uniform(-1, 1, (BATCH, shape["channels"], shape["image_size"], shape["image_size"]))
    classes = shape.get("labels", 0)
    return pixels, ((pixels + 1) / 2, rng.integers(0, classes, BATCH)) if classes else (pixels, None)


def noise(trainer):
    """The z that the trainer will draw from now on."""
    stream = torch.Generator()
    stream.set_state(trainer.state().tensors["noise_state"])
    return (draw_latent(BATCH, 4, trainer.settings.latent, stream).double().numpy() for _ in count())


def advance(trainer, literal, kind, steps, dtype=torch.float64, rates=None):
    """Let both make the same steps, and check the losses."""
    z, close = noise(trainer), {"rel": 1e-12 if dtype == torch.float64 else 1e-5}
    for step in range(steps):
        pixels, (literal_pixels, labels) = batch(kind, step)
        rate = trainer.settings.learning_rate if rates is None else rates[step]
        trainer.set_learning_rate(rate)
        joined = () if labels is None else (torch.from_numpy(labels),)
        found = trainer.update(torch.from_numpy(pixels).to(dtype), *joined)
        if trainer.settings.schedule == "both" or step % 2:
            assert float(found["loss_d"]) == pytest.approx(
                literal.update_d(literal_pixels, next(z), rate, labels), **close
            )
        if trainer.settings.schedule == "both" or step % 2 == 0:
            assert float(found["loss_g"]) == pytest.approx(literal.update_g(next(z), rate, labels), **close)


def moments(trainer, name):
    """Adam's first and second moments by the name of the parameter."""
    network = getattr(trainer, name)
    saved = trainer.state().part(f"adam.{name}.")
    return {
        parameter: (saved[f"{k}.exp_avg"].double().numpy(), saved[f"{k}.exp_avg_sq"].double().numpy())
        for k, (parameter, _) in enumerate(network.named_parameters())
    }


# ---- the reference itself


@pytest.mark.parametrize("kind", KINDS)
def test_the_derivatives_of_the_reference_are_those_of_its_losses(kind):
    trainer, literal = case(kind)
    _, (pixels, labels) = batch(kind, 0)
    z = next(noise(trainer))
    rng = np.random.default_rng(0)
    for weights, loss in (
        (literal.d, lambda: literal.loss_d(pixels, z, labels)),
        (literal.g, lambda: literal.loss_g(z, labels)),
    ):
        _, grads = loss()
        assert grads.keys() == weights.keys()
        for name, value in weights.items():
            for place in rng.integers(0, value.size, 2):
                at, step = np.unravel_index(place, value.shape), 1e-5
                kept, ends = value[at], []
                for sign in (1, -1):
                    value[at] = kept + sign * step
                    ends.append(loss()[0])
                value[at] = kept
                by_differences = (ends[0] - ends[1]) / (2 * step)
                assert grads[name][at] == pytest.approx(by_differences, rel=1e-4, abs=1e-7), name


# ---- one step, and several


@pytest.mark.parametrize("schedule", ["alternate", "both"])
@pytest.mark.parametrize("kind", KINDS)
def test_training_is_the_recipes_to_rounding(kind, schedule):
    trainer, literal = case(kind, schedule=schedule)
    advance(trainer, literal, kind, 4)
    for name, weights, adam in (
        ("generator", literal.g, literal.adam_g),
        ("discriminator", literal.d, literal.adam_d),
    ):
        found, states = arrays(getattr(trainer, name)), moments(trainer, name)
        assert found.keys() == weights.keys()
        for parameter, expected in weights.items():
            np.testing.assert_allclose(found[parameter], expected, rtol=0, atol=1e-12, err_msg=parameter)
            for state, moment in zip(states[parameter], (adam.m[parameter], adam.v[parameter]), strict=True):
                np.testing.assert_allclose(state, moment, rtol=0, atol=1e-10 * np.abs(moment).max(), err_msg=parameter)


@pytest.mark.parametrize("kind", KINDS)
def test_training_in_float32_is_the_recipes_to_its_rounding(kind):
    trainer, literal = case(kind, torch.float32, schedule="both")
    advance(trainer, literal, kind, 2, torch.float32)
    for name, weights in (("generator", literal.g), ("discriminator", literal.d)):
        for parameter, value in arrays(getattr(trainer, name)).items():
            # Two steps are 4e-4 long; weights of about 0.2 are rounded by up to 1e-8 a step.
            np.testing.assert_allclose(value, weights[parameter], rtol=1e-6, atol=1e-6, err_msg=parameter)


def test_a_changed_rate_holds_for_the_next_step_of_both_networks():
    trainer, literal = case("3x3", schedule="both")
    advance(trainer, literal, "3x3", 3, rates=[1e-3, 5e-4, 1e-5])
    for name, weights in (("generator", literal.g), ("discriminator", literal.d)):
        for parameter, value in arrays(getattr(trainer, name)).items():
            np.testing.assert_allclose(value, weights[parameter], rtol=0, atol=1e-12, err_msg=parameter)


@pytest.mark.parametrize("kind", KINDS)
def test_real_and_generated_batches_are_normalised_apart(kind):
    trainer, literal = case(kind, schedule="both")
    z = next(noise(trainer))
    pixels, (literal_pixels, labels) = batch(kind, 0)
    sizes = []
    trainer.discriminator.register_forward_hook(lambda _, inputs, __: sizes.append(len(inputs[0])))
    found = trainer.update(torch.from_numpy(pixels), *(() if labels is None else (torch.from_numpy(labels),)))
    apart, _ = literal.loss_d(literal_pixels, z, labels)
    together, _ = literal.loss_d(literal_pixels, z, labels, together=True)
    assert float(found["loss_d"]) == pytest.approx(apart, rel=1e-12)
    assert abs(together - apart) > 1e-3
    assert sizes == [BATCH] * 3  # real, generated; and generated for G


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_of_one_network_leaves_the_other_and_its_gradients_as_they_were(kind):
    trainer, _ = case(kind, schedule="alternate")
    networks = {"generator": trainer.generator, "discriminator": trainer.discriminator}
    for step in range(4):
        untouched = "discriminator" if step % 2 == 0 else "generator"
        before = arrays(networks[untouched])
        kept = [None if p.grad is None else p.grad.clone() for p in networks[untouched].parameters()]
        pixels, (_, labels) = batch(kind, step)
        trainer.update(torch.from_numpy(pixels), *(() if labels is None else (torch.from_numpy(labels),)))
        for name, value in arrays(networks[untouched]).items():
            np.testing.assert_array_equal(value, before[name])
        for gradient, parameter in zip(kept, networks[untouched].parameters(), strict=True):
            assert (gradient is None) == (parameter.grad is None)
            assert gradient is None or torch.equal(gradient, parameter.grad)


# ---- initial weights


@pytest.mark.parametrize("name", sorted({*presets()} - {"lsun64"}))  # lsun64 is faces64
def test_every_layer_of_a_preset_begins_with_its_own_draws_of_a_normal_variable(name):
    architecture, stream = Architecture.parse(presets()[name], name), torch.Generator().manual_seed(0)
    seen = []
    for network in (build_generator(architecture), build_discriminator(architecture)):
        initialise(network, stream)
        norms = (nn.BatchNorm1d, nn.BatchNorm2d)
        gains = {id(m.weight) for m in network.modules() if isinstance(m, norms) and m.affine}
        shifts = {id(m.bias) for m in network.modules() if isinstance(m, norms) and m.affine}
        for parameter in network.parameters():
            if id(parameter) in shifts:
                assert not parameter.any()
                continue
            mean = 1 if id(parameter) in gains else 0
            values = ((parameter.detach().double().flatten() - mean) / 0.02).numpy()
            n = len(values)
            assert abs(values.mean()) < 5 / n**0.5
            assert abs(values.var() - 1) < 5 * (2 / n) ** 0.5
            assert kstest(values[:50_000], "norm").pvalue > 1e-4
            seen.append(tuple(values[:16]))
    assert len(set(seen)) == len(seen)


# ---- shapes and counts


@st.composite
def architectures(draw):
    """Settings of an architecture of either kind, small enough to run."""
    base, octaves = draw(st.integers(2, 7)), draw(st.integers(1, 3))
    classes = draw(st.one_of(st.just(0), st.integers(2, 12)))
    size = base * 2**octaves
    return {
        "image_size": size if size >= 8 else size * 2,
        "channels": draw(st.sampled_from([1, 3])),
        "latent_dim": draw(st.integers(1, 20)),
        "width": draw(st.integers(1, 4)),
        "kernel": draw(st.sampled_from([3, 5, 7])),
        "strides": draw(st.sampled_from([(2,), (1, 2), (2, 1), (1, 2, 1)])),
        "base": base,
        "labels": classes,
        "hidden": draw(st.integers(1, 9)) if classes else 0,
    }


def counts(image_size, channels, latent_dim, width, kernel, strides, base, labels, hidden):
    """Numbers of parameters of G and D, from the formulas of the paper and the authors' code."""
    maps, side = [channels], image_size
    while side > base:
        maps += [width * image_size // side] * len(strides)
        side //= 2
    flat = maps[-1] * base**2
    # A convolution of D reads maps[k] and labels; its mirror in G reads maps[k + 1] and labels.
    of_d = sum((i + labels) * o * kernel**2 for i, o in pairwise(maps))
    of_g = sum((o + labels) * i * kernel**2 for i, o in pairwise(maps))
    if labels:
        fully = (latent_dim + labels) * hidden + (hidden + labels) * flat
        return of_g + fully, of_d + (flat + labels) * hidden + (hidden + labels)
    gains = 2 * (flat + sum(maps[1:-1])), 2 * sum(maps[2:])  # and shifts
    return of_g + latent_dim * flat + gains[0], of_d + flat + gains[1]


def size(network):
    return sum(p.numel() for p in network.parameters())


@effort(max_examples=60, deadline=None)
@given(architectures())
def test_networks_of_any_architecture_have_the_shapes_and_the_parameters_of_the_formulas(values):
    architecture = Architecture(**values)
    g, d = build_generator(architecture), build_discriminator(architecture)
    labels = (torch.arange(3) % values["labels"],) if values["labels"] else ()
    images = g(torch.rand(3, values["latent_dim"]), *labels).detach()
    assert images.shape == (3, values["channels"], values["image_size"], values["image_size"])
    assert -1 <= float(images.min()) <= float(images.max()) <= 1
    assert d(images, *labels).shape == (3,)
    assert (size(g), size(d)) == counts(**values)


# (G, D), by hand from the recipe's table of networks: fully connected layers, convolutions, gains and shifts.
_FACES = 25 * (3 * 128 + 128 * 256 + 256 * 512 + 512 * 1024)
_IMAGENET = 9 * (3 * 128 + 128 * 128 + 128 * 256 + 256 * 256 + 256 * 512 + 512 * 512)
_SVHN = 25 * (3 * 64 + 64 * 128 + 128 * 256)
PARAMETERS = {
    "faces64": (
        100 * 1024 * 16 + _FACES + 2 * (1024 * 16 + 512 + 256 + 128),  # 18.89 million
        _FACES + 1024 * 16 + 2 * (256 + 512 + 1024),  # 17.23 million
    ),
    "imagenet32": (
        256 * 512 * 16 + _IMAGENET + 2 * (512 * 16 + 512 + 256 + 256 + 128 + 128),
        _IMAGENET + 8192 + 2 * (128 + 256 + 256 + 512 + 512),
    ),
    "svhn32": (
        100 * 256 * 16 + _SVHN + 2 * (256 * 16 + 128 + 64),
        _SVHN + 256 * 16 + 2 * (128 + 256),
    ),
    "mnist28": (
        110 * 1024 + 1034 * 128 * 49 + 25 * (138 * 64 + 74 * 1),
        25 * (11 * 64 + 74 * 128) + (128 * 49 + 10) * 1024 + 1034,
    ),
}
PARAMETERS["lsun64"] = PARAMETERS["faces64"]
PUBLISHED = {"faces64": (18.89, 17.23), "lsun64": (18.89, 17.23)}  # millions


@pytest.mark.parametrize("name", presets())
def test_presets_have_as_many_parameters_as_the_table_of_the_recipe(name):
    architecture = Architecture.parse(presets()[name], name)
    with torch.device("meta"):
        found = size(build_generator(architecture)), size(build_discriminator(architecture))
    defaults = {"base": 4, "labels": 0, "hidden": 0}
    assert found == counts(**(defaults | presets()[name])) == PARAMETERS[name]
    millions = tuple(round(count / 1e6, 2) for count in found)
    assert millions == PUBLISHED.get(name, millions)


@pytest.mark.parametrize("size", [16, 24, 28, 32, 48, 64, 112, 128, 256])
@pytest.mark.parametrize(("channels", "strides"), [(1, (2,)), (3, (1, 2))])
def test_any_size_trains_without_a_preset(size, channels, strides):
    base = {24: 3, 48: 3, 28: 7, 112: 7}.get(size, 4)
    shape = {"image_size": size, "channels": channels, "latent_dim": 3, "width": 1, "kernel": 3, "strides": strides}
    settings = TrainSettings(steps=2, batch_size=2, sample_count=2, schedule="both")
    trainer = Trainer(Architecture(**shape, base=base), settings, 0, CPU)
    before = trainer.state().tensors
    found = trainer.update(torch.rand(2, channels, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    assert all(np.isfinite(float(value)) for value in found.values())
    after = trainer.state().tensors
    weights = [name for name in before if name.endswith("weight")]
    assert all(not torch.equal(before[name], after[name]) for name in weights)
    assert trainer.draw_fixed().shape == (2, channels, size, size)
