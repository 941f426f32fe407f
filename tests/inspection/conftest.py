import io
import warnings

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def rendered():
    """Draw a figure as PNG, with warnings as errors, and check what holds for every figure."""

    def render(figure):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            file = io.BytesIO()
            figure.savefig(file, format="png")
        pixels = np.asarray(Image.open(file).convert("RGB"))
        title, caption = figure.texts[:2]
        assert len(title.get_text()) > 5
        assert len(caption.get_text()) > 20
        assert 150 < pixels.shape[0] < 3000
        assert 300 < pixels.shape[1] < 3000
        _check_nothing_is_cut(figure)
        _check_title_and_caption_stand_free(figure)
        return pixels

    return render


def _check_nothing_is_cut(figure):
    """Titles, captions, and whatever the axes draw, names of ticks and all, lie on the canvas."""
    canvas = figure.bbox.padded(1)
    boxes = {text.get_text(): text.get_window_extent() for text in figure.texts}
    boxes |= {f"axes {k}": axes.get_tightbbox() for k, axes in enumerate(figure.axes)}
    for name, box in boxes.items():
        assert canvas.x0 <= box.x0 <= box.x1 <= canvas.x1, f"{name!r} leaves the figure at a side"
        assert canvas.y0 <= box.y0 <= box.y1 <= canvas.y1, f"{name!r} leaves the figure at the top or the bottom"


def _check_title_and_caption_stand_free(figure):
    title, caption = (text.get_window_extent() for text in figure.texts[:2])
    assert not title.overlaps(caption)
    for axes in figure.axes:
        inside = axes.get_tightbbox()
        for box in (title, caption):
            assert not box.overlaps(inside), f"{axes} overlaps the title or the caption"
