import numpy as np
import pytest

from dcgan_pipeline.dedup.groups import describe_groups, find_duplicates, kept_rows, rows_of
from dcgan_pipeline.dedup.known import drop_known, find_known
from dcgan_pipeline.dedup.settings import DedupSettings

SETTINGS = DedupSettings(radius=2, min_similarity=0.9, keep="earliest")


@pytest.fixture
def sets(hashed, natural):
    """Known: pictures 0 to 9. New: 5, 5 again (a bit away), 20, 20 again, 7 under a far code, 30 under that of 3."""
    codes = np.random.default_rng(0).integers(0, 256, (40, 8), dtype=np.uint8)
    known = hashed(codes[:10], natural[:10])
    chosen = codes[[5, 5, 20, 20, 25, 3]].copy()
    chosen[1, 0] ^= 1
    return known, hashed(chosen, natural[[5, 5, 20, 20, 7, 30]])


def test_known_images_are_found_by_code_and_picture(sets):
    known, new = sets
    found = find_known(new, known, SETTINGS)
    assert found.to_dict("list") == {"row": [0, 1], "known_row": [5, 5], "distance": [0, 1]}


def test_nothing_is_known_to_an_unrelated_set(hashed, sets):
    other = hashed(np.random.default_rng(1).integers(0, 256, (5, 8), dtype=np.uint8))
    assert find_known(sets[1], other, SETTINGS).empty


def dropped(known, new, always=()):
    duplicates = find_duplicates(new, SETTINGS)
    found = find_known(new, known, SETTINGS)
    return drop_known(duplicates, found, known.records["source"], "2026", rows_of(always, new.records))


def test_what_is_known_goes_with_its_group_and_the_rest_is_as_before(sets):
    table = dropped(*sets)
    assert kept_rows(table).tolist() == [2, 4, 5]
    assert table.set_index("row")["known"].to_dict() == {0: "2026: 005.png", 1: "2026: 005.png", 2: "", 3: ""}
    assert table.attrs["images"] == 6


def test_a_known_image_that_is_in_no_group_is_listed_alone(sets):
    known, new = sets
    alone = type(new)(new.codes, new.thumbnails, new.records, new.images)
    table = drop_known(
        find_duplicates(alone, SETTINGS).iloc[:0],
        find_known(new, known, SETTINGS),
        known.records["source"],
        "2026",
        np.empty(0, np.int64),
    )
    table.attrs = {"images": 6}
    assert table["row"].tolist() == [0, 1]
    assert table["group"].is_unique
    assert kept_rows(table).tolist() == [2, 3, 4, 5]


def test_a_person_can_keep_a_known_image(sets):
    assert kept_rows(dropped(*sets, always=("001.png",))).tolist() == [1, 2, 4, 5]


def test_the_report_names_the_known_images(sets):
    known, new = sets
    report = describe_groups(dropped(known, new), new.records).set_index("group")
    assert report.loc[0].to_dict() == {
        "size": 2,
        "kept": "",
        "removed": "000.png\n001.png",
        "conflict": "",
        "known": "2026: 005.png",
    }
    assert report.loc[1, "known"] == ""


def test_two_known_sets_add_up(sets):
    known, new = sets
    once = dropped(known, new)
    twice = drop_known(once, find_known(new, known, SETTINGS), known.records["source"], "2027", np.empty(0, np.int64))
    assert kept_rows(twice).tolist() == kept_rows(once).tolist()
    assert twice["known"].tolist() == once["known"].tolist()  # the first set that knew it


@pytest.fixture
def grown(hashed, natural):
    """A folder of five pictures; and later: 1 is gone, 2 another picture, 3 brighter, and two new ones, one like 0."""
    codes = np.random.default_rng(3).integers(0, 256, (8, 8), dtype=np.uint8)
    before = hashed(codes[:5], natural[:5], source=[*"abcde"])
    pictures = natural[[0, 2, 5, 3, 4, 6, 0]].copy()
    pictures[3] = pictures[3] // 2 + 100
    after = hashed(codes[[0, 2, 5, 3, 4, 6, 0]], pictures, source=["a", "c", "b", "d", "e", "f", "g"])
    before.records.attrs["place"] = after.records.attrs["place"] = "here"
    return before, after


def rows_known(new, known):
    return find_known(new, known, SETTINGS, elsewhere=True)["row"].tolist()


def test_a_folder_that_has_grown_is_not_known_from_itself(grown):
    before, after = grown
    assert find_known(after, before, SETTINGS)["row"].tolist() == [0, 1, 3, 4, 6]
    assert rows_known(after, before) == []


def test_the_same_names_at_another_place_are_known(grown):
    before, after = grown
    for place in ({"place": "there"}, {}):
        before.records.attrs = place
        assert rows_known(after, before) == [0, 1, 3, 4, 6]


def test_a_picture_whose_file_became_another_picture_is_known_where_it_comes_again(grown, hashed, natural):
    before, _ = grown
    again = hashed(before.codes[:2], natural[:2], source=["b", "z"])  # b is what a was, z is what b was
    again.records.attrs["place"] = "here"
    assert rows_known(again, before) == [0, 1]
