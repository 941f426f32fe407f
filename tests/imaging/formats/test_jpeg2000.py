import io

import numpy as np
import pytest
from deep_images import jpeg2000, ramp
from PIL import Image

from dcgan_pipeline.imaging.decode import decode_image
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import ImageError

LIMITS = Limits()


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


def test_what_neither_decoder_gives_as_it_is_is_refused_with_its_depths():
    buffer = io.BytesIO()
    Image.new("LA", (34, 34), (200, 255)).save(buffer, "JPEG2000")
    data = bytearray(buffer.getvalue())
    siz = data.index(b"\xff\x4f\xff\x51") + 42
    data[siz], data[siz + 3] = 11, 11
    with pytest.raises(ImageError, match="unsupported: a JPEG 2000 of mode LA with 12, 12 bits"):
        decode_image(bytes(data), LIMITS)


def test_a_broken_codestream_writes_nothing_on_the_screen(capfd):
    data = jpeg2000(ramp(65535, 3), 16, codestream=True)
    decode_image(data, LIMITS)
    with pytest.raises(ImageError):
        decode_image(data[:200] + bytes(50) + data[250:300] + b"\xff\xd9", LIMITS)
    assert capfd.readouterr() == ("", "")
