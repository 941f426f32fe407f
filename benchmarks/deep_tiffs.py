"""TIFFs of every depth and layout, each with the 8-bit pixels that it must give, in closed form."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from deep_samples import HEIGHT, WIDTH, Deep, Samples, levels, packed, ramp


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


def _depths() -> Iterator[Deep]:
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


def _layouts() -> Iterator[Deep]:
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


def _ranges() -> Iterator[Deep]:
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


def _opacity() -> Iterator[Deep]:
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


def _palettes() -> Iterator[Deep]:
    for bits in (1, 2, 4, 8):
        count = 2**bits
        index = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH, 1) % count
        colours = np.stack([np.linspace(0, 255, count).round(), np.arange(count)[::-1], np.full(count, 7)]).astype(int)
        expected = colours.T[index[..., 0]]
        for name, entries in (("257", colours * 257), ("256", colours * 256), ("1", colours)):
            data = tiff(index, bits, 3, {320: entries.ravel().tolist()})
            yield Deep(f"{bits}-bit palette, colours times {name}", "tif", data, expected.astype(float))


def _luma() -> Iterator[Deep]:
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


def _pages() -> Iterator[Deep]:
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


def tiffs() -> Iterator[Deep]:
    """Make one file of every kind."""
    for make in (_depths, _layouts, _ranges, _opacity, _palettes, _luma, _pages):
        yield from make()
