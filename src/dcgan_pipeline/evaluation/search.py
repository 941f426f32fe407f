"""Random search over the hyper-parameters of the supervised control (paper 5.2; Bergstra and Bengio 2012)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from sklearn.metrics import confusion_matrix

from dcgan_pipeline.arrays import ShardedArray
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.classifier import HyperParameters
from dcgan_pipeline.evaluation.protocol import Draws
from dcgan_pipeline.evaluation.supervised import Limits, Trained, check_trainable, classify, train_classifier
from dcgan_pipeline.files import replacing
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.progress import Advance, progress_bar
from dcgan_pipeline.randomness import derived_seed, numpy_stream
from dcgan_pipeline.schema import Settings
from dcgan_pipeline.weights import Weights

_READ = 4096  # images in memory at once
_VERSION = 1  # raise it with every change of the code that changes what a trial finds
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


class SearchSettings(Settings):
    """How often, and among what, the search draws. All ranges are our choice: the paper gives none.

    Two numbers in a row are the ends of a range; several values are as likely as one another.
    """

    trials: int = Field(default=64, ge=1)
    """Sets of hyper-parameters (paper 5.2)."""
    learning_rate: tuple[Positive, Positive] = (1e-4, 1e-2)
    """Log-uniform."""
    weight_decay: tuple[Positive, Positive] = (1e-6, 1e-2)
    """Log-uniform; the lower end is as good as none."""
    beta1: tuple[Share, ...] = Field(default=(0.5, 0.9), min_length=1)
    """D's own, and Adam's default."""
    batch_size: tuple[Annotated[int, Field(ge=2)], ...] = Field(default=(32, 64, 128), min_length=1)
    dropout: tuple[Share, Share] = (0.0, 0.7)
    """Uniform."""
    flips: tuple[bool, ...] = Field(default=(False,), min_length=1)
    """Add true where mirror images keep their class, unlike digits."""
    shift: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(0, 1, 2, 4), min_length=1)
    convolutions: tuple[Positive, Positive] = (0.01, 1.0)
    """Log-uniform; only fine-tuning uses it."""
    limits: Limits = Limits()
    precision: Literal["float32", "bfloat16", "float16", "auto"] = "float32"
    """Of the convolutions in training."""
    report: int = Field(default=5, ge=2)
    """Report draws that the best hyper-parameters are trained on; all where there are fewer."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        for name in ("learning_rate", "weight_decay", "dropout", "convolutions"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} must be the lower and the upper end of a range, got {low:g} and {high:g}")
        return self


class Trial(Settings):
    """One set of hyper-parameters and what came of it, as its file keeps it."""

    trial: int
    hyper: HyperParameters
    accuracy: float
    """Of the validation set, in per cent; 0 where the training failed."""
    step: int
    """Minibatches up to the best network."""
    note: str = ""


def draw_hyper(settings: SearchSettings, seed: int, trial: int) -> HyperParameters:
    """Draw the hyper-parameters of a trial.

    Each has a stream of its own: they depend neither on the trials before, nor on the ranges of the others.
    """

    def share(name: str) -> float:
        return float(numpy_stream(seed, "hyper-parameters", trial, name).random())  # in [0, 1)

    drawn = {}
    for name in ("learning_rate", "weight_decay", "convolutions"):
        low, high = getattr(settings, name)
        drawn[name] = low * (high / low) ** share(name)
    for name in ("beta1", "batch_size", "flips", "shift"):
        choices = getattr(settings, name)
        drawn[name] = choices[int(share(name) * len(choices))]
    low, high = settings.dropout
    return HyperParameters(**drawn, dropout=low + (high - low) * share("dropout"))


def search(
    architecture: Architecture,
    images: ShardedArray,
    labels: NDArray[np.int64],
    rows: NDArray[np.int64],
    validation: NDArray[np.int64],
    settings: SearchSettings,
    seed: int,
    device: torch.device,
    folder: Path,
    report: Callable[[Trial], None] = lambda _: None,
    start: Weights | None = None,
) -> pd.DataFrame:
    """Train with hyper-parameters drawn at random, trial by trial.

    Every finished trial is a file in ``folder``, and a search that was killed goes on with the trial it was at. The
    file's name has a digest of all that decides the trial, pixels and labels too, so that none is taken for another.

    Parameters
    ----------
    images, labels, rows, validation, start
        As for :func:`~dcgan_pipeline.evaluation.supervised.train_classifier`.
    report
        Called with each trial in order, once its file is there; with those of an earlier search too.

    Returns
    -------
    DataFrame
        One row a trial: trial, the hyper-parameters, accuracy (validation, per cent; 0 where it failed), step, note.

    Raises
    ------
    InputError
        Where nothing can be trained on these images and labels.
    """
    check_trainable(architecture, images, labels, rows, validation, start)
    train = partial(
        train_classifier,
        architecture,
        images,
        labels,
        rows,
        validation,
        limits=settings.limits,
        device=device,
        start=start,
        precision=settings.precision,
    )
    same = _digest(
        architecture.model_dump(),
        _digest_images(images, labels, rows, validation),
        None if start is None else start.digest(),
        settings.limits.model_dump(),
        settings.precision,
        *(device.type, torch.__version__, _VERSION),  # each of which may round otherwise
    )
    trials = _try_all(train, same, settings, seed, folder, _name(start), report)
    return pd.DataFrame([{**trial.model_dump(exclude={"hyper"}), **trial.hyper.model_dump()} for trial in trials])


def _try_all(
    train: Callable[..., Trained],
    same: str,
    settings: SearchSettings,
    seed: int,
    folder: Path,
    name: str,
    report: Callable[[Trial], None],
) -> list[Trial]:
    """Train once a trial, or read what an earlier search of the ``same`` inputs found."""
    folder.mkdir(parents=True, exist_ok=True)
    trials: list[Trial] = []
    with progress_bar(f"evaluate: {name}", settings.trials) as advance:
        for number in range(settings.trials):
            hyper, own = draw_hyper(settings, seed, number), derived_seed(seed, "trial", number)
            file = folder / f"trial-{number:04d}-{_digest(same, hyper.model_dump(), own)}.json"
            trial = _read(file)
            if trial is None:
                found = train(hyper=hyper, seed=own, watch=partial(_say, advance, number))
                trial = Trial(trial=number, hyper=hyper, accuracy=found.accuracy, step=found.step, note=found.note)
                _write(trial, file)
            trials.append(trial)
            report(trial)
            advance()
    return trials


def _name(start: Weights | None) -> str:
    return "supervised CNN" if start is None else "fine-tuned CNN"


def _say(advance: Advance, number: int, row: dict[str, float]) -> None:
    advance(0, note=f"training {number}, epoch {row['epoch']}: {row['validation_accuracy']:.1f} %")


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _digest_images(images: ShardedArray, labels: NDArray[np.int64], *sets: NDArray[np.int64]) -> str:
    """Digest the pixels and labels of some sets of rows, each in the order of its rows."""
    digest = hashlib.sha256()
    for rows in map(np.sort, sets):
        digest.update(f"{len(rows)}".encode() + np.ascontiguousarray(labels[rows]).tobytes())
        for k in range(0, len(rows), _READ):
            digest.update(images[rows[k : k + _READ]].tobytes())
    return digest.hexdigest()


def _write(trial: Trial, file: Path) -> None:
    """Write the file, whole or not at all."""
    with replacing(file) as partial_file:
        partial_file.write_text(trial.model_dump_json(indent=1))


def _read(file: Path) -> Trial | None:
    """Read a trial; none where there is none, or its file was cut short by a failure of the disk."""
    try:
        return Trial.parse(json.loads(file.read_text()), file.name)
    except (FileNotFoundError, ValueError):
        return None


def best_trial(trials: pd.DataFrame) -> Trial:
    """Pick the trial of highest validation accuracy: of equals, the first.

    Raises
    ------
    InputError
        Where every trial failed.
    """
    rows = trials.to_dict("records")
    ended = [row for row in rows if not row["note"]]
    if not ended:
        raise InputError(
            f"a trial of the search must end with a finite loss, and none of {len(rows)} did (the first: "
            f"{rows[0]['note']}); lower the range of learning_rate"
        )
    row = max(ended, key=lambda row: row["accuracy"])
    hyper = {str(name): row.pop(name) for name in HyperParameters.model_fields}
    return Trial.parse({**row, "hyper": hyper}, "trial")


@dataclass(frozen=True)
class SupervisedOutcome:
    """What the best of the trials achieved; accuracies are in per cent.

    ``best`` has the validation accuracy that the paper reports, ``accuracies`` the test accuracy of each report draw,
    float64, ``confusion`` (classes, classes) the mean share of each true class (row) that was called each class
    (column), ``parameters`` the numbers that the network learned, and ``failed`` the draws whose loss did not stay
    finite: they count with their best network until then.
    """

    best: Trial
    accuracies: NDArray[np.float64]
    confusion: NDArray[np.float64]
    parameters: int
    failed: int

    @property
    def mean(self) -> float:
        """Mean test accuracy."""
        return float(self.accuracies.mean())

    @property
    def std(self) -> float:
        """Standard deviation over draws."""
        return float(self.accuracies.std(ddof=1))


def judge_supervised(
    architecture: Architecture,
    images_train: ShardedArray,
    y_train: NDArray[np.int64],
    images_test: ShardedArray,
    y_test: NDArray[np.int64],
    draws: Draws,
    best: Trial,
    settings: SearchSettings,
    seed: int,
    device: torch.device,
    start: Weights | None = None,
) -> SupervisedOutcome:
    """Train on the first ``settings.report`` of the report draws, with the best hyper-parameters, and test.

    The validation set says when each training ends, as in the search; the test set is looked at once a draw.

    Parameters
    ----------
    images_train, images_test
        uint8 of shape (N, C, S, S) and (M, C, S, S).
    y_train, y_test
        int64 of shape (N,) and (M,).
    best
        Of :func:`best_trial`, for the same ``start``.
    """
    called, failed, parameters = [], 0, 0
    chosen = draws.report[: settings.report]
    with progress_bar(f"evaluate: {_name(start)}, tested", len(chosen)) as advance:
        for number, rows in enumerate(chosen):
            trained = train_classifier(
                architecture,
                images_train,
                y_train,
                rows,
                draws.validation,
                best.hyper,
                settings.limits,
                derived_seed(seed, "report", number),
                device,
                start,
                settings.precision,
                partial(_say, advance, number),
            )
            called.append(classify(trained, images_test, device))
            failed += bool(trained.note)
            parameters = trained.parameters
            advance()
    accuracies = np.array([(found == y_test).mean() * 100 for found in called])
    confusion = confusion_matrix(np.tile(y_test, len(called)), np.concatenate(called), normalize="true")
    return SupervisedOutcome(best, accuracies, confusion, parameters, failed)
