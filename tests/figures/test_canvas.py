import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.figure import Figure

from dcgan_pipeline.figures.canvas import counted, leave_room, new_figure, printable, show, tile


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 7), st.sampled_from([1, 3]), st.integers(1, 4), st.integers(1, 4))),
    st.integers(1, 5),
    st.integers(0, 2),
)
def test_tiles_lie_row_by_row_with_white_gaps(images, columns, gap):
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    sheet = tile(images, columns, gap)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (rows * height + (rows - 1) * gap, columns * width + (columns - 1) * gap, 3)
    covered = np.zeros(sheet.shape[:2], bool)
    for k, image in enumerate(images):
        top, left = (k // columns) * (height + gap), (k % columns) * (width + gap)
        place = np.s_[top : top + height, left : left + width]
        covered[place] = True
        for c in range(3):
            np.testing.assert_array_equal(sheet[place][:, :, c], image[c if channels == 3 else 0])
    assert (sheet[~covered] == 255).all()


def test_a_known_sheet():
    black, grey = np.zeros((1, 1, 1), np.uint8), np.full((1, 1, 1), 9, np.uint8)
    sheet = tile(np.stack([black, grey, grey]), columns=2)
    np.testing.assert_array_equal(sheet[:, :, 0], [[0, 255, 9], [255, 255, 255], [9, 255, 255]])


@pytest.mark.parametrize("width", [3, 5, 9, 14])
def test_the_content_gets_its_size_whatever_the_caption(width, rendered):
    for words in (5, 30, 100):
        figure = new_figure("A title", "caption of words " * words, width, 4)
        axes = figure.subplots()
        axes.set_axis_off()
        rendered(figure)
        size = axes.get_position().height * figure.get_figheight()
        assert size == pytest.approx(4)


def test_margins_are_given_in_inches():
    figure = new_figure("A title", "A caption.", 6, 3)
    before = figure.subplotpars.bottom * figure.get_figheight(), figure.subplotpars.top * figure.get_figheight()
    leave_room(figure, left=1.5, bottom=0.5, top=0.25, right=0.75)
    width, height, margins = *figure.get_size_inches(), figure.subplotpars
    assert margins.left * width == pytest.approx(1.5)
    assert (1 - margins.right) * width == pytest.approx(0.75)
    assert margins.bottom * height == pytest.approx(before[0] + 0.5)
    assert margins.top * height == pytest.approx(before[1] - 0.25)


@pytest.mark.parametrize("pixels", [np.full((2, 2), 100, np.uint8), np.full((2, 2, 3), 100, np.uint8)])
def test_images_are_shown_in_their_own_levels(pixels):
    axes = Figure(figsize=(1, 1)).subplots()
    show(axes, pixels)
    (image,) = axes.get_images()
    # Black is 0 and white 255, not the darkest and the lightest pixel of this image.
    assert image.get_clim() == (0, 255)
    assert image.get_interpolation() == "nearest"
    assert not axes.axison


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 images"), (1, "1 image"), (2, "2 images"), (12345, "12,345 images")]
)
def test_counts_are_written_with_their_noun(count, text):
    assert counted(count, "image") == text


@given(st.text(), st.integers(3, 40))
def test_what_is_printed_fits_and_keeps_both_ends(text, limit):
    found = printable(text, limit)
    assert len(found) <= limit
    if len(text) <= limit:
        assert len(found) == len(text)
        assert all(character in (given, "?") for character, given in zip(found, text, strict=True))
    else:
        assert "…" in found


def test_an_undecodable_name_is_printed_with_marks():
    assert printable(b"caf\xe9.png".decode("utf-8", "surrogateescape"), 20) == "caf?.png"
