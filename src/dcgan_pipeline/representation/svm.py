"""The linear L2-SVM: one-vs-rest, squared hinge, L2 penalty (paper 5; scikit-learn's LinearSVC, as the authors)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC


@dataclass(frozen=True)
class LinearModel:
    """Scores are X @ weight.T + bias: weight (classes, features), bias (classes,), classes int64 (classes,)."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    classes: NDArray[np.int64]
    converged: bool


def fit_svm(X: NDArray[np.float32], y: NDArray[np.int64], C: float, seed: int) -> LinearModel:
    """Fit on features (n, d) and labels (n,) of at least three classes, or two."""
    svm = LinearSVC(C=C, loss="squared_hinge", penalty="l2", dual="auto", max_iter=10_000, random_state=seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        svm.fit(X, y)
    converged = not any(issubclass(w.category, ConvergenceWarning) for w in caught)
    weight, bias = svm.coef_, svm.intercept_
    if len(svm.classes_) == 2:  # scikit-learn keeps one column for two classes
        weight, bias = np.concatenate([-weight, weight]), np.concatenate([-bias, bias])
    return LinearModel(weight.astype(np.float32), bias.astype(np.float32), svm.classes_, converged)


def predict(models: list[LinearModel], X: NDArray[np.float32]) -> NDArray[np.int64]:
    """Classify features (n, d) by several models with the same classes, in one pass: labels (models, n)."""
    weight = np.concatenate([model.weight for model in models])  # (models * classes, d)
    scores = X @ weight.T + np.concatenate([model.bias for model in models])
    best = scores.reshape(len(X), len(models), -1).argmax(axis=2)  # (n, models)
    return models[0].classes[best].T
