import cv2
import numpy as np
import pytest

from dcgan_pipeline.imaging.digits import loops, slant
from dcgan_pipeline.imaging.open_source import open_source


@pytest.mark.parametrize("lean", [-0.5, 0.0, 0.25])
def test_the_slant_of_a_sheared_stroke_is_its_shear(lean):
    picture = np.zeros((61, 61), np.uint8)
    for y in range(10, 51):
        x = 30 + lean * (30 - y)  # to the right, upwards
        left, part = int(np.floor(x)), x - np.floor(x)
        picture[y, left], picture[y, left + 1] = round(255 * (1 - part)), round(255 * part)
    assert slant(picture) == pytest.approx(lean, abs=0.01)


def test_nothing_has_no_slant():
    assert np.isnan(slant(np.zeros((8, 8), np.uint8)))


def test_a_loop_is_the_ground_inside_a_closed_stroke():
    ring = cv2.circle(np.zeros((64, 64), np.uint8), (32, 32), 20, 255, 5)  # from a radius of 17 to one of 23
    radius = np.hypot(*(np.indices((64, 64)) - 32))
    found = loops(ring)
    assert set(np.unique(found)) == {0, 1}
    assert found[radius < 16].all()
    assert not found[radius > 19].any()
    ring[28:36, 45:] = 0  # opened
    assert not loops(ring).any()


def test_a_loop_at_the_edge_is_closed_by_strokes_alone():
    half = cv2.circle(np.zeros((64, 64), np.uint8), (32, 0), 20, 255, 5)  # the edge of the picture closes nothing
    assert not loops(half).any()


def test_the_digits_with_loops_have_them():
    source = open_source("sklearn://digits")
    known = source.known_attributes()
    assert known.names == (*"0123456789", "slant")
    rows = np.arange(0, len(source), 3)
    values, labels = known.values(rows), source.labels[rows]
    np.testing.assert_array_equal(values[:, :10].argmax(1), labels)
    assert np.isfinite(values).all()
    have = np.array([known.object_map(row).any() for row in rows])
    assert have[np.isin(labels, [0, 6, 8, 9])].mean() > 0.75
    assert have[np.isin(labels, [1, 2, 3, 5, 7])].mean() < 0.1
