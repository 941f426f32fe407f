"""How features are judged (paper 5.2, authors' code).

Hold out a validation set. For each C, train on several draws of a few labels a class, and choose the C of lowest mean
validation error. Then train on fresh draws with it, and report the mean test accuracy and its spread. Every kind of
features is judged on the same draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.progress import Advance
from dcgan_pipeline.randomness import numpy_stream
from dcgan_pipeline.representation.newton import Rows
from dcgan_pipeline.representation.settings import EvaluateSettings
from dcgan_pipeline.representation.svm import LinearModel, fit_path, predict

_BATCH = 4096  # rows of a large set in memory at once


@dataclass(frozen=True)
class Draws:
    """Rows of the labelled training set: a validation set, and draws of a few labels a class.

    ``selection`` is int64 (selection_draws, labels), ``report`` int64 (report_draws, labels), ``validation`` int64.
    """

    validation: NDArray[np.int64]
    selection: NDArray[np.int64]
    report: NDArray[np.int64]


@dataclass(frozen=True)
class Outcome:
    """What one kind of features achieved; accuracies are in per cent.

    ``validation`` holds the mean validation accuracy for each C, ``accuracies`` the test accuracy of each draw, and
    ``confusion`` (classes, classes) the mean share of each true class (row) that was called each class (column).
    """

    C: float
    validation: dict[float, float]
    accuracies: NDArray[np.float64]
    confusion: NDArray[np.float64]
    dimensions: int
    unconverged: int

    @property
    def mean(self) -> float:
        """Mean test accuracy."""
        return float(self.accuracies.mean())

    @property
    def std(self) -> float:
        """Standard deviation over draws."""
        return float(self.accuracies.std(ddof=1))

    @property
    def at_edge(self) -> bool:
        """Whether the best C is the smallest or largest candidate, so that a better one may lie beyond."""
        return self.C in (min(self.validation), max(self.validation)) and len(self.validation) > 1


def draw_labels(labels: NDArray[np.int64], settings: EvaluateSettings, seed: int) -> Draws:
    """Shuffle, hold the validation set out, and draw.

    Raises
    ------
    InputError
        Where a class has fewer labels than asked, or there are fewer than two classes.
    """
    rng = numpy_stream(seed, "draws of labels")
    order = rng.permutation(len(labels))
    validation, pool = order[: settings.validation], order[settings.validation :]
    classes = np.unique(labels)
    if len(classes) < 2:
        raise InputError(f"evaluate needs at least two classes, got {len(classes)}; add a folder of another class")
    counts = {int(c): int(np.sum(labels[pool] == c)) for c in classes}
    worst = min(counts, key=lambda c: counts[c])
    if counts[worst] < settings.labels_per_class:
        raise InputError(
            f"evaluate.labels_per_class must be at most what a class has outside the validation set, got "
            f"{settings.labels_per_class} and {counts[worst]} of class {worst} ({len(labels)} labelled images, "
            f"{settings.validation} held for validation); lower labels_per_class or validation, or add images"
        )

    def draw(count: int) -> NDArray[np.int64]:
        members = [pool[labels[pool] == c] for c in classes]
        return np.stack(
            [
                np.concatenate([rng.choice(m, settings.labels_per_class, replace=False) for m in members])
                for _ in range(count)
            ]
        )

    return Draws(validation, draw(settings.selection_draws), draw(settings.report_draws))


def judge(
    train: Rows,
    y_train: NDArray[np.int64],
    test: Rows,
    y_test: NDArray[np.int64],
    draws: Draws,
    candidates: Sequence[float],
    advance: Advance,
) -> Outcome:
    """Judge one kind of features by the protocol.

    Parameters
    ----------
    train, test
        float32 of shape (N, d) and (M, d).
    y_train, y_test
        int64 of shape (N,) and (M,).
    candidates
        Values of C, ascending.
    advance
        Called after each of the fits, ``len(candidates) * len(draws.selection) + len(draws.report)`` of them.

    Raises
    ------
    InputError
        Where features are not finite.
    """
    unconverged = 0

    def fit(rows: NDArray[np.int64], Cs: Sequence[float]) -> list[LinearModel]:
        nonlocal unconverged
        models = fit_path(np.asarray(train[rows]), y_train[rows], Cs)
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
    return Outcome(best, validation, accuracies, confusion, train.shape[1], unconverged)


def _classify(models: list[LinearModel], features: Rows, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    parts = [predict(models, np.asarray(features[rows[k : k + _BATCH]])) for k in range(0, len(rows), _BATCH)]
    return np.concatenate(parts, axis=1)  # (models, rows)


def _confusion(called: NDArray[np.int64], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    classes = np.union1d(truth, called)
    table = np.zeros((len(classes), len(classes)))
    places = np.searchsorted(classes, truth)
    for prediction in called:
        np.add.at(table, (places, np.searchsorted(classes, prediction)), 1)
    return table / np.maximum(table.sum(axis=1, keepdims=True), 1)
