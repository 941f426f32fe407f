"""Features at zero mean and unit variance, as Coates, Lee & Ng (2011) train their L2-SVM on them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from dcgan_pipeline.progress import track

_BATCH = 1024  # rows in memory at once
_FLOOR = 0.01  # added to variances (Coates & Ng's code), so that features that hardly vary are not blown up


class Standardised:
    """Features (N, d) seen less a mean and divided by a scale, float32; a view: nothing is computed until it is read.

    Parameters
    ----------
    features
        A ShardedArray, or what looks like one.
    mean, scale
        (d,), from :func:`moments` of the training set, for the test set too.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, features: Any, mean: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
        self.features, self.mean, self.scale = features, mean.astype(np.float32), scale.astype(np.float32)
        self.attrs = getattr(features, "attrs", {})
        self.shape = features.shape

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        return (np.asarray(self.features[rows], np.float32) - self.mean) / self.scale


def moments(features: Any, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit mean and scale, sqrt(variance + 0.01), to rows of features (N, d), a batch at a time: float64 (d,) each."""
    scaler = StandardScaler()
    starts = range(0, len(rows), _BATCH)
    for start in track(starts, "mean and variance of features", len(starts)):
        scaler.partial_fit(np.asarray(features[rows[start : start + _BATCH]], np.float64))
    return scaler.mean_, np.sqrt(scaler.var_ + _FLOOR)
