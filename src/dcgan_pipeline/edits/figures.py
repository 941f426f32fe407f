"""Figures of arithmetic, turns, and what edits change (paper, figures 7 and 8)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from dcgan_pipeline.edits.ends import CERTAIN
from dcgan_pipeline.edits.expressions import write_expression
from dcgan_pipeline.edits.scores import DEVIATIONS, PROBABILITY, SHARE
from dcgan_pipeline.edits.turn import TURN
from dcgan_pipeline.edits.vectors import Arithmetic
from dcgan_pipeline.figures.canvas import INK, PALE, SERIES, leave_room, new_figure, printable, show, tile

_TALL = 4  # exemplars above one another
_TITLE = 60  # characters
_NAME = 22
_THERE, _MOST = 0.25, 6  # of attributes in the caption: the least probability, and how many
_NUMBERS = 260  # cells of a heat map that there is room for numbers in
_SHORT, _PIXELS = 17, "pixels"
_UNITS = {
    PROBABILITY: "in probability",
    DEVIATIONS: "in standard deviations over samples",
    SHARE: "of an object relative to its pixels before",
}


def arithmetic_figure(found: Arithmetic, judged: pd.DataFrame | None = None) -> Figure:
    """Draw every term's exemplars, their mean, the sum with its neighbours, and the same in pixels.

    Parameters
    ----------
    judged
        From :func:`compare_with_asked`.
    """
    count = len(found.columns)
    caption = (
        "Left: exemplars of each concept, the picture of their mean z, and under it their mean picture. Right: the sum "
        "of the mean z in the middle, around it eight with uniform noise (paper, figure 7); under it the sum of the "
        "mean pictures, the control: overlap where latent space draws anew."
    )
    title = f"Sum: {printable(write_expression([column.term for column in found.columns]), _TITLE)}"
    if judged is not None:
        title, caption = title + _answer(judged), caption + _asked(judged)
    widths = [w for _ in range(count) for w in (0.22, 1.0)] + [0.22, 1.75]
    figure = new_figure(title, caption, max(6.5, 1.45 * sum(widths)), 4.9)
    leave_room(figure, left=0.1, bottom=0, top=0.25, right=0.1)
    grid = figure.add_gridspec(3, len(widths), width_ratios=widths, height_ratios=[2.5, 1, 1], hspace=0.08, wspace=0.05)
    for k, column in enumerate(found.columns):
        sign = "−" if column.term.sign < 0 else ("+" if k else "")  # noqa: RUF001
        for row in (1, 2):
            _sign(figure.add_subplot(grid[row, 2 * k]), sign)
        columns = math.ceil(len(column.exemplars) / _TALL)
        show(
            figure.add_subplot(grid[0, 2 * k + 1]), tile(column.exemplars, columns), printable(column.term.concept, 18)
        )
        show(figure.add_subplot(grid[1, 2 * k + 1]), tile(column.of_mean[None], 1))
        mean = column.mean.round().astype(np.uint8)
        show(figure.add_subplot(grid[2, 2 * k + 1]), tile(mean[None], 1))
    for row in (1, 2):
        _sign(figure.add_subplot(grid[row, 2 * count]), "=")
    show(figure.add_subplot(grid[:2, 2 * count + 1]), tile(found.results, 3), "in latent space")
    show(figure.add_subplot(grid[2, 2 * count + 1]), tile(found.in_pixels[None], 1), "in pixels")
    return figure


def turn_figure(images: NDArray[np.uint8], start: str, end: str, reach: float, judged: pd.DataFrame | None) -> Figure:
    """Draw samples moved along a vector, uint8 (n, steps, C, S, S), and what a model says of more of them.

    Parameters
    ----------
    judged
        From :func:`~dcgan_pipeline.edits.turn.judge_turn`; ``attrs``: its summary.
    """
    rows, steps = images.shape[:2]
    start, end = printable(start, _SHORT), printable(end, _SHORT)
    caption = (
        f"A row is one random z; from left to right {steps} steps from -{reach:g} to +{reach:g} times the vector from "
        f"the mean z of {start} to that of {end} are added, and nothing in the middle (paper, figure 8)."
    )
    title = f"From {start} to {end}"
    if judged is not None:
        about = judged.attrs
        title += f": {printable(about['asked'], _SHORT)} {about['change']:+.2f}"
        caption += (
            f" Below: {about['asked']} as the attribute model sees it, {_UNITS[about['unit']]}: the mean of "
            f"{about['samples']} samples with its quartiles; grey: {about['draws']} random vectors of the same "
            f"length. Its rank correlation with the step: {about['correlation']:.2f} in a sample, "
            f"{about['random_correlation']:.2f} by random ones (without sign)."
        )
    width = 7.0
    height, below = width * rows / steps, 0.0 if judged is None else 2.2
    figure = new_figure(title, caption, width, height + below)
    leave_room(figure, left=0.75 if below else 0.15, bottom=0.55 if below else 0, right=0.15)
    if judged is None:
        show(figure.subplots(), tile(images.reshape(-1, *images.shape[2:]), steps))
        return figure
    top, bottom = figure.subplots(2, 1, gridspec_kw={"height_ratios": [height, below], "hspace": 0.06})
    show(top, tile(images.reshape(-1, *images.shape[2:]), steps))
    _turned(bottom, judged)
    return figure


def scores_figure(table: pd.DataFrame, accuracy: str) -> Figure:
    """Draw what every edit changes, beside what random edits of the same size change.

    Parameters
    ----------
    table
        From :func:`~dcgan_pipeline.edits.scores.score_edits`.
    accuracy
        Of the model, in words.
    """
    edits, columns = list(table["edit"].unique()), list(table["of"].unique())
    title, units = _effect(table), "; ".join(_UNITS[unit] for unit in table["unit"].unique())
    cell = min(0.36, 10 / len(columns))  # inches
    caption = (
        f"A row is an edit; outlined is what it asks for. Left: the mean change, {units}. Right: the same under random "
        "vectors of the same length, or as many random maps (root mean square over the draws). The columns beside: how "
        "much the picture changes, in grey levels, an object's own pixels left out. The title is of changes in "
        f"probability, where there are some. The judge: {accuracy}."
    )
    width = 2.3 + 2 * (cell * len(columns) + 0.55)
    figure = new_figure(title, caption, max(7.5, width), 0.9 + 0.3 * len(edits))
    longest = max(len(printable(name, _SHORT)) for name in columns)
    leave_room(figure, left=2.2, bottom=0.1 + 0.08 * max(longest, len(_PIXELS)), top=0.2, right=0.15)
    ratios = [len(columns), 1.4, len(columns), 1.4]
    panels = figure.subplots(1, 4, gridspec_kw={"width_ratios": ratios, "wspace": 0.08})
    about = table.groupby("edit").first().loc[edits]
    for k, (value, pixels, label) in enumerate(
        (("change", "pixels", "the edit"), ("random_spread", "random_pixels", "random ones"))
    ):
        matrix = table.pivot(index="edit", columns="of", values=value).loc[edits, columns].to_numpy()
        _heat(panels[2 * k], matrix, columns, label)
        _outline(panels[2 * k], about["asked"], columns)
        _grey(panels[2 * k + 1], about[pixels].to_numpy())
    panels[0].set_yticks(range(len(edits)), [printable(edit, 34) for edit in edits], fontsize=8)
    return figure


def _answer(judged: pd.DataFrame) -> str:
    """Say what the sum has of the attribute that it asks for most."""
    asked = judged[judged["binary"] & (judged["asked"] >= CERTAIN)].sort_values("asked", kind="stable")
    if asked.empty:
        return ""
    most = asked.iloc[-1]
    return f": {printable(most['of'], _SHORT)} at {most['asked']:.2f}, got {most['got']:.2f}"


def _asked(judged: pd.DataFrame) -> str:
    """Say what was asked and got, of continuous attributes and of binary ones that are there in either."""
    there = judged[~judged["binary"] | (judged[["asked", "got"]].max(axis=1) >= _THERE)]
    said = [
        f"{printable(row.of, _NAME)} {row.asked:.2f}, got {row.got:.2f} ± {row.spread:.2f} (in pixels {row.pixels:.2f})"
        for row in there.head(_MOST).itertuples()
    ]
    return f" Asked for, by what the attribute model says of the exemplars: {'; '.join(said)}." if said else ""


def _effect(table: pd.DataFrame) -> str:
    """Say what edits change of the attributes that they ask for, in one unit."""
    hit = table[(table["of"] == table["asked"]) & (table["unit"] != SHARE)]
    unit = PROBABILITY if (hit["unit"] == PROBABILITY).any() else DEVIATIONS
    hit = hit[hit["unit"] == unit]
    if not len(hit):
        return "What edits change"
    change, random = hit["change"].mean(), hit["random_spread"].mean()
    return f"Edits change what they ask for by {change:+.2f}, random ones by {random:.2f}"


def _sign(axes: Axes, sign: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, sign, ha="center", va="center", fontsize=16, color=INK, transform=axes.transAxes)


def _turned(axes: Axes, judged: pd.DataFrame) -> None:
    turned, others = judged[judged["vector"] == TURN], judged[judged["vector"] != TURN]
    for _, drawn in others.groupby("vector"):
        axes.plot(drawn["step"], drawn["mean"], color=PALE, linewidth=1)
    axes.fill_between(turned["step"], turned["low"], turned["high"], color=SERIES[0], alpha=0.2, linewidth=0)
    axes.plot(turned["step"], turned["mean"], color=SERIES[0], marker="o", markersize=3)
    half = (turned["step"].iloc[1] - turned["step"].iloc[0]) / 2
    axes.set_xlim(turned["step"].iloc[0] - half, turned["step"].iloc[-1] + half)  # a point under its column
    axes.set_xlabel("times the vector")
    axes.set_ylabel(printable(judged.attrs["asked"], _NAME))
    axes.spines[["top", "right"]].set_visible(False)


def _heat(axes: Axes, matrix: NDArray[np.float64], columns: Sequence[str], label: str) -> None:
    axes.imshow(matrix, cmap="PuOr", vmin=-1, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), [printable(name, _SHORT) for name in columns], rotation=90, fontsize=8)
    axes.set_yticks([])
    axes.set_title(label, fontsize=9, color=INK, loc="left")
    if matrix.size <= _NUMBERS:
        for (row, column), value in np.ndenumerate(matrix):
            if np.isfinite(value):
                _number(axes, row, column, value, f"{value:.1f}".replace("-0.0", "0.0").replace("0.", "."))


def _number(axes: Axes, row: int, column: int, value: float, text: str) -> None:
    axes.text(column, row, text, ha="center", va="center", fontsize=6.5, color="white" if abs(value) > 0.6 else INK)


def _outline(axes: Axes, asked: pd.Series, columns: Sequence[str]) -> None:
    for row, name in enumerate(asked):
        if name in columns:
            corner = (columns.index(name) - 0.5, row - 0.5)
            axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=INK, linewidth=1.5, clip_on=False))


def _grey(axes: Axes, values: NDArray[np.float64]) -> None:
    axes.imshow(values[:, None], cmap="Greys", vmin=0, vmax=2 * max(float(np.nanmax(values)), 1.0), aspect="auto")
    axes.set_xticks([0], [_PIXELS], rotation=90, fontsize=8)
    axes.set_yticks([])
    for row, value in enumerate(values):
        _number(axes, row, 0, 0.0, f"{value:.0f}")


def said_of(*accuracies: Mapping[str, Mapping[str, float]]) -> str:
    """Say how good a model is, by kind of measure: the mean over what is measured, and the least.

    Of attributes and of objects, which may be called alike.
    """
    found: dict[str, list[float]] = {}
    for measures in (one for accuracy in accuracies for one in accuracy.values()):
        for name, value in measures.items():
            if value == value:
                found.setdefault(name, []).append(value)
    names = {
        "balanced_accuracy": "balanced accuracy",
        "auc": "area under the ROC curve",
        "r2": "R²",
        "iou": "intersection over union",
    }
    parts = [
        f"{names.get(name, name)} {np.mean(values):.2f} (least {min(values):.2f})" for name, values in found.items()
    ]
    return "on images held out, " + ", ".join(parts) if parts else "of unknown accuracy"
