"""Images beside the nearest that G can draw: those that it was trained on, those that it never saw, and its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.figures.canvas import INK, new_figure, tile
from dcgan_pipeline.gan.conditional import labels_in_turn
from dcgan_pipeline.gan.data import to_pixels, to_range
from dcgan_pipeline.gan.sampling import load_discriminator, load_generator, sample
from dcgan_pipeline.imaging.squares import read_square_files
from dcgan_pipeline.randomness import numpy_stream, torch_stream
from dcgan_pipeline.visualize.matching import Matching, match_samples
from dcgan_pipeline.visualize.neighbours import NOBODY, nearest_images
from dcgan_pipeline.visualize.projecting import FRAMES, Projected, Source, project
from dcgan_pipeline.visualize.spaces import spaces
from dcgan_pipeline.visualize.training_images import Pictures, Pile, Rows
from dcgan_pipeline.visualize.view_settings import ProjectionSettings
from dcgan_pipeline.weights import Weights

KINDS = {  # in the order of the figure
    "chosen": "chosen",
    "file": "from a file",
    "training": "trained on",
    "held_out": "held out",
    "sample": "a sample",
}
_SHOWN = 3  # of each kind that is drawn


@dataclass(frozen=True)
class Targets:
    """The images that are projected, kind after kind."""

    pictures: Pictures
    kinds: tuple[str, ...]
    rows: Rows
    """Of ``images``; ``NOBODY`` where it is none of them."""


@dataclass(frozen=True)
class Projection:
    """What was projected and found."""

    table: pd.DataFrame
    """A row an image: ``kind``, ``row``, and for each space the distance at the end (``pixels``), that of the nearest
    of the random z (``pixels_first``), and that of the nearest training image, itself left out (``pixels_nearest``)."""
    targets: Targets
    projected: dict[str, Projected]
    """By space."""


def project_images(
    gan: Weights,
    training: Pile,
    held_out: Pictures,
    settings: ProjectionSettings,
    seed: int,
    device: torch.device,
) -> Projection:
    """Project images of every kind, in pixels and in D's features; ``held_out``: that the GAN was not trained on.

    Samples are compared at the brightness and contrast of the images (:mod:`dcgan_pipeline.visualize.matching`).
    """
    pile = training.some(settings.compared, seed, "nearest images")
    match = match_samples(gan, pile, seed, device)
    targets = gather_targets(gan, training, held_out, match, settings, seed, device)
    measured = spaces(load_discriminator(gan, device).requires_grad_(False))
    generator = load_generator(gan, device).requires_grad_(False)

    def draw(z: Tensor, *labels: Tensor) -> Tensor:
        return match(generator(z, *labels))

    source = Source(draw, generator.latent_dim, gan.settings["train"]["latent"])
    nearest = nearest_images(targets.pictures, targets.rows, pile, measured, device)
    table = pd.DataFrame({"kind": targets.kinds, "row": targets.rows})
    projected = {}
    for name, space in measured.items():
        noise = torch_stream(seed, "projection")
        what = f"projection in {name}"
        found = project(source, space, targets.pictures, settings, noise, device, what)
        projected[name] = found
        table[name], table[f"{name}_first"] = found.last, found.first
        table[f"{name}_nearest"] = nearest[name].distances
    return Projection(table, targets, projected)


def gather_targets(
    gan: Weights,
    training: Pile,
    held_out: Pictures,
    match: Matching,
    settings: ProjectionSettings,
    seed: int,
    device: torch.device,
) -> Targets:
    """Put together the images to project.

    Raises
    ------
    InputError
        Where rows are not there, files cannot be read, a conditional G would need labels of files, or there is nothing
        to project.
    """
    images, labels = training.images, training.labels
    rows = np.array(settings.rows or (), np.int64)
    if not all(0 <= row < len(images) for row in rows):
        raise InputError(
            f"visualize.projection.rows must be from 0 to {len(images) - 1}, rows of images, got {rows.tolist()}"
        )
    if settings.files and labels is not None:
        raise InputError(
            "conditional networks need a label for every image, and visualize.projection.files gives none, got "
            f"{settings.files[0]!r}; leave it out, and choose images by visualize.projection.rows"
        )
    count = settings.images
    drawn = numpy_stream(seed, "projected images").permutation(training.rows)[:count]
    files = read_square_files(settings.files or (), *images.shape[1:3])
    classes = gan.settings["architecture"].get("labels") or 0
    told = labels_in_turn(count, classes).numpy() if classes else None
    own = to_pixels(match(to_range(sample(gan, count, seed, device), device))) if count else files[:0]
    parts = {
        "chosen": Pictures(images[rows], None if labels is None else labels[rows]),
        "file": Pictures(files, None if labels is None else np.empty(0, np.int64)),
        "training": Pictures(images[drawn], None if labels is None else labels[drawn]),
        "held_out": held_out,
        "sample": Pictures(own, told),
    }
    kinds = tuple(kind for kind, part in parts.items() for _ in range(len(part)))
    if not kinds:
        raise InputError(
            "visualize.projection must have images to project, got images 0, and no rows and no files; give some"
        )
    known = {"chosen": rows, "training": drawn}
    places = [known.get(kind, np.full(len(part), NOBODY)) for kind, part in parts.items()]
    together = None if labels is None else np.concatenate([np.asarray(part.labels) for part in parts.values()])
    pixels = np.concatenate([part.pixels for part in parts.values()])
    return Targets(Pictures(pixels, together), kinds, np.concatenate(places))


def measure_projection(table: pd.DataFrame) -> dict[str, float]:
    """Put numbers to it, ``projection.<space>.<number>``.

    For each kind: the median distance at the end, its quartiles with ``_low`` and ``_high``; ``_first``, that of the
    nearest random z; and ``_nearest``, that of the nearest training image (itself left out). ``memory``: the median of
    held-out images divided by that of training images. 1 is as for a G that has no memory of them, more for one that
    has.
    """
    found: dict[str, float] = {}
    for kind, part in table.groupby("kind"):
        for space in ("pixels", "features"):
            name = f"projection.{space}.{kind}"
            for ending, share in (("", 0.5), ("_low", 0.25), ("_high", 0.75)):
                found[f"{name}{ending}"] = float(part[space].quantile(share))
            for ending in ("_first", "_nearest"):
                found[f"{name}{ending}"] = float(part[f"{space}{ending}"].median())
    for space in ("pixels", "features"):
        held, trained = (found.get(f"projection.{space}.{kind}") for kind in ("held_out", "training"))
        if held is not None and trained:
            found[f"projection.{space}.memory"] = held / trained
    return {name: value for name, value in found.items() if np.isfinite(value)}


def projection_figure(
    found: Projection, numbers: dict[str, float], settings: ProjectionSettings, trained: str
) -> Figure:
    """Draw some images of every kind, with the pictures on the way to their z, in pixels and in D's features."""
    kinds = np.array(found.targets.kinds)
    shown = [
        k for kind in KINDS for k in np.flatnonzero(kinds == kind)[: None if kind in ("chosen", "file") else _SHOWN]
    ]
    spaces_at = [("pixels", "in pixels"), ("features", "in D's features")]
    caption = (
        f"Left, the image; then the nearest of {settings.candidates} samples, and what {settings.steps} steps of "
        f"descent on z make of it. {_said(numbers, trained)}"
    )
    side = found.targets.pictures.pixels.shape[-1] + 1
    across = 2 * (len(FRAMES) + 1) + 1.5
    width = 9.0
    figure = new_figure("The nearest image that G can draw", caption, width, 0.35 + width * len(shown) / across)
    panels = figure.subplots(1, 2, gridspec_kw={"wspace": 0.03, "left": 0.1, "right": 0.985})
    figure.subplots_adjust(top=figure.subplotpars.top - 0.35 / figure.get_size_inches()[1])
    for axes, (space, title) in zip(panels, spaces_at, strict=True):
        _panel(axes, found.targets.pictures.pixels[shown], found.projected[space].frames[:, shown], title)
        steps = [round(share * settings.steps) for share in FRAMES]
        names = ["image", *(f"step {step}" for step in steps)]
        axes.set_xticks(side * (np.arange(len(names)) + 0.5), names, fontsize=7, color=INK)
    called = KINDS | ({} if trained == "training images" else {"training": "an image"})
    names = [called[kind] for kind in kinds[shown]]
    panels[0].set_yticks(side * (np.arange(len(shown)) + 0.5), names, fontsize=7, color=INK)
    return figure


def _panel(axes: Axes, images: NDArray[np.uint8], frames: NDArray[np.uint8], title: str) -> None:
    rows = np.concatenate([images[None], frames]).swapaxes(0, 1)  # (images, 1 + times, C, S, S)
    axes.imshow(tile(rows.reshape(-1, *rows.shape[2:]), rows.shape[1]), interpolation="nearest")
    axes.set_yticks([])
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=9, color=INK, loc="left")
    axes.set_anchor("N")


def _said(numbers: dict[str, float], trained: str) -> str:
    name = "projection.pixels"
    if f"{name}.training" not in numbers:
        return ""
    text = (
        f"Median distance in grey levels at the end: {numbers[f'{name}.training']:.1f} for {trained}, "
        f"{numbers[f'{name}.sample']:.1f} for samples, of which there is a z at 0"
    )
    if f"{name}.held_out" not in numbers:
        return f"{text}. No images are known that the GAN never saw: see train.quality.held_out and visualize.held_out."
    return (
        f"{text}, and {numbers[f'{name}.held_out']:.1f} for held-out images. A G that remembers its images draws them, "
        "and no others, much nearer; the nearest other training image is at "
        f"{numbers[f'{name}.training_nearest']:.1f} and {numbers[f'{name}.held_out_nearest']:.1f}."
    )
