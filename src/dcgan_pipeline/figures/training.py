"""Figures of a GAN: losses, samples, samples through training (paper 6.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dcgan_pipeline.figures.canvas import MUTED, SERIES, counted, leave_room, new_figure, show, tile
from dcgan_pipeline.visualize.film import Film

_POINTS = 2000  # of a curve: more than it has pixels


def _few(history: pd.DataFrame) -> pd.DataFrame:
    """Take means of as many rows in a row as leave ``_POINTS``: a million would be drawn over one another."""
    if len(history) <= _POINTS:
        return history
    numbers = history.drop(columns="event", errors="ignore")
    return numbers.groupby(np.arange(len(history)) * _POINTS // len(history)).mean()


def loss_curves(history: pd.DataFrame) -> Figure:
    """Draw both losses, and the probabilities that D gives to real and generated images, by step.

    A point is a row, or the mean of some where there are many.
    """
    caption = (
        "Left: D's loss falling to 0, or G's rising without end, is D winning: G learns nothing more. Right: 0.5 for "
        "both would be a D that cannot tell; a gap that stays stable is a healthy training."
    )
    figure = new_figure(f"Training, {counted(int(history['step'].iloc[-1]), 'step')}", caption, 9, 3.2)
    history = _few(history)
    left, right = figure.subplots(1, 2)
    for axes, names in (
        (left, {"loss_d": "D", "loss_g": "G"}),
        (right, {"d_real": "real", "d_fake": "generated"}),
    ):
        for colour, (column, name) in zip(SERIES, names.items(), strict=False):
            known = history[history[column].notna()]  # a row has gaps where only the other network was updated
            marker = "." if len(known) == 1 else ""  # a line of one point would not be seen
            axes.plot(known["step"], known[column], label=name, color=colour, linewidth=1.2, marker=marker)
        axes.set_xlabel("step")
        axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 0.98))
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(bottom=0)
    left.set_ylabel("cross-entropy, nats")
    right.set_ylabel("D's probability of real")
    right.set_ylim(0, 1)
    leave_room(figure, top=0.2)
    figure.subplots_adjust(wspace=0.25)
    return figure


_PANELS = (  # of the diagnostics: what the axis says, the columns by name, and the ends of the axis where it has some
    ("told right by D", {"accuracy_real": "real", "accuracy_fake": "generated"}, (0, 1.02)),
    ("norm of the gradient", {"grad_norm_d": "D", "grad_norm_g": "G"}, None),
    ("of the images'", {"diversity": "diversity", "contrast": "contrast"}, (0, None)),
    ("pixels black or white", {"saturation_real": "real", "saturation": "generated"}, (0, 1.02)),
)


def diagnostic_curves(history: pd.DataFrame) -> Figure:
    """Draw what :mod:`dcgan_pipeline.gan.diagnostics` found by step; dotted lines are where it warned."""
    events = history[history["event"] != ""]
    caption = (
        "Diversity is the distance between samples, contrast the spread within them, both against images: diversity "
        "well below contrast is collapse; D does not see contrast, so it may drift. All told right, with G's loss "
        "rising, is D winning. "
    )
    caption += f"Dotted: {_said(events)}" if len(events) else "There was no warning."
    figure = new_figure(f"Diagnostics, {counted(int(history['step'].iloc[-1]), 'step')}", caption, 9, 5.6)
    history = _few(history)
    for axes, (unit, columns, ends) in zip(figure.subplots(2, 2).flat, _PANELS, strict=True):
        for colour, (column, name) in zip(SERIES, columns.items(), strict=False):
            known = history[history[column].notna()]
            marker = "." if len(known) == 1 else ""
            axes.plot(known["step"], known[column], label=name, color=colour, linewidth=1.2, marker=marker)
        for step in events["step"][:_POINTS]:
            axes.axvline(step, color=MUTED, linewidth=0.8, linestyle=":")
        if ends is None and (history[list(columns)] > 0).any(axis=None):
            axes.set_yscale("log")
        elif ends is not None:
            axes.set_ylim(*ends)
        axes.set_xlabel("step")
        axes.set_ylabel(unit)
        axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 0.98))
        axes.spines[["top", "right"]].set_visible(False)
    leave_room(figure, top=0.2)
    figure.subplots_adjust(wspace=0.28, hspace=0.5)
    return figure


def _said(events: pd.DataFrame, most: int = 4) -> str:
    """Name the first events with their steps: what stands before the colon of each text."""
    names = [
        f"{text.split(':')[0]} ({step:,})"
        for step, event in zip(events["step"], events["event"], strict=True)
        for text in event.split("; ")
    ]
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}."


def sample_grid(samples: NDArray[np.uint8], real: NDArray[np.uint8], step: int | None, classes: int = 0) -> Figure:
    """Draw generated images beside real ones, uint8 (n, C, S, S) each.

    The step is None where nobody knows it; ``classes`` are those of a conditional G, drawn in turn.
    """
    side = int(len(samples) ** 0.5)
    caption = (
        f"Left: drawn from fresh z{f' for the {classes} classes in turn' if classes else ''}, none picked out. Right: "
        "training images at random. Look for images that appear twice on the left (collapse), and for textures that "
        "the right does not have."
    )
    title = "Samples of imported weights" if step is None else f"Samples after {counted(step, 'step')}"
    figure = new_figure(title, caption, 10, 4.95)
    leave_room(figure, left=0.2, bottom=0, top=0.15, right=0.2)
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.05}, subplot_kw={"anchor": "NW"})
    show(left, tile(samples, side), "generated")
    show(right, tile(real, side), "real")
    return figure


def training_animation(samples: Sequence[NDArray[np.uint8]], steps: list[int], seconds: float, most: int) -> Film:
    """Show how the samples of one fixed z change, uint8 (times, n, C, S, S), with the step under each frame.

    One time is read at a time, and of more than ``most`` so many, evenly; the last one is shown five times as long.
    """
    chosen = np.unique(np.linspace(0, len(steps) - 1, min(most, len(steps))).round().astype(int))

    def frames() -> Iterator[NDArray[np.uint8]]:
        for k in [*chosen, *chosen[-1:].repeat(4)]:
            images = samples[int(k)]
            side = int(len(images) ** 0.5)
            yield np.asarray(_frame(tile(images[: side * side], side), steps[int(k)]))

    said = f"The same z after each of the steps from {steps[0]:,} to {steps[-1]:,}."
    about = {"Title": "Samples through training", "Description": said}
    return Film(frames, 1 / seconds, about)


def _frame(pixels: NDArray[np.uint8], step: int) -> Image.Image:
    scale = max(1, round(480 / pixels.shape[1]))
    large = Image.fromarray(pixels).resize((pixels.shape[1] * scale, pixels.shape[0] * scale), Image.Resampling.NEAREST)
    frame = Image.new("RGB", (large.width, large.height + 24), "white")
    frame.paste(large)
    ImageDraw.Draw(frame).text((6, large.height + 5), f"fixed z, step {step:,}", fill="black", font_size=14)
    return frame
