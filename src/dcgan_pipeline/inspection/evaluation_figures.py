"""Figures of the evaluation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dcgan_pipeline.inspection.canvas import MUTED, SERIES, leave_room, new_figure


def confusion_figure(confusion: pd.DataFrame) -> Figure:
    """Draw the confusion matrix of the trained discriminator's features; shares of each true class."""
    classes, shares = list(confusion["true"]), confusion.drop(columns="true").to_numpy()
    caption = (
        "A row is a true class, a column what the SVM on the trained discriminator's features called it; per cent of "
        "the row, averaged over the draws of labels. Off the diagonal: which classes the features confuse."
    )
    size = max(4.5, 0.5 * len(classes) + 1.5)
    figure = new_figure("Confusion matrix", caption, size, size)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right", fontsize=8)
    axes.set_yticks(range(len(classes)), classes, fontsize=8)
    axes.set_xlabel("called")
    axes.set_ylabel("true")
    for (i, j), share in np.ndenumerate(shares):
        if share >= 0.005 and len(classes) <= 20:
            axes.text(
                j,
                i,
                f"{share * 100:.0f}",
                ha="center",
                va="center",
                fontsize=7,
                color="white" if share > 0.5 else MUTED,
            )
    leave_room(figure, left=1.1, bottom=0.9)
    return figure


def accuracy_figure(evaluation: pd.DataFrame) -> Figure:
    """Draw the accuracies of the table with their spread; published results are hatched."""
    caption = (
        "Mean test accuracy of a linear L2-SVM; the bars' whiskers are 1.96 standard deviations over draws of labels. "
        "Hatched: published elsewhere, under other training data (see the table's notes)."
    )
    ours = evaluation["dimensions"].notna()
    figure = new_figure(
        f"What the features are worth with {evaluation['labels'].iloc[0]:,} labels",
        caption,
        8,
        0.5 * len(evaluation) + 0.5,
    )
    axes = figure.subplots()
    labels = [
        f"{row.features}" if mine else f"{row.features}, {row.labels:,} labels"
        for row, mine in zip(evaluation.itertuples(), ours, strict=True)
    ]
    bars = axes.barh(
        labels,
        evaluation["accuracy"],
        xerr=evaluation["interval"].fillna(0),
        color=SERIES[0],
        alpha=0.85,
        height=0.6,
        error_kw={"ecolor": MUTED},
    )
    for bar, mine, accuracy in zip(bars, ours, evaluation["accuracy"], strict=True):
        if not mine:
            bar.set(facecolor="white", edgecolor=MUTED, hatch="///")
        axes.text(
            1,
            bar.get_y() + bar.get_height() / 2,
            f"{accuracy:.1f} %",
            va="center",
            fontsize=9,
            color="white" if mine else "black",
            bbox=None if mine else {"color": "white", "pad": 1},
        )
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("accuracy, %")
    axes.spines[["top", "right"]].set_visible(False)
    leave_room(figure, left=2.6)
    return figure
