import numpy as np
import pytest

from dcgan_pipeline.dedup.similarity import mostly_plain
from dcgan_pipeline.dedup.subjects import subject_similarity


def on_a_sheet(subject, left=12, top=12, side=32, ground=200):
    picture = np.full((1, len(subject), side, side), ground, np.uint8)
    picture[0, :, top : top + subject.shape[1], left : left + subject.shape[2]] = subject
    return picture


@pytest.fixture
def subject():
    return np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)


def test_a_subject_is_itself_wherever_it_lies_and_on_every_ground_of_one_contrast(subject):
    here = on_a_sheet(subject)
    assert subject_similarity(here, here) == pytest.approx(1)
    assert subject_similarity(here, on_a_sheet(subject, 3, 20)) == pytest.approx(1)
    softer = on_a_sheet(subject // 2 + 100, ground=200)  # half of the contrast with the same ground
    assert subject_similarity(here, softer) == pytest.approx(1, abs=0.05)


def test_another_subject_in_the_same_place_is_another(subject):
    other = np.random.default_rng(1).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    assert subject_similarity(on_a_sheet(subject), on_a_sheet(other)) < 0.6
    assert subject_similarity(on_a_sheet(subject), on_a_sheet(255 - subject)) < 0


def test_a_larger_copy_of_a_subject_is_another_picture(subject):
    subject = subject[:, :5, :5]
    larger = subject.repeat(2, 1).repeat(2, 2)
    assert subject_similarity(on_a_sheet(subject), on_a_sheet(larger, 8, 8)) < 0.6


def test_blank_pictures_are_alike_and_unlike_what_shows_something(subject):
    blank = np.full((1, 3, 32, 32), 255, np.uint8)
    assert subject_similarity(blank, blank // 2) == 1
    assert subject_similarity(blank, on_a_sheet(subject)) == 0


def test_what_is_not_small_is_left_to_the_correlation():
    far = np.full((1, 1, 32, 32), 255, np.uint8)
    far[0, 0, 2:5, 2:5] = far[0, 0, 27:30, 27:30] = 0
    other = far.copy()
    other[0, 0, 2:5, 27:30] = 0
    assert subject_similarity(far, other) == 1


def test_one_channel_is_enough_and_every_pair_is_computed_alone(subject):
    pictures = np.concatenate([on_a_sheet(subject[:1], k, k) for k in (2, 5, 9)])
    together = subject_similarity(pictures, pictures[::-1])
    alone = [subject_similarity(a[None], b[None])[0] for a, b in zip(pictures, pictures[::-1], strict=True)]
    assert together.tolist() == alone
    assert subject_similarity(pictures[:0], pictures[:0]).shape == (0,)


def test_only_small_things_on_plain_grounds_are_mostly_plain(natural, subject):
    small = on_a_sheet(subject)
    noise = np.random.default_rng(0).normal(0, 1.5, small.shape)
    noisy = (small + noise).round().clip(0, 255).astype(np.uint8)
    halves = np.zeros((1, 3, 32, 32), np.uint8)
    halves[..., 16:] = 255
    assert mostly_plain(np.concatenate([small, noisy, halves, natural[:5]])).tolist() == [True] * 2 + [False] * 6
    assert mostly_plain(small[:0]).shape == (0,)
