"""The supervised control: a CNN of the discriminator's architecture, trained on labels alone (paper 5.2).

It starts from fresh weights, as in the paper, or from the convolutions of a trained D, which is the fine-tuning that
the paper leaves for future work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from dcgan_pipeline.arrays import ShardedArray
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.classifier import Classifier, ClassifierTrainer, HyperParameters
from dcgan_pipeline.gan import batch_norm_statistics
from dcgan_pipeline.gan.conditional import refuse_conditional
from dcgan_pipeline.gan.data import TrainingImages, row_batches, to_range
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.randomness import derived_seed
from dcgan_pipeline.schema import Settings
from dcgan_pipeline.weights import Weights

_BATCH = 256  # images at once where nothing is learned; predictions do not depend on it
_UNKNOWN = -1  # number of a class that the training images lack: it is always called wrong
Watch = Callable[[dict[str, float]], None]


class Limits(Settings):
    """How long one training may last."""

    epochs: int = Field(default=200, ge=1)
    """Passes over the labelled images, each of the whole minibatches in them."""
    evaluate_every: int = Field(default=5, ge=1)
    """Epochs between looks at the validation set."""
    patience: int = Field(default=8, ge=1)
    """Looks in a row without a higher validation accuracy, after which the training ends."""


@dataclass(frozen=True)
class Trained:
    """A classifier as it was where its validation accuracy was highest.

    ``weights`` has its tensors under ``classifier.``, ``step`` is the minibatches that it had seen, ``accuracy`` is of
    the validation set, in per cent. ``history`` has a row a look: step, epoch, loss (mean since the look before),
    validation_loss, validation_accuracy. ``note`` says why a training failed; its accuracy is 0.
    """

    weights: Weights
    step: int
    accuracy: float
    history: list[dict[str, float]]
    note: str = ""

    @property
    def parameters(self) -> int:
        """Numbers that were learned."""
        return sum(t.numel() for name, t in self.weights.tensors.items() if name.endswith(("weight", "bias")))


def train_classifier(
    architecture: Architecture,
    images: ShardedArray,
    labels: NDArray[np.int64],
    rows: NDArray[np.int64],
    validation: NDArray[np.int64],
    hyper: HyperParameters,
    limits: Limits,
    seed: int,
    device: torch.device,
    start: Weights | None = None,
    precision: str = "float32",
    watch: Watch = lambda _: None,
) -> Trained:
    """Train on labelled images until the validation accuracy no longer rises, and keep the best network.

    At every look batch norm gets the statistics of the training images as they are, without augmentation, by
    :func:`dcgan_pipeline.gan.batch_norm_statistics.recompute`, as D does for its features: a prediction does not
    depend on its batch-mates. Predictions are in float32, whatever the precision of the training.

    Parameters
    ----------
    images
        uint8 of shape (N, C, S, S).
    labels
        Numbers of the classes, int64 of shape (N,); negative: none.
    rows, validation
        Those to train on and to look at, int64. Their order has no effect.
    seed
        Decides everything that is drawn: the same seed gives the same bits on one machine.
    start
        A trained GAN, whose D gives the first convolutions and batch norms; none: fresh weights, drawn as D's are.
    precision
        Of the convolutions in training (:func:`dcgan_pipeline.gan.acceleration.resolve_precision`).
    watch
        Called with every row of the history.

    Raises
    ------
    InputError
        For a conditional D, images or a ``start`` of another shape, labels that are missing, or a single class.
    """
    check_trainable(architecture, images, labels, rows, validation, start)
    classes = np.unique(labels[rows])
    known = np.where(np.isin(labels, classes), np.searchsorted(classes, labels), _UNKNOWN)
    sets = _Sets(images, known, np.sort(rows), np.sort(validation), seed, device)
    trainer = ClassifierTrainer(architecture, len(classes), hyper, seed, device, start, precision)
    best = _Best()
    for row in _looks(trainer, sets, limits):
        best.compare(row, trainer.network)
        watch(row)
        if best.note or best.without >= limits.patience:
            break
    settings = {
        "architecture": architecture.model_dump(mode="json"),
        "classes": classes.tolist(),
        "hyper": hyper.model_dump(mode="json"),
        "start": None if start is None else start.digest(),
    }
    return best.trained(settings)


@dataclass(frozen=True)
class _Sets:
    """What is trained on and looked at; labels are numbers of the network's outputs, int64 (N,)."""

    images: ShardedArray
    labels: NDArray[np.int64]
    rows: NDArray[np.int64]
    validation: NDArray[np.int64]
    seed: int
    device: torch.device

    def batches(self, size: int) -> Generator[tuple[Tensor, ...]]:
        """Minibatches for ever: images in [-1, 1] (size, C, S, S) and labels."""
        # Read as they are needed: copies on a GPU would come with a bar inside that of the search.
        pile = TrainingImages(self.images, self.rows, self.labels, self.device, where="stream")
        return cast("Generator[tuple[Tensor, ...]]", pile.batches(size, self.seed, start=0))

    def for_statistics(self) -> Iterator[Tensor]:
        """As :func:`dcgan_pipeline.gan.data.statistics_batches`, whose bar would stand inside that of the search."""
        size = min(batch_norm_statistics.BATCH, len(self.rows))
        batches = row_batches(self.rows, size, derived_seed(self.seed, "statistics"), start=0)
        return (to_range(self.images[batch], self.device) for batch in islice(batches, len(self.rows) // size))


def _looks(trainer: ClassifierTrainer, sets: _Sets, limits: Limits) -> Iterator[dict[str, float]]:
    """Train, and give a row of the history at every look, before the first minibatch too."""
    size = min(trainer.hyper.batch_size, len(sets.rows))
    per_epoch = len(sets.rows) // size
    yield {"step": 0, "epoch": 0, "loss": math.nan, **_look(trainer.network, sets)}
    epochs = [*range(0, limits.epochs, limits.evaluate_every), limits.epochs]
    with closing(sets.batches(size)) as batches:
        for before, epoch in pairwise(epochs):
            trainer.network.train()
            losses = [trainer.update(*batch) for batch in islice(batches, (epoch - before) * per_epoch)]
            loss = float(torch.stack(losses).mean())
            yield {"step": epoch * per_epoch, "epoch": epoch, "loss": loss, **_look(trainer.network, sets)}


def _look(network: Classifier, sets: _Sets) -> dict[str, float]:
    """Make a network ready for use, and measure it on the validation set."""
    batch_norm_statistics.recompute(network, sets.for_statistics())
    logits = torch.cat(list(_logits(network, sets.images, sets.validation)))  # (validation, classes)
    truth = torch.from_numpy(sets.labels[sets.validation])
    return {
        "validation_loss": float(F.cross_entropy(logits, truth, ignore_index=_UNKNOWN)),
        "validation_accuracy": float((logits.argmax(1) == truth).double().mean() * 100),
    }


@torch.no_grad()
def _logits(network: Classifier, images: ShardedArray, rows: NDArray[np.int64]) -> Iterator[Tensor]:
    """Score images by a network in evaluation mode: float32 (batch, classes) each, on the CPU."""
    device = network.logit.weight.device
    for k in range(0, len(rows), _BATCH):
        yield network(to_range(images[rows[k : k + _BATCH]], device)).cpu()


@dataclass
class _Best:
    """The best network so far, and all rows of the history."""

    step: int = 0
    accuracy: float = -1.0
    without: int = 0
    """Looks since."""
    note: str = ""
    state: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)

    def trained(self, settings: dict[str, Any]) -> Trained:
        """Give the network that was kept; ``settings`` say how it was made."""
        tensors = {f"classifier.{name}": value for name, value in self.state.items()}
        weights = Weights(tensors, {"kind": "classifier", "step": self.step, **settings})
        return Trained(weights, self.step, 0.0 if self.note else self.accuracy, self.history, self.note)

    def compare(self, row: dict[str, float], network: Classifier) -> None:
        """Keep the network where it is better than all before it: of equals, the earliest."""
        self.history.append(row)
        if row["step"] and not math.isfinite(row["loss"] + row["validation_loss"]):
            self.note = f"the loss was no longer a finite number by step {row['step']}"
        elif row["validation_accuracy"] > self.accuracy:
            self.step, self.accuracy, self.without = int(row["step"]), row["validation_accuracy"], 0
            self.state = {name: value.cpu().clone() for name, value in network.state_dict().items()}
        else:
            self.without += 1


def classify(
    trained: Trained, images: ShardedArray, device: torch.device, rows: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Call the class of images, uint8 (N, C, S, S): labels as it was trained on, int64.

    Parameters
    ----------
    rows
        Those to classify, int64; none: all.

    Raises
    ------
    InputError
        Where the images are of another shape than it was trained on.
    """
    settings = trained.weights.settings
    architecture = Architecture.parse(settings["architecture"], "classifier.architecture")
    _check_shape(architecture, images)
    network = Classifier(architecture, len(settings["classes"]))
    network.load_state_dict(trained.weights.part("classifier."))
    network.to(device).to(memory_format=torch.channels_last).eval()
    chosen = np.arange(len(images)) if rows is None else rows
    called = torch.cat([logits.argmax(1) for logits in _logits(network, images, chosen)]).numpy()
    return np.array(settings["classes"], np.int64)[called]


def check_trainable(
    architecture: Architecture,
    images: ShardedArray,
    labels: NDArray[np.int64],
    rows: NDArray[np.int64],
    validation: NDArray[np.int64],
    start: Weights | None = None,
) -> None:
    """Refuse what a classifier cannot be trained on.

    Raises
    ------
    InputError
        For a conditional D, images or a ``start`` of another shape, labels that are missing, or a single class.
    """
    refuse_conditional(architecture.model_dump(), "a supervised CNN needs")
    _check_shape(architecture, images)
    if start is not None:
        _check_start(architecture, start.settings.get("architecture") or {})
    if len(labels) != len(images):
        raise InputError(
            f"every image needs a label, got {len(labels)} labels for {len(images)} images; take both from one version"
        )
    needed = np.concatenate([rows, validation])
    if without := int((labels[needed] < 0).sum()):
        raise InputError(
            f"a supervised CNN needs a label for every image, and {without} of {len(needed)} have none; put the images "
            "of each class in a folder of its own"
        )
    if not len(validation):
        raise InputError("a supervised CNN needs a validation set, got 0 images; raise evaluate.validation")
    if (classes := len(np.unique(labels[rows]))) < 2:
        raise InputError(f"a supervised CNN needs at least two classes, got {classes}; add a folder of another class")


def _check_shape(architecture: Architecture, images: ShardedArray) -> None:
    wanted = (architecture.channels, architecture.image_size, architecture.image_size)
    if images.shape[1:] != wanted:
        raise InputError(
            f"labelled images must be {' x '.join(map(str, wanted))}, as the discriminator takes them, got "
            f"{' x '.join(map(str, images.shape[1:]))}; set preprocess.image_size and preprocess.channels as they were "
            "in training"
        )


def _check_start(architecture: Architecture, start: dict[str, Any]) -> None:
    refuse_conditional(start, "fine-tuning needs")
    wanted = architecture.model_dump(mode="json", exclude={"latent_dim"})  # which is G's alone
    other = [f"{name} {start.get(name)!r} for {value!r}" for name, value in wanted.items() if start.get(name) != value]
    if other:
        raise InputError(
            f"fine-tuning needs the architecture of the trained discriminator, got {', '.join(other)}; take that of "
            "the gan"
        )
