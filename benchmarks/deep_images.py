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
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Samples = NDArray[np.int64]
HEIGHT, WIDTH = 34, 41  # OpenJPEG halves it five times
TIFF_KIND = {"u": 1, "i": 2, "f": 3}


class Deep(NamedTuple):
    """A file of one kind."""

    kind: str
    ending: str
    data: bytes
    expected: NDArray[np.float64] | None
    """Levels (H, W) or (H, W, 3); None where the file is to be refused."""
    tolerance: float = 0.5
    """Levels; half of one is what rounding costs."""
    reason: str = ""
    """What a refusal says."""


def levels(samples: Samples, greatest: int, opacity: Samples | None = None) -> NDArray[np.float64]:
    """Scale samples of 0..``greatest`` to 0..255, and lay them on white by an opacity of 0..``greatest``."""
    scaled = samples * 255 / greatest
    if opacity is None:
        return scaled
    share = opacity.reshape(opacity.shape[:2] + (1,) * (samples.ndim - 2)) / greatest
    return scaled * share + 255 * (1 - share)


def ramp(greatest: int, bands: int = 1) -> Samples:
    """Return samples (H, W, bands) from 0 to ``greatest``, another order in each band."""
    rising = np.linspace(0, greatest, HEIGHT * WIDTH).round().astype(np.int64).reshape(HEIGHT, WIDTH)
    orders = [rising, rising[::-1], greatest - rising[:, ::-1], np.roll(rising, 7, axis=1), np.roll(rising, 5, axis=0)]
    return np.stack(orders[:bands], axis=2)


# ---- TIFF


def packed(samples: Samples, bits: int, order: str) -> NDArray[np.uint8]:
    """Write samples (rows, n) as rows of bytes, the highest bit first; 16 bits in the file's byte order."""
    if bits in (8, 16, 32):
        return np.ascontiguousarray(samples.astype(f"{order}i8").astype(f"{order}u{bits // 8}")).view(np.uint8)
    each = (samples[..., None] >> np.arange(bits)[::-1] & 1).astype(np.uint8)
    return np.packbits(each.reshape(len(samples), -1), axis=1)


def lzw(data: bytes) -> bytes:
    """Write codes of 9 bits only, by clearing the table before it grows."""
    codes = []
    for k, byte in enumerate(data):
        if k % 200 == 0:
            codes.append(256)
        codes.append(byte)
    bits = (np.array([*codes, 257])[:, None] >> np.arange(9)[::-1] & 1).astype(np.uint8)
    return np.packbits(bits).tobytes()


def pack_bits(data: bytes) -> bytes:
    """Write literal runs."""
    return b"".join(bytes([len(run) - 1]) + run for k in range(0, len(data), 128) for run in [data[k : k + 128]])


COMPRESS = {1: bytes, 5: lzw, 8: zlib.compress, 32773: pack_bits}


def tiff_file(pages: list[tuple[dict[int, Any], list[bytes]]], order: str = "<", sub: int | None = None) -> bytes:
    """Write pages of (tags, blocks), each after the other; page number ``sub`` hangs below the first instead.

    A tag's value is a list of whole numbers, (type, list) or bytes. Blocks are strips, tiles where there is a tag 322.
    """
    data = (b"II*\0" if order == "<" else b"MM\0*") + bytes(4)
    places = []
    for tags, blocks in pages:
        offsets = []
        for block in blocks:
            offsets.append(len(data))
            data += block + bytes(len(block) % 2)
        where, sizes = (324, 325) if 322 in tags else (273, 279)
        places.append({**tags, where: (4, offsets), sizes: (4, [len(block) for block in blocks])})
    link = 4
    below = None
    for number in [*([sub] if sub else []), *(k for k in range(len(pages)) if k != sub)]:
        tags = places[number]
        if number == 0 and below is not None:
            tags = {**tags, 330: (4, [below])}
        entries = b""
        for tag, value in sorted(tags.items()):
            kind, values = value if isinstance(value, tuple) else (3, value)
            if isinstance(value, bytes):
                kind, content, count = 7, value, len(value)
            else:
                form = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}[kind]
                content, count = struct.pack(f"{order}{len(values)}{form}", *values), len(values)
            if len(content) > 4:
                place, data = len(data), data + content + bytes(len(content) % 2)
                content = struct.pack(f"{order}I", place)
            entries += struct.pack(f"{order}HHI", tag, kind, count) + content.ljust(4, b"\0")
        at = len(data)
        data += struct.pack(f"{order}H", len(tags)) + entries + bytes(4)
        if number == sub:
            below = at
            continue
        data = data[:link] + struct.pack(f"{order}I", at) + data[link + 4 :]
        link = len(data) - 4
    return data


def tiff_page(
    samples: Samples,
    bits: int,
    photometric: int,
    tags: dict[int, Any] | None = None,
    *,
    order: str = "<",
    compression: int = 1,
    planar: bool = False,
    predictor: bool = False,
    rows: int | None = None,
    tile: int | None = None,
) -> tuple[dict[int, Any], list[bytes]]:
    """Return the tags and the blocks of samples (H, W, S)."""
    height, width, count = samples.shape
    common = {256: [width], 257: [height], 258: [bits] * count, 259: [compression], 262: [photometric], 277: [count]}
    common |= {317: [2]} if predictor else {}
    common |= {284: [2]} if planar else {}
    common |= {322: [tile], 323: [tile]} if tile else {278: [rows or height]}
    blocks = []
    for plane in np.split(samples, count, axis=2) if planar else [samples]:
        if tile:
            padded = np.pad(plane, ((0, -height % tile), (0, -width % tile), (0, 0)))
            cut = [padded[y : y + tile, x : x + tile] for y in range(0, height, tile) for x in range(0, width, tile)]
        else:
            cut = [plane[y : y + (rows or height)] for y in range(0, height, rows or height)]
        for block in cut:
            stored = np.diff(block, axis=1, prepend=0) % 2**bits if predictor else block
            flat = packed(stored.reshape(len(block), -1), bits, order)
            blocks.append(COMPRESS[compression](flat.tobytes()))
    return {**common, **(tags or {})}, blocks


def tiff(*arguments: Any, order: str = "<", **options: Any) -> bytes:
    """Write one page."""
    return tiff_file([tiff_page(*arguments, order=order, **options)], order)


def _tiff_depths() -> Iterator[Deep]:
    for bits in (1, 2, 4, 6, 8, 10, 12, 14, 16):
        most, grey, colour = 2**bits - 1, ramp(2**bits - 1), ramp(2**bits - 1, 3)
        yield Deep(f"{bits}-bit grey", "tif", tiff(grey, bits, 1), levels(grey[..., 0], most))
        yield Deep(f"{bits}-bit grey, white is zero", "tif", tiff(grey, bits, 0), levels(most - grey[..., 0], most))
        if bits > 1:
            yield Deep(f"{bits}-bit RGB", "tif", tiff(colour, bits, 2), levels(colour, most))
            planes = tiff(colour, bits, 2, planar=True)
            yield Deep(f"{bits}-bit RGB in planes", "tif", planes, levels(colour, most))
    inks = ramp(65535, 4)
    expected = (255 - inks[..., :3] / 257) * (255 - inks[..., 3:] / 257) / 255
    yield Deep("16-bit CMYK", "tif", tiff(inks, 16, 5), expected, 2)
    yield Deep("8-bit CMYK in planes", "tif", tiff(inks // 257, 8, 5, planar=True), expected, 3)


def _tiff_layouts() -> Iterator[Deep]:
    grey, colour = ramp(65535), ramp(65535, 3)
    for compression, name in ((1, "unpacked"), (5, "LZW"), (8, "deflate"), (32773, "PackBits")):
        for order in "<>":
            for options in ({"rows": 5}, {"tile": 16}, {"planar": True, "rows": 7}, {"planar": True, "tile": 16}):
                options |= {"order": order, "compression": compression}
                shape = ", ".join(str(key) for key in options if key in ("rows", "tile", "planar"))
                end = "little" if order == "<" else "big"
                kind = f"16-bit RGB, {name}, {shape}, {end}-endian"
                yield Deep(kind, "tif", tiff(colour, 16, 2, **options), levels(colour, 65535))
    for bits in (8, 16):
        samples = ramp(2**bits - 1, 3)
        for options in ({"rows": 5}, {"tile": 16}, {"planar": True}, {"order": ">"}):
            data = tiff(samples, bits, 2, compression=8, predictor=True, **options)
            yield Deep(f"{bits}-bit RGB, predictor, {next(iter(options))}", "tif", data, levels(samples, 2**bits - 1))
    turned = np.rot90(grey[..., 0], -1)
    yield Deep("16-bit grey, turned", "tif", tiff(grey, 16, 1, {274: [6]}), levels(turned, 65535))
    low = ramp(4095)
    lsb = packed(low.reshape(HEIGHT, -1), 12, "<")
    reversed_bits = np.packbits(np.unpackbits(lsb, axis=1).reshape(-1, 8)[:, ::-1]).tobytes()
    tags, _ = tiff_page(low, 12, 1, {266: [2]})
    yield Deep("12-bit grey, fill order 2", "tif", tiff_file([(tags, [reversed_bits])]), levels(low[..., 0], 4095))
    tags, _ = tiff_page(grey, 16, 0, {266: [2]})
    flat = packed(grey.reshape(HEIGHT, -1), 16, "<")
    reversed_bits = np.packbits(np.unpackbits(flat, axis=1).reshape(-1, 8)[:, ::-1]).tobytes()
    white = levels(65535 - grey[..., 0], 65535)
    yield Deep("16-bit white is zero, fill order 2", "tif", tiff_file([(tags, [reversed_bits])]), white)


def _tiff_ranges() -> Iterator[Deep]:
    for bits, most in ((16, 4095), (16, 1023), (16, 16383)):
        grey, colour = ramp(most), ramp(most, 3)
        tag = {281: [most]}
        yield Deep(f"MaxSampleValue {most}", "tif", tiff(grey, bits, 1, tag), levels(grey[..., 0], most))
        yield Deep(f"MaxSampleValue {most}, RGB", "tif", tiff(colour, bits, 2, {281: [most] * 3}), levels(colour, most))
        inverted = levels(most - grey[..., 0], most)
        yield Deep(f"MaxSampleValue {most}, white is zero", "tif", tiff(grey, bits, 0, tag), inverted)
    dark = ramp(3000)
    yield Deep("MaxSampleValue, a statistic", "tif", tiff(dark, 16, 1, {281: [3000]}), levels(dark[..., 0], 65535))
    beyond = tiff(ramp(65535), 16, 1, {281: [4095]})
    yield Deep("MaxSampleValue below the samples", "tif", beyond, None, reason="beyond the range")
    for bits in (8, 16):
        half = 2 ** (bits - 1)
        signed = ramp(2 * half - 1) - half
        data = tiff(signed % 2**bits, bits, 1, {339: [2]})
        yield Deep(f"signed {bits}-bit", "tif", data, None, reason=f"unknown range: signed {bits}-bit integers")
        rgb = tiff((ramp(2 * half - 1, 3) - half) % 2**bits, bits, 2, {339: [2] * 3})
        yield Deep(f"signed {bits}-bit RGB", "tif", rgb, None, reason=f"unknown range: signed {bits}-bit integers")
        kind = 6 if bits == 8 else 8
        most = half - 1
        some = ramp(2 * most) - most
        ranged = {339: [2], 340: (kind, [-most]), 341: (kind, [most])}
        expected = levels(some[..., 0] + most, 2 * most)
        yield Deep(f"signed {bits}-bit with its range", "tif", tiff(some % 2**bits, bits, 1, ranged), expected)
    for name, form, fmt in (("16-bit floats", "e", 3), ("64-bit floats", "d", 3), ("32-bit floats", "f", 3)):
        values = np.linspace(0, 1, HEIGHT * WIDTH).astype(f"<{form}")
        bits = 8 * values.itemsize
        tags, _ = tiff_page(ramp(1), 1, 1, {258: [bits], 339: [fmt]})
        yield Deep(name, "tif", tiff_file([(tags, [values.tobytes()])]), None, reason=f"unknown range: {name}")


def _tiff_opacity() -> Iterator[Deep]:
    for bits in (8, 16):
        most = 2**bits - 1
        for bands, photometric, name in ((1, 1, "grey"), (3, 2, "RGB")):
            samples = ramp(most, bands)
            opacity = ramp(most, 5)[..., 4:]
            both = np.concatenate([samples, opacity], axis=2)
            straight = levels(samples[..., 0] if bands == 1 else samples, most, opacity[..., 0])
            multiplied = np.concatenate([samples * opacity // most, opacity], axis=2)
            kind = f"{bits}-bit {name}"
            yield Deep(f"{kind}, opacity", "tif", tiff(both, bits, photometric, {338: [2]}), straight, 1.5)
            data = tiff(multiplied, bits, photometric, {338: [1]})
            tolerance = 1.5 if bands == 1 or bits == 16 else 2.5  # Pillow divides 8-bit RGB by it
            yield Deep(f"{kind}, associated opacity", "tif", data, straight, tolerance)
            plain = levels(samples[..., 0] if bands == 1 else samples, most)
            yield Deep(f"{kind}, unspecified sample", "tif", tiff(both, bits, photometric, {338: [0]}), plain)
            planes = tiff(both, bits, photometric, {338: [2]}, planar=True)
            yield Deep(f"{kind}, opacity, in planes", "tif", planes, straight, 1.5)


def _tiff_palettes() -> Iterator[Deep]:
    for bits in (1, 2, 4, 8):
        count = 2**bits
        index = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH, 1) % count
        colours = np.stack([np.linspace(0, 255, count).round(), np.arange(count)[::-1], np.full(count, 7)]).astype(int)
        expected = colours.T[index[..., 0]]
        for name, entries in (("257", colours * 257), ("256", colours * 256), ("1", colours)):
            data = tiff(index, bits, 3, {320: entries.ravel().tolist()})
            yield Deep(f"{bits}-bit palette, colours times {name}", "tif", data, expected.astype(float))


def _tiff_luma() -> Iterator[Deep]:
    rng = np.random.default_rng(0)
    for across, down in ((1, 1), (2, 1), (2, 2), (4, 2)):
        luma = rng.integers(0, 256, (HEIGHT, WIDTH))
        chroma = rng.integers(64, 192, (-(-HEIGHT // down), -(-WIDTH // across), 2))
        padded = np.pad(luma, ((0, -HEIGHT % down), (0, -WIDTH % across)), mode="edge")
        units = padded.reshape(-(-HEIGHT // down), down, -(-WIDTH // across), across).swapaxes(1, 2)
        units = np.concatenate([units.reshape(*chroma.shape[:2], -1), chroma], axis=2).astype(np.uint8)
        whole = chroma.repeat(down, axis=0).repeat(across, axis=1)[:HEIGHT, :WIDTH] - 128
        red, blue = luma + 1.402 * whole[..., 1], luma + 1.772 * whole[..., 0]
        green = (luma - 0.299 * red - 0.114 * blue) / 0.587
        expected = np.stack([red, green, blue], axis=2).clip(0, 255)
        for compression in (1, 5):
            tags = {256: [WIDTH], 257: [HEIGHT], 258: [8] * 3, 259: [compression], 262: [6], 277: [3], 278: [HEIGHT]}
            block = COMPRESS[compression](units.tobytes())
            data = tiff_file([({**tags, 530: [across, down]}, [block])])
            kind = f"YCbCr {across} x {down}, {'LZW' if compression == 5 else 'unpacked'}"
            yield Deep(kind, "tif", data, expected, 2)


def _tiff_pages() -> Iterator[Deep]:
    picture, small = ramp(255, 3), np.full((6, 8, 3), 99)
    thumbnail = tiff_page(small, 8, 2, {254: (4, [1])})
    expected = levels(picture, 255)
    for name, page in (("8-bit", tiff_page(picture, 8, 2)), ("16-bit", tiff_page(picture * 257, 16, 2))):
        yield Deep(f"a thumbnail before the {name} picture", "tif", tiff_file([thumbnail, page]), expected)
        yield Deep(f"a thumbnail, {name} picture below it", "tif", tiff_file([thumbnail, page], sub=1), expected)
    old = tiff_page(small, 8, 2, {255: [2]})
    yield Deep("a thumbnail by the old tag", "tif", tiff_file([old, tiff_page(picture, 8, 2)]), expected)
    mask = tiff_page(np.ones((HEIGHT, WIDTH, 1), int), 1, 4, {254: (4, [4])})
    yield Deep("a mask before the picture", "tif", tiff_file([mask, tiff_page(picture, 8, 2)]), expected)
    yield Deep("a picture before its mask", "tif", tiff_file([tiff_page(picture, 8, 2), mask]), expected)
    yield Deep("only a thumbnail", "tif", tiff_file([thumbnail]), levels(small, 255))
    sensor = tiff_page(ramp(16383), 16, 32803, {254: (4, [0])})
    for name, extra in (("DNG", {50706: (1, [1, 4, 0, 0])}), ("NEF", {})):
        tags, blocks = thumbnail
        data = tiff_file([({**tags, **extra}, blocks), sensor], sub=1)
        yield Deep(f"{name}: a thumbnail, the sensor's values below it", "tif", data, None, reason="camera RAW")


# ---- PNG


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_lines(samples: Samples, bits: int) -> bytes:
    """Pack lines (H, W, S) without a filter."""
    flat = packed(samples.reshape(len(samples), -1), bits, ">")
    return zlib.compress(np.pad(flat, ((0, 0), (1, 0))).tobytes())


def png(samples: Samples, bits: int, colour: int, *more: bytes, still: bytes | None = None) -> bytes:
    """Write samples (H, W, S) of a colour type, with more chunks before them."""
    height, width = samples.shape[:2]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = chunk(b"IDAT", png_lines(samples, bits) if still is None else still)
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
    tiffs = (_tiff_depths, _tiff_layouts, _tiff_ranges, _tiff_opacity, _tiff_palettes, _tiff_luma, _tiff_pages)
    others = (_png_depths, _png_animations, _jpeg2000_depths, _tga, _bmp, _netpbm, _sgi, _gif)
    return [deep for make in (*tiffs, *others) for deep in make()]
