"""Files of every depth and layout give the pixels that they mean: benchmarks/depths.py prints the errors."""

import deep_images
import fuzz
import numpy as np
import odd_images
import pytest

from dcgan_pipeline.imaging.decode import decode_image, image_size
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import ImageError

LIMITS = Limits()
KINDS = deep_images.every_kind()
PICTURES = [deep for deep in KINDS if deep.expected is not None]
REFUSED = [deep for deep in KINDS if deep.expected is None]


def name(deep):
    return f"{deep.ending}, {deep.kind}"


@pytest.mark.parametrize("deep", PICTURES, ids=name)
def test_a_picture_of_any_depth_and_layout_is_what_it_means(deep):
    decoded = decode_image(deep.data, LIMITS)
    assert image_size(deep.data, LIMITS) == decoded.size == deep.expected.shape[1::-1]
    found = np.asarray(decoded if decoded.mode == "L" and deep.expected.ndim == 2 else decoded.convert("RGB"), float)
    expected = deep.expected if found.ndim == deep.expected.ndim else np.dstack([deep.expected] * 3)
    np.testing.assert_allclose(found, expected, rtol=0, atol=deep.tolerance)


@pytest.mark.parametrize("deep", REFUSED, ids=name)
def test_what_has_no_known_range_or_is_no_picture_is_refused_with_what_it_is(deep):
    with pytest.raises(ImageError, match=deep.reason):
        decode_image(deep.data, LIMITS)


@pytest.mark.parametrize("deep", PICTURES, ids=name)
def test_as_many_pixels_as_allowed_are_decoded_and_not_one_fewer(deep):
    height, width = deep.expected.shape[:2]
    assert decode_image(deep.data, Limits(max_pixels=width * height)).size == (width, height)
    for function in (decode_image, image_size):
        with pytest.raises(ImageError, match=f"too many pixels: {width} x {height}"):
            function(deep.data, Limits(max_pixels=width * height - 1))


def test_a_file_cut_short_never_gives_other_pixels():
    for deep in PICTURES:
        if deep.ending == "tga" and b"TRUEVISION" in deep.data:
            continue  # without its footer, it is an older file that means something else
        whole = np.asarray(decode_image(deep.data, fuzz.LIMITS))
        size = len(deep.data)
        for at in {*range(0, size, size // 9), *odd_images.seams(deep.data)[:20], size - 2, size - 1}:
            try:
                cut = np.asarray(decode_image(deep.data[:at], fuzz.LIMITS))
            except ImageError:
                continue
            assert np.array_equal(cut, whole), f"{deep.kind} cut at {at} of {size}"
