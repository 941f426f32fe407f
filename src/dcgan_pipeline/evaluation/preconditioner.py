"""An approximate inverse of the L2-SVM's Hessians, H = 1 + X' W X for each class, W its weights of the rows.

Randomised subspace iteration (Halko, Martinsson & Tropp 2011, algorithm 4.4) finds the strongest directions U of X'X.
Along them H is inverted class by class, from the rows' coordinates Z = X U; across them it is taken for a multiple of
1, as randomised Nystrom preconditioning does (Frangella, Tropp & Udell 2023). With few columns U is all of them, and
the inverse is H's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from dcgan_pipeline.errors import InputError

_RANK = 512  # directions at most
_COLUMNS_A_DIRECTION = 14  # a factor of more directions than this costs more than the passes that it saves
_EXACT = 64  # so many directions cost next to nothing
_COORDINATES = 1 << 26  # numbers of Z at most: half a GiB in float64, and a copy of a part
_ROUNDS = 2  # of the subspace iteration
_ACROSS = 0.5  # of the weakest direction found, as strong as the others are taken for: the best of 0, 0.5, 1 and 2


@dataclass(frozen=True)
class Preconditioner:
    """Directions (d + 1, q), orthonormal; coordinates of the rows (n, q); the weakest direction's eigenvalue of X'X."""

    directions: Tensor
    coordinates: Tensor
    weakest: float

    def inverse(self, weights: Tensor, live: Tensor) -> Callable[[Tensor], Tensor]:
        """Approximate the inverses for weights of the rows (k, n): a function of float64 (k, d + 1).

        Classes that are not ``live`` (k,) get any positive definite matrix.
        """
        U = self.directions
        factors = torch.eye(U.shape[1], dtype=torch.float64, device=U.device).repeat(len(weights), 1, 1)
        for k in live.nonzero().flatten().tolist():
            factors[k] = self._factor(weights[k])
        across = 1 + _ACROSS * self.weakest * weights.mean(1, keepdim=True)  # (k, 1)

        def apply(v: Tensor) -> Tensor:
            along = v.to(U.dtype) @ U  # (k, q)
            solved = torch.cholesky_solve(along.double()[:, :, None], factors).squeeze(2)
            return v / across + (solved - along / across).to(U.dtype) @ U.T

        return apply

    def _factor(self, weights: Tensor) -> Tensor:
        rows = weights.nonzero().flatten()
        Z = self.coordinates.index_select(0, rows) * weights[rows, None].sqrt().to(self.coordinates.dtype)
        hessian = (Z.T @ Z).double()
        rounding = len(hessian) * torch.finfo(Z.dtype).eps  # of the products, relative to the diagonal
        hessian.diagonal().mul_(1 + rounding).add_(1)
        return torch.linalg.cholesky(hessian)


def make_preconditioner(
    read: Callable[[], Iterator[Tensor]], count: int, columns: int, dtype: torch.dtype, device: torch.device
) -> Preconditioner:
    """Find the strongest directions of rows (count, columns), each with a 1 at its end.

    Parameters
    ----------
    read
        Yields all rows in parts, in order, of ``dtype``; called three times.

    Raises
    ------
    InputError
        Where a number is not finite.
    """
    rank = min(max(_EXACT, min(_RANK, columns // _COLUMNS_A_DIRECTION)), columns + 1, count, -(-_COORDINATES // count))
    Q = torch.eye(columns + 1, dtype=dtype, device=device)
    if rank <= columns:
        Q = torch.randn(columns + 1, rank, generator=torch.Generator().manual_seed(0), dtype=dtype).to(device)
        for _ in range(_ROUNDS):
            image = torch.zeros_like(Q)
            for X in read():
                Z = _coordinates(X, Q)
                image[:-1].addmm_(X.T, Z)
                image[-1] += Z.sum(0)
            Q = torch.linalg.qr(finite(image))[0]
    Z = torch.cat([_coordinates(X, Q) for X in read()])
    values, turn = torch.linalg.eigh(finite(Z.T @ Z).double())
    turn = turn.to(dtype)  # to the principal axes: columns of Z that are nearly orthogonal have accurate factors
    return Preconditioner(Q @ turn, Z @ turn, max(0.0, float(values[0])))


def _coordinates(X: Tensor, Q: Tensor) -> Tensor:
    return torch.addmm(Q[-1], X, Q[:-1])


def finite(numbers: Tensor) -> Tensor:
    """Return numbers, refuse them where one is not finite."""
    if not torch.isfinite(numbers).all():
        raise InputError("features must be finite numbers, got NaN, infinity or numbers too large to multiply")
    return numbers
