import numpy as np
import pytest
from deep_images import jpeg2000, jpeg2000_grey_with_opacity
from deep_samples import ramp

from dcgan_pipeline.imaging.decode import decode_image
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import ImageError

LIMITS = Limits()
SIZ = b"\xff\x4f\xff\x51"


@pytest.mark.parametrize("bits", [9, 10, 12, 16])
@pytest.mark.parametrize("bands", [3, 4])
def test_what_is_nearly_white_does_not_wrap_round(bits, bands):
    """The brightest half step of 8 bits, where Pillow's shift runs over."""
    greatest = 2**bits - 1
    samples = np.full((34, 34, bands), greatest)
    samples[:10] -= 2 ** (bits - 9)
    samples[..., 3:] = greatest
    assert np.asarray(decode_image(jpeg2000(samples, bits), LIMITS)).min() >= 254


@pytest.mark.parametrize("bits", [4, 12])
@pytest.mark.parametrize("bands", [1, 3])
def test_one_cut_anywhere_is_refused(bits, bands):
    data = jpeg2000(ramp(2**bits - 1, bands), bits)
    for at in range(0, len(data), 7):
        with pytest.raises(ImageError):
            decode_image(data[:at], LIMITS)


def test_a_second_component_without_a_definition_is_the_opacity_as_in_8_bits():
    data = jpeg2000_grey_with_opacity(ramp(255, 2) - 128, 12)
    plain = np.asarray(decode_image(data, LIMITS))
    np.testing.assert_array_equal(np.asarray(decode_image(data.replace(b"cdef", b"free"), LIMITS)), plain)


def test_a_bare_codestream_of_deep_grey_with_opacity_is_refused():
    data = jpeg2000_grey_with_opacity(ramp(255, 2) - 128, 12)
    with pytest.raises(ImageError, match="a bare codestream of two components of more than 8 bits"):
        decode_image(data[data.index(SIZ) :], LIMITS)


def test_signed_colours_of_more_than_8_bits_are_refused_with_their_depths():
    data = bytearray(jpeg2000(ramp(4095, 3), 12))
    for band in range(3):
        data[data.index(SIZ) + 42 + 3 * band] |= 128
    with pytest.raises(ImageError, match="mode RGB with signed 12, signed 12, signed 12 bits"):
        decode_image(bytes(data), LIMITS)


def test_a_broken_codestream_writes_nothing_on_the_screen(capfd):
    data = jpeg2000(ramp(65535, 3), 16, codestream=True)
    decode_image(data, LIMITS)
    with pytest.raises(ImageError):
        decode_image(data[:200] + bytes(50) + data[250:300] + b"\xff\xd9", LIMITS)
    assert capfd.readouterr() == ("", "")
