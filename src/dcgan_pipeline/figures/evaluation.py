"""Figures of the evaluation."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.cells import cell_len

from dcgan_pipeline.evaluation.report import NOT_COMPARABLE, THIS_RUN
from dcgan_pipeline.figures.canvas import MUTED, PALE, SERIES, leave_room, new_figure, printable
from dcgan_pipeline.figures.fonts import class_labels

_CELL, _LARGEST = 0.48, 16.0  # inches of a cell of the confusion matrix, and of the whole at most
_BESIDE: Any = {"textcoords": "offset points", "fontsize": 8, "color": MUTED}
_LABELLED, _NUMBERED = 200, 20  # classes that there is room to name, and to write numbers for


def confusion_figure(confusion: pd.DataFrame) -> Figure:
    """Draw the confusion matrix of the trained discriminator's features; shares of each true class."""
    labels, are_names = class_labels(confusion["true"].astype(str).tolist())
    classes = [printable(label, 28) for label in labels]
    shares = confusion.drop(columns="true").to_numpy()
    caption = (
        "A row is a true class, a column what the SVM on the trained discriminator's features called it; per cent of "
        "the row, averaged over the draws of labels. Off the diagonal: which classes the features confuse."
        f"{'' if are_names else ' No font here has the names: numbers are rows of the table `confusion`, from 0.'}"
    )
    cell = min(_CELL, _LARGEST / len(classes))
    side = max(3.2, cell * len(classes))
    size = min(8.0, 45 * cell)  # of the names, in points
    named = len(classes) <= _LABELLED
    length = size / 8 * 0.07 * max(map(cell_len, classes)) if named else 0.0  # inches of the longest
    left, bottom = 0.6 + length, 0.55 + 0.65 * length
    figure = new_figure("Confusion matrix", caption, side + left + 0.25, side + bottom)
    leave_room(figure, left, bottom)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places, names = (range(len(classes)), classes) if named else ([], [])
    axes.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor", fontsize=size, parse_math=False)
    axes.set_yticks(places, names, fontsize=size, parse_math=False)
    axes.set_xlabel("called")
    axes.set_ylabel("true")
    if len(classes) <= _NUMBERED:
        for (i, j), share in np.ndenumerate(shares):
            if share >= 0.005:
                colour = "white" if share > 0.5 else MUTED
                axes.text(j, i, f"{share * 100:.0f}", ha="center", va="center", fontsize=7, color=colour)
    return figure


def accuracy_figure(evaluation: pd.DataFrame) -> Figure:
    """Draw the accuracies of the table with their spread; published results are hatched."""
    ours = evaluation["source"] == THIS_RUN
    caption = (
        "Mean test accuracy, of a linear L2-SVM but where a network judges by itself; whiskers are 1.96 standard "
        "deviations over draws of labels."
    )
    if not ours.all():
        caption += " Hatched: published, with their spread as published; pale: not comparable, and the table says why."
    names = [
        printable(row.features, 44) + ("" if mine else f"\n{printable(row.source, 40)}, {row.labels:,} labels")
        for row, mine in zip(evaluation.itertuples(), ours, strict=True)
    ]
    title = f"What the features are worth with {evaluation['labels'].iloc[0]:,} labels"
    left = 0.3 + 0.08 * max(len(line) for name in names for line in name.split("\n"))
    figure = new_figure(title, caption, 5.5 + left, 0.5 * len(names) + 0.7)
    leave_room(figure, left)
    axes = figure.subplots()
    spread = evaluation["interval"].fillna(0).to_numpy()
    places = np.arange(len(names))  # by number: two published rows may have the same name
    bars = axes.barh(places, evaluation["accuracy"], xerr=spread, color=SERIES[0], height=0.6, ecolor=MUTED)
    apart = evaluation["note"].str.startswith(NOT_COMPARABLE)
    each = zip(bars, ours, apart, evaluation["accuracy"], spread, strict=True)
    for bar, mine, other, accuracy, beyond in each:
        if not mine:
            bar.set(facecolor="white", edgecolor=PALE if other else MUTED, hatch="///")
        middle = bar.get_y() + bar.get_height() / 2
        axes.text(accuracy + beyond + 1.5, middle, f"{accuracy:.1f} %", va="center", fontsize=9)
    axes.set_yticks(places, names, fontsize=9, parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(0, 115)  # room for the numbers
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("accuracy, %")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines["bottom"].set_bounds(0, 100)
    return figure


def label_curve_figure(curve: pd.DataFrame) -> Figure:
    """Draw accuracy against the number of labels, with bands over the draws."""
    caption = (
        "Mean test accuracy of a linear L2-SVM, C chosen anew for each number of labels; bands are the middle 95 % of "
        "draws of labels. A curve that lies above another at the left needs fewer labels for the same accuracy."
    )
    figure = new_figure("Accuracy against labels", caption, 7, 4)
    leave_room(figure)
    axes = figure.subplots()
    for colour, (name, rows) in zip(cycle(SERIES), curve.groupby("features", sort=False), strict=False):
        axes.plot(rows["labels"], rows["accuracy"], color=colour, label=printable(str(name), 44), marker=".")
        axes.fill_between(rows["labels"], rows["low"], rows["high"], color=colour, alpha=0.15, linewidth=0)
    axes.set_xscale("log")
    numbers = sorted(set(curve["labels"]))
    axes.set_xticks(numbers, [f"{number:,}" for number in numbers], fontsize=8)
    axes.minorticks_off()
    axes.set_xlabel("labels")
    axes.set_ylabel("accuracy, %")
    axes.legend(frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def sample_figure(evaluation: pd.DataFrame) -> Figure:
    """Draw errors of 1-nearest-neighbour classifiers against the size of their reference set (paper, table 3)."""
    caption = (
        "Test error on real images where the reference set is samples, with the labels that they were drawn for, or "
        "real images. Crosses: published, pale where not comparable with these. Samples below real images of the same "
        "number add something to them."
    )
    figure = new_figure("Samples as a reference set", caption, 7, 4)
    leave_room(figure)
    axes = figure.subplots()
    here = evaluation[evaluation["source"] == THIS_RUN]
    for colour, (name, rows) in zip(cycle(SERIES), here.groupby("features", sort=False), strict=False):
        axes.plot(rows["labels"], 100 - rows["accuracy"], color=colour, marker=".", label=printable(str(name), 44))
    for size, rows in evaluation[evaluation["source"] != THIS_RUN].groupby("labels"):
        errors = (100 - rows["accuracy"]).to_numpy()
        pale = rows["note"].str.startswith(NOT_COMPARABLE).to_numpy()
        axes.plot([size] * sum(~pale), errors[~pale], "x", color=MUTED)
        axes.plot([size] * sum(pale), errors[pale], "x", color=PALE)
        names = [printable(name, 20) for name in rows["features"]]
        for error, name in _apart(errors, names):
            axes.annotate(name, (float(str(size)), error), (-6, 0), ha="right", va="center", **_BESIDE)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("images in the reference set")
    axes.set_ylabel("error, %")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _apart(errors: NDArray[np.float64], names: list[str], least: float = 0.5) -> list[tuple[float, str]]:
    """Join the names of points that are less than ``least`` from the one before, so that texts do not overlap."""
    joined: list[tuple[float, str]] = []
    for error, name in sorted(zip(errors.tolist(), names, strict=True)):
        if joined and error - joined[-1][0] < least:
            joined[-1] = (joined[-1][0], f"{joined[-1][1]}, {name}")
        else:
            joined.append((error, name))
    return joined
