"""Images of every depth and layout, each with the 8-bit pixels that it must give, in closed form.

Files are written here, byte by byte where no library writes them. A sample v of 0..m is the level v * 255 / m, rounded;
transparency lies on white.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np
from deep_samples import HEIGHT, WIDTH, Deep, Samples, levels, packed, ramp
from deep_tiffs import tiffs
from numpy.typing import NDArray
from PIL import Image

# ---- PNG


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_lines(samples: Samples, bits: int) -> bytes:
    """Pack lines (H, W, S) without a filter."""
    flat = packed(samples.reshape(len(samples), -1), bits, ">")
    return zlib.compress(np.pad(flat, ((0, 0), (1, 0))).tobytes())


def png(samples: Samples, bits: int, colour: int, *more: bytes) -> bytes:
    """Write samples (H, W, S) of a colour type, with more chunks before them."""
    height, width = samples.shape[:2]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = chunk(b"IDAT", png_lines(samples, bits))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + body + chunk(b"IEND", b"")


def _png_depths() -> Iterator[Deep]:
    for bits in (1, 2, 4, 8, 16):
        most = 2**bits - 1
        grey = ramp(most)
        yield Deep(f"{bits}-bit grey", "png", png(grey, bits, 0), levels(grey[..., 0], most))
        for key in sorted({0, most // 3, most} if bits > 1 else {1}):  # white alone is not laid on white
            expected = np.where(grey[..., 0] == key, 255.0, levels(grey[..., 0], most))
            data = png(grey, bits, 0, chunk(b"tRNS", struct.pack(">H", key)))
            yield Deep(f"{bits}-bit grey, transparent {key}", "png", data, expected)
    for bits in (8, 16):
        most = 2**bits - 1
        for colour, bands, name in ((2, 3, "RGB"), (4, 2, "grey with opacity"), (6, 4, "RGB with opacity")):
            samples = ramp(most, bands)
            opacity = None if colour == 2 else samples[..., -1]
            colours = samples if colour == 2 else samples[..., :-1]
            expected = levels(colours[..., 0] if colour == 4 else colours, most, opacity)
            data = png(samples, bits, colour)
            yield Deep(f"{bits}-bit {name}", "png", data, expected, 0.5 if colour == 2 else 1.5)
    colours = ramp(65535, 3)
    colours[0, :2] = [0xFF00, 0, 0], [0x00FF, 0, 0]
    for key in ((0x00FF, 0, 0), (0xFF00, 0, 0), tuple(colours[7, 9])):
        expected = levels(colours, 65535)
        expected[(colours == key).all(axis=2)] = 255
        data = png(colours, 16, 2, chunk(b"tRNS", struct.pack(">HHH", *key)))
        yield Deep(f"16-bit RGB, transparent {key}", "png", data, expected)


def animated(still: Samples, frames: list[tuple[Samples, int, int]], bits: int = 8) -> bytes:
    """Write an APNG of RGB whose still image is no frame; frames are (samples, left, top)."""
    more, number = [chunk(b"acTL", struct.pack(">II", len(frames), 0))], 0
    after = []
    for samples, left, top in frames:
        height, width = samples.shape[:2]
        after.append(chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, left, top, 1, 10, 0, 0)))
        after.append(chunk(b"fdAT", struct.pack(">I", number + 1) + png_lines(samples, bits)))
        number += 2
    whole = png(still, bits, 2, *more)
    return whole[:-12] + b"".join(after) + whole[-12:]


def _png_animations() -> Iterator[Deep]:
    for bits in (8, 16):
        most = 2**bits - 1
        still, first, second = ramp(most, 3), ramp(most, 3)[::-1], ramp(most, 3)[:, ::-1]
        data = animated(still, [(first, 0, 0), (second, 0, 0)], bits)
        yield Deep(f"{bits}-bit animation, its still image no frame", "png", data, levels(first, most))
        data = animated(still, [(first, 0, 0)], bits)
        yield Deep(f"{bits}-bit animation of one frame", "png", data, levels(first, most))
        part = first[:7, :9]
        expected = np.full(first.shape, 255.0)
        expected[4:11, 3:12] = levels(part, most)
        data = animated(still, [(part, 3, 4), (second, 0, 0)], bits)
        yield Deep(f"{bits}-bit animation, first frame a part", "png", data, expected)


# ---- JPEG 2000


def jpeg2000(samples: Samples, bits: int, codestream: bool = False) -> bytes:
    """Write samples (H, W, S) without loss, S of 1, 3 or 4, of any depth.

    A codestream holds samples about zero: those of fewer bits are written about the middle of more, and the header is
    then given their own depth.
    """
    stored = 8 if bits <= 8 else 16
    about = (samples + 2 ** (stored - 1) - 2 ** (bits - 1)).astype(np.uint8 if stored == 8 else np.uint16)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[samples.shape[2]]
    bgr = np.ascontiguousarray(about[..., order])
    _, written = cv2.imencode(".jp2", bgr, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])
    data = bytearray(written.tobytes())
    start = data.index(b"\xff\x4f\xff\x51")
    for band in range(samples.shape[2]):
        data[start + 42 + 3 * band] = bits - 1
    data[data.index(b"ihdr") + 14] = bits - 1
    return bytes(data[start:]) if codestream else bytes(data)


def jpeg2000_grey_with_opacity(about: Samples, bits: int) -> bytes:
    """Write grey and opacity (H, W, 2), from -128 to 127 about the middle of their range: Pillow writes 8 bits."""
    buffer = io.BytesIO()
    Image.fromarray((about + 128).astype(np.uint8), "LA").save(buffer, "JPEG2000")
    data = bytearray(buffer.getvalue())
    start = data.index(b"\xff\x4f\xff\x51")
    for place in (start + 42, start + 45, data.index(b"ihdr") + 14):
        data[place] = bits - 1
    return bytes(data)


def _jpeg2000_depths() -> Iterator[Deep]:
    for bits in (1, 4, 7, 8, 9, 10, 12, 16):
        most = 2**bits - 1
        grey, colour, four = ramp(most), ramp(most, 3), ramp(most, 4)
        yield Deep(f"{bits}-bit grey", "jp2", jpeg2000(grey, bits), levels(grey[..., 0], most))
        yield Deep(f"{bits}-bit RGB", "jp2", jpeg2000(colour, bits), levels(colour, most))
        expected = levels(four[..., :3], most, four[..., 3])
        yield Deep(f"{bits}-bit RGB with opacity", "jp2", jpeg2000(four, bits), expected, 1.5)
        four[..., 3] = most
        yield Deep(f"{bits}-bit opaque RGBA", "jp2", jpeg2000(four, bits), levels(four[..., :3], most))
        if bits > 8:
            about = ramp(255, 2) - 128
            both = about + 2 ** (bits - 1)
            expected = levels(both[..., 0], most, both[..., 1])
            data = jpeg2000_grey_with_opacity(about, bits)
            yield Deep(f"{bits}-bit grey with opacity", "jp2", data, expected, 1.5)
        yield Deep(f"{bits}-bit RGB, codestream", "jp2", jpeg2000(colour, bits, True), levels(colour, most))


# ---- TGA and others


def tga(pixels: bytes, bits: int, attributes: int, kind: int = 2, footer: int | None = None) -> bytes:
    """Write pixels from above; ``footer`` is what an extension says of the attribute bits."""
    header = struct.pack("<BBBHHBHHHHBB", 0, 0, kind, 0, 0, 0, 0, 0, WIDTH, HEIGHT, bits, 0x20 | attributes)
    data = header + pixels
    if footer is None:
        return data
    extension = struct.pack("<H", 495) + bytes(492) + bytes([footer])
    return data + extension + struct.pack("<II", len(data), 0) + b"TRUEVISION-XFILE.\0"


def _tga() -> Iterator[Deep]:
    colour, bit = ramp(31, 3), ramp(1)[..., 0]
    words = colour[..., 0] << 10 | colour[..., 1] << 5 | colour[..., 2]
    plain, keyed = levels(colour, 31), levels(colour, 31, bit * 31)
    for top in (0, 1):
        data = tga((words | top << 15).astype("<u2").tobytes(), 16, 0)
        yield Deep(f"16-bit, no attribute bits, top bit {top}", "tga", data, plain)
    data = (words | bit << 15).astype("<u2").tobytes()
    yield Deep("16-bit, one attribute bit", "tga", tga(data, 16, 1), keyed)
    yield Deep("16-bit, its bit without a meaning", "tga", tga(data, 16, 1, footer=2), plain)
    runs = b"".join(b"\0" + data[k : k + 2] for k in range(0, len(data), 2))
    yield Deep("16-bit, one attribute bit, packed", "tga", tga(runs, 16, 1, 10), keyed)
    four = ramp(255, 4)
    stored = four[..., [2, 1, 0, 3]].astype(np.uint8).tobytes()
    yield Deep("32-bit, no attribute bits", "tga", tga(stored, 32, 0), levels(four[..., :3], 255))
    straight = levels(four[..., :3], 255, four[..., 3])
    yield Deep("32-bit, eight attribute bits", "tga", tga(stored, 32, 8), straight, 1.5)
    yield Deep("32-bit, bits of opacity", "tga", tga(stored, 32, 8, footer=3), straight, 1.5)
    yield Deep("32-bit, bits without a meaning", "tga", tga(stored, 32, 8, footer=1), levels(four[..., :3], 255))
    empty = np.dstack([four[..., [2, 1, 0]], np.zeros_like(four[..., 3])]).astype(np.uint8).tobytes()
    yield Deep("32-bit, bits of opacity never set", "tga", tga(empty, 32, 8), levels(four[..., :3], 255))
    multiplied = four.copy()
    multiplied[..., :3] = four[..., :3] * four[..., 3:] // 255
    stored = multiplied[..., [2, 1, 0, 3]].astype(np.uint8).tobytes()
    yield Deep("32-bit, multiplied by the opacity", "tga", tga(stored, 32, 8, footer=4), straight, 2)


def _netpbm() -> Iterator[Deep]:
    for most in (1, 3, 100, 255, 256, 1000, 4095, 65535):
        kind = "u1" if most < 256 else ">u2"
        grey, colour = ramp(most), ramp(most, 3)
        head = f"{WIDTH} {HEIGHT} {most}\n".encode()
        data = b"P5 " + head + grey.astype(kind).tobytes()
        yield Deep(f"grey of 0 to {most}", "ppm", data, levels(grey[..., 0], most), 0.51)
        data = b"P6 " + head + colour.astype(kind).tobytes()
        yield Deep(f"RGB of 0 to {most}", "ppm", data, levels(colour, most), 0.51)


def sgi(samples: Samples, size: int) -> bytes:
    """Write samples (H, W, S) of one or two bytes, unpacked: planes from below."""
    height, width, count = samples.shape
    head = struct.pack(">HBBHHHHII", 474, 0, size, 3 if count > 1 else 2, width, height, count, 0, 256**size - 1)
    return head.ljust(512, b"\0") + samples[::-1].transpose(2, 0, 1).astype(f">u{size}").tobytes()


def _sgi() -> Iterator[Deep]:
    for size, bands in ((1, 1), (1, 3), (1, 4), (2, 1), (2, 3), (2, 4)):
        most = 256**size - 1
        samples = ramp(most, bands)
        opacity = samples[..., 3] if bands == 4 else None
        expected = levels(samples[..., 0] if bands == 1 else samples[..., :3], most, opacity)
        kind = f"{8 * size}-bit, {bands} band{'s' if bands > 1 else ''}"
        yield Deep(kind, "sgi", sgi(samples, size), expected, 1.5 if bands == 4 else 0.5)


def _gif() -> Iterator[Deep]:
    palette = [10, 20, 30, 200, 100, 50]
    image = Image.new("P", (9, 7), 1)
    image.putpalette(palette)
    buffer = io.BytesIO()
    image.save(buffer, "GIF")
    data = bytearray(buffer.getvalue())
    struct.pack_into("<HH", data, 6, WIDTH, HEIGHT)  # the screen
    at = data.index(b"\x2c", 13 + 3 * 2 ** ((data[10] & 7) + 1))
    struct.pack_into("<HH", data, at + 1, 5, 4)
    expected = np.full((HEIGHT, WIDTH, 3), 255.0)
    expected[4:11, 5:14] = palette[3:]
    yield Deep("first frame a part of the screen", "gif", bytes(data), expected)


def bmp(words: NDArray[np.integer], bits: int, masks: tuple[int, ...] = (), header: int = 40) -> bytes:
    """Write whole numbers (H, W), a pixel each, from below; masks say which bits are red, green, blue and opacity."""
    height, width = words.shape
    flat = words[::-1].astype(f"<u{bits // 8}").view(np.uint8).reshape(height, -1)
    rows = np.pad(flat, ((0, 0), (0, -flat.shape[1] % 4))).tobytes()
    size = (header, width, height, 1, bits, 3 if masks else 0, 0, 0, 0, 0, 0)
    head = struct.pack("<IiiHHIIiiII", *size) + struct.pack(f"<{len(masks)}I", *masks)
    head = head.ljust(header, b"\0")
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(rows), 0, 0, 14 + len(head)) + head + rows


def _bmp() -> Iterator[Deep]:
    five, six, bit = ramp(31, 3), ramp(63, 3)[..., 1], ramp(1)[..., 0]
    words = five[..., 0] << 10 | five[..., 1] << 5 | five[..., 2]
    masks = (0x7C00, 0x3E0, 0x1F)
    yield Deep("5, 5, 5 bits", "bmp", bmp(words, 16), levels(five, 31))
    yield Deep("5, 5, 5 bits by masks, top bit set", "bmp", bmp(words | 1 << 15, 16, masks), levels(five, 31))
    keyed = bmp(words | bit << 15, 16, (*masks, 0x8000), 108)
    yield Deep("5, 5, 5 bits and one of opacity", "bmp", keyed, levels(five, 31, bit * 31))
    empty = bmp(words, 16, (*masks, 0x8000), 108)
    yield Deep("5, 5, 5 bits and one of opacity, never set", "bmp", empty, levels(five, 31))
    words = five[..., 0] << 11 | six << 5 | five[..., 2]
    expected = np.dstack([five[..., 0] * 255 / 31, six * 255 / 63, five[..., 2] * 255 / 31])
    yield Deep("5, 6, 5 bits", "bmp", bmp(words, 16, (0xF800, 0x7E0, 0x1F)), expected)
    four = ramp(255, 4)
    words = four[..., 3] << 24 | four[..., 0] << 16 | four[..., 1] << 8 | four[..., 2]
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    yield Deep("32 bits, the highest 8 unused", "bmp", bmp(words, 32), levels(four[..., :3], 255))
    straight = levels(four[..., :3], 255, four[..., 3])
    yield Deep("32 bits with opacity", "bmp", bmp(words, 32, masks, 108), straight, 1.5)
    empty = bmp(words & 0xFFFFFF, 32, masks, 108)
    yield Deep("32 bits with opacity, never set", "bmp", empty, levels(four[..., :3], 255))


@cache
def every_kind() -> list[Deep]:
    """Return one file of every kind."""
    makers = (tiffs, _png_depths, _png_animations, _jpeg2000_depths, _tga, _bmp, _netpbm, _sgi, _gif)
    return [deep for make in makers for deep in make()]
