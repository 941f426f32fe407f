import numpy as np
import pytest
from deep_images import tga
from deep_samples import HEIGHT, WIDTH

from dcgan_pipeline.imaging.decode import decode_image
from dcgan_pipeline.imaging.settings import Limits


@pytest.mark.parametrize("attributes", [0, 1])
@pytest.mark.parametrize("top", [0, 1])
def test_red_of_16_bits_stays_red(attributes, top):
    words = np.full((HEIGHT, WIDTH), 0b0_11111_00000_00000, "<u2") | top << 15
    found = decode_image(tga(words.astype("<u2").tobytes(), 16, attributes), Limits())
    assert found.getcolors() == [(HEIGHT * WIDTH, (255, 0, 0))]  # a bit that is never set was left empty
