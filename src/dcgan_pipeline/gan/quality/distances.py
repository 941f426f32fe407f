"""Distances between two sets of vectors, exact, in float64 and in blocks: memory does not grow with both sets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

_BLOCK = 512  # rows at once


def nearest(real: NDArray[np.uint8], generated: NDArray[np.uint8]) -> float:
    """Mean Euclidean distance from each image to the nearest sample (authors' code).

    Falls when samples come to cover the images. It falls with the number of samples too: compare equal numbers.

    Parameters
    ----------
    real, generated
        Pixels, uint8 of shape (m, d) and (n, d).

    Returns
    -------
    float
        In the units of images in [-1, 1]: grey levels divided by 127.5. Squared distances are sums of whole numbers
        below 2^53 and therefore exact.
    """
    found = []
    for x in _blocks(real):
        closest = torch.full((len(x),), math.inf, dtype=torch.float64)
        for y in _blocks(generated):
            squared = (x * x).sum(1)[:, None] + (y * y).sum(1) - 2 * x @ y.T  # (block, block)
            closest = torch.minimum(closest, squared.min(1).values)
        found.append(closest.sqrt())
    return float(torch.cat(found).mean()) / 127.5


def frechet(real: NDArray[Any], generated: NDArray[Any]) -> float:
    """Squared Frechet distance between normal distributions fitted to two sets (Heusel et al. 2017, equation 6).

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), with unbiased covariances. With C = A' A for the centred rows A
    divided by sqrt(n - 1), the last trace is the sum of the singular values of A1 A2': no root of a matrix that is
    singular where there are fewer rows than numbers. It is biased upwards for small sets: compare equal numbers.

    Parameters
    ----------
    real, generated
        Of shape (m, d) and (n, d), m and n at least 2.
    """
    mean_r, root_r = _moments(real)
    mean_g, root_g = _moments(generated)
    between = np.linalg.norm(root_r @ root_g.T, "nuc")
    traces = np.sum(root_r**2) + np.sum(root_g**2)
    return max(0.0, float(np.sum((mean_r - mean_g) ** 2) + traces - 2 * between))  # rounding may leave -1e-15


def _moments(rows: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (d,), and R of shape (min(n, d), d) with R' R the unbiased covariance."""
    x = np.asarray(rows, np.float64)
    mean = x.mean(0)
    return mean, np.asarray(np.linalg.qr((x - mean) / math.sqrt(len(x) - 1), mode="r"))


def kernel(real: NDArray[Any], generated: NDArray[Any]) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x.y / d + 1)^3 (Binkowski et al. 2018).

    Its mean is 0 for two sets of one distribution, whatever their sizes, so that it may be below 0.

    Parameters
    ----------
    real, generated
        Of shape (m, d) and (n, d), m and n at least 2.
    """
    m, n = len(real), len(generated)
    within_r = (_kernel_sum(real, real) - _diagonal_sum(real)) / (m * (m - 1))
    within_g = (_kernel_sum(generated, generated) - _diagonal_sum(generated)) / (n * (n - 1))
    return within_r + within_g - 2 * _kernel_sum(real, generated) / (m * n)


def _kernel_sum(one: NDArray[Any], two: NDArray[Any]) -> float:
    return sum(float(((x @ y.T / x.shape[1] + 1) ** 3).sum()) for x in _blocks(one) for y in _blocks(two))


def _diagonal_sum(rows: NDArray[Any]) -> float:
    return sum(float((((x * x).sum(1) / x.shape[1] + 1) ** 3).sum()) for x in _blocks(rows))


def _blocks(rows: NDArray[Any]) -> Iterator[torch.Tensor]:
    return (torch.from_numpy(rows[start : start + _BLOCK]).double() for start in range(0, len(rows), _BLOCK))
