"""JPEG 2000 of other depths than 8 bits.

Pillow shifts samples to 8 bits. Of more than 8 it adds half a step before and does not saturate, so that the brightest
wrap round: white becomes black, and what is opaque transparent. Of fewer, white becomes 240 or less. OpenCV gives
samples of 9 to 16 bits as they are. Depths stand in the codestream (ITU-T T.800, A.5.1).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from dcgan_pipeline.imaging.formats import depth
from dcgan_pipeline.imaging.sources import ImageError

_SIZ = b"\xff\x4f\xff\x51"  # begin of a codestream, and of the marker with its sizes
_BANDS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


class _Component(NamedTuple):
    bits: int
    signed: bool
    steps: tuple[int, int]
    """Pixels for one sample, across and down."""


def pixels(image: ImageFile.ImageFile, data: bytes) -> Image.Image:
    """Decode an opened file to a mode of 8 bits a sample.

    Raises
    ------
    ImageError
        Where neither Pillow nor OpenCV gives its samples as they are.
    """
    components = _components(data)
    bits = [component.bits for component in components]
    if max(bits) <= 8:
        image.load()
        return image if min(bits) == 8 else _fewer_bits(image, bits)
    if len(components) == 1 and max(bits) <= 16 and image.mode == "I;16":  # Pillow shifts these to 16 bits
        image.load()
        return depth.grey(np.asarray(image) >> (16 - bits[0]), 2 ** bits[0] - 1)
    plain = all(not component.signed and component.steps == (1, 1) for component in components)
    if not plain or max(bits) > 16 or _BANDS.get(len(components)) != image.mode:
        raise ImageError(f"unsupported: a JPEG 2000 of mode {image.mode} with {_depths(components)} bits")
    return _more_bits(data, components)


def _components(data: bytes) -> list[_Component]:
    at = data.find(_SIZ)
    try:
        count = struct.unpack_from(">H", data, at + 40)[0] if at >= 0 else 0
        rows = [struct.unpack_from("BBB", data, at + 42 + 3 * k) for k in range(count)]
    except struct.error:
        rows = []
    if not rows:
        raise ImageError("cut short: a codestream without its sizes")
    return [_Component((size & 127) + 1, size > 127, (across, down)) for size, across, down in rows]


def _depths(components: list[_Component]) -> str:
    return ", ".join(f"{'signed ' if signed else ''}{bits}" for bits, signed, _ in components)


def _fewer_bits(image: Image.Image, bits: list[int]) -> Image.Image:
    """Scale what Pillow has shifted to 8 bits; indices of a palette are shifted back."""
    if image.mode in ("P", "PA"):
        first: list[int] = [value >> (8 - bits[0]) for value in range(256)]
    else:
        first = _unshifted(bits[0])
    bands = [first, *(_unshifted(size) for size in bits[1:])]
    return image.point([value for band in bands for value in band])


def _unshifted(bits: int) -> list[int]:
    return depth.table(2**bits - 1).repeat(2 ** (8 - bits)).tolist()


def _more_bits(data: bytes, components: list[_Component]) -> Image.Image:
    import cv2  # here: most piles need none of it

    if len(components) == 2:  # OpenCV gives the first of two only: the opacity is asked for as if it were the grey
        bands = [_samples(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)]
        bands += [_samples(_exchanged(data), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)]
    else:
        samples = _samples(data, cv2.IMREAD_UNCHANGED)
        bands = [samples] if samples.ndim == 2 else [samples[..., band] for band in (2, 1, 0, 3)[: samples.shape[2]]]
    if len(bands) != len(components):
        raise ImageError("unreadable: OpenCV does not decode it")
    levels = []
    for band, component in zip(bands, components, strict=True):
        greatest = 2**component.bits - 1
        levels.append(Image.fromarray(depth.table(greatest)[np.minimum(band, greatest)]))
    return Image.merge(_BANDS[len(components)], levels)


def _samples(data: bytes, how: int) -> NDArray[np.uint16]:
    import cv2

    log = cv2.utils.logging
    level = log.getLogLevel()
    log.setLogLevel(log.LOG_LEVEL_SILENT)  # it writes a line about a codestream without a colour space
    try:
        samples = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    except cv2.error:
        samples = None
    finally:
        log.setLogLevel(level)
    if samples is None:
        raise ImageError("unreadable: OpenCV does not decode it")
    return samples.astype(np.uint16, copy=False)


def _exchanged(data: bytes) -> bytes:
    """Let the second of two components be the grey and the first the opacity (channel definitions, T.800, I.5.3.6)."""
    start = data.find(b"jp2h", 0, data.find(_SIZ)) - 4
    if start < 0:
        raise ImageError("unsupported: a bare codestream of two components of more than 8 bits")
    size = struct.unpack_from(">I", data, start)[0]
    header = data[start + 4 : start + size].replace(b"cdef", b"free")  # a box that says nothing
    meaning = struct.pack(">I4s7H", 22, b"cdef", 2, *(1, 0, 1), *(0, 1, 0))  # component, kind, colour: 1 is opacity
    return data[:start] + struct.pack(">I", size + len(meaning)) + header + meaning + data[start + size :]
