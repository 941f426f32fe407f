"""The conditional networks; test_exactness.py holds their step against the authors' formulas."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import nn

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.features import discriminator_features, untrained_discriminator
from dcgan_pipeline.evaluation.settings import FeaturesSettings
from dcgan_pipeline.gan import batch_norm_statistics, conditional, networks
from dcgan_pipeline.gan.conditional import (
    build_discriminator,
    build_generator,
    class_names,
    class_numbers,
    labels_in_turn,
    training_labels,
)
from dcgan_pipeline.gan.data import statistics_batches
from dcgan_pipeline.gan.sampling import draw_latent, generate, load_discriminator, load_generator, sample
from dcgan_pipeline.gan.settings import Architecture, TrainSettings, presets
from dcgan_pipeline.gan.train import train_gan
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.randomness import torch_stream
from dcgan_pipeline.weights import Weights

CPU = torch.device("cpu")
SHAPE = {"image_size": 16, "channels": 1, "latent_dim": 5, "width": 3, "kernel": 3, "labels": 3, "hidden": 7}
MNIST = Architecture.parse(presets()["mnist28"], "mnist28")
LABELS = np.arange(23) % 3


def drawn(seed=0, count=6):
    """z, images in [-1, 1] and labels."""
    generator = torch.Generator().manual_seed(seed)
    z, x = draw_latent(count, 5, "uniform", generator), torch.rand(count, 1, 16, 16, generator=generator) * 2 - 1
    return z, x, torch.randint(3, (count,), generator=generator)


def started(network):
    networks.initialise(network, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(10)  # so that all images are not one grey
    return network


@pytest.fixture
def shape():
    return Architecture(**SHAPE)


@pytest.fixture
def array(stored, pixels):
    return stored(pixels, images_id="0123456789abcdef")


@pytest.fixture
def train(array, tmp_path):
    def run(labels=LABELS, rows=np.arange(23), log=lambda losses, step: None, classes=("a", "b", "c"), **values):  # noqa: B008
        base = {"architecture": {k: v for k, v in SHAPE.items() if k not in ("image_size", "channels")}, "steps": 7}
        given = base | {"batch_size": 4, "sample_count": 6, "log_every": 1, "checkpoint_every": 3} | values
        settings = TrainSettings.parse(given, "train")
        return train_gan(array, rows, settings, 0, CPU, tmp_path / "c", log, labels, classes=classes)

    return run


def test_mnist28_has_the_layers_of_the_authors_code():
    with torch.device("meta"):
        g, d = build_generator(MNIST), build_discriminator(MNIST)

    def layers(network, order):
        return [tuple(network.get_submodule(name).weight.shape) for name in order]

    # Ten labels at the end of every input.
    assert layers(g, ["hidden", "project", "convs.0", "convs.1"]) == [
        (1024, 100 + 10),
        (128 * 7 * 7, 1024 + 10),
        (128 + 10, 64, 5, 5),
        (64 + 10, 1, 5, 5),
    ]
    assert layers(d, ["convs.0", "convs.1", "hidden", "logit"]) == [
        (64, 1 + 10, 5, 5),
        (128, 64 + 10, 5, 5),
        (1024, 128 * 7 * 7 + 10),
        (1, 1024 + 10),
    ]
    assert [conv.stride for conv in [*g.convs, *d.convs]] == [(2, 2)] * 4
    assert len(list(g.parameters())) == len(list(d.parameters())) == 4  # no biases, gains or shifts


def test_sizes_of_mnist28_are_those_of_the_recipe():
    g, d = build_generator(MNIST), build_discriminator(MNIST)
    sides = []
    for conv in [*g.convs, *d.convs]:
        conv.register_forward_hook(lambda _, inputs, output: sides.append((inputs[0].shape[2], output.shape[2])))
    labels = torch.tensor([3, 9])
    images = g(torch.zeros(2, 100), labels)
    assert images.shape == (2, 1, 28, 28)
    assert d(images, labels).shape == (2,)
    assert sides == [(7, 14), (14, 28), (28, 14), (14, 7)]


@pytest.mark.parametrize(("build", "count"), [(build_generator, 3), (build_discriminator, 2)])
def test_every_batch_norm_is_of_the_batch_alone(shape, build, count):
    norms = [m for m in build(shape).modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert len(norms) == count
    assert {(norm.affine, norm.eps, norm.momentum) for norm in norms} == {(False, 1e-8, 0.0)}


@pytest.mark.parametrize("name", ["hidden", "project", "convs.0", "convs.1"])
def test_every_layer_of_g_sees_the_label(shape, name):
    check_label_reaches(started(build_generator(shape)), name, drawn()[0])


@pytest.mark.parametrize("name", ["convs.0", "convs.1", "hidden", "logit"])
def test_every_layer_of_d_sees_the_label(shape, name):
    check_label_reaches(started(build_discriminator(shape)), name, drawn()[1])


@torch.no_grad()
def check_label_reaches(network, name, x):
    """The input of a layer ends with the one-hot label, as maps where it is a convolution, and nothing else has it."""
    seen = []
    network.get_submodule(name).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    labels = torch.tensor([2, 0, 1, 1, 0, 2])
    network(x, labels)
    code = seen[0][:, -3:]
    expected = torch.eye(3)[labels]
    if code.ndim == 4:
        expected = expected[:, :, None, None].expand_as(code)
    assert torch.equal(code, expected)


@torch.no_grad()
def test_inside_images_are_in_the_unit_range_and_outside_they_are_centred(shape):
    g, d, seen = started(build_generator(shape)), started(build_discriminator(shape)), {}
    g.convs[-1].register_forward_hook(lambda _, __, output: seen.update(g=output))
    d.convs[0].register_forward_pre_hook(lambda _, inputs: seen.update(d=inputs[0][:, :1]))
    z, x, labels = drawn()
    images = g(z, labels)
    torch.testing.assert_close((images + 1) / 2, torch.sigmoid(seen["g"]))
    assert float(images.std()) > 0.1
    d(x, labels)
    torch.testing.assert_close(seen["d"], (x + 1) / 2)


def test_g_goes_on_from_the_maps_of_any_layer(shape):
    network = started(conditional.ConditionalGenerator(shape)).eval()
    z, labels = torch.rand(3, shape.latent_dim), torch.arange(3) % shape.labels
    maps = network.activations(z, labels)
    assert len(maps) == len(network.norms) + 1
    for layer, h in enumerate(maps):
        assert torch.equal(network.onwards(h, layer, labels), network(z, labels))


def test_the_maps_of_d_are_those_that_it_judges_by(shape):
    network, seen = started(build_discriminator(shape)).eval(), []
    network.hidden.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x, labels = drawn()[1], torch.tensor([2, 0, 1, 1, 0, 2])
    network(x, labels)
    maps = network.activations(x, labels)
    assert torch.equal(maps[-1].flatten(1), seen[0][:, : -shape.labels])
    assert len(network.activations(x, labels, last=0)) == 1


def test_an_architecture_without_labels_has_the_plain_networks(shape):
    plain = Architecture(**{k: v for k, v in SHAPE.items() if k not in ("labels", "hidden")})
    assert type(build_generator(plain)) is networks.Generator
    assert type(build_discriminator(plain)) is networks.Discriminator
    assert type(build_generator(shape)) is conditional.ConditionalGenerator
    assert type(build_discriminator(shape)) is conditional.ConditionalDiscriminator


# ---- labels of the training set


@pytest.mark.parametrize(
    ("labels", "rule"),
    [
        (None, r"need a label for every training image, and 23 of 23 have none"),
        (np.full(23, -1), r"need a label for every training image, and 23 of 23 have none"),
        (np.where(np.arange(23) == 5, -1, LABELS), r"need a label .*and 1 of 23 have none"),
        (
            np.where(np.arange(23) == 5, 3, LABELS),
            r"got 4 classes and networks for 3; set train.architecture.labels to 4",
        ),
    ],
)
def test_labels_that_are_missing_or_too_many_are_refused_in_one_line(train, tmp_path, labels, rule):
    with pytest.raises(InputError, match=rule) as refusal:
        train(labels)
    assert "\n" not in str(refusal.value)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_images_that_were_removed_need_no_label(shape):
    labels = np.where(np.arange(23) == 5, -1, LABELS)
    np.testing.assert_array_equal(training_labels(labels, np.delete(np.arange(23), 5), shape), labels)


def test_networks_without_labels_ask_for_none(tiny):
    assert training_labels(None, np.arange(3), tiny) is None
    assert training_labels(np.full(3, -1), np.arange(3), tiny) is None


# ---- training


def test_an_image_and_its_label_stay_together(train, monkeypatch):
    """Each batch that D is given as real has the labels of its own images."""
    array_rows, seen = {}, []

    def record(self, real, *labels):
        seen.append((real, labels))
        return update(self, real, *labels)

    update = Trainer.update
    monkeypatch.setattr(Trainer, "update", record)
    labels = np.random.default_rng(3).integers(0, 3, 23)
    gan = train(labels)
    assert gan.gan.settings["step"] == len(seen) == 7
    pixels = np.random.default_rng(0).integers(0, 256, (23, 1, 16, 16), dtype=np.uint8)
    array_rows = {image.tobytes(): row for row, image in enumerate(pixels)}
    for real, named in seen:
        rows = [array_rows[image.tobytes()] for image in ((real + 1) * 127.5).round().to(torch.uint8).numpy()]
        assert named[0].tolist() == labels[rows].tolist()


@pytest.mark.parametrize("schedule", ["alternate", "both"])
def test_a_killed_conditional_training_goes_on_bit_for_bit(train, tmp_path, schedule):
    def stop(losses, step):
        if step == 5:
            raise KeyboardInterrupt

    whole = train(schedule=schedule)
    expected = np.concatenate(list(whole.samples.chunks))  # files that the next training in this folder replaces
    for path in tmp_path.rglob("*.safetensors"):
        path.unlink()
    with pytest.raises(KeyboardInterrupt):
        train(schedule=schedule, log=stop)
    again = train(schedule=schedule, resume=True)
    assert all(torch.equal(value, again.gan.tensors[name]) for name, value in whole.gan.tensors.items())
    np.testing.assert_array_equal(np.concatenate(list(again.samples.chunks)), expected)


def test_a_resume_keeps_the_names_of_the_classes(train, tmp_path):
    assert train().gan.settings["classes"] == ["a", "b", "c"]
    with pytest.raises(InputError, match=r"classes was \['a', 'b', 'c'\] and is \['a', 'b', 'd'\]"):
        train(classes=("a", "b", "d"), resume=True, steps=8)
    (file,) = tmp_path.rglob("step-*.safetensors")
    saved = Weights.load(file)
    earlier = {name: value for name, value in saved.settings.items() if name != "classes"}
    Weights(saved.tensors, earlier).save(file)
    assert train(resume=True, steps=8).gan.settings["classes"] == ["a", "b", "c"]


@torch.no_grad()
def test_samples_through_training_have_the_classes_in_turn(shape):
    trainer = Trainer(shape, TrainSettings(steps=1, sample_count=7), 0, CPU)
    started(trainer.generator)
    expected = trainer.generator(trainer.fixed_z, torch.tensor([0, 1, 2, 0, 1, 2, 0]))
    np.testing.assert_array_equal(trainer.draw_fixed(), ((expected + 1) * 127.5).round().to(torch.uint8).numpy())


def test_g_learns_to_draw_the_digit_that_is_asked_for(stored, tmp_path):
    digits, labels = load_digits(return_X_y=True)  # 8 x 8, from 0 to 16
    pixels = (digits * 255 / 16).round().astype(np.uint8).reshape(-1, 1, 8, 8)
    shape = {"latent_dim": 10, "width": 8, "kernel": 3, "base": 2, "labels": 10, "hidden": 64}
    values = {"architecture": shape, "steps": 150, "batch_size": 64, "learning_rate": 2e-3, "schedule": "both"}
    settings, rows = TrainSettings.parse(values, "train"), np.arange(len(labels))
    images = stored(pixels, 1000, images_id="digits")
    gan = train_gan(images, rows, settings, 0, CPU, tmp_path, lambda losses, step: None, labels.astype(np.int64)).gan
    judge = LogisticRegression(max_iter=300).fit(digits / 16, labels)
    drawn_as = judge.predict(sample(gan, 200, 0, CPU).reshape(200, -1) / 255)
    assert (drawn_as == np.arange(200) % 10).mean() > 0.5  # 0.78 measured; 0.1 by chance


# ---- statistics


def test_the_result_has_statistics_of_its_training_images_and_labels(train, array):
    network = load_discriminator(train(rows=np.arange(20)).gan, CPU)
    found = {name: value.clone() for name, value in network.named_buffers() if "running" in name}
    batch_norm_statistics.recompute(network, statistics_batches(array, np.arange(20), 0, CPU, LABELS))
    assert found
    assert all(torch.equal(value, network.get_buffer(name)) for name, value in found.items())
    batch_norm_statistics.recompute(network, statistics_batches(array, np.arange(20), 0, CPU, LABELS[::-1].copy()))
    assert not all(torch.equal(value, network.get_buffer(name)) for name, value in found.items())


def test_statistics_of_g_have_the_classes_as_often_as_the_training_set(shape):
    """The label is part of the first layer's input: its mean is the mean of z, 0, and the classes' shares."""
    trainer = Trainer(shape, TrainSettings(steps=1, sample_count=2), 0, CPU)
    _, x, labels = drawn()
    shares = np.array([8, 2, 0])
    trainer.recompute_statistics([(x, labels)], 60, np.repeat([0, 1, 2], shares))
    weight = trainer.generator.hidden.weight.detach()
    expected = weight[:, -3:] @ torch.tensor([0.8, 0.2, 0.0])
    # 7,680 draws: the error of the means is about 0.02 * sqrt(5 / 3 + 0.32) / sqrt(7680) = 3e-4.
    torch.testing.assert_close(trainer.generator.hidden_norm.running_mean, expected, atol=1.6e-3, rtol=0)
    uniform = weight[:, -3:].mean(1)
    assert float((expected - uniform).abs().max()) > 3.2e-3


# ---- sampling


@pytest.fixture
def gan(train):
    found = train().gan
    for name, value in found.tensors.items():
        if name.startswith("generator.convs"):
            value.mul_(20)
    return found


def test_a_sample_has_the_label_that_is_asked_for_and_the_classes_in_turn_by_default(gan):
    network = load_generator(gan, CPU)
    z = draw_latent(5, 5, "uniform", torch_stream(4, "samples"))
    for labels in (None, [2, 2, 2, 0, 1]):
        drawn_by = torch.tensor([0, 1, 2, 0, 1] if labels is None else labels)
        with torch.no_grad():
            expected = ((network(z, drawn_by) + 1) * 127.5).round().to(torch.uint8).numpy()
        found = sample(gan, 5, 4, CPU, labels=None if labels is None else torch.tensor(labels))
        np.testing.assert_array_equal(found, expected)
    assert not np.array_equal(*(sample(gan, 1, 4, CPU, labels=torch.tensor([k])) for k in (0, 1)))


@pytest.mark.parametrize("batch", [1, 4, 10, 11])
def test_an_image_depends_on_its_own_z_and_label_alone(gan, batch):
    network, z = load_generator(gan, CPU), drawn(count=11)[0]
    whole, parts = generate(network, z), generate(network, z, batch)
    assert np.abs(parts.astype(int) - whole).max() <= 1  # a level may be rounded to its neighbour
    assert whole.std() > 10


@pytest.mark.parametrize(
    ("labels", "said"), [([0, 1, 3], "[0, 1, 3]"), ([-1], "[-1]"), ([], "[]"), ([5] * 11, f"[{'5, ' * 10}...]")]
)
def test_labels_that_do_not_fit_are_refused(gan, labels, said):
    expected = f"labels must be class numbers from 0 to 2, one or more, got {said}"
    with pytest.raises(InputError, match=re.escape(expected)) as refusal:
        sample(gan, 3, 0, CPU, labels=torch.tensor(labels, dtype=torch.int64))
    assert "\n" not in str(refusal.value)


def test_labels_for_a_generator_without_any_are_refused(tiny):
    with pytest.raises(InputError, match="labels need a conditional generator"):
        generate(build_generator(tiny).eval(), torch.zeros(2, 5), labels=torch.tensor([0, 1]))


def test_labels_in_turn_fill_columns():
    assert labels_in_turn(7, 3).tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert torch.equal(labels_in_turn(5, 3, start=256), labels_in_turn(261, 3)[256:])
    assert (labels_in_turn(100, 10).view(10, 10) == torch.arange(10)).all()


@given(
    chosen=st.lists(st.integers(0, 9), min_size=1, max_size=5), start=st.integers(0, 10**6), count=st.integers(0, 30)
)
def test_chosen_labels_are_taken_in_turn(chosen, start, count):
    found = labels_in_turn(count, torch.tensor(chosen), start)
    assert found.tolist() == [chosen[k % len(chosen)] for k in range(start, start + count)]


def known(labels=4, **settings):
    return {"architecture": {"labels": labels}, **settings}


def test_classes_are_called_by_their_names_and_those_without_one_by_number():
    assert class_names(known(classes=["cat", "dog"])) == ["cat", "dog", "unnamed 2", "unnamed 3"]
    assert class_names(known(1, classes=["cat", "dog"])) == ["cat"]
    assert class_names(known()) == ["0", "1", "2", "3"]
    assert class_names(known(0)) == []


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (None, [0, 1, 2, 3]),
        (["dog", "cat", "dog"], [1, 0, 1]),
        (["2", 3, "unnamed 3"], [2, 3, 3]),
        ([0, 1], [0, 2]),  # 1 is the name of class 2
    ],
)
def test_classes_are_found_by_name_and_else_by_number(wanted, numbers):
    names = ["cat", "dog"] if wanted != [0, 1] else ["cat", "dog", "1"]
    assert class_numbers(known(classes=names), wanted).tolist() == numbers


def test_a_name_that_is_a_number_is_a_name_whatever_other_classes_the_networks_know():
    digits = known(10, classes=["5", "7"])
    assert class_numbers(digits, ["5", 7, 3]).tolist() == [0, 1, 3]
    assert len(set(class_names(digits))) == 10


def test_classes_that_the_gan_does_not_know_are_refused():
    with pytest.raises(
        InputError, match=r"of those that the gan knows, cat, unnamed 1, unnamed 2, unnamed 3, got ox, 4; name others"
    ):
        class_numbers(known(classes=["cat"]), ["ox", 1, 4])
    with pytest.raises(InputError, match=r"sample\.classes needs a conditional gan, got ox for one without labels; "):
        class_numbers(known(0), ["ox"])
    assert class_numbers(known(0), None) is None


def test_features_of_a_conditional_discriminator_are_refused_in_one_line(gan, array):
    rule = r"features need a discriminator that takes images alone, and this one takes the label too .*labels 3"
    for refused in (
        lambda: discriminator_features(gan, array, FeaturesSettings(), CPU, "test"),
        lambda: untrained_discriminator(gan, array, np.arange(23), 0, CPU),
    ):
        with pytest.raises(InputError, match=rule) as refusal:
            refused()
        assert "\n" not in str(refusal.value)
