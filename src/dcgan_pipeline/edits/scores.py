"""Edits judged by an attribute model: what each was to change, what it changed, and what a random one does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.attributes.model import AttributeModel
from dcgan_pipeline.edits.forgetting import with_and_without
from dcgan_pipeline.edits.latents import Latents, Network, pictures, pixel_change, random_vectors
from dcgan_pipeline.progress import track
from dcgan_pipeline.randomness import numpy_stream, torch_stream

PROBABILITY, DEVIATIONS, SHARE = "probability", "standard deviations", "share of pixels"
COLUMNS = (
    *("edit", "asked", "of", "unit", "before", "after", "change", "low", "high", "random", "random_spread"),
    *("samples", "pixels", "random_pixels"),
)


def pixels_of(thing: str) -> str:
    """Name the column of an object's pixels: an attribute may be called like the object."""
    return f"{thing} pixels"


@dataclass(frozen=True)
class Reading:
    """What a model says of images."""

    images: NDArray[np.uint8]
    values: NDArray[np.float64]
    """(n, attributes): in the units of a :class:`Judge`."""
    masks: NDArray[np.bool_]
    """(n, objects, S, S)."""

    @cached_property
    def areas(self) -> NDArray[np.int64]:
        """Pixels of each object: (n, objects)."""
        return self.masks.sum((2, 3))


@dataclass(frozen=True)
class Judge:
    """An attribute model, and the unit that a change of each attribute is told in."""

    model: AttributeModel
    units: NDArray[np.float64]
    """1 of a binary attribute, which is a probability; the standard deviation over samples of a continuous one."""

    @classmethod
    def by(cls, model: AttributeModel, images: NDArray[np.uint8]) -> Judge:
        """Take the standard deviations from samples."""
        spread = model.attribute_scores(images).std(0).astype(np.float64)
        continuous = np.array([kind == "continuous" for kind in model.kinds], bool)
        return cls(model, np.where(continuous & (spread > 0), spread, 1.0))

    @property
    def columns(self) -> dict[str, str]:
        """What it judges, with the unit of a change."""
        kinds = {"binary": PROBABILITY, "continuous": DEVIATIONS}
        found = {name: kinds[kind] for name, kind in zip(self.model.attributes, self.model.kinds, strict=True)}
        return found | dict.fromkeys(map(pixels_of, self.model.objects), SHARE)

    def read(self, images: NDArray[np.uint8]) -> Reading:
        """Judge images, uint8 (n, C, S, S)."""
        scores, masks = self.model.judge(images)
        return Reading(images, scores / self.units, masks)

    def sum_of(self, groups: Sequence[tuple[int, NDArray[np.uint8]]]) -> NDArray[np.float64]:
        """Add and take away the mean values of groups of images, each with its sign: (attributes,)."""
        means = [sign * (self.model.attribute_scores(images) / self.units).mean(0) for sign, images in groups]
        return np.sum(means, 0)

    def largest(self, changes: NDArray[np.float64]) -> str:
        """Name the attribute with the largest change, (attributes,): what an edit that makes it is to change."""
        return self.model.attributes[int(np.abs(changes).argmax())] if len(changes) else ""


@dataclass(frozen=True)
class Moved:
    """An edit: samples moved by a vector, (latent_dim,); its control: random vectors of the same length."""

    name: str
    asked: str
    """What it is to change: a column of the judge."""
    latents: Latents
    vector: Tensor

    def pictures(self, network: Network) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Draw samples before and after."""
        return pictures(network, self.latents), pictures(network, self.latents.moved(self.vector))

    def control(self, network: Network, seed: int, draw: int) -> NDArray[np.uint8]:
        """Draw them after a random edit."""
        stream = torch_stream(seed, "edit scores", self.name, draw)
        vector = random_vectors(float(self.vector.norm()), 1, len(self.vector), stream)[0]
        return pictures(network, self.latents.moved(vector))


@dataclass(frozen=True)
class Dropped:
    """An edit: samples drawn without some maps of a layer; its control: without as many random ones."""

    name: str
    asked: str
    latents: Latents
    layer: int
    maps: NDArray[np.int64]
    among: int
    """Maps of the layer."""

    def pictures(self, network: Network) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Draw samples before and after."""
        return with_and_without(network, self.latents, self.layer, self.maps)

    def control(self, network: Network, seed: int, draw: int) -> NDArray[np.uint8]:
        """Draw them after a random edit."""
        order = numpy_stream(seed, "edit scores", self.name, draw).permutation(self.among)
        return with_and_without(network, self.latents, self.layer, order[: len(self.maps)])[1]


Edit = Moved | Dropped


def score_edits(network: Network, judge: Judge, edits: Sequence[Edit], draws: int, seed: int) -> pd.DataFrame:
    """Judge every edit, and as many random ones of the same size as are asked for.

    Returns
    -------
    DataFrame
        A row an edit and an attribute or object (``of``): what was ``asked``; the means ``before`` and ``after``; their
        difference, the ``change``, in the ``unit``; the quartiles of the change over samples (``low``, ``high``); the
        mean change by the random edits (``random``), and the root of the mean of its squares over them
        (``random_spread``), since directions may cancel; the number of ``samples``. And for each edit, how much of
        the picture changes beside the object asked for: the mean of ``pixels`` in grey levels, and ``random_pixels``.
        An object's ``before`` is its share of the picture, and its change relative to that: NaN where no sample has it.
    """
    rows: list[dict[str, Any]] = []
    for edit in track(edits, "edits: judge", len(edits)):
        before, after = (judge.read(images) for images in edit.pictures(network))
        controls = [judge.read(edit.control(network, seed, draw)) for draw in range(draws)]
        areas = [pixels_of(name) for name in judge.model.objects]
        place = areas.index(edit.asked) if edit.asked in areas else None
        about = {"edit": edit.name, "asked": edit.asked, "samples": len(edit.latents)}
        about["pixels"] = _pixels(before, after, place)
        about["random_pixels"] = float(np.mean([_pixels(before, control, place) for control in controls]))
        rows += [about | row for row in _compared(judge, before, after, controls)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def summarise(table: pd.DataFrame) -> dict[str, float]:
    """Average over the edits of attributes: what was asked for, all else, and the same by random edits.

    Changes of what was asked for are counted in its direction, of all else and by random edits without sign.
    """
    scored = table[table["unit"] != SHARE]
    hit = scored["of"] == scored["asked"]
    found = {
        "asked": scored.loc[hit, "change"].abs().mean(),
        "others": scored.loc[~hit & scored["edit"].isin(scored.loc[hit, "edit"]), "change"].abs().mean(),
        "random": scored.loc[hit, "random_spread"].mean(),
        "pixels": table.groupby("edit")["pixels"].first().mean(),
        "random_pixels": table.groupby("edit")["random_pixels"].first().mean(),
    }
    return {f"edit_scores.{name}": float(value) for name, value in found.items() if np.isfinite(value)}


def _pixels(before: Reading, after: Reading, place: int | None) -> float:
    where = None if place is None else ~before.masks[:, place]
    return float(pixel_change(before.images, after.images, where).mean())


def _compared(judge: Judge, before: Reading, after: Reading, controls: Sequence[Reading]) -> Iterator[dict[str, Any]]:
    """A row for each attribute, then for each object."""
    names = list(judge.columns.items())
    count = len(judge.model.attributes)
    for k, (name, unit) in enumerate(names[:count]):
        apart = after.values[:, k] - before.values[:, k]
        low, high = np.quantile(apart, (0.25, 0.75))
        means = [float(reading.values[:, k].mean()) for reading in (before, after)]
        random = [float((reading.values[:, k] - before.values[:, k]).mean()) for reading in controls]
        yield _row(name, unit, means, means[1] - means[0], (low, high), random)
    for k, (name, unit) in enumerate(names[count:]):
        at_first = before.areas[:, k]
        seen, whole = at_first > 0, at_first.sum() or np.nan
        shares = after.areas[seen, k] / at_first[seen] - 1
        low, high = np.quantile(shares, (0.25, 0.75)) if seen.any() else (np.nan, np.nan)
        means = [float(reading.masks[:, k].mean()) for reading in (before, after)]
        random = [float(reading.areas[:, k].sum() / whole - 1) for reading in controls]
        yield _row(name, unit, means, after.areas[:, k].sum() / whole - 1, (low, high), random)


def _row(
    name: str, unit: str, means: Sequence[float], change: float, ends: tuple[Any, Any], random: Sequence[float]
) -> dict[str, Any]:
    spread = float(np.sqrt(np.mean(np.square(random))))
    values = (name, unit, *means, float(change), *map(float, ends), float(np.mean(random)), spread)
    return dict(zip(COLUMNS[2:11], values, strict=True))
