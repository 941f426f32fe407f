import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from PIL import Image

from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.figures.canvas import KEPT, REFUSED
from dcgan_pipeline.figures.data import collision_gallery, contact_sheet
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.regions import find_regions
from dcgan_pipeline.imaging.settings import FacesSettings


@pytest.fixture
def photographs(tmp_path):
    def make(sizes, names=None):
        rng = np.random.default_rng(0)
        for k, (width, height) in enumerate(sizes):
            path = tmp_path / "raw" / (names[k] if names else f"{k:03d}.png")
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path, format="png")
        source = open_source(str(tmp_path / "raw"))
        return source, find_regions(source, FacesSettings(), EngineSettings())

    return make


def grouped(groups):
    table = pd.DataFrame({"row": np.arange(len(groups)), "group": groups})
    table["representative"] = table.groupby("group")["row"].transform("min")
    table = table.assign(distance=0, kept=table["row"] == table["representative"])
    table = table[table.groupby("group")["row"].transform("count") > 1]  # as the stage lists them
    table.attrs["images"] = len(groups)
    return table


@pytest.fixture
def thumbnails(stored):
    """Thumbnail k is one flat grey of level k."""
    levels = np.arange(60, dtype=np.uint8)[:, None, None, None]
    return stored(np.broadcast_to(levels, (60, 3, 32, 32)).copy())


@pytest.mark.parametrize("count", [1, 2, 4, 5, 12])
def test_a_contact_sheet_shows_as_many_images_as_asked_spread_over_the_source(photographs, rendered, count):
    source, regions = photographs([(40 + k, 30) for k in range(23)])
    figure = contact_sheet(source, regions, count)
    rendered(figure)
    shown = [axes.get_title() for axes in figure.axes if axes.get_images()]
    assert len(shown) == count
    assert shown == sorted(shown)
    assert shown[0] == "000.png"
    if count > 1:
        assert shown[-1] == "022.png"


def test_all_images_are_shown_where_there_are_fewer_than_asked(photographs, rendered):
    figure = contact_sheet(*photographs([(40, 30)]), count=12)
    rendered(figure)
    assert [axes.get_title() for axes in figure.axes] == ["000.png"]
    assert figure.texts[0].get_text() == "1 of 1 region kept, in 1 image"


@pytest.mark.parametrize("size", [(1, 1), (2000, 10), (10, 2000), (1200, 800)])
def test_boxes_lie_on_the_pixels_whatever_the_size(photographs, rendered, size):
    source, regions = photographs([size])
    figure = contact_sheet(source, regions, 1)
    rendered(figure)
    (axes,) = figure.axes
    (box,) = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    height, width = axes.get_images()[0].get_array().shape[:2]
    side = min(size)
    scale = min(1, 480 / max(size))  # pixels of a photograph on the sheet
    assert (width, height) == (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    assert box.get_width() == pytest.approx(side * scale)
    assert box.get_x() == pytest.approx((size[0] - side) // 2 * scale - 0.5)
    assert box.get_y() == pytest.approx((size[1] - side) // 2 * scale - 0.5)


def test_boxes_have_the_colour_of_their_fate_and_its_reason(photographs, rendered):
    source, regions = photographs([(60, 40), (60, 40)])
    small = regions.iloc[:1].assign(width=10, height=10, kept=False, reason="too small: 10 pixels")
    regions = pd.concat([regions.assign(score=2.345), small], ignore_index=True)
    figure = contact_sheet(source, regions, 2)
    rendered(figure)
    assert figure.texts[0].get_text() == "2 of 3 regions kept, in 2 images"
    first, second = figure.axes
    assert {to_hex(patch.get_edgecolor()) for patch in first.patches} == {KEPT, REFUSED}
    assert {text.get_text() for text in first.texts} == {"2.3", "too small"}
    assert [text.get_text() for text in second.texts] == ["2.3"]


def test_an_unreadable_image_is_shown_as_such(photographs, tmp_path, rendered):
    photographs([(40, 30)])
    (tmp_path / "raw" / "broken.png").write_bytes(b"no picture")
    source = open_source(str(tmp_path / "raw"))
    figure = contact_sheet(source, find_regions(source, FacesSettings(), EngineSettings()), 12)
    rendered(figure)
    assert figure.axes[1].get_title() == "broken.png"
    assert [text.get_text() for text in figure.axes[1].texts] == ["not an image"]


def test_an_image_without_a_face_says_so_over_it(photographs, rendered):
    source, regions = photographs([(60, 40), (60, 40)])
    nothing = {"left": 0, "top": 0, "width": 0, "height": 0, "kept": False, "reason": "no face found"}
    regions.loc[1, list(nothing)] = list(nothing.values())
    figure = contact_sheet(source, regions, 2)
    rendered(figure)
    assert [axes.get_title() for axes in figure.axes] == ["000.png", "001.png: no face found"]
    assert not figure.axes[1].patches


@pytest.mark.parametrize("corner", [(0, 0), (40, 0), (0, 30), (40, 30)])
def test_a_note_lies_on_its_photograph(photographs, rendered, corner):
    source, regions = photographs([(60, 50)])
    left, top = corner
    regions = regions.assign(left=left, top=top, width=20, height=20, kept=False, reason="too uncertain: score 0.1")
    figure = contact_sheet(source, regions, 1)
    rendered(figure)
    (axes,) = figure.axes
    (note,) = axes.texts
    inside, whole = note.get_window_extent(), axes.get_window_extent()
    assert whole.x0 - 3 <= inside.x0 <= inside.x1 <= whole.x1 + 3
    assert whole.y0 - 3 <= inside.y0 <= inside.y1 <= whole.y1 + 3


@pytest.mark.parametrize("name", ["pay_$_5_$_now.png", "$\\frac$.png", "a" * 120 + ".png", "two\nlines.png"])
def test_any_file_name_can_be_written_over_its_image(photographs, rendered, name):
    rendered(contact_sheet(*photographs([(40, 30), (30, 40)], [name, f"b{name}"]), 2))


def test_a_file_name_that_is_no_text_can_be_written_too(photographs, rendered, tmp_path):
    photographs([(40, 30)])
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    try:
        Image.new("L", (9, 9)).save(tmp_path / "raw" / name, format="png")
    except OSError:
        pytest.skip("this file system takes no such name")
    source = open_source(str(tmp_path / "raw"))
    rendered(contact_sheet(source, find_regions(source, FacesSettings(), EngineSettings()), 12))


def test_a_gallery_has_a_row_a_group_the_largest_first(thumbnails, rendered):
    groups = np.arange(60)
    groups[[10, 20]] = 5
    groups[[30, 31, 32]] = 3
    groups[[40]] = 1
    figure = collision_gallery(thumbnails, grouped(groups), groups=2, members=10)
    rendered(figure)
    assert figure.texts[0].get_text() == "6 of 60 images removed, in 3 groups"
    assert [axes.texts[0].get_text() for axes in figure.axes] == ["4 images", "3 images"]
    sheets = [axes.get_images()[0].get_array() for axes in figure.axes]
    firsts = [[int(sheet[0, 33 * k, 0]) for k in range(5)] for sheet in sheets]
    assert firsts == [[3, 30, 31, 32, 255], [5, 10, 20, 255, 255]]  # levels are rows; white where there is none


def test_a_group_whose_labels_differ_is_marked_in_the_gallery(thumbnails, rendered):
    conflicts = pd.Series({0: "a $cat$ of some sort\ndog"})
    figure = collision_gallery(thumbnails, grouped(np.arange(60) // 30), groups=2, members=4, conflicts=conflicts)
    rendered(figure)
    notes = [axes.texts[0].get_text() for axes in figure.axes]
    assert notes[0].startswith("30 images: a $ca")
    assert notes[0].endswith("\nnot dog")
    assert notes[1] == "30 images"


def test_a_gallery_shows_no_more_members_than_asked_and_says_how_many_there_are(thumbnails, rendered):
    figure = collision_gallery(thumbnails, grouped(np.zeros(60, np.int64)), groups=12, members=4)
    rendered(figure)
    (axes,) = figure.axes
    assert axes.texts[0].get_text() == "60 images"
    assert axes.get_images()[0].get_array().shape == (32, 4 * 32 + 3, 3)


def test_the_size_of_a_lone_group_fits_beside_a_full_row(thumbnails, rendered):
    figure = collision_gallery(thumbnails, grouped(np.zeros(60, np.int64)), groups=12, members=10)
    rendered(figure)
    (axes,) = figure.axes
    assert axes.texts[0].get_window_extent().x0 > axes.get_window_extent().x1  # beside the images


def test_many_groups_do_not_crowd(thumbnails, rendered):
    figure = collision_gallery(thumbnails, grouped(np.arange(60) // 3), groups=20, members=3)
    rendered(figure)
    assert len(figure.axes) == 20


def test_a_set_without_duplicates_says_so(thumbnails, rendered):
    figure = collision_gallery(thumbnails, grouped(np.arange(60)), groups=12, members=10)
    rendered(figure)
    assert figure.texts[0].get_text() == "0 of 60 images removed, in 0 groups"
    assert not figure.axes
