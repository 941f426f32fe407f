"""Broken and odd images and archives through `faces`, `preprocess` and `dedup`: what becomes of each kind.

    python benchmarks/fuzz.py 20000

Everything is made here, from one seed. Each file must end in `records` or in `rejected` with a reason, each archive
must be read in place or refused in one line, and the good images among them must come out bit for bit as they do
alone. The script ends with an error where one of them does not.
"""

from __future__ import annotations

import argparse
import io
import itertools
import os
import shutil
import struct
import tarfile
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin
from rich import reconfigure

from dcgan_pipeline.arrays import ShardedArray, write_shards
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.hashing.autoencoder import train_autoencoder
from dcgan_pipeline.hashing.codes import compute_codes
from dcgan_pipeline.hashing.groups import Hashed, find_duplicates, kept_rows
from dcgan_pipeline.hashing.settings import DedupSettings
from dcgan_pipeline.imaging.crop import crop_and_resize
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.regions import find_regions
from dcgan_pipeline.imaging.settings import FacesSettings, Limits, PreprocessSettings

Rng = np.random.Generator
LIMITS = Limits(max_pixels=1_000_000, max_bytes=4 * 1024**2)
SETTINGS = PreprocessSettings(image_size=16, channels=3, images_per_shard=500)
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


# ---- images


def images(count: int, seed: int) -> Iterator[Made]:
    """Make about ``count`` bad and odd images of all kinds; those that are listed once come whatever the count."""
    rng = np.random.default_rng(seed)
    once = [*_every_mode(), *_strips(), *_huge_headers(), *_bombs(), *_animations(), *_odd_exif(), *_no_images()]
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


def _every_mode() -> Iterator[Made]:
    for file_format, data in every_format_and_mode():
        yield Made("every mode", FORMATS[file_format], data)


def _draw(rng: Rng) -> tuple[str, bytes]:
    bases = every_format_and_mode()
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


# ---- archives


def archives(count: int, seed: int) -> Iterator[Made]:
    """Make about ``count`` bad and odd archives; each holds good images too."""
    rng = np.random.default_rng(seed)
    inside = [(made.name, made.data) for made in good_images(6)]
    once = [*_odd_zips(inside), *_odd_tars(inside)]
    bases = [("zip", zip_of(inside)), ("zip", zip_of(inside, zipfile.ZIP_STORED)), ("tar", tar_of(inside))]
    bases += [("tar", tar_of(inside, style)) for style in (tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)]
    drawn = []
    for k in range(max(0, count - len(once))):
        ending, data = bases[rng.integers(len(bases))]
        kind, broken = _damaged(ending, data, rng, k)
        drawn.append(Made(kind, ending, broken))
    for number, made in enumerate([*once, *drawn]):
        yield made._replace(name=f"{number:05d}.{made.name}")


def zip_of(entries: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Zip entries, in their order."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(buffer, "w", method) as archive:  # names may repeat
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def tar_of(entries: list[tuple[str, bytes] | tarfile.TarInfo], style: int = tarfile.PAX_FORMAT) -> bytes:
    """Tar entries, in their order; a TarInfo stands for itself, without data."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=style) as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            info = tarfile.TarInfo(entry[0])
            info.size = len(entry[1])
            archive.addfile(info, io.BytesIO(entry[1]))
    return buffer.getvalue()


def _damaged(ending: str, data: bytes, rng: Rng, k: int) -> tuple[str, bytes]:
    if k % 2:
        seams = [0, 1, 30, 60, 511, 512, 513, 1024, len(data) - 22, len(data) - 10_240, len(data) - 1, len(data) // 2]
        seams += [at for sign in (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"ustar") for at in _all(data, sign)]
        at = min(max(0, int(rng.choice(seams)) + int(rng.integers(-2, 3))), len(data) - 1)
        return f"{ending} cut", data[:at]
    broken = bytearray(data)
    marks = _all(data, b"PK\x01\x02") + _all(data, b"PK\x05\x06") if ending == "zip" else _all(data, b"ustar")
    near = int(rng.choice(marks)) + int(rng.integers(-257, 60)) if rng.integers(4) else int(rng.integers(len(data)))
    for at in range(near, near + int(rng.integers(1, 5))):
        broken[at % len(data)] = int(rng.integers(256))
    return f"{ending} damaged", bytes(broken)


def _all(data: bytes, sign: bytes) -> list[int]:
    return [at for at in range(len(data)) if data.startswith(sign, at)]


ODD_NAMES = [
    *(
        "../../escaped.png",
        "/tmp/escaped.png",
        "C:\\escaped.png",
        "..\\escaped.png",
        "a/../../b.png",
        "./a.png",
        "a//b.png",
    ),
    *("nul\0byte.png", "new\nline.png", "-rf.png", "\u202egnp.exe", "x" * 5_000 + ".png", "/", "..", ".", "a/", "CON"),
    "\udcff\udcfe.png",
]


def _odd_zips(inside: list[tuple[str, bytes]]) -> Iterator[Made]:
    png = inside[1][1]
    for name in ODD_NAMES[:-1]:
        yield Made("zip odd name", "zip", zip_of([*inside, (name, png)]))
    stray = zip_of([*inside, ("stray_.png", png)])
    yield Made("zip odd name", "zip", stray.replace(b"stray_", b"stray\xff"))
    yield Made("zip same names", "zip", zip_of([*inside, *inside, ("a.png", png), ("a.png", b"no image")]))
    zeros = bytes(50 * 1024**2)
    yield Made("zip bomb", "zip", zip_of([*inside, ("bomb.png", zeros)]))
    nested = zip_of([(f"{k}.png", zeros) for k in range(3)])
    for _ in range(3):
        nested = zip_of([("inner.zip", nested)])
    yield Made("zip bomb", "zip", zip_of([*inside, ("nested.zip", nested)]))
    bomb = zip_of([*inside, ("bomb.png", zeros)])
    size = struct.pack("<I", len(zeros))
    yield Made("zip bomb", "zip", bomb.replace(size, struct.pack("<I", 100)))  # and it lies
    yield Made("zip overlapping", "zip", _overlapping(png, 50))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield Made("zip method", "zip", zip_of(inside, method))
        yield Made("zip method", "zip", zip_of([*inside, ("bomb.png", zeros[: 20 * 1024**2])], method))
    yield Made("zip64", "zip", _zip64(inside))
    yield Made("zip comment", "zip", zip_of(inside)[:-2] + b"\xff\xff" + b"PK\x05\x06" * 10_000)
    yield Made("zip comment", "zip", b"#!/bin/sh\n" + zip_of(inside))
    yield Made("zip of nothing", "zip", zip_of([]))
    yield Made("zip of nothing", "zip", zip_of([("folder/", b""), (".hidden", png)]))
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO(zip_of(inside))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    yield Made("zip link", "zip", buffer.getvalue())


def _zip64(entries: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in entries:
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(data)
    return buffer.getvalue()


def _overlapping(data: bytes, times: int) -> bytes:
    """Many entries of the directory that all point at one stretch of data."""
    one = zip_of([("0000.png", data)])
    start, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    entries = b"".join(one[start:end].replace(b"0000", f"{k:04d}".encode()) for k in range(times))
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, times, times, len(entries), start, 0)
    return one[:start] + entries + tail


def _odd_tars(inside: list[tuple[str, bytes]]) -> Iterator[Made]:
    png = inside[1][1]
    for name, style in itertools.product(ODD_NAMES, (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)):
        if style == tarfile.GNU_FORMAT and "\u202e" in name:
            continue
        yield Made("tar odd name", "tar", tar_of([*inside, (name, png)], style))
    yield Made("tar same names", "tar", tar_of([*inside, *inside, ("a.png", png), ("a.png", b"no image")]))
    kinds = [tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE]
    targets = ["/etc/passwd", "../../outside.png", inside[0][0], "itself", "", "missing"]
    for kind, target in itertools.product([*kinds, b"Z", tarfile.DIRTYPE], targets):
        link = tarfile.TarInfo("itself")
        link.type, link.linkname = kind, target
        yield Made("tar link or device", "tar", tar_of([*inside, link]))
    for size in (1, len(png) + 1, 10**6, 8 * 2**30, 2**62):
        yield Made("tar lying size", "tar", _lying(inside, png, size))
    yield Made("tar sparse", "tar", _sparse(inside, png))
    yield Made("tar nested", "tar", tar_of([*inside, ("inner.tar", tar_of(inside))]))
    yield Made("tar nested", "tar", tar_of([*inside, ("inner.zip", zip_of(inside))]))
    yield Made("tar of nothing", "tar", tar_of([]))
    yield Made("tar without its end", "tar", tar_of(inside).rstrip(b"\0"))
    for module in ("gz", "bz2", "xz"):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=f"w:{module}") as archive:  # type: ignore[call-overload]
            info = tarfile.TarInfo("zeros.png")
            info.size = 20 * 1024**2
            archive.addfile(info, io.BytesIO(bytes(info.size)))
        yield Made("tar bomb", f"tar.{module}", buffer.getvalue())


def _lying(inside: list[tuple[str, bytes]], png: bytes, size: int) -> bytes:
    """The last member's header, with a right checksum, says another size than there is."""
    info = tarfile.TarInfo("lies.png")
    info.size = size
    header = info.tobuf(tarfile.GNU_FORMAT)
    good = tar_of(inside, tarfile.GNU_FORMAT)
    end = len(good.rstrip(b"\0")) // 512 * 512 + 512
    return good[:end] + header + png + bytes(-len(png) % 512) + bytes(1024)


def _sparse(inside: list[tuple[str, bytes]], png: bytes) -> bytes:
    """GNU's sparse member: 512 bytes that stand for gigabytes of zeros."""
    info = tarfile.TarInfo("sparse.png")
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 512
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:410] = b"%011o\0%011o\0" % (0, 512)
    header[483:495] = b"%011o\0" % (8 * 2**30 - 1)
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    good = tar_of(inside, tarfile.GNU_FORMAT)
    end = len(good.rstrip(b"\0")) // 512 * 512 + 512
    return good[:end] + bytes(header) + png[:512].ljust(512, b"\0") + bytes(1024)


# ---- through the stages


@dataclass(frozen=True)
class CutOut:
    """What `faces` and `preprocess` make of a source, under the names of the catalog."""

    regions: pd.DataFrame
    images: ShardedArray
    thumbnails: ShardedArray
    records: pd.DataFrame
    rejected: pd.DataFrame

    def made(self) -> list[tuple[str, NDArray[np.uint8]]]:
        """(name, pixels) of each image."""
        return list(zip(self.records["source"], self.images[:], strict=True))

    def reasons(self) -> list[tuple[str, str]]:
        """(name, reason) of each file that is not among the images."""
        return list(zip(self.rejected["source"], self.rejected["reason"], strict=True))


@dataclass(frozen=True)
class Outcome(CutOut):
    """And `dedup`."""

    hash_codes: ShardedArray
    duplicates: pd.DataFrame


def cut_out(
    location: Path,
    work: Path,
    engine: EngineSettings | None = None,
    faces: FacesSettings | None = None,
    preprocess: PreprocessSettings = SETTINGS,
) -> CutOut:
    """Run the functions of `faces` and `preprocess` on a source, and check that every file is in one table.

    Raises
    ------
    InputError
        Where the source is refused as a whole.
    AssertionError
        Where a file is in no table, in both, or without a reason.
    """
    engine = engine or EngineSettings()
    source = open_source(str(location), LIMITS)
    regions = find_regions(source, faces or FacesSettings(), engine)
    found = crop_and_resize(source, regions, preprocess, engine, work)
    images, thumbnails = _stored(found.images, work / "images"), _stored(found.thumbnails, work / "thumbnails")
    records, rejected = found.records, found.rejected
    assert len(images) == len(records)
    assert sorted([*records["source_row"], *rejected["source_row"]]) == list(range(len(source)))
    assert rejected["reason"].str.len().gt(0).all()
    return CutOut(regions, images, thumbnails, records, rejected)


def through_the_stages(location: Path, work: Path, *settings: Any) -> Outcome:
    """Run the functions of `faces`, `preprocess` and `dedup` on a source; parameters and errors are `cut_out`'s."""
    found = cut_out(location, work, *settings)
    device = torch.device("cpu")
    dedup = DedupSettings.model_validate({"autoencoder": {"steps": 20}, "radius": 8, "min_similarity": 0.65})
    weights, _ = train_autoencoder(found.thumbnails, dedup.autoencoder, 0, device, lambda *_: None)
    codes = _stored(compute_codes(found.thumbnails, weights, 4096, device), work / "codes")
    duplicates = find_duplicates(Hashed(codes, found.thumbnails, found.records), found.images, dedup)
    assert duplicates.attrs["images"] == len(found.images)
    assert set(duplicates["representative"]) <= set(kept_rows(duplicates))
    return Outcome(**vars(found), hash_codes=codes, duplicates=duplicates)


def _stored(data: Any, folder: Path) -> ShardedArray:
    write_shards(data, folder, 4096)
    return ShardedArray(folder)


def write_pile(files: Iterable[Made], folder: Path) -> Path:
    """Write files below a folder, all of one time of change, which is part of what a source's fingerprint digests."""
    for made in files:
        path = folder / made.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made.data)
        os.utime(path, (0, 0))
    return folder


def pixels_alone(folder: Path, count: int = 40) -> dict[str, NDArray[np.uint8]]:
    """Pixels of the good images when there is nothing else."""
    return dict(cut_out(write_pile(good_images(count), folder / "alone"), folder / "alone_work").made())


def check_good(outcome: CutOut, alone: dict[str, NDArray[np.uint8]]) -> None:
    """Check that all good images are there, bit for bit as they are alone."""
    found = [(name, pixels) for name, pixels in outcome.made() if name in alone]
    assert {name for name, _ in found} == set(alone)
    assert all(np.array_equal(pixels, alone[name]) for name, pixels in found)


def read_or_refused(location: Path, work: Path) -> CutOut | None:
    """Run `faces` and `preprocess`; None where they refuse a source, in one line."""
    try:
        return cut_out(location, work)
    except InputError as error:
        if len(str(error).splitlines()) != 1:
            raise
        return None


def leaves_good_images_alone(made: Made) -> bool:
    """Whether an archive that can be read must hold all its good images: changed bytes may be theirs."""
    return made.kind.split()[-1] not in ("damaged", "overlapping")


# ---- the tables


def main() -> None:
    """Make files and archives, run the stages, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, help="images; and a tenth as many archives")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    reconfigure(quiet=True)  # no progress bars between the tables
    engine = EngineSettings(name="processes", workers=options.workers)  # a crash of a decoder would be an InputError
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        alone = pixels_alone(folder)
        pile = write_pile([*good_images(), *images(options.count, options.seed)], folder / "pile")
        outcome = through_the_stages(pile, folder / "work", engine)
        check_good(outcome, alone)
        kinds = [(made.split("/")[0], "") for made, _ in outcome.made()]
        kinds += [(name.split("/")[0], reason.split(":")[0]) for name, reason in outcome.reasons()]
        _print_table(("kind", "files", "made", "rejected", "reasons, the commonest first"), kinds)
        fates = list(_archive_fates(options.count // 10, options.seed, folder))
        _print_table(("kind", "archives", "read in place", "refused"), fates)


def _archive_fates(count: int, seed: int, folder: Path) -> Iterator[tuple[str, str]]:
    alone = pixels_alone(folder / "six", 6)
    for made in archives(count, seed):
        path, work = folder / made.name, folder / "archive_work"
        path.write_bytes(made.data)
        outcome = read_or_refused(path, work)
        if outcome and leaves_good_images_alone(made):
            check_good(outcome, alone)
        yield made.kind, "" if outcome else "refused"
        path.unlink()
        shutil.rmtree(work, ignore_errors=True)


def _print_table(columns: tuple[str, ...], fates: list[tuple[str, str]]) -> None:
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    table = pd.DataFrame(fates, columns=["kind", "reason"])
    for kind, rows in [*table.groupby("kind"), ("**all**", table)]:
        bad = rows.loc[rows["reason"] != "", "reason"].value_counts()
        reasons = ", ".join(f"{reason} ({count:,})" for reason, count in bad.head(3).items())
        cells = (str(kind).replace("_", " "), f"{len(rows):,}", f"{len(rows) - bad.sum():,}", f"{bad.sum():,}", reasons)
        print(f"| {' | '.join(cells[: len(columns)])} |")


if __name__ == "__main__":
    main()
