"""What happens in training beside the losses: are the samples still varied, is D too strong, does G still learn?

Samples are compared with images of the training set, as uint8, so that both are measured alike. All measures of
samples are relative to the same of the data: 1 is as varied, or as vivid, as the data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dcgan_pipeline.gan.monitor_settings import DiagnosticsSettings

REFERENCE_IMAGES = 256  # of the training set, that samples are compared with
COLUMNS = [
    *("accuracy_real", "accuracy_fake", "grad_norm_d", "grad_norm_g"),
    *("diversity", "contrast", "saturation", "saturation_real"),
]


class ImageStatistics(NamedTuple):
    """Three numbers that say what a set of images looks like, in grey levels of 0 to 255."""

    distance: float
    """Mean Euclidean distance of two different images, divided by the root of the numbers an image has."""
    contrast: float
    """Standard deviation within an image: the root of the mean variance."""
    saturation: float
    """Share of numbers that are 0 or 255: the ends of tanh."""


def look(images: NDArray[np.uint8]) -> ImageStatistics:
    """Measure uint8 images (n, C, S, S), n at least 2; the same images in any order give the same but for rounding."""
    flat = torch.from_numpy(images.reshape(len(images), -1)).float()
    distances = torch.pdist(flat) / math.sqrt(flat.shape[1])  # (n (n - 1) / 2,)
    variances = flat.var(dim=1, correction=0)  # (n,)
    ends = ((images == 0) | (images == 255)).mean()
    return ImageStatistics(float(distances.mean()), math.sqrt(float(variances.mean())), float(ends))


def compare(samples: NDArray[np.uint8], data: ImageStatistics) -> dict[str, float]:
    """Compare samples, uint8 (n, C, S, S), with the data.

    Returns
    -------
    dict
        diversity and contrast, as shares of the data's (left out where the data has none: equal or blank images), and
        saturation of samples and of the data.
    """
    drawn = look(samples)
    shares = {"diversity": (drawn.distance, data.distance), "contrast": (drawn.contrast, data.contrast)}
    found = {name: ours / theirs for name, (ours, theirs) in shares.items() if theirs > 0}
    return found | {"saturation": drawn.saturation, "saturation_real": data.saturation}


def gradient_norm(network: nn.Module) -> Tensor:
    """Euclidean norm of the gradients that the last update left, over all parameters: float32, a scalar."""
    return torch.nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])


class Problem(NamedTuple):
    """Something that has gone wrong, in words."""

    name: str
    text: str
    fatal: bool
    """Whether ``on_collapse`` is about it; contrast is not, since other random numbers do not mend it."""


class CollapseMonitor:
    """Looks at one row of the history after another, and says what has been wrong for ``patience`` rows.

    A row may lack values (the schedule may have updated one network alone); the last ones known stand for them. What
    it says depends on the rows alone, so that a resumed run, which shows it the rows before, is told the same.
    """

    def __init__(self, settings: DiagnosticsSettings) -> None:
        self._settings = settings
        self._known: dict[str, float] = {}
        self._held: dict[str, int] = {}  # rows in a row, by problem
        self._wrong = False
        self.fatal: Problem | None = None
        """What ``on_collapse`` is about and has been wrong for ``patience`` rows or more, also when it is no news."""

    @property
    def healthy(self) -> bool:
        """Whether the last row, of the warm-up too, showed nothing wrong, so that one may come back to a checkpoint."""
        return not self._wrong

    def see(self, row: Mapping[str, Any]) -> list[Problem]:
        """Take the next row in, and return the problems that have just held for long enough."""
        self._known |= {name: value for name, value in row.items() if isinstance(value, float)}
        found = {p.name: p for p in _problems(self._known, self._settings)}
        self._wrong = any(problem.fatal for problem in found.values())
        if row["step"] <= self._settings.warm_up:
            return []
        self._held = {name: self._held.get(name, 0) + 1 for name in found}
        lasting = (found[name] for name, rows in self._held.items() if rows >= self._settings.patience)
        self.fatal = next((problem for problem in lasting if problem.fatal), None)
        return [found[name] for name, rows in self._held.items() if rows == self._settings.patience]


_BLANK = 0.02  # contrast below which samples are one blank picture, whatever their ratio
_FATAL = ("d_wins", "collapse", "saturation")


def _problems(row: Mapping[str, float], s: DiagnosticsSettings) -> list[Problem]:
    texts = {
        "d_wins": _d_wins(row, s),
        "collapse": _collapse(row, s),
        "saturation": _saturation(row, s),
        "contrast": _contrast(row, s),
    }
    return [Problem(name, text, name in _FATAL) for name, text in texts.items() if text]


def _d_wins(row: Mapping[str, float], s: DiagnosticsSettings) -> str | None:
    known = ("accuracy_real", "accuracy_fake", "loss_g", "grad_norm_g")
    if not all(name in row for name in known) or min(row["accuracy_real"], row["accuracy_fake"]) < s.min_accuracy:
        return None
    if row["loss_g"] <= s.max_loss_g and row["grad_norm_g"] >= s.min_gradient_g:
        return None
    return (
        f"D wins: it tells {row['accuracy_real']:.1%} of the images and {row['accuracy_fake']:.1%} of the samples, "
        f"G's loss is {row['loss_g']:.3g} and its gradient {row['grad_norm_g']:.3g}"
    )


def _collapse(row: Mapping[str, float], s: DiagnosticsSettings) -> str | None:
    if "diversity" not in row or "contrast" not in row:
        return None
    share = row["diversity"] / max(row["contrast"], _BLANK)
    if share >= s.min_diversity:
        return None
    return f"G has collapsed: at the same contrast, the distance between its samples is {share:.2f} times the images'"


def _saturation(row: Mapping[str, float], s: DiagnosticsSettings) -> str | None:
    ours, theirs = row["saturation"], row["saturation_real"]
    if ours - theirs <= s.max_saturation * (1 - theirs) or theirs == 1:
        return None
    return f"G saturates: {ours:.1%} of the pixels of its samples are black or white, and {theirs:.1%} of the images'"


def _contrast(row: Mapping[str, float], s: DiagnosticsSettings) -> str | None:
    if "contrast" not in row or s.min_contrast <= row["contrast"] <= s.max_contrast:
        return None
    return (
        f"contrast has drifted: that of the samples is {row['contrast']:.2f} times that of the images, and D cannot "
        "see it (docs/architecture.md)"
    )
