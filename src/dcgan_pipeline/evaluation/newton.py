"""Newton's method for the linear L2-SVM, all classes and a whole path of C at once.

Minimise, for each class against the rest with signs y of -1 and 1 (Fan et al. 2008, LinearSVC's objective),

    P(w) = |w|^2 / 2 + C sum_i max(0, 1 - y_i w.x_i)^2,    x with a 1 at its end, so that w ends with the intercept.

With a_i = 2 C max(0, 1 - y_i w.x_i), the dual's value at a is P(w) - |g|^2 / 2, where g = w - sum_i a_i y_i x_i is the
gradient. Half its square is therefore a duality gap, which bounds what is left to gain: it decides when to stop.

Few rows (no more than columns, and than 3,000 or a quarter of the columns): a Gram matrix once, then Newton's steps on
the rows within the margin by Cholesky (Chapelle 2007, "Training a support vector machine in the primal"). Many rows:
truncated Newton by preconditioned conjugate gradients; one pass over the rows gives the Hessian's products of all
classes, so that they may lie in a file (our choice).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.evaluation.preconditioner import finite, make_preconditioner


class Rows(Protocol):
    """Features (n, d), in memory or not: an array, a ShardedArray, or anything that looks like one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, d)."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> NDArray[Any]: ...


GRAM_ROWS = 3000  # so many rows, or a quarter of the columns, have Cholesky factors that cost less than passes do
_SHORT = 1 << 21  # numbers of a part for narrow products: what stays in a cache is read from memory once
_LONG = 1 << 24  # and for wide ones
_COLUMNS = 2048  # of the rows that become float64 at once
_WIDE = 2048  # columns from which a direction is found in float32: with fewer, float64 costs little
_CG_STEPS = 200
_PAD = 16  # a product with so many columns takes less time than one with ten


@dataclass(frozen=True)
class Solution:
    """A minimum for one C: weight float64 (classes, d), bias (classes,), and the relative duality gaps (classes,)."""

    weight: Tensor
    bias: Tensor
    gaps: Tensor
    iterations: int
    converged: bool


@dataclass(frozen=True)
class _Look:
    """What one look at all rows tells, of each class: scores (k, n), the gradient, |w|^2 and |g|^2 (k,)."""

    scores: Tensor
    gradient: Tensor
    square: Tensor
    gradient_square: Tensor


@dataclass(frozen=True)
class _Step:
    """A direction s, its scores (k, n), and the products w.s and s.s (k,)."""

    direction: Tensor
    scores: Tensor
    along: Tensor
    square: Tensor


class _Form(Protocol):
    """Where a point w lives and how it moves; a point is float64 (k, anything)."""

    def start(self) -> Tensor: ...

    def look(self, point: Tensor, C: float) -> _Look: ...

    def step(self, point: Tensor, look: _Look, C: float, live: Tensor, accuracy: Tensor) -> _Step: ...

    def weights(self, point: Tensor) -> tuple[Tensor, Tensor]: ...


def solve_path(
    X: Rows,
    signs: NDArray[np.float64],
    Cs: Sequence[float],
    tol: float,
    max_iter: int,
    device: torch.device,
    gram: bool | None = None,
) -> Iterator[Solution]:
    """Solve for each C in turn, each from the solution before it.

    Parameters
    ----------
    X
        (n, d), of any real dtype.
    signs
        (k, n): 1 where a row is of the class, -1 where it is not.
    tol
        Stop where the duality gap of every class is at most this share of its objective.
    max_iter
        Newton's steps for one C.
    gram
        Which form; None chooses.

    Raises
    ------
    InputError
        Where features are not finite.
    """
    y = torch.as_tensor(signs, dtype=torch.float64, device=device)
    few = len(X) <= min(max(GRAM_ROWS, X.shape[1] // 4), X.shape[1])
    form: _Form = _Gram(X, y) if (few if gram is None else gram) else _Streamed(X, y)
    point = form.start()
    for C in Cs:
        point, gaps, iterations = _minimise(form, y, C, point, tol, max_iter)
        yield Solution(*form.weights(point), gaps, iterations, bool((gaps <= tol).all()))


def _minimise(form: _Form, y: Tensor, C: float, point: Tensor, tol: float, max_iter: int) -> tuple[Tensor, Tensor, int]:
    before = torch.full_like(y[:, 0], torch.inf)
    for iteration in range(max_iter + 1):
        look = form.look(point, C)
        value = look.square / 2 + C * _slack(y, look.scores).square().sum(1)  # (k,)
        finite(value)
        left = look.gradient_square / 2
        gaps = torch.where(value > left, left / (value - left), torch.inf)
        # A value that no longer falls is as near to the minimum as the numbers allow.
        live = (gaps > tol) & (value < before)
        if iteration == max_iter or not live.any():
            break
        step = form.step(point, look, C, live, (left / value).sqrt())
        length = _line_search(y, look.scores, step, C)
        point = point + torch.where(live, length, 0)[:, None] * step.direction
        before = torch.where(live, value, -torch.inf)
    return point, gaps, iteration


def _slack(y: Tensor, scores: Tensor) -> Tensor:
    return (1 - y * scores).clamp(min=0)


def _line_search(y: Tensor, scores: Tensor, step: _Step, C: float) -> Tensor:
    """Minimise along each class's direction: lengths (k,).

    The slope rises from below zero in straight pieces: Newton's method finds its root, kept in a bracket.
    """
    length = torch.ones_like(step.along)
    low, high = torch.zeros_like(length), torch.full_like(length, torch.inf)
    for _ in range(60):
        slack = _slack(y, scores + length[:, None] * step.scores)
        slope = step.along + length * step.square - 2 * C * (y * slack * step.scores).sum(1)
        curve = step.square + 2 * C * ((slack > 0) * step.scores.square()).sum(1)
        low, high = torch.where(slope < 0, length, low), torch.where(slope < 0, high, length)
        following = length - slope / curve.clamp(min=torch.finfo(curve.dtype).tiny)
        outside = (following <= low) | (following >= high)
        middle = torch.where(high.isinf(), 2 * length, (low + high) / 2)
        following = torch.where(outside & (slope != 0), middle, following)
        if ((following - length).abs() <= 1e-10 * length).all():
            break
        length = following
    return length


class _Gram:
    """A point is the coefficients of the rows, b (k, n): w = sum_i b_i x_i."""

    def __init__(self, X: Rows, y: Tensor) -> None:
        self._X, self._y = X, y
        self._K = gram_matrix(np.asarray(X[:]), y.device)  # (n, n)
        # Less than this is lost in the rounding of a factor; more than 1 / 2C only where C is huge.
        self._ridge = float(self._K.diagonal().max()) * len(self._K) * torch.finfo(torch.float64).eps

    def start(self) -> Tensor:
        return torch.zeros_like(self._y)

    def look(self, point: Tensor, C: float) -> _Look:
        scores = point @ self._K
        gradient = point - 2 * C * self._y * _slack(self._y, scores)
        squares = ((point * scores).sum(1), (gradient * (gradient @ self._K)).sum(1).clamp(min=0))
        return _Look(scores, gradient, *squares)

    def step(self, point: Tensor, look: _Look, C: float, live: Tensor, accuracy: Tensor) -> _Step:
        target = torch.zeros_like(point)
        active = _slack(self._y, look.scores) > 0
        every: Tensor | None = None  # the factor of all rows, the same for each class at the start
        for k in live.nonzero().flatten().tolist():
            rows = active[k].nonzero().flatten()
            if len(rows) == len(self._K):
                factor = every = self._factor(self._K.clone(), C) if every is None else every
            else:
                factor = self._factor(self._K.index_select(0, rows).index_select(1, rows), C)
            target[k, rows] = torch.cholesky_solve(self._y[k, rows, None], factor).squeeze(1)
        direction = target - point
        scores = direction @ self._K
        return _Step(direction, scores, (direction * look.scores).sum(1), (direction * scores).sum(1))

    def _factor(self, hessian: Tensor, C: float) -> Tensor:
        hessian.diagonal().add_(max(1 / (2 * C), self._ridge))
        return torch.linalg.cholesky(hessian)

    def weights(self, point: Tensor) -> tuple[Tensor, Tensor]:
        X = np.asarray(self._X[:])
        parts = [point @ part for part in _columns(X, point.device)]
        return torch.cat(parts, 1), point.sum(1)


def gram_matrix(X: NDArray[Any], device: torch.device) -> Tensor:
    """Multiply all pairs of rows, each with a 1 at its end: float64 (n, n), from any real (n, d).

    float64, as the rows have most of their length in common and their differences matter.
    """
    n = len(X)
    K = torch.ones(n, n, dtype=torch.float64, device=device)
    size = max(128, -(-n // 8))  # in blocks: half of them are the others' mirror images
    for part in _columns(X, device):
        for a in range(0, n, size):
            K[a : a + size, : a + size].addmm_(part[a : a + size], part[: a + size].T)
    return K.tril() + K.tril(-1).T


def _columns(X: NDArray[Any], device: torch.device) -> Iterator[Tensor]:
    for a in range(0, X.shape[1], _COLUMNS):
        yield torch.from_numpy(X[:, a : a + _COLUMNS].astype(np.float64)).to(device)


class _Streamed:
    """A point is w itself, (k, d + 1)."""

    def __init__(self, X: Rows, y: Tensor) -> None:
        self._X, self._y = X, y
        self._dtype = torch.float32 if X.shape[1] > _WIDE else torch.float64
        self._preconditioner = make_preconditioner(
            lambda: (part for _, part in self._parts(_LONG, self._dtype)), len(X), X.shape[1], self._dtype, y.device
        )

    def start(self) -> Tensor:
        return torch.zeros(len(self._y), self._X.shape[1] + 1, dtype=torch.float64, device=self._y.device)

    def _pass(
        self, point: Tensor, weigh: Callable[[Tensor, slice], Tensor], dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """Read all rows once: scores Z = V X' (k, n), and weigh(Z) X (k, d + 1), with products in some dtype."""
        k, d = len(self._y), self._X.shape[1]
        width = -(-k // _PAD) * _PAD
        V = torch.zeros(width, d, dtype=dtype, device=point.device)
        V[:k] = point[:, :d]
        scores, total = torch.empty_like(self._y), torch.zeros_like(point)
        for rows, X in self._parts(_SHORT, dtype):
            scores[:, rows] = (X @ V.T).T[:k].double() + point[:, d:]
            weights = weigh(scores[:, rows], rows)
            H = torch.zeros(width, len(X), dtype=dtype, device=point.device)
            H[:k] = weights
            total[:, :d] += (H @ X)[:k]
            total[:, d] += weights.sum(1)
        return scores, total

    def _parts(self, numbers: int, dtype: torch.dtype) -> Iterator[tuple[slice, Tensor]]:
        size = max(_PAD, numbers // self._X.shape[1])
        for start in range(0, len(self._X), size):
            rows = slice(start, min(start + size, len(self._X)))
            part = np.ascontiguousarray(self._X[rows])
            tensor = torch.from_numpy(part if part.flags.writeable else part.copy())
            yield rows, tensor.to(self._y.device).to(dtype)

    def look(self, point: Tensor, C: float) -> _Look:
        def pull(scores: Tensor, rows: slice) -> Tensor:
            y = self._y[:, rows]
            return 2 * C * y * _slack(y, scores)

        scores, total = self._pass(point, pull, torch.float64)  # the gap and the minimum are as accurate as this
        gradient = point - total
        return _Look(scores, gradient, point.square().sum(1), gradient.square().sum(1))

    def step(self, point: Tensor, look: _Look, C: float, live: Tensor, accuracy: Tensor) -> _Step:
        """Solve H s = -g by preconditioned conjugate gradients, H = 1 + 2C X' D X with D the rows in the margin."""
        curve = 2 * C * (_slack(self._y, look.scores) > 0).double()  # (k, n)
        precondition = self._preconditioner.inverse(curve, live)

        def weigh(found: Tensor, rows: slice) -> Tensor:
            return curve[:, rows] * found

        residual = -look.gradient * live[:, None]
        s, scores = torch.zeros_like(point), torch.zeros_like(look.scores)
        z = precondition(residual)
        p, rz = z, (residual * z).sum(1)
        goal = rz * accuracy.clamp(max=0.1).square()  # the nearer to the minimum, the more accurate
        for _ in range(_CG_STEPS):
            p_scores, product = self._pass(p, weigh, self._dtype)
            product += p
            alpha = torch.where(live, rz / (p * product).sum(1), 0)[:, None]
            s, scores, residual = s + alpha * p, scores + alpha * p_scores, residual - alpha * product
            z = precondition(residual)
            following = (residual * z).sum(1)
            live = live & (following > goal)
            if not live.any():
                break
            p, rz = z + torch.where(live, following / rz, 0)[:, None] * p, following
        return _Step(s, scores, (point * s).sum(1), s.square().sum(1))

    def weights(self, point: Tensor) -> tuple[Tensor, Tensor]:
        return point[:, :-1], point[:, -1]
