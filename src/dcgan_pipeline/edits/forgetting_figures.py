"""Figures of forgetting: samples without an object's maps, and what is left as maps are dropped (paper, figure 6)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dcgan_pipeline.edits.forgetting_curve import FOUND
from dcgan_pipeline.figures.canvas import INK, MUTED, PALE, SERIES, leave_room, new_figure, printable, show, tile

_NAME = 28  # characters of an object
_OTHERS = 6  # other objects that there are colours for


def nothing_to_forget() -> Figure:
    """Say that no object is marked."""
    caption = "Boxes around an object are needed, of a person or of a model that knows objects of the images."
    figure = new_figure("No object is marked on any sample", caption, 7, 0.6)
    figure.text(0.5, 0.5, "nothing to forget", ha="center", color=MUTED)
    return figure


def forgetting_figure(rows: list[NDArray[np.uint8]], maps: pd.DataFrame) -> Figure:
    """Draw samples as they are, without the found maps, and without as many random ones: uint8 (n, C, S, S) each.

    Parameters
    ----------
    maps
        As :func:`~dcgan_pipeline.edits.forgetting.find_maps` found them.
    """
    about = maps.attrs
    name, dropped = printable(about["object"], _NAME), int(maps["dropped"].sum())
    caption = (
        f"The same fresh z, none picked out, with maps of layer {about['layer']} of G set to zero everywhere (paper, "
        f"figure 6): those with a positive weight in a logistic regression that tells {name} in {about['boxes']} boxes "
        f"on {about['samples']} samples from other places of the same samples. The area under its ROC curve is "
        f"{about['auc']:.3f} on samples that it was not fitted to; 0.5 is chance. Look for {name} that is gone while "
        "the rest stays, and compare with the last row, the control."
    )
    title = f"Samples without the {dropped} of {len(maps)} maps that mark {name}"
    count = len(rows[0])
    figure = new_figure(title, caption, 9, 3 * 7.7 / count)
    leave_room(figure, left=1.15, bottom=0, right=0.15)
    labels = ("as they are", f"without the\n{dropped} maps", f"without {dropped}\nrandom maps")
    for axes, images, label in zip(figure.subplots(3, 1), rows, labels, strict=True):
        show(axes, tile(images, count))
        axes.text(-0.01, 0.5, label, transform=axes.transAxes, ha="right", va="center", fontsize=9, color=INK)
    return figure


def curve_figure(table: pd.DataFrame, maps: pd.DataFrame, accuracy: float | None) -> Figure:
    """Draw the share of the object's pixels that is left, and how much else changes, by the number of dropped maps.

    Parameters
    ----------
    table
        From :func:`~dcgan_pipeline.edits.forgetting_curve.curve_table`.
    accuracy
        Of the model that sees the object: intersection over union on images held out, where it is known.
    """
    name, total = maps.attrs["object"], len(maps)
    forgotten = table[table["object"] == name]
    found = forgotten[forgotten["maps"] == FOUND]
    random = forgotten[forgotten["maps"] != FOUND].groupby("dropped")
    last, chance = found.iloc[-1], random["share"].mean().iloc[-1]
    title = (
        f"Without {last['dropped']} of {total} maps {last['share']:.0%} of {printable(name, _NAME)} is left, "
        f"without as many random ones {chance:.0%}"
    )
    known = "" if accuracy is None else f" (intersection over union {accuracy:.2f} on images held out)"
    draws = forgotten["maps"].nunique() - 1
    caption = (
        f"Pixels as the attribute model sees them{known}; maps are dropped in the order of their weights. Band: "
        f"quartiles over the {last['samples']} samples that have {printable(name, _NAME)}; of random maps, from the "
        f"least to the most of {draws} orders. Right: what else changes. (Of units chosen by their effect in a larger "
        "GAN of scenes, 20 are known to remove about half of the trees; Bau et al. 2019.)"
    )
    figure = new_figure(title, caption, 9, 3.3)
    left, right = figure.subplots(1, 2)
    _share(left, table, name, found, random)
    colours = ((found.set_index("dropped")["outside"], SERIES[0], "found maps"),)
    for values, colour, label in (*colours, (random["outside"].mean(), MUTED, "random maps")):
        right.plot(values.index, values, color=colour, label=label, linewidth=1.5, marker="o", markersize=3)
    bounds = random["outside"].agg(["min", "max"])
    right.fill_between(bounds.index, bounds["min"], bounds["max"], color=PALE, alpha=0.6, linewidth=0)
    right.set_ylabel(f"change outside of {printable(name, 16)}, grey levels")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.set_xlabel("maps dropped")
        axes.legend(frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    leave_room(figure)
    figure.subplots_adjust(wspace=0.25)
    return figure


def _share(axes: Axes, table: pd.DataFrame, name: str, found: pd.DataFrame, random: object) -> None:
    chance = random["share"].agg(["mean", "min", "max"])  # type: ignore[index]
    axes.fill_between(found["dropped"], found["low"], found["high"], color=SERIES[0], alpha=0.2, linewidth=0)
    axes.plot(found["dropped"], found["share"], color=SERIES[0], marker="o", markersize=3, label=printable(name, _NAME))
    axes.fill_between(chance.index, chance["min"], chance["max"], color=PALE, alpha=0.6, linewidth=0)
    axes.plot(chance.index, chance["mean"], color=MUTED, marker="o", markersize=3, label="by random maps")
    others = [other for other in table["object"].unique() if other != name]
    for colour, other in zip(SERIES[1:], others[:_OTHERS], strict=False):
        of_it = table[(table["object"] == other) & (table["maps"] == FOUND)]
        axes.plot(of_it["dropped"], of_it["share"], color=colour, linewidth=1, label=printable(other, _NAME))
    axes.set_ylabel("share of pixels left")
    axes.set_ylim(bottom=0)
