import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.classifier import Classifier, ClassifierTrainer, HyperParameters
from dcgan_pipeline.evaluation.supervised import Limits, classify, train_classifier
from dcgan_pipeline.gan import batch_norm_statistics
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.randomness import numpy_stream
from dcgan_pipeline.weights import Weights

CPU = torch.device("cpu")
TINY = Architecture(image_size=16, channels=1, latent_dim=5, width=4, kernel=3)
HYPER = HyperParameters(batch_size=16, learning_rate=3e-3)
ROWS, VALIDATION, REST = np.arange(60), np.arange(60, 120), np.arange(120, 240)


@pytest.fixture(scope="module")
def dots(stored):
    y = numpy_stream(0).integers(0, 3, 240)
    return stored(draw_dots(y)), y


def draw_dots(y, seed=0):
    """A bright dot in a place of its class's own, on noise: uint8 (N, 1, 16, 16)."""
    rng = numpy_stream(seed, "dots")
    images = rng.integers(0, 90, (len(y), 1, 16, 16), dtype=np.uint8)
    for image, label in zip(images, y, strict=True):
        i, j = [(2, 2), (2, 10), (9, 5)][label] + rng.integers(-1, 2, 2)
        image[0, i : i + 4, j : j + 4] += 120
    return images


def train(dots, hyper=HYPER, seed=0, start=None, rows=ROWS, architecture=TINY, **limits):
    images, y = dots
    chosen = Limits(**{"epochs": 12, "evaluate_every": 2} | limits)
    return train_classifier(architecture, images, y, rows, VALIDATION, hyper, chosen, seed, CPU, start)


def gan(architecture=TINY, seed=7):
    network = ClassifierTrainer(architecture, 1, HYPER, seed, CPU).network
    tensors = {f"discriminator.{name}": value for name, value in network.state_dict().items()}
    return Weights(tensors, {"kind": "gan", "architecture": architecture.model_dump(mode="json")})


@pytest.fixture(scope="module")
def trained(dots):
    return train(dots)


def test_it_learns(dots, trained):
    images, y = dots
    assert trained.note == ""
    assert trained.accuracy > 95
    assert (classify(trained, images, CPU, REST) == y[REST]).mean() > 0.95
    first, *_, last = trained.history
    assert first["validation_accuracy"] < 60
    assert last["loss"] < 0.3


def test_with_everything_on_it_learns_too(dots):
    found = train(dots, HyperParameters(batch_size=16, learning_rate=3e-3, dropout=0.3, shift=1), epochs=20)
    assert found.accuracy > 90


def test_the_history_has_a_row_a_look_with_the_first_before_training(trained):
    assert [row["epoch"] for row in trained.history] == [0, 2, 4, 6, 8, 10, 12]
    assert [row["step"] for row in trained.history] == [3 * epoch for epoch in range(0, 13, 2)]  # 60 // 16
    assert math.isnan(trained.history[0]["loss"])


@pytest.mark.parametrize(("epochs", "every", "looks"), [(5, 2, [0, 2, 4, 5]), (1, 5, [0, 1]), (3, 1, [0, 1, 2, 3])])
def test_the_last_epoch_is_looked_at_too(dots, epochs, every, looks):
    found = train(dots, epochs=epochs, evaluate_every=every)
    assert [row["epoch"] for row in found.history] == looks


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(dots, trained):
    same, other = train(dots), train(dots, seed=1)
    assert same.weights.digest() == trained.weights.digest()
    assert same.history[1:] == trained.history[1:]
    assert other.weights.digest() != trained.weights.digest()


def test_the_order_of_the_rows_has_no_effect(dots, trained):
    assert train(dots, rows=ROWS[::-1]).weights.digest() == trained.weights.digest()


def test_nothing_but_the_rows_is_learned_from(dots, stored, trained):
    images, y = dots
    pixels = np.concatenate([images[:120], 255 - images[120:]])
    again = train((stored(pixels), np.where(np.arange(240) < 120, y, 0)))
    assert again.weights.digest() == trained.weights.digest()


def test_the_best_network_is_kept_and_not_the_last(dots):
    wild = HyperParameters(batch_size=16, learning_rate=3, weight_decay=1)  # the accuracy goes up and down
    found = train(dots, wild, epochs=20, evaluate_every=1, patience=20)
    accuracies = [row["validation_accuracy"] for row in found.history]
    worse = max(k for k in range(1, len(accuracies)) if accuracies[k] < max(accuracies[:k]))  # where differs by CPU
    found = train(dots, wild, epochs=worse, evaluate_every=1, patience=20)
    accuracies = accuracies[: worse + 1]
    assert accuracies == [row["validation_accuracy"] for row in found.history]
    best = int(np.argmax(accuracies))
    assert (found.accuracy, found.step) == (accuracies[best], found.history[best]["step"])
    images, y = dots
    assert (classify(found, images, CPU, VALIDATION) == y[VALIDATION]).mean() * 100 == pytest.approx(found.accuracy)
    until = train(dots, wild, epochs=best, evaluate_every=1, patience=20)
    assert until.weights.digest() == found.weights.digest()


@pytest.mark.parametrize("patience", [1, 3])
def test_training_ends_when_patience_does(dots, patience):
    found = train(dots, epochs=200, evaluate_every=1, patience=patience)
    accuracies = [row["validation_accuracy"] for row in found.history]
    assert len(accuracies) < 100
    assert max(accuracies[-patience:]) <= max(accuracies[:-patience])
    assert int(np.argmax(accuracies)) == len(accuracies) - 1 - patience


def test_a_loss_that_is_no_number_ends_the_training_with_a_note(dots):
    found = train(dots, HyperParameters(batch_size=16, learning_rate=1e30), evaluate_every=1)
    assert found.accuracy == 0
    assert found.note == "the loss was no longer a finite number by step 3"
    assert len(found.history) == 2
    assert all(value.isfinite().all() for value in found.weights.tensors.values())


def test_predictions_do_not_depend_on_batch_mates(dots, trained):
    images, _ = dots
    whole = classify(trained, images, CPU)
    assert [int(classify(trained, images, CPU, np.array([row]))[0]) for row in range(40)] == whole[:40].tolist()
    order = numpy_stream(1).permutation(len(images))
    assert classify(trained, images, CPU, order).tolist() == whole[order].tolist()


def test_batch_norm_has_the_statistics_of_the_training_images(dots, trained):
    images, _ = dots
    network = Classifier(TINY, 3)
    network.load_state_dict(trained.weights.part("classifier."))
    saved = network.norms[0].running_var.clone()
    x = torch.from_numpy(images[ROWS]).float() / 127.5 - 1
    batch_norm_statistics.recompute(network, [x])  # all in one batch of at most 128
    torch.testing.assert_close(network.norms[0].running_var, saved)
    h = F.conv2d(F.leaky_relu(network.convs[0](x), 0.2), network.convs[1].weight, stride=2, padding=1)
    torch.testing.assert_close(network.norms[0].running_mean, h.mean((0, 2, 3)).detach(), atol=1e-5, rtol=1e-4)


def test_labels_keep_their_numbers_and_an_unknown_class_is_called_wrong(dots):
    images, y = dots
    numbers = np.array([4, 9, 30])[y]
    rows = ROWS[y[ROWS] < 2]
    found = train((images, numbers), rows=rows)
    assert found.weights.settings["classes"] == [4, 9]
    assert set(classify(found, images, CPU).tolist()) == {4, 9}
    assert found.accuracy == pytest.approx((y[VALIDATION] < 2).mean() * 100, abs=5)


def test_fine_tuning_starts_from_the_discriminator(dots):
    start = gan()
    found = train(dots, HyperParameters(batch_size=16, learning_rate=3e-3, convolutions=0), start=start)
    for name, value in start.part("discriminator.").items():
        if name.startswith("convs") or name in ("norms.0.weight", "norms.0.bias"):
            assert torch.equal(found.weights.tensors[f"classifier.{name}"], value)
    assert found.accuracy > 80  # a linear layer on random convolutions
    assert found.weights.settings["start"] == start.digest()
    assert train(dots, start=gan(seed=8)).weights.digest() != train(dots, start=start).weights.digest()


def test_weights_survive_their_file(dots, trained, tmp_path):
    trained.weights.save(tmp_path / "classifier.safetensors")
    assert Weights.load(tmp_path / "classifier.safetensors").settings == trained.weights.settings
    assert trained.parameters == 4 * 9 + 4 * 8 * 9 + 2 * 8 + 3 * 8 * 16


CONDITIONAL = TINY.model_copy(update={"labels": 3, "hidden": 8})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": ROWS[:1]}, "needs at least two classes, got 1; add a folder"),
        ({"labels": -1}, "needs a label for every image, and 120 of 120 have none; put the images"),
        ({"labels": None}, "every image needs a label, got 3 labels for 240 images"),
        ({"architecture": CONDITIONAL}, "a supervised CNN needs a discriminator that takes images alone"),
        ({"start": CONDITIONAL}, "fine-tuning needs a discriminator that takes images alone"),
        ({"architecture": TINY.model_copy(update={"channels": 3})}, "must be 3 x 16 x 16, .* got 1 x 16 x 16; set"),
        (
            {"start": TINY.model_copy(update={"width": 8})},
            "of the trained discriminator, got width 8 for 4; take",
        ),
        ({"validation": VALIDATION[:0]}, "needs a validation set, got 0 images"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(dots, change, message):
    images, y = dots
    labels = {-1: np.full(240, -1), None: y[:3]}.get(change.get("labels", 0), y)
    start = change.get("start")
    start = start and Weights({}, {"architecture": start.model_dump(mode="json")})
    rows, held = change.get("rows", ROWS), change.get("validation", VALIDATION)
    with pytest.raises(InputError, match=message) as refusal:
        train_classifier(change.get("architecture", TINY), images, labels, rows, held, HYPER, Limits(), 0, CPU, start)
    assert "\n" not in str(refusal.value)


def test_images_of_another_shape_are_not_classified(trained, stored):
    with pytest.raises(InputError, match="must be 1 x 16 x 16, as the discriminator takes them, got 3 x 16 x 16"):
        classify(trained, stored(np.zeros((2, 3, 16, 16), np.uint8)), CPU)
