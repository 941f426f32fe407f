import math
import pickle
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.boxes import Box, centred_square, match_boxes, with_margin
from dcgan_pipeline.imaging.decode import decode_image
from dcgan_pipeline.imaging.detectors import detect_faces
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.regions import NO_FACE, find_regions, kept_boxes
from dcgan_pipeline.imaging.settings import FacesSettings, HaarSettings, Limits

LOCAL = EngineSettings()
COLUMNS = ["source_row", "source", "left", "top", "width", "height", "score", "kept", "reason"]
FACES = Path(__file__).parents[2] / "../shared/data/photos/faces"
needs_photographs = pytest.mark.skipif(not FACES.is_dir(), reason="needs the photographs of ../shared/data")

SIDES = st.integers(1, 500)


@st.composite
def boxes_in_images(draw):
    width, height = draw(SIDES), draw(SIDES)
    side = draw(st.integers(1, min(width, height)))
    left, top = draw(st.integers(0, width - side)), draw(st.integers(0, height - side))
    return Box(left, top, side, side, 1.5), width, height


def annotated():
    """Read the photographs' true boxes, by file."""
    return {
        image.get("file"): [
            Box(*(int(box.get(key)) for key in ("left", "top", "width", "height"))) for box in image.iter("box")
        ]
        for image in ET.parse(FACES / "boxes.xml").iter("image")
    }


# ---- boxes


@given(width=SIDES, height=SIDES)
def test_the_centred_square_is_the_largest_and_stands_in_the_middle(width, height):
    box = centred_square(width, height)
    assert box.width == box.height == min(width, height)
    right, below = width - box.left - box.width, height - box.top - box.height
    assert 0 <= right - box.left <= 1
    assert 0 <= below - box.top <= 1
    assert math.isnan(box.score)


@given(given_box=boxes_in_images(), margin=st.floats(0, 5))
def test_a_widened_box_is_a_square_inside_the_image_and_no_smaller(given_box, margin):
    box, width, height = given_box
    wide = with_margin(box, margin, width, height)
    assert wide.width == wide.height == min(round(box.width * (1 + 2 * margin)), width, height)
    assert 0 <= wide.left <= width - wide.width
    assert 0 <= wide.top <= height - wide.height
    assert wide.score == box.score


@given(given_box=boxes_in_images(), margin=st.floats(0, 5))
def test_a_widened_box_holds_the_box(given_box, margin):
    box, width, height = given_box
    wide = with_margin(box, margin, width, height)
    assume(wide.width == round(box.width * (1 + 2 * margin)))  # where the image is smaller, a part may be cut
    assert wide.left <= box.left
    assert wide.left + wide.width >= box.left + box.width
    assert wide.top <= box.top
    assert wide.top + wide.height >= box.top + box.height


@given(given_box=boxes_in_images())
def test_no_margin_leaves_a_box_as_it_is(given_box):
    box, width, height = given_box
    assert with_margin(box, 0.0, width, height) == box


def test_a_margin_away_from_the_edges_widens_every_side_by_its_part():
    assert with_margin(Box(40, 50, 20, 20), 0.5, 200, 200)[:4] == (30, 40, 40, 40)


def test_a_margin_at_an_edge_moves_the_box_and_does_not_cut_it():
    assert with_margin(Box(0, 180, 20, 20), 0.5, 200, 200)[:4] == (0, 160, 40, 40)


# ---- matching


@given(st.lists(st.integers(0, 20), unique=True))
def test_boxes_match_themselves(places):
    boxes = [Box(10 * place, 0, 8, 8) for place in places]
    assert match_boxes(boxes, boxes[::-1], 1.0) == len(boxes)


@pytest.mark.parametrize(("shift", "overlap"), [(0, 1), (1, 9 / 11), (5, 5 / 15), (9, 1 / 19), (10, 0)])
def test_boxes_match_at_their_intersection_over_union_and_not_above(shift, overlap):
    found, truth = [Box(shift, 0, 10, 10)], [Box(0, 0, 10, 10)]
    assert match_boxes(found, truth, overlap) == 1
    assert match_boxes(found, truth, overlap + 1e-6) == 0


def test_two_detections_of_one_face_are_one_match():
    assert match_boxes([Box(0, 0, 10, 10), Box(1, 0, 10, 10)], [Box(0, 0, 10, 10)], 0.4) == 1
    assert match_boxes([Box(0, 0, 10, 10)], [Box(0, 0, 10, 10), Box(1, 0, 10, 10)], 0.4) == 1


def test_nothing_matches_nothing():
    assert match_boxes([], [Box(0, 0, 1, 1)], 0.1) == match_boxes([Box(0, 0, 1, 1)], [], 0.1) == 0


# ---- centred squares of a source


def test_without_a_detector_every_image_has_its_centred_square(photos):
    source = open_source(str(photos))
    regions = find_regions(source, FacesSettings(), LOCAL)
    assert list(regions.columns) == COLUMNS
    assert [str(kind) for kind in regions.dtypes] == ["int64", "str", *["int64"] * 4, "float64", "bool", "str"]
    for row, region in enumerate(regions.itertuples()):
        size = decode_image(source.read(row), Limits()).size
        assert (region.source_row, region.source) == (row, source.names[row])
        assert (region.left, region.top, region.width, region.height) == centred_square(*size)[:4]
    assert regions["kept"].all()
    assert (regions["reason"] == "").all()
    assert regions["score"].isna().all()


def test_every_image_has_at_least_one_row_and_the_unusable_say_why(photos):
    (photos / "cat/broken.png").write_bytes(b"no image at all")
    (photos / "dog/empty.png").write_bytes(b"")
    (photos / "dog/gone.png").symlink_to(photos / "nowhere")
    source = open_source(str(photos))
    regions = find_regions(source, FacesSettings(), LOCAL)
    assert regions["source_row"].tolist() == list(range(len(source)))
    refused = regions[~regions["kept"]]
    assert dict(zip(refused["source"], refused["reason"], strict=True)) == {
        "cat/broken.png": "not an image",
        "dog/empty.png": "empty file",
        "dog/gone.png": "unreadable: No such file or directory",
    }
    assert (refused[["left", "top", "width", "height"]] == 0).all(axis=None)
    assert (regions["kept"] == (regions["reason"] == "")).all()


def test_a_region_is_kept_from_min_side_on(photos):
    source = open_source(str(photos))
    regions = find_regions(source, FacesSettings(min_side=20), LOCAL)
    assert (regions["kept"] == (regions["width"] >= 20)).all()
    assert set(regions["width"]) > {16, 20}
    small = regions[regions["width"] == 16]
    assert small["reason"].tolist() == ["too small: 16 pixels, and min_side is 20"]


def test_a_source_of_which_nothing_is_kept_is_an_input_error_that_counts_the_reasons(photos):
    (photos / "cat/broken.png").write_bytes(b"no image at all")
    with pytest.raises(InputError, match=r"of the 7 images of .* none was \(6 x too small, 1 x not an image\)") as info:
        find_regions(open_source(str(photos)), FacesSettings(min_side=1000), LOCAL)
    assert "\n" not in str(info.value)


def test_a_name_that_is_no_text_is_stored_in_the_table(photos, tmp_path, make_tar):
    image = (photos / "cat/0.png").read_bytes()
    source = open_source(str(make_tar([("\udcff.png", image)])))
    find_regions(source, FacesSettings(), LOCAL).to_parquet(tmp_path / "regions.parquet")
    assert pd.read_parquet(tmp_path / "regions.parquet")["source"].tolist() == [r"\xff.png"]


@pytest.mark.parametrize("images_per_task", [1, 2, 100])
def test_the_size_of_a_task_changes_nothing(photos, images_per_task):
    source = open_source(str(photos))
    regions = find_regions(source, FacesSettings(images_per_task=images_per_task), LOCAL)
    pd.testing.assert_frame_equal(regions, find_regions(source, FacesSettings(), LOCAL))


def test_a_pool_of_processes_gives_the_same_regions(photos):
    (photos / "cat/broken.png").write_bytes(b"no image at all")
    source, settings = open_source(str(photos)), FacesSettings(images_per_task=3)
    regions = find_regions(source, settings, EngineSettings(name="processes", workers=2))
    pd.testing.assert_frame_equal(regions, find_regions(source, settings, LOCAL))


def test_kept_boxes_are_the_kept_rows_as_numbers(photos):
    regions = find_regions(open_source(str(photos)), FacesSettings(min_side=20), LOCAL)
    boxes = kept_boxes(regions)
    assert boxes.dtype == np.int64
    kept = regions[regions["kept"]]
    np.testing.assert_array_equal(boxes, kept[["source_row", "left", "top", "width", "height"]])
    assert 0 < len(boxes) < len(regions)


# ---- Haar's cascade


def test_a_cascade_that_does_not_exist_is_an_input_error_that_lists_what_there_is(photos):
    settings = FacesSettings(detector="haar", haar=HaarSettings(cascade="haarcascade_frontalfaces.xml"))
    with pytest.raises(InputError, match=r"got 'haarcascade_frontalfaces\.xml'; .*haarcascade_frontalface_default"):
        find_regions(open_source(str(photos)), settings, LOCAL)


@pytest.mark.parametrize("text", ["", "no xml", "<a/>"])
def test_a_file_that_is_no_cascade_is_an_input_error(photos, tmp_path, text):
    (tmp_path / "mine.xml").write_text(text)
    settings = FacesSettings(detector="haar", haar=HaarSettings(cascade=str(tmp_path / "mine.xml")))
    with pytest.raises(InputError, match=r"must be a cascade that OpenCV can read, and .*mine\.xml is none"):
        find_regions(open_source(str(photos)), settings, LOCAL)


@pytest.mark.parametrize("size", [(1, 1), (10, 200), (64, 64)])
def test_no_face_is_found_where_there_is_none(size):
    assert detect_faces(Image.new("RGB", size), FacesSettings(detector="haar")) == []


def test_images_without_faces_are_listed_with_that_reason(photos):
    with pytest.raises(InputError, match=rf"none was \(6 x {NO_FACE}\)"):
        find_regions(open_source(str(photos)), FacesSettings(detector="haar"), LOCAL)


@pytest.fixture(scope="module")
def people():
    """Regions of the photographs of people, with all settings as they are."""
    source = open_source(str(FACES))
    return source, find_regions(source, FacesSettings(detector="haar"), LOCAL)


@needs_photographs
def test_most_of_the_annotated_faces_are_found(people):
    _, regions = people
    truth, found = annotated(), regions[regions["width"] > 0]
    assert sum(len(boxes) for boxes in truth.values()) == 18
    hits = sum(
        match_boxes([Box(*row) for row in found.loc[found["source"] == name, COLUMNS[2:6]].to_numpy()], boxes, 0.4)
        for name, boxes in truth.items()
    )
    assert hits >= 12


@needs_photographs
def test_faces_are_ordered_by_image_and_then_from_the_best_score_down(people):
    source, regions = people
    assert set(regions["source_row"]) == set(range(len(source)))
    assert regions["source_row"].is_monotonic_increasing
    faces = regions[regions["width"] > 0]
    assert all(scores.is_monotonic_decreasing for _, scores in faces.groupby("source_row")["score"])
    assert faces["score"].notna().all()
    assert (faces["width"] == faces["height"]).all()


@needs_photographs
def test_the_file_that_is_no_photograph_is_listed_with_its_reason(people):
    _, regions = people
    assert regions.loc[regions["source"] == "boxes.xml", "reason"].tolist() == ["not an image"]


@needs_photographs
def test_a_face_is_kept_from_min_score_on(people):
    source, plain = people
    middle = float(plain["score"].median())
    regions = find_regions(source, FacesSettings(detector="haar", min_score=middle), LOCAL)
    faces = regions[regions["width"] > 0]
    assert (faces["kept"] == (faces["score"] >= middle)).all()
    assert faces["kept"].nunique() == 2
    assert faces.loc[~faces["kept"], "reason"].str.startswith("too uncertain: score ").all()
    pd.testing.assert_series_equal(regions["left"], plain["left"])


@needs_photographs
def test_a_margin_widens_the_faces_that_are_found(people):
    source, plain = people
    wide = find_regions(source, FacesSettings(detector="haar", margin=0.25), LOCAL)
    for before, after in zip(plain.itertuples(), wide.itertuples(), strict=True):
        if before.width:
            size = decode_image(source.read(before.source_row), Limits()).size
            box = Box(before.left, before.top, before.width, before.height)
            assert (after.left, after.top, after.width, after.height) == with_margin(box, 0.25, *size)[:4]


@needs_photographs
def test_a_pool_of_processes_finds_the_same_faces(people):
    source, regions = people
    settings = FacesSettings(detector="haar", images_per_task=2)
    again = find_regions(pickle.loads(pickle.dumps(source)), settings, EngineSettings(name="processes", workers=2))
    pd.testing.assert_frame_equal(again, regions)
