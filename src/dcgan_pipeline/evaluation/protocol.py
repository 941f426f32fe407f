"""How features are judged (paper 5.2, authors' code).

Hold out a validation set. For each C, train on several draws of a few labels a class, and choose the C of lowest mean
validation error. Then train on fresh draws with it, and report the mean test accuracy and its spread. Every kind of
features is judged on the same draws.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.newton import Rows
from dcgan_pipeline.evaluation.settings import EvaluateSettings
from dcgan_pipeline.evaluation.svm import LinearModel, fit_path, predict
from dcgan_pipeline.progress import Advance
from dcgan_pipeline.randomness import numpy_stream

_BATCH = 4096  # rows of a large set in memory at once
_MEMORY = 2**28  # numbers of the rows of one draw that are read once, into memory: 1 GiB


@dataclass(frozen=True)
class Draws:
    """Rows of the labelled training set: a validation set, and draws of a few labels a class.

    ``selection`` is int64 (selection_draws, labels), ``report`` int64 (report_draws, labels), ``validation`` int64.
    With all labels there is one of each, and the one to report has the validation set in it.
    """

    validation: NDArray[np.int64]
    selection: NDArray[np.int64]
    report: NDArray[np.int64]

    def digest(self) -> str:
        """Tell these draws from others: SHA-256 of their rows."""
        parts = (self.validation, self.selection, self.report)
        return hashlib.sha256(repr([(part.shape, part.tobytes()) for part in parts]).encode()).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """What one kind of features achieved; accuracies are in per cent.

    ``dimensions`` is the number of features, or none where a network judges by itself; ``labels`` how many a fit had.
    ``validation`` holds the mean validation accuracy for each C, ``accuracies`` the test accuracy of each draw, and
    ``confusion`` (classes, classes) the mean share of each true class (row) that was called each class (column).
    """

    C: float | None
    validation: dict[float, float]
    accuracies: NDArray[np.float64]
    confusion: NDArray[np.float64]
    dimensions: int | None
    unconverged: int
    labels: int
    note: str = ""

    @property
    def mean(self) -> float:
        """Mean test accuracy."""
        return float(self.accuracies.mean())

    @property
    def std(self) -> float:
        """Standard deviation over draws; NaN of one."""
        return float(self.accuracies.std(ddof=1)) if len(self.accuracies) > 1 else math.nan

    @property
    def at_edge(self) -> bool:
        """Whether the best C is the smallest or largest candidate, so that a better one may lie beyond."""
        return len(self.validation) > 1 and self.C in (min(self.validation), max(self.validation))


def draw_labels(
    labels: NDArray[np.int64],
    settings: EvaluateSettings,
    seed: int,
    names: Sequence[str] | None = None,
    pictures: NDArray[np.int64] | None = None,
) -> Draws:
    """Shuffle, hold the validation set out, and draw.

    Parameters
    ----------
    names
        Of the classes, for messages.
    pictures
        int64 of the shape of the labels: rows of one picture have the same number and are never both in the
        validation set and among what is drawn; negative rows are used for nothing. By default all differ. The draws
        are the same with and without, where no picture comes twice.

    Raises
    ------
    InputError
        Where a class has fewer labels than asked, or there are fewer than two classes.
    """
    rng = numpy_stream(seed, "draws of labels")
    validation, pool = _held_out(labels, settings.validation, rng, pictures)
    classes = np.unique(labels)
    if len(classes) < 2:
        raise InputError(f"evaluate needs at least two classes, got {len(classes)}; add a folder of another class")
    if settings.labels_per_class == "all":
        every = np.arange(len(labels)) if pictures is None else np.flatnonzero(pictures >= 0)
        return Draws(validation, np.sort(pool)[None], every[None])
    wanted = settings.labels_per_class
    counts = {int(c): int(np.sum(labels[pool] == c)) for c in classes}
    worst = min(counts, key=lambda c: counts[c])
    if counts[worst] < wanted:
        raise InputError(
            f"evaluate.labels_per_class must be at most what a class has outside the validation set, got "
            f"{wanted} and {counts[worst]} of class {names[worst] if names else worst} ({len(labels)} labelled images, "
            f"{_copies(labels, pictures)}{settings.validation} held for validation); lower labels_per_class or "
            "validation, or add images"
        )

    def draw(count: int) -> NDArray[np.int64]:
        members = [pool[labels[pool] == c] for c in classes]
        return np.stack([np.concatenate([rng.choice(m, wanted, replace=False) for m in members]) for _ in range(count)])

    return Draws(validation, draw(settings.selection_draws), draw(settings.report_draws))


def most_labels(
    labels: NDArray[np.int64], settings: EvaluateSettings, seed: int, pictures: NDArray[np.int64] | None = None
) -> int:
    """Count the labels of the rarest class outside the validation set: more a class cannot be drawn."""
    _, pool = _held_out(labels, settings.validation, numpy_stream(seed, "draws of labels"), pictures)
    return min(int(np.sum(labels[pool] == c)) for c in np.unique(labels))


def _copies(labels: NDArray[np.int64], pictures: NDArray[np.int64] | None) -> str:
    out = 0 if pictures is None else int((pictures < 0).sum())
    alike = 0 if pictures is None else len(labels) - out - len(np.unique(pictures[pictures >= 0]))
    found = ((out, "held out as copies of test images"), (alike, "copies of others"))
    return "".join(f"{count} {what}, " for count, what in found if count)


def _held_out(
    labels: NDArray[np.int64], validation: int, rng: np.random.Generator, pictures: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    pictures = np.arange(len(labels)) if pictures is None else pictures
    usable = int((pictures >= 0).sum())
    if validation >= usable:
        raise InputError(
            f"evaluate.validation must be less than the number of labelled images, got {validation} of {usable}; "
            "lower it, or add images"
        )
    order = rng.permutation(len(labels))
    order = order[pictures[order] >= 0]
    _, first, which = np.unique(pictures[order], return_index=True, return_inverse=True)
    order = order[np.argsort(first[which], kind="stable")]  # copies follow the first of them
    held, rest = order[:validation], order[validation:]
    return held, rest[~np.isin(pictures[rest], pictures[held])]


def evaluate(
    train: Rows,
    y_train: NDArray[np.int64],
    test: Rows,
    y_test: NDArray[np.int64],
    draws: Draws,
    candidates: Sequence[float],
    advance: Advance,
    device: torch.device | str = "cpu",
) -> Outcome:
    """Judge one kind of features by the protocol.

    Parameters
    ----------
    train, test
        float32 or float16 of shape (N, d) and (M, d), in memory or in shards. Draws of more than a GiB stay there.
    y_train, y_test
        int64 of shape (N,) and (M,).
    candidates
        Values of C, ascending.
    advance
        Called after each of the fits, ``len(candidates) * len(draws.selection) + len(draws.report)`` of them.
    device
        Where the SVM is fitted.

    Raises
    ------
    InputError
        Where features are not finite.
    """
    unconverged = 0

    def fit(rows: NDArray[np.int64], Cs: Sequence[float]) -> list[LinearModel]:
        nonlocal unconverged
        models = fit_path(_chosen(train, rows), y_train[rows], Cs, device=device)
        unconverged += sum(not model.converged for model in models)
        for _ in models:
            advance()
        return models

    paths = [fit(rows, candidates) for rows in draws.selection]
    called = _classify([model for path in paths for model in path], train, draws.validation)
    hits = (called == y_train[draws.validation]).reshape(len(paths), len(candidates), -1)
    validation = {C: float(hits[:, k].mean() * 100) for k, C in enumerate(candidates)}
    best = max(validation, key=lambda C: (validation[C], -C))  # of equals, the most regularised
    models = [fit(rows, [best])[0] for rows in draws.report]
    called = _classify(models, test, np.arange(len(test)))
    accuracies = (called == y_test).mean(axis=1) * 100
    confusion = _confusion(called, y_test)
    return Outcome(best, validation, accuracies, confusion, train.shape[1], unconverged, draws.report.shape[1])


def _chosen(features: Rows, rows: NDArray[np.int64]) -> Rows:
    chosen = Chosen(features, rows)
    return chosen if len(rows) * features.shape[1] > _MEMORY else chosen[:]


class Chosen:
    """Some rows of features (N, d), in their order, float32: a view that reads them when it is sliced."""

    def __init__(self, features: Rows, rows: NDArray[np.int64]) -> None:
        self._features, self._rows = features, rows
        self.shape = (len(rows), features.shape[1])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: Any, /) -> NDArray[np.float32]:
        return np.asarray(self._features[self._rows[rows]], np.float32)


def _classify(models: list[LinearModel], features: Rows, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    parts = [
        predict(models, np.asarray(features[rows[k : k + _BATCH]], np.float32)) for k in range(0, len(rows), _BATCH)
    ]
    return np.concatenate(parts, axis=1)  # (models, rows)


def _confusion(called: NDArray[np.int64], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    classes = np.union1d(truth, called)
    table = np.zeros((len(classes), len(classes)))
    places = np.searchsorted(classes, truth)
    for prediction in called:
        np.add.at(table, (places, np.searchsorted(classes, prediction)), 1)
    return table / np.maximum(table.sum(axis=1, keepdims=True), 1)
