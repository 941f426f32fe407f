"""Broken and odd images of every format that Pillow can write, and good ones to lie among them, from one seed."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from deep_images import every_kind
from PIL import Image, ImageCms, TiffImagePlugin

Rng = np.random.Generator
ENDINGS = ("avif", "bmp", "dib", "gif", "ico", "jpg", "jp2", "pcx", "png", "ppm", "qoi", "sgi", "tga", "tif", "webp")
FORMATS = {("JPEG2000" if name == "jp2" else Image.registered_extensions()[f".{name}"]): name for name in ENDINGS}
MODES = (
    *("1", "L", "P", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "LA", "PA", "La", "RGBa"),
    *("I;16", "I;16L", "I;16B", "I;16N"),
)
OPTIONS: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    *(("JPEG", ("L", "RGB", "CMYK"), {key: 1}) for key in ("progressive", "optimize", "restart_marker_blocks")),
    ("JPEG", ("RGB",), {"subsampling": 0}),
    ("PNG", ("P",), {"bits": 4}),
    *(("TIFF", ("1",), {"compression": name}) for name in ("group3", "group4")),
    *(("TIFF", ("L", "RGB", "P"), {"compression": f"tiff_{name}"}) for name in ("lzw", "adobe_deflate")),
    *(("TIFF", ("L", "RGB", "P"), {"compression": name}) for name in ("packbits", "lzma", "zstd")),
    ("TIFF", ("L", "RGB", "CMYK"), {"compression": "jpeg"}),
    ("TIFF", ("RGB",), {"big_tiff": True}),
    ("GIF", ("P",), {"interlace": 0}),
    ("WEBP", ("RGB", "RGBA"), {"lossless": True}),
    ("TGA", ("L", "RGB", "RGBA", "P"), {"compression": "tga_rle"}),
    *(
        ("JPEG2000", ("L", "RGB"), options)
        for options in ({"irreversible": True}, {"no_jp2": True}, {"tile_size": (8, 8)})
    ),
]


class Made(NamedTuple):
    """A file of the pile."""

    kind: str
    name: str
    data: bytes


def images(count: int, seed: int) -> Iterator[Made]:
    """Make about ``count`` bad and odd images of all kinds; those that are listed once come whatever the count."""
    rng = np.random.default_rng(seed)
    once = [*_every_mode(), *_every_depth(), *_strips(), *_huge_headers(), *_bombs()]
    once += [*_animations(), *_odd_exif(), *_no_images()]
    once += [*_mended_jpegs(), *_odd_profiles(), *_odd_notes()]
    drawn = itertools.islice(damaged_images(rng), max(0, count - len(once)))
    for number, made in enumerate([*once, *drawn]):
        yield made._replace(name=f"{made.kind.replace(' ', '_')}/{number:06d}.{made.name}")


def damaged_images(rng: Rng) -> Iterator[Made]:
    """Files of any format, each broken in a way of its own, without end."""
    for break_one in itertools.cycle((_cut, _flipped, _extreme_field, _spliced, _misnamed)):
        yield break_one(rng)


def good_images(count: int = 40) -> Iterator[Made]:
    """Photographs without any fault, of several formats."""
    for k, file_format in zip(range(count), itertools.cycle(("JPEG", "PNG", "WEBP", "TIFF", "GIF"))):
        pixels = np.random.default_rng([7, k]).integers(0, 256, (3 + k % 5, 4, 3), np.uint8)
        photograph = Image.fromarray(pixels).resize((20 + k, 57 - k), Image.Resampling.BICUBIC)
        yield Made("good", f"good/{k:03d}.{FORMATS[file_format]}", encode(photograph, file_format))


def encode(image: Image.Image, file_format: str, **options: Any) -> bytes:
    """Return an image's file."""
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def _picture(mode: str = "RGB", size: tuple[int, int] = (23, 17)) -> Image.Image:
    pixels = np.random.default_rng(3).integers(0, 256, (size[1], size[0], 3), np.uint8)
    pixels[: size[1] // 2] = 200  # half flat and half noise: short and long runs
    image = Image.fromarray(pixels)
    for way in ((mode,), ("L", mode), ("LA", mode), ("RGBA", mode)):  # Pillow converts by steps
        step = image
        try:
            for stop in way:
                step = step.convert(stop)
        except ValueError:
            continue
        return step
    raise ValueError(mode)


@cache
def every_format_and_mode() -> list[tuple[str, bytes]]:
    """One file of every format, mode and option that Pillow can write."""
    plain = [(file_format, mode, {}) for file_format, mode in itertools.product(FORMATS, MODES)]
    more = [(file_format, mode, options) for file_format, modes, options in OPTIONS for mode in modes]
    found = []
    for file_format, mode, options in [*plain, *more]:
        with suppress(OSError, ValueError, KeyError, RuntimeError):  # this format has no such mode
            found.append((file_format, encode(_picture(mode), file_format, **options)))
    return found


@cache
def every_deep_format() -> list[tuple[str, bytes]]:
    """One file of every depth and layout."""
    formats = {ending: file_format for file_format, ending in FORMATS.items()}
    return [(formats[deep.ending], deep.data) for deep in every_kind()]


def _every_mode() -> Iterator[Made]:
    for file_format, data in every_format_and_mode():
        yield Made("every mode", FORMATS[file_format], data)


def _every_depth() -> Iterator[Made]:
    for deep in every_kind():
        yield Made("no picture" if deep.expected is None else "every depth", deep.ending, deep.data)


def _draw(rng: Rng) -> tuple[str, bytes]:
    bases = [*every_format_and_mode(), *every_deep_format()]
    wanted = list(FORMATS)[rng.integers(len(FORMATS))]  # formats alike, however many modes each has
    fitting = [base for base in bases if base[0] == wanted]
    return fitting[rng.integers(len(fitting))]


def _cut(rng: Rng) -> Made:
    """At a byte of the header, at a seam of the format or beside it, in the data, or near the end."""
    file_format, data = _draw(rng)
    near = [at + beside for at in seams(data) for beside in (-1, 0, 1)]
    classes = [range(32), near or range(64), range(len(data)), range(len(data) - 12, len(data))]
    places = classes[rng.integers(len(classes))]
    at = min(max(0, int(places[rng.integers(len(places))])), len(data) - 1)
    return Made("cut", FORMATS[file_format], data[:at])


def seams(data: bytes) -> list[int]:
    """Where the parts of a file begin: chunks, boxes, markers, directories, blocks."""
    if data.startswith(b"\x89PNG"):
        return list(_walk(data, 8, ">I4x", lambda size: size + 12))
    if data.startswith(b"RIFF"):
        return list(_walk(data, 12, "<4xI", lambda size: size + (size & 1) + 8))
    if data[4:8] in (b"ftyp", b"jP  "):
        return list(_walk(data, 0, ">I4x", lambda size: max(size, 8)))
    if data.startswith((b"II", b"MM")):
        directory = struct.unpack_from("<I" if data[:1] == b"I" else ">I", data, 4)[0]
        return [8, *range(directory, len(data), 12)]
    marks = {b"\xff\xd8": b"\xff", b"GI": b"\x21\x2c\x3b\x00"}.get(data[:2], b"")
    return [at for at, byte in enumerate(data) if byte in marks]


def _walk(data: bytes, at: int, header: str, step: Callable[[int], int]) -> Iterator[int]:
    while at + 8 <= len(data):
        yield at
        at += step(struct.unpack_from(header, data, at)[0])


def _flipped(rng: Rng) -> Made:
    file_format, data = _draw(rng)
    broken = bytearray(data)
    span = len(data) if rng.integers(2) else min(len(data), 64)  # headers are short, and matter most
    for at in rng.integers(span, size=rng.integers(1, 9)):
        broken[at] ^= 1 << int(rng.integers(8))
    return Made("bits flipped", FORMATS[file_format], bytes(broken))


def _extreme_field(rng: Rng) -> Made:
    """A number in the header or at a seam becomes the smallest or largest of its size."""
    file_format, data = _draw(rng)
    size = int(rng.choice([1, 2, 4, 8]))
    value = [bytes(size), b"\xff" * size, b"\x7f" + b"\xff" * (size - 1), b"\x80" + bytes(size - 1)][rng.integers(4)]
    places = [*range(2, 64), *(seam + beside for seam in seams(data) for beside in range(12))]
    at = int(places[rng.integers(len(places))])
    return Made("extreme number", FORMATS[file_format], data[:at] + value + data[at + size :])


def _spliced(rng: Rng) -> Made:
    """The beginning of one file and the end of another, or a piece left out, or twice."""
    file_format, data = _draw(rng)
    a, b = sorted(int(at) for at in rng.integers(len(data) + 1, size=2))
    other = _draw(rng)[1]
    spliced = [data[:a] + other[a:], data[:a] + data[b:], data[:b] + data[a:], data + other][rng.integers(4)]
    return Made("spliced", FORMATS[file_format], spliced)


def _misnamed(rng: Rng) -> Made:
    endings = [*FORMATS.values(), "txt", "exe", "jpg.gz", ""]
    return Made("wrong ending", endings[rng.integers(len(endings))], _draw(rng)[1])


def _no_images() -> Iterator[Made]:
    gray = zlib.compress(bytes(1000))
    texts = [b"", b"\0", b"\xff" * 1000, bytes(5000), b"no image", b"<html><img src=a.jpg></html>", b"%PDF-1.7\n%%EOF"]
    texts += [b"\x7fELF" + bytes(100), b"#!/bin/sh\nexit 1\n", b"PK\x05\x06" + bytes(18), gray, b"\x1f\x8b" + gray]
    texts += [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>"]
    texts += [b"8BPS\0\1" + bytes(40), b"SIMPLE  =                    T", b"\x00\x00\x00\x18ftypheic" + bytes(100)]
    signs = sorted({data[:size] for _, data in every_format_and_mode() for size in (2, 4, 8, 12)})
    for k, data in enumerate([*texts, *signs, *(sign + bytes(500) for sign in signs)]):
        yield Made("no image", ("jpg", "png", "txt", "tif")[k % 4], data)


def _strips() -> Iterator[Made]:
    lengths = {"JPEG": 65_500, "WEBP": 16_383, "GIF": 65_535, "AVIF": 16_384, "ICO": 256, "TGA": 65_535, "PCX": 21_844}
    lengths |= {"SGI": 65_535}
    for file_format, length in itertools.product(FORMATS, (2, 255, 5_000, 100_000)):
        longest = min(length, lengths.get(file_format, length))
        for size in ((longest, 1), (1, longest)):
            yield Made("1 x N", FORMATS[file_format], encode(Image.new("RGB", size, (9, 99, 200)), file_format))


def _png_sized(data: bytes, width: int, height: int) -> bytes:
    at = data.index(b"IHDR")
    header = data[at : at + 4] + struct.pack(">II", width & 2**32 - 1, height & 2**32 - 1) + data[at + 12 : at + 17]
    return data[:at] + header + struct.pack(">I", zlib.crc32(header)) + data[at + 21 :]


def _sized(form: str, at: Callable[[bytes], int], swap: bool = False) -> Callable[[bytes, int, int], bytes]:
    def patch(data: bytes, width: int, height: int) -> bytes:
        limit = 2 ** (8 * struct.calcsize(form) // 2)
        sides = (height, width) if swap else (width, height)
        packed = struct.pack(form, *(side % limit for side in sides))
        return data[: at(data)] + packed + data[at(data) + len(packed) :]

    return patch


def _tiff_sized(data: bytes, width: int, height: int) -> bytes:
    patched = bytearray(data)
    directory = struct.unpack_from("<I", data, 4)[0]
    for entry in range(directory + 2, directory + 2 + 12 * struct.unpack_from("<H", data, directory)[0], 12):
        tag = struct.unpack_from("<H", data, entry)[0]
        if tag in (256, 257):
            struct.pack_into("<HII", patched, entry + 2, 4, 1, (width if tag == 256 else height) % 2**32)
    return bytes(patched)


_RESIZED: dict[str, Callable[[bytes, int, int], bytes]] = {
    "PNG": _png_sized,
    "ICO": _png_sized,
    "TIFF": _tiff_sized,
    "GIF": _sized("<HH", lambda data: 6),
    "BMP": _sized("<II", lambda data: 18),
    "DIB": _sized("<II", lambda data: 4),
    "JPEG": _sized(">HH", lambda data: data.index(b"\xff\xc0") + 5, swap=True),
    "QOI": _sized(">II", lambda data: 4),
    "TGA": _sized("<HH", lambda data: 12),
    "PCX": _sized("<HH", lambda data: 8),
    "SGI": _sized(">HH", lambda data: 6),
    "WEBP": _sized("<HH", lambda data: data.index(b"\x9d\x01\x2a") + 3),
    "AVIF": _sized(">II", lambda data: data.index(b"ispe") + 8),
    "JPEG2000": _sized(">II", lambda data: data.index(b"\xff\x51") + 6),
    "PPM": lambda data, width, height: data.replace(b"23 17", f"{width} {height}".encode()),
}


def _huge_headers() -> Iterator[Made]:
    sides = [(65_535, 65_535), (10**9, 1), (1, 10**9), (2**31 - 1, 2**31 - 1), (2**32 - 1, 2**32 - 1), (2**16, 2**16)]
    sides += [(0, 0), (0, 5), (5, 0), (1_000, 1_000), (1_001, 1_000), (-5, 5), (5, -5), (10**20, 10**20)]
    for file_format, resize in _RESIZED.items():
        whole = encode(_picture("RGB"), file_format)
        for width, height in sides:
            yield Made("huge or empty header", FORMATS[file_format], resize(whole, width, height))
    siz = encode(_picture("RGB"), "JPEG2000")
    box = siz.index(b"ihdr") + 4  # the box and the codestream each say a size: here they agree
    for width, height in sides[:6]:
        both = _RESIZED["JPEG2000"](siz, width, height)
        sizes = struct.pack(">II", height % 2**32, width % 2**32)
        yield Made("huge or empty header", "jp2", both[:box] + sizes + both[box + 8 :])


def _bombs() -> Iterator[Made]:
    """Small files that unpack to a great deal of memory, or take long to unpack."""
    packed = zlib.compress(bytes(100 * 1024**2), 9)
    for chunk, head in ((b"zTXt", b"k\0\0"), (b"iTXt", b"k\0\1\0\0\0"), (b"iCCP", b"k\0\0")):
        yield Made("bomb", "png", _png_with(chunk, head + packed))
    yield Made("bomb", "png", _png_with(b"zTXt", b"k\0\0" + zlib.compress(bytes(900_000)), times=3_000))
    small = encode(_picture(), "PNG")
    at = small.index(b"IDAT") - 4
    end = at + 12 + struct.unpack_from(">I", small, at)[0]
    yield Made("bomb", "png", small[:at] + _chunk(b"IDAT", packed) + small[end:])
    flat = Image.new("1", (9_000, 9_000))
    for file_format in ("PNG", "TIFF", "GIF", "WEBP", "JPEG", "PPM"):
        yield Made("bomb", FORMATS[file_format], encode(flat, file_format))
    yield Made("bomb", "tif", encode(flat, "TIFF", compression="group4"))
    yield Made("bomb", "ico", _icon(encode(flat, "PNG")))
    frames = [Image.new("L", (900, 900), shade) for shade in range(200)]
    yield Made("bomb", "gif", encode(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    yield Made("bomb", "jpg", _many_scans(900, 20_000))
    yield Made("bomb", "ppm", b"P3 100 100 255\n" + b"#\n" * 1_000_000)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png_with(kind: bytes, content: bytes, times: int = 1) -> bytes:
    whole = encode(_picture(), "PNG")
    return whole[:33] + _chunk(kind, content) * times + whole[33:]


def _icon(png: bytes) -> bytes:
    """An icon whose directory says 16 x 16, and whose picture is another."""
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(png), 22) + png


def _many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG that repeats one of its scans: each goes over all of its pixels."""
    whole = encode(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * scans + b"\xff\xd9"


def _animations() -> Iterator[Made]:
    frames = [_picture(size=(23 + k, 17)) for k in range(4)]
    for file_format, ending in (("GIF", "gif"), ("PNG", "png"), ("WEBP", "webp"), ("TIFF", "tif"), ("AVIF", "avif")):
        same = [frame.resize((23, 17)) for frame in frames]
        whole = encode(same[0], file_format, save_all=True, append_images=same[1:])
        for share in (0.2, 0.4, 0.6, 0.8, 1):
            yield Made("animated", ending, whole[: int(len(whole) * share)])
    yield Made("animated", "tif", encode(frames[0], "TIFF", save_all=True, append_images=frames[1:]))
    yield Made("animated", "ico", encode(_picture(size=(64, 64)), "ICO", sizes=[(16, 16), (32, 32), (64, 64)]))


def _odd_exif() -> Iterator[Made]:
    # (type of the field, value): SHORT, ASCII, LONG, SLONG, RATIONAL, UNDEFINED; the right one is SHORT, from 1 to 8
    values: list[tuple[int, Any]] = [(3, value) for value in (0, 1, 6, 9, 255, 65_535)]
    values += [(2, "6"), (2, "upright"), (4, 2**32 - 1), (9, -6), (5, TiffImagePlugin.IFDRational(6, 0)), (7, b"\6")]
    blobs = []
    for kind, value in values:
        directory = TiffImagePlugin.ImageFileDirectory_v2()
        directory.tagtype[0x0112] = kind
        directory[0x0112] = value
        blobs.append(b"Exif\0\0" + b"II*\0\x08\0\0\0" + directory.tobytes(8))
    whole = blobs[1]
    blobs += [whole[:size] for size in range(0, len(whole), 3)]
    blobs += [whole.replace(b"II*\0", sign) for sign in (b"MM\0*", b"II+\0", b"XX*\0", b"II*\1")]
    blobs += [b"Exif\0\0II*\0\x08\0\0\0\1\0\x69\x87\4\0\1\0\0\0\x08\0\0\0\x08\0\0\0"]  # a directory that holds itself
    blobs += [b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\1\3\0\xff\xff\xff\xff\6\0\0\0" * 4_000]
    for blob in blobs:
        for file_format in ("JPEG", "PNG", "WEBP"):
            yield Made("odd EXIF", FORMATS[file_format], encode(_picture("RGB"), file_format, exif=blob))


def _mended_jpegs() -> Iterator[Made]:
    """Cut short and closed with the marker of the end; and whole, with a video behind it."""
    for options in ({}, {"restart_marker_rows": 1}, {"quality": 98}):
        whole = encode(_picture(size=(230, 170)), "JPEG", **options)
        for share in (0.3, 0.5, 0.7, 0.9):
            yield Made("cut and closed", "jpg", whole[: int(len(whole) * share)] + b"\xff\xd9")
        yield Made("video behind it", "jpg", whole + b"\0\0\0\x18ftypmp42" + b"\xff\xda" * 500)


def _odd_profiles() -> Iterator[Made]:
    """Profiles: whole, cut, of another space, of nothing; and a PNG's numbers of a space, most without meaning."""
    whole = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for profile in (whole, whole[:300], whole[:16] + b"CMYK" + whole[20:], lab, b"?" * 500, bytes(2**20)):
        for file_format, mode in (("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "L"), ("TIFF", "RGB"), ("WEBP", "RGBA")):
            data = encode(_picture(mode), file_format, icc_profile=profile)
            yield Made("odd profile", FORMATS[file_format], data)
    for gamma, place in itertools.product((0, 1, 45_455, 100_000, 2**32 - 1), (0, 1, 31_270, 2**32 - 1)):
        chunks = _chunk(b"gAMA", struct.pack(">I", gamma)) + _chunk(b"cHRM", struct.pack(">8I", *[place] * 8))
        yield Made("odd profile", "png", _png_with_chunks(chunks))
    for code in range(0, 256, 15):
        yield Made("odd profile", "png", _png_with_chunks(_chunk(b"cICP", bytes([code, 255 - code, 0, 1]))))


def _odd_notes() -> Iterator[Made]:
    broken = _chunk(b"tEXt", b"Comment\0a note")[:-1] + b"!"
    for chunks in (broken, _chunk(b"pHYs", b"\0"), _chunk(b"gAMA", b""), _chunk(b"iCCP", b"name\0\7?"), broken * 100):
        yield Made("odd notes", "png", _png_with_chunks(chunks))


def _png_with_chunks(chunks: bytes) -> bytes:
    whole = encode(_picture(), "PNG")
    return whole[:33] + chunks + whole[33:]
