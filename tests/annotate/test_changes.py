from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan_pipeline.annotate.changes import Change, as_float32
from dcgan_pipeline.edits.annotations import Annotations
from dcgan_pipeline.errors import InputError

EMPTY = Annotations(gan="1f")
ONE, OTHER = {"z": [0.5, -0.25], "label": None}, {"z": [1, 0], "label": None}
BOX, WIDE = {"left": 1, "top": 2, "width": 3, "height": 1}, {"left": 0, "top": 0, "width": 8, "height": 8}


def after(*changes, had=EMPTY):
    for change in changes:
        had = Change.parse({"revision": "", "change": change}, "change").on(had)
    return had


def named(name, kind="concepts"):
    return {"do": "name", "kind": kind, "name": name}


def chosen(name, sample, chosen=True):
    return {"do": "choose", "name": name, "sample": sample, "chosen": chosen}


def marked(name, sample, boxes):
    return {"do": "mark", "name": name, "sample": sample, "boxes": boxes}


def test_exemplars_are_chosen_once_each_and_taken_out_again():
    had = after(named("seven"), named("eight"), chosen("seven", ONE), chosen("seven", OTHER), chosen("seven", ONE))
    assert [each.z for each in had.concepts["seven"]] == [(0.5, -0.25), (1.0, 0.0)]
    assert had.concepts["eight"] == ()
    left = after(chosen("seven", ONE, chosen=False), chosen("eight", OTHER, chosen=False), had=had)
    assert [each.z for each in left.concepts["seven"]] == [(1.0, 0.0)]
    assert len(had.concepts["seven"]) == 2  # as it was


def test_the_same_z_of_another_class_is_another_sample():
    had = after(named("cat"), chosen("cat", {**ONE, "label": 0}), chosen("cat", {**ONE, "label": 1}))
    assert [each.label for each in had.concepts["cat"]] == [0, 1]


def test_boxes_of_a_sample_are_given_whole_and_the_sample_keeps_its_place():
    had = after(named("loop", "objects"), marked("loop", ONE, [BOX]), marked("loop", OTHER, []))
    assert [len(each.boxes) for each in had.objects["loop"]] == [1, 0]  # looked at, and without
    more = after(marked("loop", ONE, [WIDE, BOX]), had=had)
    assert [len(each.boxes) for each in more.objects["loop"]] == [2, 0]
    assert more.objects["loop"][0].boxes[0].width == 8
    assert [each.z for each in after(marked("loop", ONE, None), had=more).objects["loop"]] == [(1.0, 0.0)]


def test_a_name_may_be_a_digit():
    assert list(after(named("7"), named("größer_2")).concepts) == ["7", "größer_2"]


def test_a_name_keeps_its_place_and_what_it_has():
    had = after(named("a"), named("b"), named("c"), named("a", "objects"), chosen("b", ONE))
    had = after({"do": "rename", "kind": "concepts", "name": "b", "to": "B"}, had=had)
    assert list(had.concepts) == ["a", "B", "c"]
    assert len(had.concepts["B"]) == 1
    had = after({"do": "drop", "kind": "concepts", "name": "a"}, had=had)
    assert list(had.concepts) == ["B", "c"]
    assert list(had.objects) == ["a"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (named("seven"), "a name must be new, and 'seven' is among the concepts"),
        ({"do": "rename", "kind": "concepts", "name": "eight", "to": "seven"}, "must be new, and 'seven'"),
        ({"do": "rename", "kind": "concepts", "name": "nine", "to": "ten"}, "concepts that are there, got 'nine'"),
        ({"do": "drop", "kind": "objects", "name": "seven"}, "objects that are there, got 'seven'"),
        (chosen("nine", ONE), "concepts that are there, got 'nine'"),
        (marked("seven", ONE, []), "objects that are there, got 'seven'"),
        *((named(name), "a name must be letters, digits and _") for name in ("", "a b", "a-b", "a+b", "x" * 41)),
        (chosen("seven", {"z": [1e300]}), "z must be numbers that float32 holds"),
        (chosen("seven", {"z": []}), "z"),
        (chosen("seven", {"z": [1], "name": "seven"}), "name is not a setting"),
        (marked("seven", ONE, [{**BOX, "width": 0}]), "greater than or equal to 1, got 0"),
        ({"do": "nothing"}, "do must be one of name, rename, drop, choose, mark, got 'nothing'"),
    ],
)
def test_what_cannot_be_is_one_line(change, message):
    had = after(named("seven"), named("eight"))
    with pytest.raises(InputError, match=message) as error:
        after(change, had=had)
    assert "\n" not in str(error.value)


@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=5))
def test_numbers_are_those_of_float32_in_few_digits(z):
    rounded = as_float32(tuple(z))
    np.testing.assert_array_equal(np.asarray(rounded, np.float32), np.asarray(z, np.float32))
    assert as_float32(rounded) == rounded
    assert all(len(Decimal(repr(number)).normalize().as_tuple().digits) <= 9 for number in rounded)
