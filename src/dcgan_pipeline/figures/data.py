"""Figures of the data stages: what was cut out, and what was called a duplicate."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dcgan_pipeline.arrays import ShardedArray
from dcgan_pipeline.figures.canvas import (
    KEPT,
    MUTED,
    REFUSED,
    counted,
    leave_room,
    new_figure,
    printable,
    show,
    tile,
)
from dcgan_pipeline.imaging.decode import decode_small
from dcgan_pipeline.imaging.sources import ImageError, ImageSource

_LONG_SIDE = 480  # pixels of a photograph on the sheet
_CLASS = 10  # characters of a class beside a group
_NAME = 36  # characters that fit over one
_NOTE = 30  # pixels that the note over a box needs


def contact_sheet(source: ImageSource, regions: pd.DataFrame, count: int) -> Figure:
    """Draw boxes on their photographs, evenly spread over the source; unreadable images are shown as such."""
    rows = regions["source_row"].unique()
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int))]
    columns = min(4, len(chosen))
    lines = -(-len(chosen) // columns)
    kept, all_boxes = int(regions["kept"].sum()), int((regions["width"] > 0).sum())
    title = f"{kept:,} of {counted(all_boxes, 'region')} kept, in {counted(len(rows), 'image')}"
    caption = (
        f"{counted(len(chosen), 'image')} spread evenly over the source. Green: regions that are cut out. Orange: "
        "found and not kept, with the reason. Look for faces without a box, and boxes without a face."
    )
    figure = new_figure(title, caption, max(5.2, 2.6 * columns), 2.6 * lines)
    leave_room(figure, left=0.2, bottom=0, top=0.2, right=0.2)  # the names of the first line of images
    for axes, row in zip(figure.subplots(lines, columns, squeeze=False).flat, chosen, strict=False):
        _photograph(axes, source, int(row), regions[regions["source_row"] == row])
    for axes in figure.axes:
        axes.set_axis_off()
    return figure


def _photograph(axes: Axes, source: ImageSource, row: int, regions: pd.DataFrame) -> None:
    axes.set_anchor("N")  # the names of a line stand at one height
    name = printable(source.names[row], _NAME)
    try:
        image, size = decode_small(source.read(row), source.limits, _LONG_SIDE)
    except ImageError as error:
        show(axes, np.full((3, 4, 3), 240, np.uint8))
        axes.set_title(name, fontsize=7, color=MUTED, parse_math=False)
        reason = textwrap.fill(str(error), _NAME)
        axes.text(1.5, 1, reason, ha="center", va="center", fontsize=7, color=REFUSED, parse_math=False)
        return
    show(axes, np.asarray(image))
    boxes = regions[regions["width"] > 0]
    if boxes.empty:
        name = f"{name}: {regions['reason'].iloc[0]}"
    axes.set_title(name, fontsize=7, color=REFUSED if boxes.empty else MUTED, parse_math=False)
    for box in boxes.sort_values("kept", kind="stable").itertuples():  # what is kept lies on top
        _outline(axes, box, image.width, max(image.size) / max(size))


def _outline(axes: Axes, box: Any, sheet_width: int, scale: float) -> None:
    """Draw a box, and above it what there is to say, so that the face stays free."""
    colour = KEPT if box.kept else REFUSED
    left, top = box.left * scale - 0.5, box.top * scale - 0.5
    axes.add_patch(
        Rectangle((left, top), box.width * scale, box.height * scale, fill=False, edgecolor=colour, linewidth=1.4)
    )
    note = (f"{box.score:.2g}" if box.score == box.score else "") if box.kept else box.reason.split(":")[0]
    if note:
        plate = {"facecolor": colour, "edgecolor": "none", "pad": 0.8}
        down = "bottom" if top > _NOTE else "top"  # inside where there is no room
        at_right = left > sheet_width / 2
        corner, across = (left + box.width * scale, "right") if at_right else (left, "left")
        axes.text(corner, top, note, fontsize=5.5, color="white", va=down, ha=across, bbox=plate, clip_on=True)


def collision_gallery(
    thumbnails: ShardedArray, duplicates: pd.DataFrame, groups: int, members: int, conflicts: pd.Series | None = None
) -> Figure:
    """Draw the largest groups, a row each, those that stay at the left; ``conflicts``: classes, by group."""
    sizes = duplicates["group"].value_counts()
    shared = sizes.reset_index().sort_values(["count", "group"], ascending=[False, True]).head(groups)
    removed = int((~duplicates["kept"]).sum())
    found = counted(len(sizes), "group")
    title = f"{removed:,} of {counted(duplicates.attrs['images'], 'image')} removed, in {found}"
    if shared.empty:
        figure = new_figure(title, "No two images were called the same picture.", 7, 1)
        figure.text(0.5, 0.5, "no group to show", ha="center", color=MUTED)
        return figure
    caption = (
        "A row is a group, the largest first; what stays comes first, one image or, in a chain, as many as it takes. "
        "Look for images that are no copy of any that stays: false positives (the paper, by eye: fewer than 1 in 100)."
    )
    figure = new_figure(title, caption, 7, 0.62 * len(shared))
    leave_room(figure, left=0.14, bottom=0, right=0.9)  # the sizes of the groups
    axes = figure.subplots(len(shared), 1, squeeze=False)[:, 0]
    by_group = duplicates[duplicates["group"].isin(shared["group"])].sort_values(
        ["kept", "row"], ascending=[False, True]
    )
    for line, (group, size) in zip(axes, shared.itertuples(index=False), strict=True):
        rows = by_group.loc[by_group["group"] == group, "row"].to_numpy()[:members]
        show(line, tile(thumbnails[rows], members))
        line.set_anchor("W")
        note, colour = f"{size} images", MUTED
        if conflicts is not None and group in conflicts.index:  # one picture with several labels
            classes = [printable(name, _CLASS) for name in conflicts[group].splitlines()[:2]]
            note, colour = "\nnot ".join([f"{note}: {classes[0]}", *classes[1:]]), REFUSED
        place = {"transform": line.transAxes, "va": "center", "parse_math": False}
        line.text(1.01, 0.5, note, fontsize=7, color=colour, **place)
    return figure
