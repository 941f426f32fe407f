import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dcgan_pipeline.imaging.boxes import Box, about_centre, centred_square, match_boxes, overlap, with_margin

SIDES = st.integers(1, 500)


@st.composite
def boxes_in_images(draw):
    width, height = draw(SIDES), draw(SIDES)
    side = draw(st.integers(1, min(width, height)))
    left, top = draw(st.integers(0, width - side)), draw(st.integers(0, height - side))
    return Box(left, top, side, side, 1.5), width, height


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


# ---- centres


@given(
    left=st.integers(0, 50),
    top=st.integers(0, 50),
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    fraction=st.floats(0.001, 1),
)
def test_the_centre_of_a_box_is_as_far_from_every_side(left, top, width, height, fraction):
    inner = about_centre((left, top, left + width, top + height), fraction)
    assert (inner[2] - inner[0], inner[3] - inner[1]) == pytest.approx((width * fraction, height * fraction))
    assert inner[0] - left == pytest.approx(left + width - inner[2])
    assert inner[1] - top == pytest.approx(top + height - inner[3])


def test_half_of_128_pixels_about_the_centre_is_64():
    assert about_centre((0, 0, 128, 128), 0.5) == (32, 32, 96, 96)
    assert about_centre((5, 6, 12, 14), 1.0) == (5, 6, 12, 14)


# ---- overlap


SMALL = st.builds(Box, *[st.integers(-5, 20)] * 2, *[st.integers(1, 20)] * 2)


def pixels_of(box):
    return {(x, y) for x in range(box.left, box.left + box.width) for y in range(box.top, box.top + box.height)}


@given(one=SMALL, other=SMALL)
def test_overlap_is_the_share_of_common_pixels(one, other):
    a, b = pixels_of(one), pixels_of(other)
    assert overlap(one, other) == overlap(other, one) == len(a & b) / len(a | b)


@given(side=st.integers(20, 200), left=st.integers(300, 600), top=st.integers(300, 600))
def test_the_centre_of_a_crop_twice_as_wide_is_the_crop(side, left, top):
    """What conf/faces says of the paper's crops of 128 pixels and their central 64."""
    face = Box(left, top, side, side)
    direct, wide = with_margin(face, 0.1, 1000, 1000), with_margin(face, 0.7, 1000, 1000)
    central = about_centre((wide.left, wide.top, wide.left + wide.width, wide.top + wide.height), 0.5)
    expected = (direct.left, direct.top, direct.left + direct.width, direct.top + direct.height)
    assert central == pytest.approx(expected, abs=1.25)  # boxes are whole pixels
