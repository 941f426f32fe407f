"""What is said of a room is what is seen in it: a room is compared with itself, but for one attribute."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from dcgan_pipeline.imaging.scenes.attributes import OBJECTS, room_of
from dcgan_pipeline.imaging.scenes.canvas import FINE
from dcgan_pipeline.imaging.scenes.room import draw_room

ROOMS = [replace(room_of(3, row), light=0.0) for row in range(12)]


def mask_of(drawing, name):
    """The pixels of the picture that an object has a part in."""
    mask = (drawing.objects == OBJECTS.index(name) + 1).astype(np.float32)
    side = len(drawing.objects) // FINE
    return cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA) > 0


def changed(first, second):
    return (first.picture != second.picture).any(-1)


@pytest.mark.parametrize("name", ["window", "door", "bed"])
def test_an_object_is_where_the_map_has_it_and_only_its_shadow_goes_beyond(name):
    for room in ROOMS:
        with_it, without = (draw_room(replace(room, **{name: there})) for there in (True, False))
        mask = mask_of(with_it, name)
        assert mask.sum() > 100
        assert not mask_of(without, name).any()
        grown = cv2.dilate(mask.astype(np.uint8), np.ones((13, 13)))  # shadows fall down by 5 pixels at most
        assert not (changed(with_it, without) & (grown == 0)).any()
        assert (changed(with_it, without) & mask).sum() > 0.8 * mask.sum()


def test_a_lamp_is_brighter_than_the_room_without_it():
    for room in ROOMS:
        with_it, without = (draw_room(replace(room, lamp=there)) for there in (True, False))
        mask = mask_of(with_it, "lamp")
        assert mask.sum() > 40
        assert not mask_of(without, "lamp").any()
        away = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9))) == 0
        assert with_it.picture[away].mean() > without.picture[away].mean()  # its glow


@pytest.mark.parametrize("change", [{"glasses": True}, {"smiling": True}, {"pose": 0.9}])
def test_the_face_changes_within_the_portrait_alone(change):
    for room in ROOMS:
        before = draw_room(replace(room, glasses=False, smiling=False, pose=-0.2))
        after = draw_room(replace(room, **{"glasses": False, "smiling": False, "pose": -0.2} | change))
        np.testing.assert_array_equal(before.objects, after.objects)
        assert changed(before, after).sum() > 10
        assert not (changed(before, after) & ~mask_of(before, "portrait")).any()


def test_light_from_the_right_is_brighter_on_the_right_the_more_so_the_stronger():
    for room in ROOMS:
        bare = replace(room, window=False, lamp=False, bed=False, door=False)
        leans = []
        for light in (-1, -0.5, 0, 0.5, 1):
            picture = draw_room(replace(bare, light=light)).picture.astype(float)
            left, right = picture[:, :64].mean(), picture[:, 64:].mean()
            leans.append((right - left) / (right + left))
        assert (np.diff(leans) > 0.02).all()


def test_the_mouth_of_a_turned_face_lies_on_the_side_that_it_is_turned_to():
    for room in ROOMS[:4]:
        middles = []
        for pose in (-0.8, 0, 0.8):
            smiling, resting = (draw_room(replace(room, pose=pose, smiling=smiling)) for smiling in (True, False))
            middles.append(np.flatnonzero(changed(smiling, resting).any(0)).mean())
        assert (np.diff(middles) > 2).all()


def test_the_same_room_has_the_same_bits():
    first, second = draw_room(room_of(0, 5)), draw_room(room_of(0, 5))
    np.testing.assert_array_equal(first.picture, second.picture)
    np.testing.assert_array_equal(first.objects, second.objects)
