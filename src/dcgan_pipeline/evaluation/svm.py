"""The linear L2-SVM: one-vs-rest, squared hinge, L2 penalty (paper 5; the authors use scikit-learn's LinearSVC)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.newton import Rows, Solution, solve_path

TOL = 1e-5  # relative duality gap
MAX_ITER = 100  # Newton's steps
_BATCH = 4096  # rows of a large set in memory at once


@dataclass(frozen=True)
class LinearModel:
    """Scores are X @ weight.T + bias: weight (classes, features), bias (classes,), classes (classes,)."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    classes: NDArray[Any]
    converged: bool


def fit_path(
    X: Rows,
    y: NDArray[Any],
    Cs: Sequence[float],
    tol: float = TOL,
    max_iter: int = MAX_ITER,
    device: torch.device | str = "cpu",
) -> list[LinearModel]:
    """Fit for several values of C, best in ascending order: the Gram matrix is shared and each starts from the last.

    Parameters
    ----------
    X, y
        Features (n, d), in memory or in shards, and labels (n,) of two or more classes.
    tol
        Relative duality gap, which bounds the relative error of the objective.

    Returns
    -------
    list
        One model a C; a fit that ran out of iterations says so in ``converged``.

    Raises
    ------
    InputError
        Where there is one class only, X and y differ in length, C is not positive, or features are not finite.
    """
    classes, solutions = _solve(X, y, Cs, tol, max_iter, device)
    models = []
    for found in solutions:
        weight, bias = found.weight.cpu().numpy(), found.bias.cpu().numpy()
        if len(classes) == 2:  # one problem decides both
            weight, bias = np.concatenate([-weight, weight]), np.concatenate([-bias, bias])
        models.append(LinearModel(weight, bias, classes, found.converged))
    return models


def _solve(
    X: Rows, y: NDArray[Any], Cs: Sequence[float], tol: float, max_iter: int, device: torch.device | str
) -> tuple[NDArray[Any], list[Solution]]:
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise InputError(f"the SVM needs labels of two or more classes, got 1 class: {classes.tolist()}")
    if len(X.shape) != 2 or len(y) != len(X):
        raise InputError(f"features must be (rows, columns) with a label a row, got {X.shape} and {len(y)} labels")
    if not min(Cs) > 0:
        raise InputError(f"C must be positive, got {min(Cs)}")
    numbers = np.arange(len(classes)) if len(classes) > 2 else np.array([1])
    signs = np.where(codes == numbers[:, None], 1.0, -1.0)  # (k, n)
    return classes, list(solve_path(X, signs, Cs, tol, max_iter, torch.device(device)))


def predict(models: list[LinearModel], X: NDArray[np.float32]) -> NDArray[np.int64]:
    """Classify features (n, d) by several models with the same classes, in one pass: labels (models, n).

    Raises
    ------
    InputError
        Where features are not finite.
    """
    weight = np.concatenate([model.weight.astype(X.dtype) for model in models])  # (models * classes, d)
    scores = _finite(X @ weight.T + np.concatenate([model.bias.astype(X.dtype) for model in models]))
    best = scores.reshape(len(X), len(models), -1).argmax(axis=2)  # (n, models)
    return models[0].classes[best].T


def _finite(scores: NDArray[Any]) -> NDArray[Any]:
    if not np.isfinite(scores).all():
        raise InputError("features must be finite numbers, got NaN or infinity")
    return scores


class L2SVM(ClassifierMixin, BaseEstimator):
    """LinearSVC's classifier with its defaults and its minimum (squared hinge, L2 penalty, regularised intercept).

    Parameters
    ----------
    C
        Weight of the errors.
    tol
        Relative duality gap at which to stop. It bounds the relative error of the objective.
    max_iter
        Newton's steps at most.
    device
        Where to compute, as torch names it.

    Attributes
    ----------
    coef_, intercept_
        float64 (classes, features) and (classes,); of two classes one row and one number, for the second class.
    classes_
        Labels in ascending order.
    n_iter_
        Newton's steps taken.
    n_features_in_
        Columns seen by ``fit``.

    Examples
    --------
    >>> import numpy as np
    >>> L2SVM(C=1.0).fit(np.array([[-1.0], [1.0]]), ["a", "b"]).predict([[3.0]]).tolist()
    ['b']
    """

    def __init__(
        self, C: float = 1.0, tol: float = TOL, max_iter: int = MAX_ITER, device: torch.device | str = "cpu"
    ) -> None:
        self.C = C
        self.tol = tol
        self.max_iter = max_iter
        self.device = device

    def fit(self, X: Any, y: Any) -> L2SVM:
        """Fit on features (n, d), an array or anything in shards with its rows by slices, and labels (n,).

        Raises
        ------
        ValueError
            Where features are not finite, or there are fewer than two classes.
        """
        if _in_shards(X):
            y = np.asarray(y)
            self.n_features_in_ = X.shape[1]
        else:
            X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        self.classes_, (found,) = _solve(X, y, [self.C], self.tol, self.max_iter, self.device)
        self.coef_, self.intercept_ = found.weight.cpu().numpy(), found.bias.cpu().numpy()
        self.n_iter_ = found.iterations
        if not found.converged:
            warnings.warn(
                f"L2SVM stopped at a relative duality gap of {float(found.gaps.max()):.1e} after {found.iterations} "
                f"steps, wanted {self.tol:.1e}; raise max_iter or tol, or lower C",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def decision_function(self, X: Any) -> NDArray[Any]:
        """Score features (n, d): (n, classes), of two classes (n,) with positive numbers for the second."""
        check_is_fitted(self)
        if _in_shards(X):
            parts = [self._scores(_as_floats(X[a : a + _BATCH])) for a in range(0, len(X), _BATCH)]
            return _finite(np.concatenate(parts))
        return self._scores(validate_data(self, X, dtype=[np.float64, np.float32], reset=False))

    def _scores(self, X: NDArray[Any]) -> NDArray[Any]:
        scores = X @ self.coef_.T.astype(X.dtype) + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: Any) -> NDArray[Any]:
        """Classify features (n, d): labels (n,)."""
        scores = self.decision_function(X)
        return self.classes_[(scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(1)]


def _as_floats(part: NDArray[Any]) -> NDArray[Any]:
    return part if part.dtype == np.float64 else np.asarray(part, np.float32)


def _in_shards(X: Any) -> bool:
    # Has rows and a shape, but numpy would read it row by row: not for scikit-learn's checks, which load all of it.
    return hasattr(X, "shards")
