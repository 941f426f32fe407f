import io
import struct

import numpy as np
import pytest
from deep_samples import WIDTH, ramp
from deep_tiffs import tiff, tiff_file, tiff_page
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin

from dcgan_pipeline.imaging.decode import decode_image, image_size
from dcgan_pipeline.imaging.formats.tiff import open_tiff
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import ImageError

LIMITS = Limits()


@given(
    bits=st.integers(1, 16),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    order=st.sampled_from("<>"),
    planar=st.booleans(),
    bands=st.sampled_from([1, 3]),
    blocks=st.sampled_from([{}, {"rows": 2}, {"tile": 16}]),
    compression=st.sampled_from([1, 5, 8, 32773]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_depth_in_any_layout_gives_its_levels(bits, shape, order, planar, bands, blocks, compression, seed):
    greatest = 2**bits - 1
    samples = np.random.default_rng(seed).integers(0, greatest + 1, (*shape, bands))
    options = {"order": order, "planar": planar and bands > 1, "compression": compression, **blocks}
    decoded = decode_image(tiff(samples, bits, 1 if bands == 1 else 2, **options), LIMITS)
    expected = samples * 255 / greatest
    np.testing.assert_allclose(np.asarray(decoded).reshape(samples.shape), expected, rtol=0, atol=0.5)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("compression", [1, 8])
def test_size_is_known_and_too_many_pixels_are_refused_before_anything_is_unpacked(bits, compression):
    tags, blocks = tiff_page(ramp(2**bits - 1, 3), bits, 2, {256: [60_000], 257: [60_000], 278: [60_000]})
    data = tiff_file([({**tags, 259: [compression]}, blocks)])
    for function in (decode_image, image_size):
        with pytest.raises(ImageError, match="too many pixels"):
            function(data, LIMITS)


def test_tiles_much_larger_than_the_picture_are_refused():
    tags, blocks = tiff_page(ramp(4095), 12, 1, tile=16)
    tags |= {322: (4, [40_000]), 323: (4, [40_000])}
    with pytest.raises(ImageError, match="tiles of 40000 x 40000"):
        decode_image(tiff_file([(tags, blocks[:1])]), LIMITS)


def test_packed_strips_that_are_all_the_whole_file_are_refused():
    """A thousand strips of a megabyte would be a gigabyte."""
    samples = np.zeros((1000, 8, 1), int)
    tags, blocks = tiff_page(samples, 16, 1, rows=1, compression=8)
    noise = bytes(4_000_000)
    data = bytearray(tiff_file([(tags, [blocks[0] + noise, *blocks[1:]])]))
    sizes = struct.pack("<1000I", len(blocks[0]) + len(noise), *map(len, blocks[1:]))
    at = data.index(sizes)
    data[at : at + 4000] = struct.pack("<I", 4_000_000) * 1000
    offsets = data.index(struct.pack("<I", 8), 4_000_000)
    data[offsets : offsets + 4000] = struct.pack("<I", 8) * 1000
    with pytest.raises(ImageError, match="its blocks overlap"):
        decode_image(bytes(data), LIMITS)


@pytest.mark.parametrize("options", [{"rows": 3}, {"tile": 16}, {"planar": True}])
def test_fewer_blocks_than_its_size_asks_for_are_cut_short(options):
    tags, blocks = tiff_page(ramp(65535, 3), 16, 2, **options)
    with pytest.raises(ImageError, match=r"cut short: \d+ blocks of \d+"):
        decode_image(tiff_file([(tags, blocks[:-1])]), LIMITS)


def test_a_page_that_is_a_picture_stays_the_picture_whatever_follows():
    first, second = tiff_page(ramp(255, 3), 8, 2), tiff_page(np.zeros((9, 9, 3), int), 8, 2)
    small = tiff_page(np.zeros((5, 5, 3), int), 8, 2, {254: (4, [1])})
    alone = np.asarray(decode_image(tiff_file([first]), LIMITS))
    for pages in ([first, second], [first, small], [first, small, second]):
        np.testing.assert_array_equal(np.asarray(decode_image(tiff_file(pages), LIMITS)), alone)


def test_a_page_cut_off_behind_a_small_copy_is_no_reason_to_take_the_copy():
    small = tiff_page(np.zeros((5, 5, 3), int), 8, 2, {254: (4, [1])})
    data = tiff_file([small, tiff_page(ramp(255, 3), 8, 2)])
    with pytest.raises(ImageError, match="a page lies beyond its end"):
        decode_image(data[:-30], LIMITS)


def test_pages_that_go_in_a_circle_end():
    page = tiff_page(ramp(255, 3), 8, 2, {254: (4, [1])})
    data = bytearray(tiff_file([page]))
    first = struct.unpack_from("<I", data, 4)[0]
    struct.pack_into("<I", data, first + 2 + 12 * struct.unpack_from("<H", data, first)[0], first)
    assert decode_image(bytes(data), LIMITS).width == WIDTH


def test_a_big_tiff_of_16_bits_is_read():
    tags, blocks = tiff_page(ramp(65535), 16, 0)
    head = b"II+\0" + struct.pack("<HHQ", 8, 0, 16)
    tags |= {273: [0], 279: [len(blocks[0])]}
    place = 16 + 8 + 20 * len(tags) + 8
    tags[273] = [place]
    entries = b"".join(struct.pack("<HHQQ", tag, 4, 1, value[0]) for tag, value in sorted(tags.items()))
    data = head + struct.pack("<Q", len(tags)) + entries + bytes(8) + blocks[0]
    expected = 255 - ramp(65535)[..., 0] / 257
    np.testing.assert_allclose(np.asarray(decode_image(data, LIMITS)), expected, atol=0.5)


def test_a_profile_comes_with_the_image():
    assert open_tiff(tiff(ramp(65535, 3), 16, 2, {34675: b"a profile"})).info["icc_profile"] == b"a profile"


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({262: [9]}, "unsupported: a TIFF of photometric 9"),
        ({262: [5], 277: [4], 258: [8] * 4, 332: [2]}, "inks other than CMYK"),
        ({259: [34_712]}, "unsupported: a TIFF of photometric 2, compression 34712"),
        ({259: [7], 258: [12] * 3}, "unsupported: a TIFF of photometric 2, compression 7 with samples of 12 bits"),
        ({258: [5, 6, 5]}, r"samples of \(5, 6, 5\) bits"),
        ({277: [9], 258: [16] * 9}, "with 9 samples"),
        ({258: [32] * 3, 339: [3] * 3}, "unknown range: 32-bit floats"),
    ],
)
def test_what_is_not_decoded_says_what_it_is(tags, reason):
    common, blocks = tiff_page(ramp(255, 3), 8, 2)
    with pytest.raises(ImageError, match=reason):
        decode_image(tiff_file([({**common, **tags}, blocks)]), LIMITS)


@pytest.mark.parametrize("compression", ["zstd", "lzma", "tiff_lzw", "tiff_adobe_deflate"])
def test_compressions_of_libtiff_are_unpacked(compression):
    """Written by Pillow as 8-bit grey of twice the width, and read as 16-bit."""
    samples = ramp(65535)[..., 0].astype("<u2")
    buffer = io.BytesIO()
    Image.fromarray(samples.view(np.uint8)).save(buffer, "TIFF", compression=compression)
    data = bytearray(buffer.getvalue())
    directory = TiffImagePlugin.TiffImageFile(io.BytesIO(data)).tag_v2.offset
    for entry in range(directory + 2, directory + 2 + 12 * struct.unpack_from("<H", data, directory)[0], 12):
        tag = struct.unpack_from("<H", data, entry)[0]
        if tag in (256, 258):
            struct.pack_into("<HII", data, entry + 2, 4, 1, WIDTH if tag == 256 else 16)
    found = np.asarray(decode_image(bytes(data), LIMITS))
    np.testing.assert_allclose(found, samples / 257, atol=0.5)


def test_a_table_of_pages_beyond_the_end_does_not_matter_to_the_picture_above_it():
    picture = tiff_page(ramp(255, 3), 8, 2)
    small = tiff_page(np.zeros((5, 5, 3), int), 8, 2, {254: (4, [1])})
    for (tags, blocks), works in ((picture, True), (small, False)):
        data = bytearray(tiff_file([({**tags, 330: (4, [8, 8])}, blocks)]))
        at = data.index(struct.pack("<HHI", 330, 4, 2)) + 8
        struct.pack_into("<I", data, at, 2**31)
        if works:
            assert decode_image(bytes(data), LIMITS).width == WIDTH
        else:
            with pytest.raises(ImageError, match="a page lies beyond its end"):
                decode_image(bytes(data), LIMITS)
