import io
import struct
import zlib

import numpy as np
import pytest
from deep_images import animated, chunk, png
from deep_samples import ramp
from PIL import Image

from dcgan_pipeline.imaging.decode import decode_image, image_size
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import ImageError

LIMITS = Limits()


def test_interlaced_16_bit_colours_are_rounded_too():
    """Adam7 of one pixel a pass: the first pass alone."""
    samples = np.array([[[0x7EFF, 0x00FF, 0xFFFE]]])
    lines = b"\0" + samples.astype(">u2").tobytes()
    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 1)
    body = chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body
    assert np.asarray(decode_image(data, LIMITS)).tolist() == [[[127, 1, 255]]]


@pytest.mark.parametrize("colour", [2, 6])
def test_16_bit_colours_are_turned_upright(colour):
    samples = ramp(65535, 4)[..., : 3 if colour == 2 else 4]
    samples[..., 3:] = 65535
    tags = Image.Exif()
    tags[0x0112] = 6
    data = png(samples, 16, colour, chunk(b"eXIf", tags.tobytes()[6:]))
    expected = np.rot90(samples[..., :3], -1) / 257
    assert image_size(data, LIMITS) == decode_image(data, LIMITS).size == expected.shape[1::-1]
    np.testing.assert_allclose(np.asarray(decode_image(data, LIMITS)), expected, atol=0.5)


def test_bits_of_a_transparent_colour_beyond_its_depth_are_ignored():
    samples = np.array([[[1, 2, 3], [9, 9, 9]]])
    data = png(samples, 8, 2, chunk(b"tRNS", struct.pack(">HHH", 0x0101, 0x0102, 0x0103)))
    assert np.asarray(decode_image(data, LIMITS)).tolist() == [[[255] * 3, [9] * 3]]


def test_a_palette_with_fewer_opacities_than_colours_has_opaque_ones_behind():
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.putdata([0, 1, 2])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=bytes([0, 128]))
    found = np.asarray(decode_image(buffer.getvalue(), LIMITS), float)
    np.testing.assert_allclose(found, [[[255] * 3, [147, 152, 157], [70, 80, 90]]], atol=1)


@pytest.mark.parametrize("place", [(30, 0), (0, 20)])
def test_a_first_frame_beyond_its_canvas_is_refused(place):
    whole = ramp(255, 3)
    with pytest.raises(ImageError, match="a frame beyond the canvas"):
        decode_image(animated(whole, [(whole[:20, :20], *place)]), LIMITS)


def test_an_animation_whose_still_image_is_a_frame_begins_with_it():
    frames = [Image.fromarray(np.full((5, 6, 3), shade, np.uint8)) for shade in (40, 200)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    assert decode_image(buffer.getvalue(), LIMITS).getcolors() == [(30, (40, 40, 40))]
