import numpy as np
import pytest

from dcgan_pipeline.imaging.scenes.attributes import BINARY, CLASSES, NAMES, attributes_of, class_numbers, room_of

ROWS = np.arange(20_000)


@pytest.fixture(scope="module")
def drawn():
    return attributes_of(0, ROWS)


def test_half_of_the_rooms_have_each_thing_and_light_and_pose_are_uniform(drawn):
    binary, continuous = drawn[:, : len(BINARY)], drawn[:, len(BINARY) :]
    assert set(np.unique(binary)) == {0, 1}
    np.testing.assert_allclose(binary.mean(0), 0.5, atol=4 * 0.5 / len(ROWS) ** 0.5)
    assert (np.abs(continuous) <= 1).all()
    np.testing.assert_allclose(continuous.mean(0), 0, atol=4 / (3 * len(ROWS)) ** 0.5)
    np.testing.assert_allclose((continuous**2).mean(0), 1 / 3, atol=0.01)


def test_no_attribute_tells_of_another_nor_of_the_room_before(drawn):
    both = np.corrcoef(drawn, rowvar=False)
    before = np.corrcoef(drawn[1:], drawn[:-1], rowvar=False)[: len(NAMES), len(NAMES) :]
    assert np.abs(both - np.eye(len(NAMES))).max() < 5 / len(ROWS) ** 0.5
    assert np.abs(before).max() < 5 / len(ROWS) ** 0.5


def test_a_room_depends_on_its_seed_and_its_number_alone(drawn):
    np.testing.assert_array_equal(attributes_of(0, np.array([7, 19_999, 3])), drawn[[7, 19_999, 3]])
    room = room_of(0, 7)
    np.testing.assert_array_equal(np.float32([getattr(room, name) for name in NAMES]), drawn[7])
    assert np.abs(np.corrcoef(drawn[:, -1], attributes_of(1, ROWS)[:, -1])[0, 1]) < 0.03


def test_the_class_of_a_room_is_its_furniture(drawn):
    numbers = class_numbers(0, ROWS)
    bed, lamp = (drawn[:, NAMES.index(name)] > 0 for name in ("bed", "lamp"))
    for k, name in enumerate(CLASSES):
        np.testing.assert_array_equal(numbers == k, (bed == ("bed" in name)) & (lamp == ("lamp" in name)))
