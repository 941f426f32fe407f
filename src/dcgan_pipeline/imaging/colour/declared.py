"""The colour profile that a file declares: one that is embedded, or numbers of the same meaning.

| file | what is read, the first that is there |
|---|---|
| JPEG | ICC, wherever it stands before the picture; EXIF's mark of Adobe RGB (DCF 2.0: interoperability index R03) |
| PNG | cICP, iCCP, sRGB, gAMA with or without cHRM (PNG specification, third edition, 4.3) |
| AVIF | ICC, the codes of its box colr (nclx) |
| JPEG 2000 | ICC in its box colr |
| BMP | ICC (version 5) |
| TIFF, WebP | ICC |

Codes are those of ITU-T H.273. Of high dynamic range (PQ, HLG) what a display of standard range can show is kept:
reference white, 203 cd/m2 (ITU-R BT.2408), becomes white, and what is brighter is clipped to it.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache, lru_cache

import numpy as np
from PIL import Image

from dcgan_pipeline.imaging.colour import matrix_profile as spaces
from dcgan_pipeline.imaging.colour.matrix_profile import Curve, Space, matrix_profile
from dcgan_pipeline.imaging.file_parts import box, boxes, png_chunks

UNUSABLE = b""
"""In place of a profile that is declared and cannot be read."""
MAX_PROFILE = 4 * 1024**2  # bytes; those of presses, the largest in use, have one to three million
_WHITE = 203.0  # cd/m2, ITU-R BT.2408
_LEVELS = 4096  # of a curve
_SRGB_LIKE = 0.05  # an exponent that differs by less stands for sRGB's curve, which has none (libpng's threshold, too)
_INTEROPERABILITY = 0xA005
_CODED_SPACES = {
    1: spaces.SRGB,
    5: Space((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: Space((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    7: Space((0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    9: spaces.BT_2020,
    11: spaces.DISPLAY_P3._replace(white=(0.314, 0.351)),
    12: spaces.DISPLAY_P3,
}
_UNSPECIFIED = 2
_VIDEO_OR_SRGB = (1, 6, 13, 14, 15, _UNSPECIFIED)  # video's curve is shown as sRGB's on computers
_PQ, _HLG = 16, 18


def declared_profile(image: Image.Image, data: bytes) -> bytes | None:
    """Return the ICC profile of an opened file's colours; None where it declares none, or sRGB by name."""
    embedded = image.info.get("icc_profile")
    if image.format in ("JPEG", "MPO"):
        return _of_jpeg(image)
    if image.format == "PNG":
        return _of_png(data)
    if embedded is not None:
        return _checked(embedded)
    readers = {"AVIF": _of_avif, "JPEG2000": _of_jpeg2000, "BMP": _of_bitmap}
    try:
        return readers[image.format](data) if image.format in readers else None
    except (struct.error, IndexError):
        return None


@lru_cache(maxsize=32)
def coded_profile(primaries: int, transfer: int) -> bytes | None:
    """Return the profile of ITU-T H.273's codes; None where they say sRGB, or nothing."""
    space = _CODED_SPACES.get(primaries, spaces.SRGB)
    if transfer in _VIDEO_OR_SRGB:
        return None if space == spaces.SRGB else matrix_profile(space, None)
    curve: Curve | None = {4: 2.2, 5: 2.8, 8: 1.0}.get(transfer)
    if transfer in (_PQ, _HLG):
        curve = _high_range(transfer)
    return UNUSABLE if curve is None else matrix_profile(space, curve)


def _checked(profile: object) -> bytes:
    return profile if isinstance(profile, bytes) and len(profile) <= MAX_PROFILE else UNUSABLE


def _of_jpeg(image: Image.Image) -> bytes | None:
    if "icc_profile" in image.info:
        return _checked(image.info["icc_profile"])  # None where pieces of it lack
    pieces = sorted(getattr(image, "icclist", []))  # those behind the frame's header, which Pillow leaves
    if pieces:
        count = list(pieces[0][13:14])  # none in a piece that is cut short
        return _checked(b"".join(piece[14:] for piece in pieces)) if count == [len(pieces)] else UNUSABLE
    if b"R03\0" not in image.info.get("exif", b""):
        return None
    try:
        index = image.getexif().get_ifd(_INTEROPERABILITY).get(1)
    except Exception:  # broken metadata do not make a picture unusable
        return None
    return matrix_profile(spaces.ADOBE_RGB, 563 / 256) if index == "R03" else None


def _of_png(data: bytes) -> bytes | None:
    found: dict[bytes, bytes] = {}
    for kind, begin, end in png_chunks(data):
        if kind in (b"IDAT", b"IEND"):
            break
        if kind in (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM"):
            found.setdefault(kind, data[begin:end])
    coded = found.get(b"cICP", b"")
    if len(coded) == 4 and coded[1] != _UNSPECIFIED:
        return coded_profile(coded[0], coded[1])
    if b"iCCP" in found:
        return _unpacked(found[b"iCCP"])
    if b"sRGB" in found or len(found.get(b"gAMA", b"")) < 4:
        return None
    return _of_numbers(int.from_bytes(found[b"gAMA"][:4], "big"), found.get(b"cHRM", b""))


def _unpacked(chunk: bytes) -> bytes:
    packed = chunk.partition(b"\0")[2]
    try:
        return _checked(zlib.decompressobj().decompress(packed[1:], MAX_PROFILE + 1)) if packed else UNUSABLE
    except zlib.error:
        return UNUSABLE


def _of_numbers(gamma: int, chromaticities: bytes) -> bytes | None:
    exponent = 100_000 / gamma if gamma else 0.0
    srgb_like = abs(exponent / 2.2 - 1) < _SRGB_LIKE
    if len(chromaticities) < 32:
        if srgb_like:
            return None
        space = spaces.SRGB
    else:
        x_y = [value / 100_000 for value in struct.unpack(">8I", chromaticities[:32])]
        white, red, green, blue = zip(x_y[::2], x_y[1::2], strict=True)
        space = Space(red, green, blue, white)
    if not 0.1 <= exponent <= 10:
        return UNUSABLE
    try:
        return matrix_profile(space, None if srgb_like else exponent)
    except ValueError:
        return UNUSABLE


def _of_avif(data: bytes) -> bytes | None:
    """The codes of the picture itself: a map of brighter lights, in the same file, has codes of its own."""
    meta = box(data, 0, len(data), b"meta")
    inner = (meta.begin + 4, meta.end)  # a version and flags come first
    item, parts = box(data, *inner, b"pitm"), box(data, *inner, b"iprp")
    shared = box(data, parts.begin, parts.end, b"ipco")
    properties = list(boxes(data, shared.begin, shared.end))
    wide = data[item.begin] > 0
    number = int.from_bytes(data[item.begin + 4 : item.begin + (8 if wide else 6)], "big")
    table = box(data, parts.begin, parts.end, b"ipma")
    for place in _properties_of(data[table.begin : table.end], number):
        if 0 < place <= len(properties) and properties[place - 1].kind == b"colr":
            content = data[properties[place - 1].begin : properties[place - 1].end]
            if content[:4] == b"nclx":
                return coded_profile(*struct.unpack(">HH", content[4:8]))
    return None


def _properties_of(table: bytes, number: int) -> list[int]:
    """Numbers of an item's properties, from 1 on (ISO/IEC 23008-12, 9.3.1)."""
    wide_items, wide_places = table[0] > 0, table[3] & 1
    at = 8
    for _ in range(int.from_bytes(table[4:8], "big")):
        if at >= len(table):
            break
        size = 4 if wide_items else 2
        item, count = int.from_bytes(table[at : at + size], "big"), table[at + size]
        at += size + 1
        step = 2 if wide_places else 1
        if item == number:
            mask = 0x7FFF if wide_places else 0x7F
            return [int.from_bytes(table[k : k + step], "big") & mask for k in range(at, at + count * step, step)]
        at += count * step
    return []


def _of_jpeg2000(data: bytes) -> bytes | None:
    """A profile, of the restricted method or any (ITU-T T.800, I.5.3.3)."""
    header = box(data, 0, len(data), b"jp2h")
    for kind, begin, end in boxes(data, header.begin, header.end):
        if kind == b"colr" and data[begin] in (2, 3):
            return _checked(data[begin + 3 : end])
    return None


def _of_bitmap(data: bytes) -> bytes | None:
    """A profile behind the header of version 5, whose fields name its place from the header on."""
    if len(data) < 138 or struct.unpack_from("<I", data, 14)[0] < 124 or data[70:74] != b"DEBM":
        return None
    at, size = struct.unpack_from("<II", data, 14 + 112)
    return _checked(data[14 + at : 14 + at + size])


@cache
def _high_range(transfer: int) -> tuple[float, ...]:
    """Light of evenly spaced signals, 1 being reference white (ITU-R BT.2100, tables 4 and 5)."""
    signal = np.linspace(0, 1, _LEVELS)
    if transfer == _PQ:
        root = signal ** (32 / 2523)
        light = 10_000 * (np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)) ** (16384 / 2610)
    else:  # a display of 1,000 cd/m2, whose exponent 1.2 is taken for each colour alone
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
        light = 1_000 * scene**1.2
    return tuple(np.minimum(light / _WHITE, 1.0).tolist())
