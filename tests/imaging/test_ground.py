import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dcgan_pipeline.imaging.decode import decode_image
from dcgan_pipeline.imaging.ground import ground_of
from dcgan_pipeline.imaging.settings import Limits


def art(*colours, size=20):
    """A filled box of each colour, side by side, on transparency."""
    image = Image.new("RGBA", (size * len(colours), size), (9, 9, 9, 0))
    for k, colour in enumerate(colours):
        ImageDraw.Draw(image).rectangle((size * k + 4, 4, size * k + 12, 12), fill=colour)
    return image


def decoded(image, **options):
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return np.asarray(decode_image(file.getvalue(), Limits()))


WHITE, NEARLY = (255, 255, 255, 255), (240, 245, 250, 80)
CASES = {
    "white art": ([WHITE, NEARLY], "black"),
    "grey art": ([(239, 239, 239, 255)], "white"),
    "black art": ([(0, 0, 0, 255)], "white"),
    "yellow art": ([(255, 255, 0, 255)], "white"),
    "white and black": ([WHITE, (0, 0, 0, 255)], "white"),
    "white with a faint shadow": ([*[WHITE] * 3, (0, 0, 0, 30)], "black"),
    "nothing": ([(255, 255, 255, 0)], "white"),
}


@pytest.mark.parametrize("case", CASES)
def test_art_is_laid_where_it_can_be_seen(case):
    colours, ground = CASES[case]
    image = art(*colours)
    assert ground_of(image) == ground
    pixels = decoded(image)
    assert (pixels[0] == (0 if ground == "black" else 255)).all()  # a row without art
    if case != "nothing":
        assert pixels.std() > 3


def test_grey_art_with_opacity_and_palettes_are_laid_likewise():
    grey = art(WHITE).convert("LA")
    assert decoded(grey).shape == (20, 20)
    assert sorted(np.unique(decoded(grey))) == [0, 255]
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([1, 2, 3, 255, 255, 255])
    palette.putpixel((3, 3), 1)
    pixels = decoded(palette, transparency=0)
    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[3, 3].tolist() == [255, 255, 255]
