"""What all figures share: a title that names the result, and a caption that says what to see."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dcgan_pipeline.figures.fonts import without_font

INK, MUTED, PALE, KEPT, REFUSED = "#222222", "#666666", "#cccccc", "#1b9e77", "#d95f02"
SERIES = ("#3465a4", "#d95f02", "#1b9e77", "#7570b3", "#e7298a", "#a6761d", "#444444")


class Drawing(Figure):
    """A figure that knows what it is of; ``datasets.figure`` keeps that in the PNG."""

    attrs: dict[str, Any]


def new_figure(title: str, caption: str, width: float, height: float) -> Drawing:
    """Make a figure of ``width`` x ``height`` inches for the content, and room for the title and the caption."""
    lines = textwrap.wrap(caption, int(width * 14))  # characters an inch at this size
    below, above = 0.25 + 0.19 * len(lines), 0.5
    whole = height + below + above
    figure = Drawing(figsize=(width, whole), dpi=120, facecolor="white")
    figure.attrs = {"Title": title, "Description": caption}  # PNG's own keywords
    figure.text(0.02, 1 - 0.17 / whole, title, fontsize=12, weight="bold", color=INK, va="top")
    figure.text(0.02, 0.1 / whole, "\n".join(lines), fontsize=9, color=MUTED, va="bottom", linespacing=1.3)
    figure.subplots_adjust(left=0.02, right=0.98, bottom=below / whole, top=1 - above / whole)
    return figure


def leave_room(figure: Figure, left: float = 0.8, bottom: float = 0.55, top: float = 0.0, right: float = 0.25) -> None:
    """Widen the margins of a figure, in inches, for the labels of axes; bottom and top are beside caption and title."""
    width, height = figure.get_size_inches()
    margins = figure.subplotpars
    figure.subplots_adjust(
        left / width, margins.bottom + bottom / height, 1 - right / width, margins.top - top / height
    )


def counted(count: int, noun: str) -> str:
    """Write 1 image, 2 images."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def printable(text: str, limit: int) -> str:
    """Cut a user's text to a length that fits, and replace what no font can draw: an undecodable file name has it."""
    text = text.encode("utf-8", "replace").decode()
    text = text.translate(dict.fromkeys(map(ord, without_font(text)), "?"))
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[len(text) - (limit - limit // 2 - 1) :]}"


def tile(images: NDArray[np.uint8], columns: int, gap: int = 1) -> NDArray[np.uint8]:
    """Lay uint8 images (n, C, S, S) out in rows, with white gaps: uint8 (H, W, 3)."""
    count, _, height, width = images.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for k, image in enumerate(images):
        top, left = (k // columns) * (height + gap), (k % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = image.transpose(1, 2, 0)  # one channel becomes three
    return sheet


def show(axes: Axes, pixels: NDArray[np.uint8], title: str = "") -> None:
    """Show pixels (H, W) or (H, W, 3) without axes, unblurred."""
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_axis_off()
    if title:
        axes.set_title(title, fontsize=9, color=INK, loc="left")
