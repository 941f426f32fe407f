import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from dcgan_pipeline.dedup.similarity import similarity


def reference(a, b):
    """The definition, in float64 and one pair at a time."""

    def edges(picture):
        padded = np.pad(picture.astype(np.float64), ((0, 0), (1, 1), (1, 1)), mode="edge")
        blurred = sum(padded[:, i : i + 32, j : j + 32] for i in range(3) for j in range(3))
        steps = np.concatenate([blurred[:, :-1, 1:] - blurred[:, :-1, :-1], blurred[:, 1:, :-1] - blurred[:, :-1, :-1]])
        return np.round((60 * steps.astype(np.float32)) / (np.abs(steps) + 36).astype(np.float32)).astype(np.float64)

    first, second = edges(a), edges(b)
    coarse = [
        [part[:, i : i + 8, j : j + 8].sum((1, 2)) for i in range(0, 24, 4) for j in range(0, 24, 4)]
        for part in (first, second)
    ]
    rough = np.corrcoef(np.ravel(coarse[0]), np.ravel(coarse[1]))[0, 1]
    if rough < 0.5:
        return rough
    middle = first[:, 2:-2, 2:-2].ravel()
    moved = [second[:, i : i + 27, j : j + 27].ravel() for i in range(5) for j in range(5)]
    return max(np.corrcoef(middle, other)[0, 1] for other in moved)


def altered(pictures, change):
    images = [Image.fromarray(picture.transpose(1, 2, 0)) for picture in pictures]
    return np.stack([np.asarray(change(image)).transpose(2, 0, 1) for image in images])


def test_values_are_those_of_the_definition(natural):
    shifted = np.roll(natural, (1, -2), (2, 3))
    blurred = altered(natural, lambda image: image.filter(ImageFilter.GaussianBlur(1)))
    for other in (natural[::-1], shifted, blurred):
        expected = [reference(a, b) for a, b in zip(natural[:40], other[:40], strict=True)]
        np.testing.assert_allclose(similarity(natural[:40], other[:40]), expected, atol=1e-9)


def test_the_same_picture_scores_one_and_other_pictures_little(natural):
    np.testing.assert_allclose(similarity(natural, natural), 1)
    assert similarity(natural, natural[::-1]).max() < 0.6


@settings(max_examples=20)
@given(st.integers(-2, 2), st.integers(-2, 2))
def test_shifts_of_two_pixels_are_seen_through(natural, down, across):
    pictures = natural[:20]
    assert similarity(pictures, np.roll(pictures, (down, across), (2, 3))).min() > 0.85


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.point(lambda value: value * 0.7 + 30),
        lambda image: image.filter(ImageFilter.GaussianBlur(0.8)),
        lambda image: image.resize((24, 24), Image.Resampling.BICUBIC).resize((32, 32), Image.Resampling.BICUBIC),
    ],
)
def test_brightness_contrast_blur_and_resizing_are_seen_through(natural, change):
    assert np.percentile(similarity(natural, altered(natural, change)), 5) > 0.85


def test_values_do_not_depend_on_the_batch_or_the_threads(natural):
    other = np.roll(natural, 1, 3)
    whole = similarity(natural, other)
    single = np.concatenate([similarity(natural[k : k + 1], other[k : k + 1]) for k in range(len(natural))])
    np.testing.assert_array_equal(whole, single)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        np.testing.assert_array_equal(similarity(natural, other), whole)
    finally:
        torch.set_num_threads(threads)


def test_pictures_without_structure_are_compared_by_their_levels():
    flat = np.stack([np.full((3, 32, 32), level, np.uint8) for level in (10, 10, 11, 200)])
    assert similarity(flat[[0, 0, 0]], flat[[1, 2, 3]]).tolist() == [1, 1, 0]


def test_no_pairs_give_no_values(natural):
    assert similarity(natural[:0], natural[:0]).shape == (0,)
