from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from dcgan_pipeline.dedup.audit import ALTERATIONS
from dcgan_pipeline.dedup.groups import (
    describe_groups,
    find_duplicates,
    kept_rows,
    measure_groups,
    sharpness,
    warn_of_conflicts,
)
from dcgan_pipeline.dedup.settings import DedupSettings
from dcgan_pipeline.dedup.similarity import similarity
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.crop import channels_first

# Few values, so that equal codes are common; widths that are not whole words of 8 bytes among them.
CODES = hnp.arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 17)), elements=st.sampled_from([0, 1, 255]))
EXAMPLES = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
PAPER = DedupSettings(keep="earliest")


def group(hashed, **values):
    return find_duplicates(hashed, DedupSettings(**{"keep": "earliest", **values}))


def groups_of(table):
    return {frozenset(rows) for rows in table.groupby("group")["row"].agg(list)}


def reference(codes, radius):
    """Connected components of all pairs within the radius, by hand."""
    bits = np.unpackbits(codes, axis=1).astype(int)
    near = (bits[:, None] != bits[None]).sum(2) <= radius
    left, found = set(range(len(codes))), set()
    while left:
        reached, edge = set(), {min(left)}
        while edge:
            reached |= edge
            edge = {int(j) for i in edge for j in np.flatnonzero(near[i])} - reached
        left -= reached
        found |= {frozenset(reached)} if len(reached) > 1 else set()
    return found


@pytest.fixture
def eight(hashed):
    """Groups: 0 and 3; 1, 4 and 5; 2 alone; 6 and 7."""
    return hashed(np.array([[7, 0], [1, 2], [3, 3], [7, 0], [1, 2], [1, 2], [9, 9], [9, 9]], np.uint8))


@EXAMPLES
@given(codes=CODES)
def test_groups_of_equal_codes_are_those_of_a_dictionary(hashed, codes):
    assert groups_of(group(hashed(codes))) == reference(codes, 0)


@EXAMPLES
@given(codes=CODES, radius=st.integers(1, 6))
def test_groups_of_near_codes_are_the_components_of_all_pairs(hashed, codes, radius):
    assert groups_of(group(hashed(codes), radius=radius, probes=3)) == reference(codes, radius)


@EXAMPLES
@given(codes=CODES, random=st.randoms(use_true_random=False), radius=st.integers(0, 5))
def test_the_order_of_the_images_changes_no_group(hashed, natural, codes, random, radius):
    order = list(range(len(codes)))
    random.shuffle(order)
    pictures = natural[np.arange(len(codes)) // 2]  # every picture twice, so that some candidates are confirmed
    options = {"radius": radius, "min_similarity": 0.9}
    straight = groups_of(group(hashed(codes, pictures), **options))
    moved = groups_of(group(hashed(codes[order], pictures[order]), **options))
    assert {frozenset(order[k] for k in rows) for rows in moved} == straight


def test_table_has_the_documented_columns_and_attributes(eight):
    table = group(eight)
    assert table.dtypes.astype(str).to_dict() == {
        "row": "int64",
        "group": "int64",
        "representative": "int64",
        "distance": "int64",
        "similarity": "float64",
        "kept": "bool",
    }
    assert table.attrs == {"images_id": "i", "images": 8}
    assert table["row"].tolist() == [0, 3, 1, 4, 5, 6, 7]
    assert table["group"].tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert table["representative"].tolist() == [0, 0, 1, 1, 1, 6, 6]


def test_kept_rows_are_whole_numbers_in_ascending_order(eight):
    found = kept_rows(group(eight))
    assert found.dtype == np.int64
    assert found.tolist() == [0, 1, 2, 6]


def test_a_set_without_duplicates_keeps_all(hashed):
    table = group(hashed(np.eye(8, dtype=np.uint8)))
    assert table.empty
    assert kept_rows(table).tolist() == list(range(8))


def test_distance_and_similarity_are_those_to_the_representative(hashed, natural):
    codes = np.array([[0b0000], [0b0001], [0b0011], [0xFF]], np.uint8)
    table = group(hashed(codes, natural[[4, 4, 4, 5]]), radius=1)
    assert table["row"].tolist() == [0, 1, 2]  # 2 is within 1 bit of 1, which is within 1 bit of 0
    assert table["representative"].tolist() == [0, 0, 2]  # but not of 0, so it stays
    assert table["distance"].tolist() == [0, 1, 0]
    assert table["similarity"].tolist() == [1, 1, 1]


@EXAMPLES
@given(codes=CODES, radius=st.integers(0, 6))
def test_every_removed_image_is_a_duplicate_of_one_that_stays(hashed, codes, radius):
    table = group(hashed(codes), radius=radius, probes=3)
    stays = dict(zip(table["row"], table["kept"], strict=True))
    assert all(stays[row] for row in table["representative"])
    assert (table["distance"] <= radius).all()
    kept = table[table["kept"]]
    apart = [(a, b) for _, rows in kept.groupby("group")["row"] for a in rows for b in rows if a < b]
    assert all(np.bitwise_count(codes[a] ^ codes[b]).sum() > radius for a, b in apart)  # and no more stay


def test_candidates_that_are_other_pictures_are_no_duplicates(hashed, natural):
    codes = np.zeros((6, 4), np.uint8)
    codes[4:, 0] = 1  # one bit away
    pictures = natural[[0, 1, 0, 1, 0, 2]]
    checked = group(hashed(codes, pictures), radius=1, min_similarity=0.9)
    assert groups_of(checked) == {frozenset({0, 2, 4}), frozenset({1, 3})}
    assert groups_of(group(hashed(codes, pictures), radius=1)) == {frozenset(range(6))}


def test_a_code_of_very_many_pictures_is_given_up_loudly_and_all_stay(hashed, natural, caplog):
    table = group(hashed(np.zeros((60, 8), np.uint8), natural[:60]), min_similarity=0.9)
    assert "share codes with more than 32 different pictures, and stay" in caplog.text
    assert len(kept_rows(table)) == 60


@pytest.mark.parametrize(("keep", "stays"), [("earliest", 0), ("largest", 2), ("sharpest", 1)])
def test_which_image_of_a_group_stays(hashed, natural, stored, keep, stays):
    pictures = natural[[3, 3, 3]].copy()
    images = np.stack([pictures[0] // 2 + 64, pictures[1], pictures[2] // 4 + 96])  # the middle one has most contrast
    made = hashed(np.zeros((3, 2), np.uint8), pictures, width=[10, 20, 20], height=[10, 9, 20])
    table = find_duplicates(replace(made, images=stored(images)), DedupSettings(keep=keep))
    assert kept_rows(table).tolist() == [stays]
    assert set(table["representative"]) == {stays}


def test_sharpness_is_the_variance_of_the_laplacian(stored):
    flat, step = np.full((1, 1, 8, 8), 9, np.uint8), np.zeros((1, 1, 8, 8), np.uint8)
    step[..., 4:] = 100  # its Laplacian is 100 and -100 beside the edge, 0 elsewhere
    found = sharpness(stored(np.concatenate([flat, step])), np.arange(2))
    assert found.tolist() == [0, pytest.approx(2 * 8 * 100**2 / 64)]


def test_images_that_a_person_named_stay(eight):
    table = group(eight, always_keep=("004.png",))
    assert kept_rows(table).tolist() == [0, 1, 2, 4, 6]
    assert table.loc[table["row"] == 4, "representative"].item() == 1  # still listed in its group


def test_a_name_that_is_not_there_is_one_clear_line(eight):
    with pytest.raises(InputError, match=r"dedup\.always_keep must name images that are there, and 'x\.png' is not"):
        group(eight, always_keep=("004.png", "x.png"))


def test_report_lists_groups_the_largest_first(eight):
    report = describe_groups(group(eight), eight.records)
    assert report.to_dict("list") == {
        "group": [1, 0, 2],
        "size": [3, 2, 2],
        "kept": ["001.png", "000.png", "006.png"],
        "removed": ["004.png\n005.png", "003.png", "007.png"],
        "conflict": ["", "", ""],
    }


def test_report_finds_sources_by_row_and_not_by_the_index_of_the_records(eight):
    moved = eight.records.set_index(eight.records.index + 50)
    pd.testing.assert_frame_equal(describe_groups(group(eight), moved), describe_groups(group(eight), eight.records))


def test_report_of_a_set_without_duplicates_is_empty_and_keeps_its_columns(hashed):
    made = hashed(np.eye(8, dtype=np.uint8))
    report = describe_groups(group(made), made.records)
    assert list(report.columns) == ["group", "size", "kept", "removed", "conflict"]
    assert report.empty


def test_report_leaves_empty_what_a_group_has_none_of(eight):
    report = describe_groups(group(eight, always_keep=("003.png",)), eight.records).set_index("group")
    assert report.loc[0].to_dict() == {"size": 2, "kept": "000.png\n003.png", "removed": "", "conflict": ""}


def test_what_is_given_up_is_not_compared_with_all_else_either(hashed, natural):
    codes = np.zeros((60, 8), np.uint8)
    table = group(hashed(codes, natural[:60]), radius=3, min_similarity=0.3)
    given_up = group(hashed(codes, natural[:60]), min_similarity=0.3)
    assert kept_rows(table).tolist() == kept_rows(given_up).tolist()


def test_numbers_of_the_report(eight):
    table = group(eight)
    records = eight.records.assign(label=[0, 0, 0, 1, 0, 0, 0, 0], **{"class": [*"aaabaaaa"]})
    metrics = measure_groups(table, describe_groups(table, records), eight.codes)
    on = np.unpackbits(eight.codes[:], axis=1)
    assert metrics == {
        "dedup.images": 8,
        "dedup.kept": 4,
        "dedup.removed": 4,
        "dedup.groups": 3,
        "dedup.largest_group": 3,
        "dedup.label_conflicts": 1,
        "dedup.mean_bits_on": pytest.approx(on.sum(axis=1).mean()),
        "dedup.constant_bits": sum(len(set(bit)) == 1 for bit in on.T.tolist()),
    }
    assert all(isinstance(value, float) for value in metrics.values())


def test_a_picture_in_folders_of_two_classes_is_a_conflict_and_one_without_a_label_is_none(eight, caplog):
    classes = ["cat", "cat", "cat", "dog", "cat", "cat", "", "cat"]
    records = eight.records.assign(label=[0, 0, 0, 1, 0, 0, -1, 0], **{"class": classes})
    report = describe_groups(group(eight), records).set_index("group")
    assert report["conflict"].to_dict() == {0: "cat\ndog", 1: "", 2: ""}
    warn_of_conflicts(report)
    assert (
        "1 groups of duplicates lie in folders of different classes, such as 000.png, 003.png (cat, dog)" in caplog.text
    )
    warn_of_conflicts(report[report["conflict"] == ""])
    assert len(caplog.records) == 1


def test_pictures_that_differ_in_colour_alone_are_told_apart(hashed):
    grid = np.random.default_rng(0).integers(0, 2, (8, 8)).repeat(4, 0).repeat(4, 1)[:, :, None]
    colours = [(200, 40, 40), (40, 160, 60), (40, 80, 200)]
    pictures = np.stack([(grid * colour + (1 - grid) * 255).transpose(2, 0, 1) for colour in colours]).astype(np.uint8)
    assert similarity(pictures, np.roll(pictures, 1, 0)).min() > 0.65  # what decided alone
    assert group(hashed(np.zeros((3, 8), np.uint8), pictures), min_similarity=0.65).empty


def sheets(count, side, size=64):
    """Different scenes of so many pixels in the middle of a white sheet, and their thumbnails."""
    big = np.full((count, 3, 4 * size, 4 * size), 255, np.uint8)
    low = 2 * size - 2 * side
    for k in range(count):
        cells = np.random.default_rng(k).integers(0, 256, (3, 4, 4)).repeat(side, 1).repeat(side, 2)
        big[k, :, low : low + 4 * side, low : low + 4 * side] = cells
    return tuple(
        np.stack([np.asarray(Image.fromarray(p.transpose(1, 2, 0)).resize((s, s), 3)).transpose(2, 0, 1) for p in big])
        for s in (size, 32)
    )


@pytest.mark.parametrize("side", [8, 16])
def test_small_subjects_on_a_plain_sheet_are_told_apart_though_their_outlines_are_the_same(hashed, stored, side):
    images, thumbnails = sheets(20, side)
    assert similarity(thumbnails[:10], thumbnails[10:]).max() > 0.7  # what decided alone
    made = replace(hashed(np.zeros((20, 8), np.uint8), thumbnails), images=stored(images))
    assert group(made, radius=2, min_similarity=0.65).empty


@pytest.mark.parametrize("side", [8, 16])
@pytest.mark.parametrize("kind", ["resized", "brightened", "shifted", "cropped", "noised"])
def test_altered_copies_of_small_subjects_are_found(hashed, stored, side, kind):
    images, _ = sheets(10, side)
    originals = [Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))) for image in images]
    rng = np.random.default_rng(0)
    both = [*originals, *(ALTERATIONS[kind][1](image, rng) for image in originals)]
    made = hashed(
        np.zeros((20, 8), np.uint8), np.stack([channels_first(image.resize((32, 32), 3), 3) for image in both])
    )
    made = replace(made, images=stored(np.stack([channels_first(image, 3) for image in both])))
    found = groups_of(group(made, min_similarity=0.65))
    assert found == {frozenset({k, k + 10}) for k in range(10)}


def test_pictures_that_are_blank_but_for_what_only_the_stored_images_show_are_told_apart(hashed, stored):
    images = np.full((3, 3, 128, 128), 255, np.uint8)
    images[0, :, 64, 60:68] = 250  # a faint line
    made = hashed(np.zeros((3, 8), np.uint8), np.full((3, 3, 32, 32), 255, np.uint8))
    assert groups_of(group(made, min_similarity=0.65)) == {frozenset({0, 1, 2})}
    finer = replace(made, images=stored(images))
    assert groups_of(group(finer, min_similarity=0.65)) == {frozenset({1, 2})}
