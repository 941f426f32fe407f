"""Samples beside the training images that are nearest to them, and what such distances can tell.

The paper looks for no neighbours, since they "are trivially fooled by small image transforms" (paper 6). So the same
search is made of images whose answer is known: training images left out of it, which nobody copied; images held out of
the training, where there are some; and training images that are moved by a few pixels, which are copies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dcgan_pipeline.figures.canvas import INK, SERIES, counted, new_figure, tile
from dcgan_pipeline.gan.conditional import labels_in_turn
from dcgan_pipeline.gan.data import to_pixels, to_range
from dcgan_pipeline.gan.sampling import load_discriminator, sample
from dcgan_pipeline.randomness import numpy_stream
from dcgan_pipeline.visualize.matching import match_samples
from dcgan_pipeline.visualize.neighbours import NOBODY, nearest_images
from dcgan_pipeline.visualize.spaces import spaces
from dcgan_pipeline.visualize.training_images import Pictures, Pile, Rows
from dcgan_pipeline.visualize.view_settings import NearestImagesSettings
from dcgan_pipeline.weights import Weights

SPACES = {"pixels": "pixels", "features": "D's features"}
KINDS = {  # what is searched for, and what it is called
    "sample": "samples",
    "training": "left out",
    "held_out": "held out",
    "moved": "moved copies",
}
_MOVED = 16  # a copy is moved by one part in so many of its side, to the right and down
_CLOSE = 0.01  # of the images that nobody copied, those that are nearest to another


@dataclass(frozen=True)
class NearestImages:
    """What was searched for and found."""

    table: pd.DataFrame
    """A row an image: ``kind``, ``number`` (in its kind), ``row`` (its own, or -1), and for each space the row of the
    nearest training image (``pixels_row``) and its distance (``pixels``)."""
    samples: NDArray[np.uint8]
    """(n, C, S, S)."""
    pile: Pile
    """The training images that were looked through."""


def find_nearest(
    gan: Weights,
    training: Pile,
    held_out: Pictures,
    settings: NearestImagesSettings,
    seed: int,
    device: torch.device,
) -> NearestImages:
    """Search the training images for the neighbours of samples and of images whose answer is known.

    Samples are compared at the brightness and contrast of the images (:mod:`dcgan_pipeline.visualize.matching`).
    """
    pile = training.some(settings.images, seed, "nearest images")
    rows = numpy_stream(seed, "left-out images").permutation(pile.rows)[: settings.samples]
    own = Pictures(pile.images[rows], None if pile.labels is None else pile.labels[rows])
    drawn = _samples(gan, settings.samples, seed, device)
    match = match_samples(gan, pile, seed, device)
    matched = to_pixels(match(to_range(drawn.pixels, device)))
    asked = {
        "sample": Pictures(matched, drawn.labels),
        "training": own,
        "held_out": held_out,
        "moved": Pictures(_moved(own.pixels), own.labels),
    }
    excluded = {"training": rows}
    nobody = {kind: np.full(len(pictures), NOBODY) for kind, pictures in asked.items()}
    together = Pictures(
        np.concatenate([pictures.pixels for pictures in asked.values()]),
        None if pile.labels is None else np.concatenate([_labels(pictures) for pictures in asked.values()]),
    )
    left_out = np.concatenate(list((nobody | excluded).values()))
    found = nearest_images(together, left_out, pile, spaces(load_discriminator(gan, device)), device)
    table = pd.DataFrame({"kind": np.repeat(list(asked), [len(p) for p in asked.values()])})
    table["number"] = table.groupby("kind").cumcount()
    table["row"] = np.concatenate(list((nobody | excluded | {"moved": rows}).values()))
    for name, nearest in found.items():
        table[f"{name}_row"], table[name] = nearest.rows, nearest.distances
    return NearestImages(table, drawn.pixels, pile)


def _samples(gan: Weights, count: int, seed: int, device: torch.device) -> Pictures:
    classes = gan.settings["architecture"].get("labels") or 0
    labels = labels_in_turn(count, classes).numpy() if classes else None
    return Pictures(sample(gan, count, seed, device), labels)


def _labels(pictures: Pictures) -> Rows:
    return np.empty(0, np.int64) if pictures.labels is None else pictures.labels


def _moved(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Move images to the right and down, and repeat their first column and row."""
    by, side = max(1, images.shape[-1] // _MOVED), images.shape[-1]
    return np.pad(images, ((0, 0), (0, 0), (by, 0), (by, 0)), mode="edge")[..., :side, :side]


def measure_nearest(table: pd.DataFrame) -> dict[str, float]:
    """Put numbers to it, for each space, ``nearest_images.<space>.<number>``.

    ``sample``, ``training``, ``held_out``, ``moved``: the median distance to the nearest training image (of those left
    out: another one). ``ratio``: of samples, as a share of those left out. ``closer``: the chance that a sample is
    nearer to a training image than an image that nobody copied is; held-out images where there are some, else those
    left out. 0.5 is as for new images, 1 a memory. ``copies``: the share of samples that are nearer than all but one in
    a hundred of the images left out: 0.01 is as for new images. ``moved_found``: the share of moved training images
    whose nearest one is the one that they are a copy of.
    """
    found: dict[str, float] = {}
    for space in SPACES:
        by_kind = {str(kind): part[space].to_numpy() for kind, part in table.groupby("kind")}
        numbers = {kind: float(np.median(distances)) for kind, distances in by_kind.items()}
        samples, left_out = by_kind["sample"], by_kind["training"]
        numbers["ratio"] = numbers["sample"] / numbers["training"] if numbers["training"] else 1.0
        numbers["closer"] = chance_closer(samples, by_kind.get("held_out", left_out))
        numbers["copies"] = float(np.mean(samples < np.quantile(left_out, _CLOSE)))
        moved = table[table["kind"] == "moved"]
        numbers["moved_found"] = float(np.mean(moved[f"{space}_row"] == moved["row"]))
        found |= {f"nearest_images.{space}.{name}": value for name, value in numbers.items()}
    return found


def chance_closer(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Give the chance that a number of ``a`` is below one of ``b``, ties by half: Mann and Whitney's U, divided."""
    below, equal = a[:, None] < b, a[:, None] == b
    return float((below + 0.5 * equal).mean())


def nearest_figure(found: NearestImages, numbers: dict[str, float], shown: int, trained: str) -> Figure:
    """Draw samples above their neighbours, as they come and the nearest ones, and the distances of all kinds.

    ``trained``: what the pile is called, such as "training images".
    """
    samples = found.table[found.table["kind"] == "sample"]
    first = samples.head(shown)
    nearest = samples.sort_values("pixels", kind="stable").head(shown)
    closer = {space: numbers[f"nearest_images.{space}.closer"] for space in SPACES}
    moved = {space: numbers[f"nearest_images.{space}.moved_found"] for space in SPACES}
    known = "held-out images" if "nearest_images.pixels.held_out" in numbers else f"{trained} left out of the search"
    caption = (
        f"A sample, the nearest in pixels and the nearest in D's features of {counted(len(found.pile.rows), 'image')}: "
        f"as drawn, and the nearest of {len(samples)}, at the contrast of images. A sample is nearer to one than "
        f"{known} are with a chance of {closer['pixels']:.2f} in pixels and {closer['features']:.2f} in D's features: "
        "0.5 is as for new images, 1 copies. Small transforms fool such a search (paper 6), which finds copies that "
        f"change little, and cannot rule out others: of copies moved by 1/{_MOVED} of the side, {moved['pixels']:.0%} "
        f"and {moved['features']:.0%} find their original."
    )
    figure = new_figure(f"Samples and the nearest {trained}", caption, 9.6, 4.3)
    figure.subplots_adjust(top=figure.subplotpars.top - 0.25 / figure.get_size_inches()[1])
    edges = {"left": 0.07, "right": 0.985, "top": figure.subplotpars.top, "bottom": figure.subplotpars.bottom}
    grid = figure.add_gridspec(2, 2, width_ratios=[2.1, 1], wspace=0.12, hspace=0.5, **edges)
    for k, (part, title) in enumerate(((first, "samples as drawn"), (nearest, "samples nearest to an image"))):
        _panel(figure.add_subplot(grid[k, 0]), found, part, title)
    for k, (space, name) in enumerate(SPACES.items()):
        _distances(figure.add_subplot(grid[k, 1]), found.table, space, name, legend=k == 0)
    return figure


def _panel(axes: Axes, found: NearestImages, part: pd.DataFrame, title: str) -> None:
    images = found.pile.images
    lines = [found.samples[part["number"]], *(images[part[f"{space}_row"].to_numpy()] for space in SPACES)]
    side = images.shape[-1] + 1
    axes.imshow(tile(np.concatenate(lines), len(part)), interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([side * k + side / 2 for k in range(3)], ["sample", "pixels", "features"], fontsize=8, color=INK)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=9, color=INK, loc="left")
    axes.set_anchor("NW")


def _distances(axes: Axes, table: pd.DataFrame, space: str, name: str, legend: bool) -> None:
    for colour, (kind, called) in zip(SERIES, KINDS.items(), strict=False):
        distances = np.sort(table.loc[table["kind"] == kind, space].to_numpy())
        if len(distances):
            axes.step(distances, np.arange(1, len(distances) + 1) / len(distances), color=colour, label=called, lw=1.3)
    axes.set_xlim(left=0)
    axes.set_title(f"share below a distance in {name}", fontsize=9, color=INK, loc="left")
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    if legend:
        place = (-0.14, -0.13)  # below the ticks
        axes.legend(
            frameon=False,
            fontsize=7,
            ncols=4,
            columnspacing=1,
            handlelength=1.2,
            loc="upper left",
            bbox_to_anchor=place,
        )
