"""The metrics that the settings name, with the images that samples are compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from dcgan_pipeline.gan.monitor_settings import QualitySettings
from dcgan_pipeline.gan.quality import distances
from dcgan_pipeline.gan.quality.inception import POOLED, InceptionSpace, inception_score
from dcgan_pipeline.gan.quality.spaces import Space, UntrainedSpace, pixels
from dcgan_pipeline.gan.settings import Architecture


class Metric(Protocol):
    """A number that says how far samples are from images."""

    @property
    def name(self) -> str:
        """What it is called in the settings, in the history and (after ``train.``) in MLflow."""

    @property
    def space(self) -> str:
        """The vectors that it compares: ``pixels``, ``untrained`` or ``inception``."""

    def __call__(self, real: NDArray[Any], generated: NDArray[Any]) -> float:
        """Compare vectors of images (m, d) with those of samples (n, d)."""


@dataclass(frozen=True)
class DistanceIn:
    """A :class:`Metric` made of a distance and a space."""

    name: str
    space: str
    distance: Callable[[NDArray[Any], NDArray[Any]], float]

    def __call__(self, real: NDArray[Any], generated: NDArray[Any]) -> float:
        """Compare vectors of images (m, d) with those of samples (n, d)."""
        return self.distance(real, generated)


def _fid(real: NDArray[Any], generated: NDArray[Any]) -> float:
    return distances.frechet(real[:, :POOLED], generated[:, :POOLED])


def _kid(real: NDArray[Any], generated: NDArray[Any]) -> float:
    return distances.kernel(real[:, :POOLED], generated[:, :POOLED])


REGISTRY: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        DistanceIn("nearest", "pixels", distances.nearest),
        DistanceIn("frechet_untrained", "untrained", distances.frechet),
        DistanceIn("kernel_untrained", "untrained", distances.kernel),
        DistanceIn("fid", "inception", _fid),
        DistanceIn("kid", "inception", _kid),
        DistanceIn("inception_score", "inception", inception_score),
    )
}


class QualityMetrics:
    """Compares samples with the same images again and again; their vectors are computed once.

    Parameters
    ----------
    metrics
        What to measure.
    spaces
        Those that the metrics name.
    real
        Images, uint8 (m, C, S, S), m at least 2.
    """

    def __init__(self, metrics: list[Metric], spaces: dict[str, Space], real: NDArray[np.uint8]) -> None:
        self._metrics, self._spaces = metrics, spaces
        self._real = {name: space(real) for name, space in spaces.items()}

    def __call__(self, generated: NDArray[np.uint8]) -> dict[str, float]:
        """Measure samples, uint8 (n, C, S, S), n at least 2: a number a metric, by its name."""
        vectors = {name: space(generated) for name, space in self._spaces.items()}
        return {m.name: float(m(self._real[m.space], vectors[m.space])) for m in self._metrics}


def make_quality_metrics(
    settings: QualitySettings, architecture: Architecture, real: NDArray[np.uint8], device: torch.device
) -> QualityMetrics:
    """Put together the metrics that the settings name, and the spaces that they need.

    Parameters
    ----------
    architecture
        Of the networks that are trained.
    real
        Images that samples are compared with, uint8 (m, C, S, S), m at least 2.

    Raises
    ------
    InputError
        Where a metric needs what is not installed, or a file that is not there.
    """
    make: dict[str, Callable[[], Space]] = {
        "pixels": lambda: pixels,
        "untrained": lambda: UntrainedSpace(architecture, real, device),
        "inception": lambda: InceptionSpace(str(settings.inception_weights), device),
    }
    metrics = [REGISTRY[name] for name in settings.metrics]
    return QualityMetrics(metrics, {name: make[name]() for name in {m.space: None for m in metrics}}, real)
