import pickle
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.boxes import Box, centred_square, match_boxes, overlap, with_margin
from dcgan_pipeline.imaging.decode import decode_image
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.regions import NO_FACE, choose_faces, find_regions, kept_boxes
from dcgan_pipeline.imaging.settings import FacesSettings, Limits

LOCAL = EngineSettings()
COLUMNS = ["source_row", "source", "left", "top", "width", "height", "score", "kept", "reason"]
FACES = Path(__file__).parents[2] / "../shared/data/photos/faces"
needs_photographs = pytest.mark.skipif(not FACES.is_dir(), reason="needs the photographs of ../shared/data")


def annotated():
    """Read the photographs' true boxes, by file."""
    return {
        image.get("file"): [
            Box(*(int(box.get(key)) for key in ("left", "top", "width", "height"))) for box in image.iter("box")
        ]
        for image in ET.parse(FACES / "boxes.xml").iter("image")
    }


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
    assert str(info.value).endswith("; change faces.min_side")


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


# ---- which faces are kept


@st.composite
def found_faces(draw):
    """What a detector gives for a photograph of 60 x 50: the best first."""
    boxes = []
    for score in sorted(draw(st.lists(st.floats(0, 1), max_size=8)), reverse=True):
        width, height = draw(st.integers(1, 30)), draw(st.integers(1, 30))
        boxes.append(Box(draw(st.integers(0, 30)), draw(st.integers(0, 20)), width, height, score))
    return boxes


RULES = st.builds(
    FacesSettings,
    min_side=st.integers(1, 20),
    min_score=st.none() | st.floats(0, 1),
    margin=st.sampled_from([0.0, 0.2]),
    suppress_iou=st.floats(0.05, 1),
    faces_per_image=st.sampled_from(["all", "best", "largest"]),
)


@given(faces=found_faces(), rules=RULES)
def test_every_face_is_kept_or_has_the_reason_that_the_rules_give(faces, rules):
    choice = choose_faces(faces, rules, 60, 50)
    assert [region for region, _ in choice] == [with_margin(face, rules.margin, 60, 50) for face in faces]
    passed: list[Box] = []  # greedy non-maximum suppression, told by the reasons
    for face, (region, reason) in zip(faces, choice, strict=True):
        small = region.width < rules.min_side
        weak = rules.min_score is not None and face.score < rules.min_score
        twin = any(overlap(face, other) >= rules.suppress_iou for other in passed)
        kind = "too small" if small else "too uncertain" if weak else "duplicate" if twin else ""
        if kind:
            assert reason.split(":")[0] == kind
        else:
            passed.append(face)
            assert reason in ("", f"not the {rules.faces_per_image}: one face an image is kept")
    kept = [face for face, (_, reason) in zip(faces, choice, strict=True) if not reason]
    if rules.faces_per_image == "all":
        assert kept == passed
    elif rules.faces_per_image == "best":
        assert kept == passed[:1]
    else:
        assert len(kept) == min(1, len(passed))
        assert all(kept[0].width * kept[0].height >= face.width * face.height for face in passed)


def test_reasons_name_the_rule_and_the_value():
    faces = [Box(0, 0, 20, 20, 0.9), Box(5, 0, 20, 20, 0.8), Box(40, 0, 20, 20, 0.3), Box(30, 30, 4, 4, 0.95)]
    rules = FacesSettings(min_side=10, min_score=0.5, suppress_iou=0.6)
    assert [reason for _, reason in choose_faces(faces, rules, 100, 100)] == [
        "",
        "duplicate: IoU 0.60 with a better one, and suppress_iou is 0.6",
        "too uncertain: score 0.30, and min_score is 0.5",
        "too small: 4 pixels, and min_side is 10",
    ]


def test_a_face_that_breaks_a_rule_suppresses_no_other():
    faces = [Box(0, 0, 19, 19, 0.9), Box(0, 0, 20, 20, 0.8)]
    assert [not reason for _, reason in choose_faces(faces, FacesSettings(min_side=20), 100, 100)] == [False, True]


def test_margins_make_no_duplicates():
    faces = [Box(20, 40, 20, 20, 0.9), Box(41, 40, 20, 20, 0.8)]
    assert all(not reason for _, reason in choose_faces(faces, FacesSettings(margin=1.0), 200, 200))


@pytest.fixture
def red_photographs(tmp_path):
    """PNGs of 320 x 160 and 160 x 320 with red squares of 16, a square, two beside each other, and none."""
    for k, cells in enumerate([[(32, 48)], [(32, 48), (48, 48), (128, 96)], []]):
        pixels = np.zeros((320, 160, 3) if k else (160, 320, 3), np.uint8)
        for n, (left, top) in enumerate(cells):
            pixels[top : top + 16, left : left + 16, 0] = 255 - 10 * n
        (tmp_path / "red").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / f"red/{k}.png")
    return open_source(str(tmp_path / "red"))


@pytest.fixture
def halved(tiny_yunet):
    """Settings with which each red square of 16 is a cell of the copy, and a face of 48 in the photograph."""
    network = {"model": str(tiny_yunet), "nms_threshold": 0.9, "search_min_score": 0.6}

    def make(**rules):
        return FacesSettings(detector="yunet", detect_max_side=160, yunet=network, **rules)

    return make


def test_faces_found_in_a_smaller_copy_are_pixels_of_the_photograph(red_photographs, halved):
    regions = find_regions(red_photographs, halved(), LOCAL)
    assert regions["source_row"].tolist() == [0, 1, 1, 1, 2]
    assert regions[["left", "top", "width", "height"]].to_numpy().tolist() == [
        *[[16, 32, 48, 48]] * 2,
        [32, 32, 48, 48],
        [112, 80, 48, 48],
        [0, 0, 0, 0],
    ]
    assert regions["kept"].tolist() == [True, True, False, True, False]
    assert regions["reason"].str.split(":").str[0].tolist() == ["", "", "duplicate", "", NO_FACE]
    assert regions["score"].is_monotonic_decreasing or regions["score"][1] > regions["score"][2] > regions["score"][3]


def test_lengths_are_of_the_photograph_and_not_of_the_copy(red_photographs, halved):
    assert find_regions(red_photographs, halved(min_side=48), LOCAL)["kept"].sum() == 3
    with pytest.raises(InputError, match="4 x too small"):
        find_regions(red_photographs, halved(min_side=49), LOCAL)


@pytest.mark.parametrize("which", ["best", "largest"])
def test_one_face_an_image_is_kept_where_one_is_asked_for(red_photographs, halved, which):
    regions = find_regions(red_photographs, halved(faces_per_image=which), LOCAL)
    assert regions["kept"].tolist() == [True, True, False, False, False]
    assert regions["reason"][3] == f"not the {which}: one face an image is kept"


def test_a_pool_of_processes_finds_the_same_faces_with_a_network(red_photographs, halved):
    settings = halved(images_per_task=1)
    pool = find_regions(red_photographs, settings, EngineSettings(name="processes", workers=2))
    pd.testing.assert_frame_equal(pool, find_regions(red_photographs, halved(), LOCAL))


# ---- faces of people


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
    assert regions.loc[regions["source"] == "boxes.xml", "reason"].tolist() == ["not an image but XML"]


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
def test_large_faces_are_found_in_a_smaller_copy_too(people):
    source, whole = people
    small = find_regions(source, FacesSettings(detector="haar", detect_max_side=400), LOCAL)
    faces = small[small["width"] > 0]
    large = whole[whole["width"] >= 48]  # twice the 24 pixels that the cascade looks at
    found = 0
    for name, part in large.groupby("source"):
        there = [Box(*row) for row in faces.loc[faces["source"] == name, COLUMNS[2:6]].to_numpy()]
        found += match_boxes(there, [Box(*row) for row in part[COLUMNS[2:6]].to_numpy()], 0.4)
    assert len(large) >= 5
    assert found >= 0.7 * len(large)
    assert (faces["width"] >= 30).all()  # search_min_side, of the photograph


@needs_photographs
def test_a_pool_of_processes_finds_the_same_faces(people):
    source, regions = people
    settings = FacesSettings(detector="haar", images_per_task=2)
    again = find_regions(pickle.loads(pickle.dumps(source)), settings, EngineSettings(name="processes", workers=2))
    pd.testing.assert_frame_equal(again, regions)
