"""TIFF: the samples of a page as whole numbers, of any depth to 16 bits and any layout.

Pillow reads a closed list of depths and layouts. Compressions but those of pictures (JPEG, fax) make bytes of bytes and
know nothing of samples, so that each block is read as if its rows were grey bytes: by libtiff, in Pillow, from a small
file of its own. The bits are taken apart here.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from dcgan_pipeline.imaging.formats import tiff_directory as tags
from dcgan_pipeline.imaging.formats.tiff_directory import Directory
from dcgan_pipeline.imaging.sources import ImageError

NONE, LZW, DEFLATE, OLD_DEFLATE, PACK_BITS, LZMA, ZSTD = 1, 5, 8, 32946, 32773, 34925, 50000
BYTE_COMPRESSIONS = (NONE, LZW, DEFLATE, OLD_DEFLATE, PACK_BITS, LZMA, ZSTD)
_BAND, _MOST_STRIPS = 2**22, 1024  # bytes and strips that are unpacked at once; one strip or row of tiles at least
_SAMPLES = 2**20  # that are taken apart at once
_SHARED = 2**20  # bytes that blocks may have in common: blank tiles can be one and the same
_LEAST_TILE = 2**20  # pixels that a tile may have, however small the picture
_REVERSED = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)).reshape(256, 8), axis=1, bitorder="little")[:, 0]


class Layout(NamedTuple):
    """How samples lie in a page."""

    page: Directory
    width: int
    height: int
    bits: int
    samples: int
    planar: bool
    compression: int
    predicted: bool
    block: tuple[int, int]
    """Width and height of a strip or tile."""
    tiled: bool
    offsets: NDArray[np.integer]
    sizes: NDArray[np.integer]

    @property
    def together(self) -> int:
        """Samples of a pixel that lie side by side."""
        return 1 if self.planar else self.samples

    @property
    def row_bytes(self) -> int:
        """Bytes of a block's row: each begins with a byte of its own."""
        return (self.block[0] * self.together * self.bits + 7) // 8


def read_layout(page: Directory) -> Layout:
    """Read how samples lie in a page.

    Raises
    ------
    ImageError
        Where they cannot be read, or the page has fewer blocks than its size asks for.
    """
    width, height = page.size
    bits, samples = page.values(tags.BITS, (1,)), page.value(tags.SAMPLES, 1)
    tiled = tags.TILE_OFFSETS in page.entries
    rows = min(page.value(tags.STRIP_ROWS, height), height) or height
    block = (page.value(tags.TILE_WIDTH, 0), page.value(tags.TILE_HEIGHT, 0)) if tiled else (width, rows)
    predictor = page.value(tags.PREDICTOR, 1)
    layout = Layout(
        *(page, width, height, bits[0], samples, page.value(tags.PLANAR, 1) == 2 and samples > 1),
        *(page.value(tags.COMPRESSION, NONE), predictor == 2, block, tiled),
        page.array(tags.TILE_OFFSETS if tiled else tags.STRIP_OFFSETS),
        page.array(tags.TILE_BYTES if tiled else tags.STRIP_BYTES),
    )
    if min(width, height, *block, samples) < 1:
        raise ImageError("unreadable: a TIFF without a size")
    if len(set(bits[:samples])) != 1 or predictor not in (1, 2) or (layout.predicted and bits[0] not in (8, 16)):
        raise ImageError(f"unsupported: a TIFF of samples of {bits} bits with predictor {predictor}")
    if block[0] * block[1] > max(width * height, _LEAST_TILE):
        raise ImageError(f"unsupported: a TIFF of tiles of {block[0]} x {block[1]} for {width} x {height} pixels")
    needed = -(-width // block[0]) * -(-height // block[1]) * (samples if layout.planar else 1)
    if len(layout.offsets) < needed or (layout.compression != NONE and len(layout.sizes) < needed):
        raise ImageError(f"cut short: {len(layout.offsets)} blocks of {needed}")
    return layout


def bands(layout: Layout) -> Iterator[tuple[int, NDArray[np.integer]]]:
    """Read a page from above.

    Yields
    ------
    top, samples
        The row that a band begins with, and unsigned whole numbers (rows, width, samples).
    """
    across = -(-layout.width // layout.block[0])
    down = -(-layout.height // layout.block[1])
    # Strips lie one below the other in what is unpacked at once, tiles side by side.
    step = 1 if layout.tiled else min(max(1, _BAND // (layout.row_bytes * layout.block[1])), _MOST_STRIPS)
    for first in range(0, down, step):
        top = first * layout.block[1]
        height = min(step * layout.block[1], layout.height - top)
        planes = []
        for plane in range(layout.samples if layout.planar else 1):
            begin = (plane * down + first) * across
            blocks = range(begin, begin + min(step, down - first) * across)
            packed = _bytes(layout, blocks, layout.block[1] * across if layout.tiled else height)
            planes.append(packed.reshape(across, -1, layout.row_bytes).swapaxes(0, 1)[:height])
        for row, samples in _taken_apart(layout, planes):
            yield top + row, samples


def _taken_apart(layout: Layout, planes: list[NDArray[np.uint8]]) -> Iterator[tuple[int, NDArray[np.integer]]]:
    """Take planes (rows, blocks, bytes) apart to (rows, width, samples), some rows at once."""
    rows, across, _ = planes[0].shape
    step = max(1, _SAMPLES // (across * layout.block[0] * layout.samples))
    for row in range(0, rows, step):
        parts = []
        for plane in planes:
            packed = np.ascontiguousarray(plane[row : row + step]).reshape(-1, layout.row_bytes)
            found = _samples(layout, packed).reshape(-1, across * layout.block[0], layout.together)
            parts.append(found[:, : layout.width])
        yield row, parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)


def luma_bands(layout: Layout) -> Iterator[tuple[int, NDArray[np.integer]]]:
    """Read a page of Y, Cb and Cr from above, as :func:`bands` does; Cb and Cr may be fewer than its pixels.

    They lie in units: the Y of some pixels across and down, one Cb, one Cr (TIFF 6.0, section 21). Each pixel gets
    those of its unit, as in libtiff.
    """
    across, down = (*layout.page.values(tags.SUBSAMPLING, (2, 2)), 0)[:2]
    if across not in (1, 2, 4) or down not in (1, 2, 4) or layout.samples != 3 or layout.predicted:
        raise ImageError(f"unsupported: a TIFF of {layout.samples} samples of YCbCr, subsampled {across} x {down}")
    units = layout._replace(
        width=-(-layout.width // across),
        height=-(-layout.height // down),
        samples=across * down + 2,
        block=(-(-layout.block[0] // across), -(-layout.block[1] // down)),
    )
    for top, found in bands(units):
        rows, width = found.shape[:2]
        luma = found[..., :-2].reshape(rows, width, down, across).swapaxes(1, 2)
        chroma = found[..., -2:].repeat(down, axis=0).repeat(across, axis=1)
        whole = np.dstack([luma.reshape(rows * down, width * across), chroma])
        yield top * down, whole[: layout.height - top * down, : layout.width]


def _samples(layout: Layout, packed: NDArray[np.uint8]) -> NDArray[np.integer]:
    """Take (rows, bytes) apart to (rows, block width, samples)."""
    count, bits = layout.block[0] * layout.together, layout.bits
    if bits == 8:
        found: NDArray[np.integer] = packed[:, :count]
    elif bits == 16:
        found = packed[:, : 2 * count].view(layout.page.order + "u2")
    else:
        at = np.arange(count) * bits
        padded = np.pad(packed, ((0, 0), (0, 2))).astype(np.uint32)
        first = at >> 3  # a sample of 16 bits or fewer lies in three bytes
        three = padded[:, first] << 16 | padded[:, first + 1] << 8 | padded[:, first + 2]
        found = (three >> (24 - bits - (at & 7)).astype(np.uint32) & (2**bits - 1)).astype(np.uint16)
    found = found.reshape(len(packed), layout.block[0], layout.together)
    # Predicted samples are differences to their left neighbours, modulo their range.
    return np.cumsum(found, axis=1, dtype=found.dtype.newbyteorder("=")) if layout.predicted else found


def _bytes(layout: Layout, blocks: range, rows: int) -> NDArray[np.uint8]:
    """Unpack blocks, one below the other, to (rows, bytes)."""
    offsets = [int(layout.offsets[k]) for k in blocks]
    data, width = layout.page.data, layout.row_bytes
    if layout.compression == NONE:
        whole, left = layout.block[1] * width, rows * width
        sizes = [min(whole, left - k * whole) for k in range(len(blocks))]
    else:
        sizes = [int(layout.sizes[k]) for k in blocks]
        if sum(sizes) > len(data) + _SHARED:
            raise ImageError("unreadable: its blocks overlap")
    if any(offset + size > len(data) for offset, size in zip(offsets, sizes, strict=True)):
        raise ImageError("cut short: its pixels lie beyond its end")
    packed = [data[offset : offset + size] for offset, size in zip(offsets, sizes, strict=True)]
    fill_order = layout.page.value(tags.FILL_ORDER, 1)
    if layout.compression != NONE:
        return _unpacked(layout, packed, rows, fill_order)
    found = np.frombuffer(b"".join(packed), np.uint8).reshape(rows, width)
    return _REVERSED[found] if fill_order == 2 else found


def _unpacked(layout: Layout, packed: list[bytes], rows: int, fill_order: int) -> NDArray[np.uint8]:
    """Unpack blocks by libtiff: as the strips of a small file of grey bytes."""
    ends = np.cumsum([8, *map(len, packed)]).tolist()
    tables = ends[-1] + 2 + 12 * 10 + 4  # behind the directory
    offsets, sizes = tables, tables + 4 * len(packed)
    if len(packed) == 1:  # a table of one value is the value itself
        offsets, sizes = 8, len(packed[0])
    entries = [(tags.WIDTH, 1, layout.row_bytes), (tags.HEIGHT, 1, rows), (tags.BITS, 1, 8)]
    entries += [(tags.COMPRESSION, 1, layout.compression), (tags.PHOTOMETRIC, 1, 1), (tags.FILL_ORDER, 1, fill_order)]
    entries += [(tags.STRIP_OFFSETS, len(packed), offsets), (tags.SAMPLES, 1, 1), (tags.STRIP_ROWS, 1, layout.block[1])]
    entries += [(tags.STRIP_BYTES, len(packed), sizes)]
    directory = b"".join(struct.pack("<HHII", tag, 4, count, value) for tag, count, value in entries)
    table = np.array([*ends[:-1], *map(len, packed)], "<u4").tobytes()
    head = b"II*\0" + struct.pack("<I", ends[-1])
    file = b"".join([head, *packed, struct.pack("<H", len(entries)), directory, bytes(4), table])
    image = TiffImagePlugin.TiffImageFile(io.BytesIO(file))
    image.im = Image.new("L", image.size).im  # there already, or Pillow holds its limit of pixels against these bytes
    image.load()
    found = np.empty((rows, layout.row_bytes), np.uint8)
    step = max(1, _BAND // layout.row_bytes)
    for top in range(0, rows, step):  # all at once, Pillow would copy it twice
        found[top : top + step] = np.asarray(image.crop((0, top, layout.row_bytes, min(top + step, rows))))
    return found
