"""From a file's bytes to upright 8-bit pixels, or to a reason why not.

What is done on purpose (our choices): animations give their first frame; transparency is laid on white, or on black
where it would vanish (:mod:`dcgan_pipeline.imaging.ground`); 1 to 16 bits a sample are scaled to 8
(:mod:`dcgan_pipeline.imaging.formats`); CMYK, palettes and other colour spaces become RGB, and colours with a profile
become sRGB (:mod:`dcgan_pipeline.imaging.colour`); EXIF rotations are applied; files cut short, absurdly large images
and pixels without a known range (32-bit integers, floats) are rejected.

A JPEG can be decoded at a fraction of its size (:func:`decode_reduced`): the decoder then computes one pixel for each
square of 2 x 2, 4 x 4 or 8 x 8 from the lower frequencies of its 8 x 8 blocks, in about half of the time.
"""

from __future__ import annotations

import io
import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.IcoImagePlugin import IcoFile
from PIL.JpegImagePlugin import JpegImageFile

from dcgan_pipeline.errors import first_line
from dcgan_pipeline.imaging import jpeg_markers
from dcgan_pipeline.imaging.boxes import Box, Edges
from dcgan_pipeline.imaging.colour.conversion import STORED, to_srgb
from dcgan_pipeline.imaging.colour.declared import declared_profile
from dcgan_pipeline.imaging.file_kinds import foreign, why_not_read
from dcgan_pipeline.imaging.file_parts import PNG, png_without_notes
from dcgan_pipeline.imaging.formats import bmp, gif, jpeg2000, png, sgi, tga
from dcgan_pipeline.imaging.formats.depth import grey
from dcgan_pipeline.imaging.formats.tiff import is_tiff, open_tiff
from dcgan_pipeline.imaging.ground import ground_of
from dcgan_pipeline.imaging.orientation import FROM_BELOW, FROM_RIGHT, SIDEWAYS, orientation_of, upright
from dcgan_pipeline.imaging.settings import Colours, Limits
from dcgan_pipeline.imaging.sources import ImageError

# Picture formats, decoded by Pillow itself: EPS would hand a stranger's file to Ghostscript, and the others of
# Pillow's list are no photographs.
_FORMATS = (
    *("JPEG", "PNG", "WEBP", "AVIF", "BMP", "DIB", "GIF", "ICO", "JPEG2000"),  # tried in this order
    *("PCX", "PPM", "QOI", "SGI", "TGA", "TIFF"),
)
_ICON = b"\0\0\1\0"
_WITHOUT_SIGNATURE = ("PCX", "TGA")  # Pillow takes the beginnings of some videos for these
_MAX_SCANS = 100  # of a progressive JPEG, which has about ten; libtiff has the same limit
_MAX_COMMENTS = 1000  # in pixels written as text
_MODULES = {"BMP": bmp, "DIB": bmp, "GIF": gif, "JPEG2000": jpeg2000, "PNG": png, "SGI": sgi, "TGA": tga}


class Decoded(NamedTuple):
    """An upright image in mode L or RGB, decoded whole or at a fraction of its size."""

    image: Image.Image
    size: tuple[int, int]
    """Width and height of the image in its own pixels."""
    reduction: int = 1
    """Its own pixels, along a side, to one of ``image``."""
    corner: tuple[float, float] = (0.0, 0.0)
    """Where its upper left corner is in ``image``. Squares of pixels are counted from the corner that is stored first,
    and the last ones may be cut: a turned image begins within one."""
    colours: str = STORED
    """What became of its colours: one of ``colour.conversion.OUTCOMES``."""

    def edges(self, box: Box) -> Edges:
        """The edges, in pixels of ``image``, of a box in pixels of the whole image."""
        left, top = box.left / self.reduction + self.corner[0], box.top / self.reduction + self.corner[1]
        return left, top, left + box.width / self.reduction, top + box.height / self.reduction


def image_size(data: bytes | NDArray[np.uint8], limits: Limits) -> tuple[int, int]:
    """Read the width and height in pixels of an image as it is shown, without decoding it.

    Raises
    ------
    ImageError
        Where it is no image, or too large.
    """
    if isinstance(data, np.ndarray):
        return data.shape[1], data.shape[0]
    with warnings.catch_warnings(action="ignore"):
        return _shown_size(_open(data, limits)[0])


def decode_image(data: bytes | NDArray[np.uint8], limits: Limits) -> Image.Image:
    """Decode an image into mode L (grey) or RGB, upright.

    Raises
    ------
    ImageError
        Where it cannot be decoded whole; the text says why.
    """
    return decode_reduced(data, limits, 1).image


def decode_reduced(
    data: bytes | NDArray[np.uint8], limits: Limits, reduction: int, colours: Colours = "srgb"
) -> Decoded:
    """Decode a JPEG at 1/1, 1/2, 1/4 or 1/8 of its size, and anything else as it is.

    ``colours`` is the choice of :class:`~dcgan_pipeline.imaging.settings.PreprocessSettings`.

    Raises
    ------
    ImageError
        As :func:`decode_image`; the same files are refused at every size.
    """
    if isinstance(data, np.ndarray):
        return Decoded(image := Image.fromarray(data), image.size)
    with warnings.catch_warnings(action="ignore"):  # Pillow's remarks on odd metadata
        opened, read = _open(data, limits)
        reduction = reduction if reduction <= min(opened.size) else 1  # a strip has no pixel left at 1/8
        size, orientation = ((0, 0), 1) if reduction == 1 else (_shown_size(opened), orientation_of(opened))
        try:
            reduced = reduction > 1 and opened.draft(None, (opened.width // reduction, opened.height // reduction))
            pixels = upright(_pixels(opened, read), orientation_of(opened))
            image, outcome = _as_8_bit(pixels, declared_profile(opened, data) if colours == "srgb" else None)
        except ImageError:
            raise
        except Exception as error:  # Pillow's decoders raise errors of a dozen kinds on broken files
            raise ImageError(_reason(error)) from None
    if not reduced:  # only JPEG can be
        return Decoded(image, image.size, colours=outcome)
    left = image.width - size[0] / reduction if orientation in FROM_RIGHT else 0.0
    top = image.height - size[1] / reduction if orientation in FROM_BELOW else 0.0
    return Decoded(image, size, reduction, (left, top), outcome)


def decode_small(
    data: bytes | NDArray[np.uint8], limits: Limits, max_side: int | None
) -> tuple[Image.Image, tuple[int, int]]:
    """Decode an image, shrunk so that no side is longer than ``max_side`` pixels; None leaves it as it is.

    Returns
    -------
    image, size
        In mode L or RGB, upright; and the width and height before it was shrunk.

    Raises
    ------
    ImageError
        As :func:`decode_image`.
    """
    longest = max(image_size(data, limits)) if max_side else 0
    if max_side is None or longest <= max_side:
        image = decode_image(data, limits)
        return image, image.size
    reduction = next(r for r in (8, 4, 2, 1) if longest >= r * max_side)
    decoded = decode_reduced(data, limits, reduction)
    shape = [max(1, round(side * max_side / longest)) for side in decoded.size]
    whole = decoded.edges(Box(0, 0, *decoded.size))
    return decoded.image.resize((shape[0], shape[1]), Image.Resampling.BILINEAR, box=whole), decoded.size


def _open(data: bytes, limits: Limits) -> tuple[Image.Image, bytes]:
    """Open a file, and return what of it is to be read."""
    if data.startswith(_ICON):  # decoded as soon as it is opened
        _check_pixels(*_icon_size(data), limits)
    outline = jpeg_markers.read_outline(data) if data.startswith(jpeg_markers.SIGNATURE) else None
    try:
        image, read = _identify(data if outline is None else jpeg_markers.sealed(data, outline))
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(why_not_read(data)) from None
    except Image.DecompressionBombError:
        raise ImageError(foreign(data) or f"too many pixels: max_pixels is {limits.max_pixels}") from None
    except Exception as error:
        raise ImageError(foreign(data) or _reason(error)) from None
    if image.format in _WITHOUT_SIGNATURE and (told := foreign(data)):
        raise ImageError(told)
    _check_pixels(*image.size, limits)
    _check_end(image, data)
    _check_cost(data)
    if outline is not None:
        _check_scans(outline)
    return image, read


def _identify(data: bytes) -> tuple[Image.Image, bytes]:
    """Open a file; one whose notes alone are broken is opened without them."""
    try:
        return open_tiff(data) if is_tiff(data) else Image.open(io.BytesIO(data), formats=_FORMATS), data
    except Exception:
        bare = png_without_notes(data) if data.startswith(PNG) else None
        if bare is None:
            raise
        return Image.open(io.BytesIO(bare), formats=("PNG",)), bare


def _check_pixels(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_pixels:
        raise ImageError(f"too many pixels: {width} x {height}, and max_pixels is {limits.max_pixels}")


def _icon_size(data: bytes) -> tuple[int, int]:
    """Read the size of the picture in an icon; the icon's directory may give another. 0 x 0 where it is broken."""
    try:
        start = IcoFile(io.BytesIO(data)).entry[0].offset
        picture = Image.open(io.BytesIO(data[start:]), formats=("PNG", "DIB"))
    except Exception:  # the same when it is opened, where it becomes a reason
        return 0, 0
    return picture.width, picture.height // (2 if picture.format == "DIB" else 1)  # half of a bitmap is its mask


def _check_end(image: Image.Image, data: bytes) -> None:
    """Refuse files cut short that their decoders would fill in without a word."""
    # The codestream begins with SOD, its data never hold the bytes of EOC (ITU-T T.800, annex A and D), and it ends so.
    if image.format == "JPEG2000" and data.rfind(b"\xff\xd9") <= data.find(b"\xff\x93"):
        raise ImageError("cut short: its codestream has no end")
    # 256 colours lie behind the pixels of one plane; without them indices would be taken for shades of grey.
    if image.format == "PCX" and image.mode == "L" and data[-769:-768] != b"\x0c":
        raise ImageError("cut short: its palette is missing")


def _check_cost(data: bytes) -> None:
    """Refuse small files that would take hours: each comment goes over all text."""
    if data[:2] in (b"P1", b"P2", b"P3") and (comments := data.count(b"#")) > _MAX_COMMENTS:
        raise ImageError(f"too many comments: {comments}, and at most {_MAX_COMMENTS} are passed over")


def _pixels(image: Image.Image, data: bytes) -> Image.Image:
    """Decode an opened file, the first frame of an animation, as its format means it."""
    if image.format in _MODULES:
        return _MODULES[image.format].pixels(image, data)
    if isinstance(image, JpegImageFile):
        image.decodermaxblock = len(data)  # libjpeg cannot wait for more of an arithmetic code: it is given all at once
    image.load()
    return image


def _check_scans(outline: jpeg_markers.Outline) -> None:
    """Refuse small JPEGs that would take hours, since each scan goes over all pixels, and those with too few."""
    if outline.scans > _MAX_SCANS:
        raise ImageError(f"too many scans: {outline.scans}, and at most {_MAX_SCANS} are decoded")
    if jpeg_markers.lacks_scans(outline):
        raise ImageError("cut short: scans are missing")


def _as_8_bit(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    if image.mode == "F":
        raise ImageError("pixels of an unknown range: 32-bit floats")
    if image.mode.startswith("I"):
        image = _from_16_bit(image)
    image, outcome = to_srgb(image, profile)
    return _on_ground(image), outcome


def _on_ground(image: Image.Image) -> Image.Image:
    mode = image.mode
    if "A" in mode or "a" in mode or "transparency" in image.info:
        rgba = image.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, ground_of(rgba))
        return Image.alpha_composite(ground, rgba).convert("L" if mode in ("LA", "L") else "RGB")
    if mode in ("L", "RGB"):
        return image
    return image.convert("L" if mode == "1" else "RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    """Scale 0..65535 to 0..255; Pillow's own conversion would clip at 255."""
    pixels = np.asarray(image)
    if pixels.min() < 0 or pixels.max() > 65535:
        raise ImageError("pixels of an unknown range: 32-bit integers")
    return grey(pixels)


def _shown_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    return (height, width) if orientation_of(image) in SIDEWAYS else (width, height)


def _reason(error: Exception) -> str:
    text = first_line(error)
    if isinstance(error, EOFError) or "truncated" in text or "Truncated" in text:
        return f"cut short: {text}"
    return f"unreadable: {text}"
