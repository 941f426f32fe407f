"""TIFF: which page, which range, and pixels of any depth to 16 bits.

What is meant is decided once, here and in ``tiff_directory``:

- Samples span the whole range of their type. Of fewer bits than are stored (12 in 16) only MaxSampleValue can tell: a
  value 2^n - 1 of it is taken for white, any other for a statistic of the picture (TIFF 6.0, section 8, forbids those
  to change how it looks).
- Signed samples, 32-bit whole numbers and floats have no known white: they are refused. Signed ones are decoded where
  SMinSampleValue and SMaxSampleValue say what is black and what is white.
- A colour map of values below 256 holds 8-bit colours, against the rule and often; of multiples of 256, higher bytes.
- The first extra sample that is an opacity is used, others are passed over; colours that were multiplied by it
  (associated) are divided. Inks other than CMYK are refused.
"""

from __future__ import annotations

import io
import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from dcgan_pipeline.imaging.formats import depth
from dcgan_pipeline.imaging.formats import tiff_directory as tags
from dcgan_pipeline.imaging.formats.tiff_directory import SIGNATURES, Directory, picture_page
from dcgan_pipeline.imaging.formats.tiff_samples import BYTE_COMPRESSIONS, NONE, bands, luma_bands, read_layout
from dcgan_pipeline.imaging.orientation import SIDEWAYS, upright
from dcgan_pipeline.imaging.sources import ImageError

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_MODES = {_WHITE_IS_ZERO: "L", _BLACK_IS_ZERO: "L", _RGB: "RGB", _PALETTE: "RGB", _CMYK: "CMYK", _YCBCR: "YCbCr"}
_STORED = {_RGB: 3, _CMYK: 4, _YCBCR: 3}  # samples of a colour; one of all others
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_ASSOCIATED, _UNASSOCIATED = 1, 2  # opacities: the colours are multiplied by it, or not
_OPACITIES = (_ASSOCIATED, _UNASSOCIATED)
_MOST_SAMPLES = 6


def is_tiff(data: bytes) -> bool:
    """Whether a file begins as a TIFF does."""
    return data.startswith(SIGNATURES)


def open_tiff(data: bytes) -> Image.Image:
    """Open the page that is the picture, by Pillow where it reads it as it is meant; nothing is unpacked.

    Raises
    ------
    ImageError
        Where it cannot be decoded; the text says what it is.
    """
    page = picture_page(data)
    if page.value(tags.INK_SET, 1) == 2 and page.value(tags.PHOTOMETRIC, 0) == _CMYK:
        raise ImageError("unsupported: a TIFF of inks other than CMYK")
    if not _is_plain(page):
        return SampledTiff(page)
    try:
        return Image.open(io.BytesIO(_beginning_with(page)), formats=("TIFF",))
    except UnidentifiedImageError:
        raise ImageError(_unsupported(page)) from None


class SampledTiff(ImageFile.ImageFile):
    """A page whose samples are taken apart here, as an image of Pillow's that is decoded when it is loaded."""

    format = "TIFF"
    format_description = "TIFF of any depth"

    def __init__(self, page: Directory) -> None:
        self._page = page
        self._decoded = False
        super().__init__(io.BytesIO(b""))

    def _open(self) -> None:
        page = self._page
        self._photometric = page.value(tags.PHOTOMETRIC, 0)
        self._layout = read_layout(page)
        self._opacity = _opacity(page, self._photometric)
        self._table = _table(page, self._photometric, self._layout.bits)
        self._orientation = page.value(tags.ORIENTATION, 1)
        self._size = page.size[::-1] if self._orientation in SIDEWAYS else page.size
        self._mode = _MODES[self._photometric] + ("A" if self._opacity[1] else "")
        if profile := page.content(tags.ICC_PROFILE):
            self.info["icc_profile"] = profile

    def load(self) -> Image.core.PixelAccess | None:
        """Decode, once."""
        if not self._decoded:
            image = Image.new(self._mode, self._page.size)
            parts = luma_bands(self._layout) if self._photometric == _YCBCR else bands(self._layout)
            for top, samples in parts:
                image.paste(Image.fromarray(self._eight_bits(samples), self._mode), (0, top))
            self.im = upright(image, self._orientation).im
            self._decoded = True
        return Image.Image.load(self)

    def _eight_bits(self, samples: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Scale a band (rows, width, samples) to (rows, width, bands of the mode), without the last axis if one."""
        stored = samples[..., : _STORED.get(self._photometric, 1)]
        if self._table.beyond is not None and self._table.beyond[stored].any():
            raise ImageError("pixels beyond the range that MinSampleValue and MaxSampleValue give")
        colours = self._table.levels[stored]
        if self._photometric == _PALETTE:
            colours = colours[..., 0, :]
        at, kind = self._opacity
        if kind:
            opacity = samples[..., at, None]
            if kind == _ASSOCIATED and self._photometric != _PALETTE:
                colours = _divided(stored, opacity)
                colours = 255 - colours if self._photometric == _WHITE_IS_ZERO else colours
            colours = np.concatenate([colours, depth.table(2**self._layout.bits - 1)[opacity]], axis=2)
        return np.ascontiguousarray(colours[..., 0] if colours.shape[2] == 1 else colours)


def _divided(colours: NDArray[np.integer], opacity: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Undo the multiplication of colours by their opacity, at the depth that both have."""
    return depth.levels(np.minimum(colours, opacity), np.maximum(opacity, 1).astype(np.int64))


class _Table(NamedTuple):
    """What each of the 2^bits samples becomes."""

    levels: NDArray[np.uint8]
    """(2^bits,), of a palette (2^bits, 3)."""
    beyond: NDArray[np.bool_] | None = None
    """Which of them are not in the range, where it is not all of them."""


def _table(page: Directory, photometric: int, bits: int) -> _Table:
    if photometric == _PALETTE:
        return _Table(_palette(page, bits))
    samples = np.arange(2**bits, dtype=np.int64)
    if page.value(tags.SAMPLE_FORMAT, _UNSIGNED) == _SIGNED:
        samples -= (samples >= 2 ** (bits - 1)) * 2**bits
        least, greatest = min(page.values(tags.SMIN_SAMPLE, (0,))), max(page.values(tags.SMAX_SAMPLE, (0,)))
        if least >= greatest:
            raise ImageError(f"pixels of an unknown range: signed {bits}-bit integers")
    else:
        least, greatest = 0, max(page.values(tags.MAX_SAMPLE, (0,)))
        if not (2**8 <= greatest + 1 < 2**bits and greatest & greatest + 1 == 0):  # a statistic, or nothing
            greatest = 2**bits - 1
    inside = (least <= samples) & (samples <= greatest)
    levels = depth.levels(samples.clip(least, greatest) - least, greatest - least)
    return _Table(255 - levels if photometric == _WHITE_IS_ZERO else levels, None if inside.all() else ~inside)


def _palette(page: Directory, bits: int) -> NDArray[np.uint8]:
    colours = page.array(tags.COLOR_MAP).astype(np.int64)
    if colours.size != 3 * 2**bits:
        raise ImageError(f"unreadable: a palette of {colours.size} values for {bits} bits")
    if colours.max() >= 256:
        colours = colours >> 8 if not (colours & 255).any() else depth.levels(colours, 65535).astype(np.int64)
    return colours.astype(np.uint8).reshape(3, -1).T


def _opacity(page: Directory, photometric: int) -> tuple[int, int]:
    """Return which sample is the opacity, and its kind; 0 where there is none."""
    stored, samples = _STORED.get(photometric, 1), page.value(tags.SAMPLES, 1)
    if not stored <= samples <= _MOST_SAMPLES:
        raise ImageError(f"unsupported: a TIFF of photometric {photometric} with {samples} samples")
    extra = page.values(tags.EXTRA_SAMPLES, (_UNASSOCIATED,) if (photometric, samples) == (_RGB, 4) else ())
    kinds = [(at, kind) for at, kind in enumerate(extra[: samples - stored], stored) if kind in _OPACITIES]
    if kinds and photometric in (_CMYK, _YCBCR):
        raise ImageError(f"unsupported: a TIFF of photometric {photometric} with opacity")
    return kinds[0] if kinds else (0, 0)


def _is_plain(page: Directory) -> bool:
    """Whether Pillow reads a page as it is meant, or nobody does."""
    photometric = page.value(tags.PHOTOMETRIC, 0)
    bits = set(page.values(tags.BITS, (1,)))
    formats = set(page.values(tags.SAMPLE_FORMAT, (_UNSIGNED,)))
    if photometric not in _MODES or page.value(tags.COMPRESSION, NONE) not in BYTE_COMPRESSIONS:
        return True
    if max(bits) > 16 or formats - {_UNSIGNED, _SIGNED}:
        return True
    if photometric == _YCBCR:
        return bits != {8} or page.value(tags.PLANAR, 1) != 1
    if page.value(tags.SAMPLES, 1) == 1:
        return bits <= {1, 8} and formats == {_UNSIGNED} and photometric != _PALETTE
    one_plane = page.value(tags.PLANAR, 1) == 1
    return bits == {8} and formats == {_UNSIGNED} and photometric in (_RGB, _CMYK) and one_plane


def _unsupported(page: Directory) -> str:
    bits = ", ".join(map(str, sorted(set(page.values(tags.BITS, (1,))[:_MOST_SAMPLES]))))
    formats = page.values(tags.SAMPLE_FORMAT, (_UNSIGNED,))
    if max(page.values(tags.BITS, (1,))) > 16 or _FLOAT in formats:
        return f"pixels of an unknown range: {bits}-bit {'floats' if _FLOAT in formats else 'integers'}"
    names = f"photometric {page.value(tags.PHOTOMETRIC, 0)}, compression {page.value(tags.COMPRESSION, NONE)}"
    return f"unsupported: a TIFF of {names} with samples of {bits} bits"


def _beginning_with(page: Directory) -> bytes:
    """Return the file with a page as its first one."""
    big = page.data[2:4] in (b"+\0", b"\0+")
    start, form = (8, "Q") if big else (4, "I")
    place = struct.pack(page.order + form, page.at)
    if page.data[start : start + len(place)] == place:
        return page.data
    return page.data[:start] + place + page.data[start + len(place) :]
