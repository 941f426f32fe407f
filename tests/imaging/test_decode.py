import contextlib
import io
import itertools
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin

from dcgan_pipeline.imaging.boxes import Box
from dcgan_pipeline.imaging.decode import decode_image, decode_reduced, decode_small, image_size
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import ImageError

LIMITS = Limits()
RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)
MODES = ("1", "L", "P", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "I", "F", "LA", "PA", "I;16", "I;16B")
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "TGA", "PCX", "ICO", "JPEG2000", "SGI")

# What a viewer does with the stored pixels (height, width, ...), by the value of the EXIF tag (EXIF 2.32, 4.6.4).
UPRIGHT = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
    8: lambda a: np.rot90(a, 1),
}


def encode(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def quarters():
    """Six flat tiles that differ, so that no turn or flip of the whole is another."""
    tiles = np.array([[[250, 10, 10], [10, 250, 10], [10, 10, 250]], [[250, 250, 10], [10, 10, 10], [250, 250, 250]]])
    return np.kron(tiles, np.ones((16, 16, 1))).astype(np.uint8)


def textured(file_format):
    """Encode noise with flat parts: its data fills the file, whatever the format."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 31, 3), np.uint8)
    return encode(Image.fromarray(pixels), file_format)


WHOLE = {file_format: textured(file_format) for file_format in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")}


def png_with_header(width, height, data=b""):
    """Write a PNG that claims a size, whatever its data are."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def image_or_reason(data, limits=LIMITS):
    """Decode; an error other than ImageError fails the test that calls."""
    try:
        return decode_image(data, limits)
    except ImageError as error:
        return str(error)


@pytest.mark.parametrize("file_format", WHOLE)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_anywhere_is_an_image_or_an_image_error(file_format, share):
    whole = WHOLE[file_format]
    found = image_or_reason(whole[: int(share * len(whole))])
    assert isinstance(found, str) or found.size == (31, 24)


@pytest.mark.parametrize("file_format", WHOLE)
def test_a_file_cut_in_its_middle_is_rejected(file_format):
    whole = WHOLE[file_format]
    with pytest.raises(ImageError, match=r"cut short|unreadable"):
        decode_image(whole[: len(whole) // 2], LIMITS)


@pytest.mark.parametrize("file_format", WHOLE)
@given(place=st.floats(0, 1, exclude_max=True), junk=st.binary(min_size=1, max_size=8))
def test_a_damaged_file_is_an_image_or_an_image_error(file_format, place, junk):
    whole = WHOLE[file_format]
    at = int(place * len(whole))
    data = whole[:at] + junk + whole[at + len(junk) :]
    found = image_or_reason(data)
    assert isinstance(found, Image.Image) or "\n" not in found
    with contextlib.suppress(ImageError):
        assert len(image_size(data, LIMITS)) == 2


@given(data=st.binary(max_size=200))
def test_random_bytes_are_no_image(data):
    assert isinstance(image_or_reason(data), str)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"just a few words\n", "not an image"),
        (b"\0" * 512, "not an image but only zero bytes: .*"),
    ],
)
def test_what_is_no_image_is_rejected_with_its_reason(data, reason):
    for function in (decode_image, image_size):
        with pytest.raises(ImageError, match=f"^{reason}$"):
            function(data, LIMITS)


def test_an_image_of_as_many_pixels_as_allowed_is_decoded_and_one_more_row_is_rejected():
    limits = Limits(max_pixels=600)
    assert decode_image(encode(Image.new("RGB", (30, 20)), "PNG"), limits).size == (30, 20)
    for function in (decode_image, image_size):
        with pytest.raises(ImageError, match="too many pixels: 30 x 21, and max_pixels is 600"):
            function(encode(Image.new("RGB", (30, 21)), "PNG"), limits)


@pytest.mark.parametrize("kind", ["png", "bmp"])
def test_an_icon_has_the_pixels_of_the_picture_in_it(kind):
    icon = encode(Image.new("RGB", (30, 20)), "ICO", sizes=[(30, 20)], bitmap_format=kind)
    assert decode_image(icon, Limits(max_pixels=600)).size == (30, 20)
    for function in (decode_image, image_size):
        with pytest.raises(ImageError, match="too many pixels: 30 x 20, and max_pixels is 599"):
            function(icon, Limits(max_pixels=599))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0\0\1\0", "not an image"),
        (b"\0\0\1\0\0\0", "not an image"),
        (b"\0\0\1\0\1\0" + bytes(40), "cut short: Truncated File Read"),
    ],
)
def test_an_icon_without_a_picture_is_rejected(data, reason):
    with pytest.raises(ImageError, match=f"^{reason}$"):
        decode_image(data, LIMITS)


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (12_000, 12_000)])
def test_a_tiny_file_that_claims_a_huge_image_is_rejected_before_it_is_unpacked(width, height):
    for function in (decode_image, image_size):
        with pytest.raises(ImageError, match="too many pixels"):
            function(png_with_header(width, height), LIMITS)


def test_a_header_that_claims_more_than_the_data_hold_is_rejected():
    with pytest.raises(ImageError, match="cut short: image file is truncated"):
        decode_image(b"P6 500 500 255\n" + bytes(3 * 500), LIMITS)


def test_a_png_without_pixels_is_rejected():
    assert isinstance(image_or_reason(png_with_header(0, 5)), str)


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(file_format):
    frames = [Image.new("RGB", (8, 6), colour) for colour in (RED, GREEN)]
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encode(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
    assert Image.open(io.BytesIO(data)).n_frames == 2
    assert decode_image(data, LIMITS).getcolors() == [(48, RED)]


@pytest.mark.parametrize(
    ("cmyk", "rgb"),
    [
        ((0, 0, 0, 0), WHITE),
        ((0, 255, 255, 0), RED),
        ((255, 0, 255, 0), GREEN),
        ((0, 0, 0, 255), (0, 0, 0)),
        ((0, 0, 0, 128), (127, 127, 127)),
    ],
)
@pytest.mark.parametrize("file_format", ["JPEG", "TIFF"])
def test_a_cmyk_image_becomes_rgb_of_the_same_colours(file_format, cmyk, rgb):
    decoded = decode_image(encode(Image.new("CMYK", (16, 16), cmyk), file_format), LIMITS)
    assert decoded.mode == "RGB"
    assert np.abs(np.asarray(decoded).astype(int) - rgb).max() <= 4  # what JPEG rounds away


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "PPM"])
def test_a_16_bit_grey_image_is_scaled_to_8_bits_and_not_clipped(file_format):
    stored = np.linspace(0, 65535, 256 * 4).round().astype(np.uint16).reshape(32, 32)
    decoded = decode_image(encode(Image.fromarray(stored), file_format), LIMITS)
    assert decoded.mode == "L"
    np.testing.assert_array_equal(np.asarray(decoded), np.round(stored / 257))


def test_every_8_bit_grey_survives_the_way_through_16_bits():
    greys = np.arange(256, dtype=np.uint16).reshape(16, 16)
    decoded = decode_image(encode(Image.fromarray(greys * 257), "PNG"), LIMITS)
    np.testing.assert_array_equal(np.asarray(decoded), greys)


@pytest.mark.parametrize(("maximum", "kind"), [(65535, ">u2"), (1023, ">u2"), (255, "u1")])
def test_a_pgm_of_any_depth_spans_black_to_white(maximum, kind):
    values = np.array([[0, maximum // 2, maximum]])
    data = f"P5 3 1 {maximum}\n".encode() + values.astype(kind).tobytes()
    decoded = decode_image(data, LIMITS)
    assert decoded.mode == "L"
    np.testing.assert_allclose(np.asarray(decoded), values * 255 / maximum, atol=1)


def test_a_16_bit_colour_ppm_is_scaled():
    values = np.array([[[0, 32768, 65535]]], ">u2")
    decoded = decode_image(b"P6 1 1 65535\n" + values.tobytes(), LIMITS)
    np.testing.assert_allclose(np.asarray(decoded), [[[0, 127.5, 255]]], atol=1)


def test_32_bit_floats_are_rejected():
    data = encode(Image.fromarray(np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)), "TIFF")
    with pytest.raises(ImageError, match="unknown range: 32-bit floats"):
        decode_image(data, LIMITS)


@pytest.mark.parametrize("value", [-1, 65536])
def test_integers_beyond_16_bits_are_rejected(value):
    data = encode(Image.fromarray(np.full((4, 4), value, np.int32)), "TIFF")
    with pytest.raises(ImageError, match="unknown range: 32-bit integers"):
        decode_image(data, LIMITS)


@pytest.mark.parametrize("file_format", ["PNG", "GIF", "TIFF", "BMP"])
def test_a_palette_gives_its_colours(file_format):
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *GREEN])
    image.putdata([0, 1])
    decoded = decode_image(encode(image, file_format), LIMITS)
    np.testing.assert_array_equal(np.asarray(decoded.convert("RGB")), [[RED, GREEN]])


@pytest.mark.parametrize("file_format", ["PNG", "GIF"])
def test_the_transparent_colour_of_a_palette_becomes_white(file_format):
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *GREEN])
    image.putdata([0, 1])
    decoded = decode_image(encode(image, file_format, transparency=1), LIMITS)
    np.testing.assert_array_equal(np.asarray(decoded), [[RED, WHITE]])


def test_a_palette_with_half_transparent_colours_is_laid_on_white():
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *GREEN])
    image.putdata([0, 1])
    decoded = decode_image(encode(image, "PNG", transparency=bytes([128, 255])), LIMITS)
    np.testing.assert_allclose(np.asarray(decoded), [[(255, 127, 127), GREEN]], atol=1)


@given(colour=st.tuples(st.integers(0, 239), *[st.integers(0, 255)] * 3))
def test_transparency_is_laid_on_white(colour):
    decoded = decode_image(encode(Image.new("RGBA", (1, 1), colour), "PNG"), LIMITS)
    alpha = colour[3] / 255
    expected = [alpha * channel + (1 - alpha) * 255 for channel in colour[:3]]
    np.testing.assert_allclose(decoded.getpixel((0, 0)), expected, atol=1)


@given(grey=st.integers(0, 239), opacity=st.integers(0, 255))  # what is nearly white may be laid on black
def test_grey_with_transparency_is_laid_on_white_and_stays_grey(grey, opacity):
    decoded = decode_image(encode(Image.new("LA", (1, 1), (grey, opacity)), "PNG"), LIMITS)
    assert decoded.mode == "L"
    expected = opacity / 255 * grey + (1 - opacity / 255) * 255
    assert decoded.getpixel((0, 0)) == pytest.approx(expected, abs=1.5)


def test_one_bit_becomes_black_and_white():
    bits = np.array([[True, False, True]])
    decoded = decode_image(encode(Image.fromarray(bits), "PNG"), LIMITS)
    assert decoded.mode == "L"
    np.testing.assert_array_equal(np.asarray(decoded), bits * 255)


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize(
    ("file_format", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("PNG", "LA"),
        ("PNG", "P"),
        ("PNG", "1"),
        ("PNG", "I;16"),
        ("TIFF", "RGB"),
        ("TIFF", "RGBA"),
        ("TIFF", "I;16"),
        ("WEBP", "RGB"),
        ("WEBP", "RGBA"),
    ],
)
def test_an_image_of_any_exif_orientation_comes_out_upright(file_format, mode, orientation):
    stored = Image.fromarray(quarters()).convert("L" if mode == "I;16" else mode)
    options = {"lossless": True} if file_format == "WEBP" else {}
    file = Image.fromarray(np.asarray(stored).astype(np.uint16) * 257) if mode == "I;16" else stored
    data = encode(file, file_format, exif=exif(orientation), **options)
    grey = mode in ("L", "LA", "1", "I;16")
    expected = UPRIGHT[orientation](np.asarray(stored.convert("L" if grey else "RGB")).astype(int))

    decoded = decode_image(data, LIMITS)

    assert decoded.mode == ("L" if grey else "RGB")
    assert image_size(data, LIMITS) == decoded.size == (expected.shape[1], expected.shape[0])
    loss = np.abs(np.asarray(decoded).astype(int) - expected)[4:-4, 4:-4]
    assert np.median(loss) <= 8  # JPEG's; a wrong turn is off by hundreds in whole tiles
    assert np.mean(loss > 60) < 0.05


def test_an_orientation_that_does_not_exist_leaves_the_image_as_it_is():
    data = encode(Image.fromarray(quarters()), "PNG", exif=exif(99))
    np.testing.assert_array_equal(np.asarray(decode_image(data, LIMITS)), quarters())
    assert image_size(data, LIMITS) == (48, 32)


def test_broken_exif_leaves_the_image_as_it_is():
    data = encode(Image.fromarray(quarters()), "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    np.testing.assert_array_equal(np.asarray(decode_image(data, LIMITS)), quarters())
    assert image_size(data, LIMITS) == (48, 32)


def savable():
    """List what Pillow can write, as (mode, format, file)."""
    for mode, file_format in itertools.product(MODES, FORMATS):
        try:
            yield pytest.param(encode(Image.new(mode, (20, 12)), file_format), id=f"{mode}-{file_format}")
        except (OSError, ValueError, KeyError):  # Pillow writes no such file
            continue


@pytest.mark.parametrize("data", list(savable()))
def test_every_mode_that_can_be_saved_is_8_bit_grey_or_colour_or_rejected(data):
    found = image_or_reason(data)
    if Image.open(io.BytesIO(data)).mode == "F":
        assert found == "pixels of an unknown range: 32-bit floats"
    else:
        assert found.mode in ("L", "RGB")
        assert found.size == image_size(data, LIMITS) == (20, 12)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_pixels_are_taken_as_they_are(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    np.testing.assert_array_equal(np.asarray(decode_image(pixels, LIMITS)), pixels)
    assert image_size(pixels, LIMITS) == (7, 5)


def progressive(scans):
    whole = encode(Image.new("L", (64, 64), 128), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * scans + b"\xff\xd9"


def test_a_jpeg_of_a_hundred_scans_is_decoded_and_one_of_more_is_not():
    """Each scan goes over all pixels: a few hundred kilobytes of them would take hours."""
    before = progressive(0).count(b"\xff\xda")
    assert decode_image(progressive(100 - before), LIMITS).size == (64, 64)
    with pytest.raises(ImageError, match=r"^too many scans: 101, and at most 100 are decoded"):
        decode_image(progressive(101 - before), LIMITS)


def test_pixels_as_text_with_thousands_of_comments_are_rejected():
    """Pillow copies all that follows for each of them."""
    text = b"P2 2 1 255\n" + b"# a comment\n" * 1000 + b"0 255\n"
    assert np.asarray(decode_image(text, LIMITS)).tolist() == [[0, 255]]
    with pytest.raises(ImageError, match=r"^too many comments: 1001"):
        decode_image(text + b"#", LIMITS)


@pytest.mark.parametrize("options", [{}, {"no_jp2": True}, {"irreversible": True}, {"tile_size": (8, 8)}])
def test_a_jpeg_2000_cut_anywhere_is_rejected(options):
    """OpenJPEG itself fills in what is missing."""
    data = encode(Image.fromarray(quarters()), "JPEG2000", **options)
    for at in range(len(data)):
        with pytest.raises(ImageError):
            decode_image(data[:at], LIMITS)


@pytest.mark.parametrize("mode", ["P", "L"])
def test_a_pcx_without_its_palette_is_rejected(mode):
    """Pillow would take the indices for shades of grey."""
    image = Image.fromarray(quarters()).convert(mode)
    data = encode(image, "PCX")
    np.testing.assert_array_equal(
        np.asarray(decode_image(data, LIMITS)), np.asarray(image.convert("RGB" if mode == "P" else "L"))
    )
    for at in range(len(data) - 769, len(data)):
        with pytest.raises(ImageError):
            decode_image(data[:at], LIMITS)


def test_an_orientation_that_is_text_turns_neither_the_image_nor_its_size():
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    directory.tagtype[0x0112] = 2  # ASCII, and SHORT would be right
    directory[0x0112] = "6"
    tags = b"Exif\0\0II*\0\x08\0\0\0" + directory.tobytes(8)
    data = encode(Image.new("RGB", (30, 20)), "JPEG", exif=tags)
    assert image_size(data, LIMITS) == decode_image(data, LIMITS).size == (30, 20)


# ---- a fraction of the size


def ramp(width, height):
    """Levels that rise by 2 to the right and by 1 downwards: a shift of a pixel changes every mean."""
    down, across = np.mgrid[:height, :width]
    return np.stack([2 * across + down, 250 - 2 * across, 128 + down - across], axis=2).clip(0, 255).astype(np.uint8)


def level_of(decoded, box):
    """Mean colour about a box's centre, by a symmetric filter: on a ramp, the level at the centre."""
    small = decoded.image.resize((1, 1), Image.Resampling.BILINEAR, box=decoded.edges(box))
    return np.asarray(small, float)[0, 0]


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("size", [(96, 64), (61, 45), (90, 35)])
@pytest.mark.parametrize("reduction", [2, 4, 8])
def test_a_box_of_a_reduced_image_holds_what_it_holds_in_the_whole(orientation, size, reduction):
    data = encode(Image.fromarray(ramp(*size)), "JPEG", quality=100, subsampling=0, exif=exif(orientation))
    whole, reduced = decode_reduced(data, LIMITS, 1), decode_reduced(data, LIMITS, reduction)
    assert reduced.size == whole.size == whole.image.size
    assert reduced.image.size == tuple(-(-side // reduction) for side in whole.size)
    width, height = whole.size
    box = Box(width // 2 - 7, height // 2 - 5, 13, 9)
    centre = np.asarray(whole.image, float)[box.top + 4, box.left + 6]
    np.testing.assert_allclose(level_of(whole, box), centre, atol=1.5)
    np.testing.assert_allclose(level_of(reduced, box), centre, atol=1 + reduction / 3)  # few pixels are left


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 2}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_reduced_pixel_is_the_mean_of_its_square(mode, options):
    stored = Image.fromarray(ramp(64, 48)).convert(mode)
    data = encode(stored, "JPEG", quality=98, **options)
    whole, reduced = decode_reduced(data, LIMITS, 1).image, decode_reduced(data, LIMITS, 4).image
    assert reduced.mode == whole.mode == ("L" if mode == "L" else "RGB")
    expected = np.asarray(whole.resize((16, 12), Image.Resampling.BOX)).astype(int)
    assert np.abs(np.asarray(reduced) - expected).mean() < 2


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF", "GIF", "BMP"])
def test_other_formats_are_decoded_as_they_are(file_format):
    data = encode(Image.fromarray(ramp(40, 30)), file_format)
    decoded = decode_reduced(data, LIMITS, 4)
    assert (decoded.image.size, decoded.size, decoded.edges(Box(1, 2, 3, 4))) == ((40, 30), (40, 30), (1, 2, 4, 6))
    np.testing.assert_array_equal(np.asarray(decoded.image), np.asarray(decode_image(data, LIMITS)))
    pixels = ramp(40, 30)
    np.testing.assert_array_equal(np.asarray(decode_reduced(pixels, LIMITS, 8).image), pixels)


BASELINE, PROGRESSIVE = (
    encode(Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 70, 3), np.uint8)), "JPEG", progressive=p)
    for p in (False, True)
)


@pytest.mark.parametrize("whole", [BASELINE, PROGRESSIVE], ids=["baseline", "progressive"])
@given(share=st.floats(0, 1), reduction=st.sampled_from([2, 4, 8]))
def test_a_file_cut_anywhere_is_refused_at_every_size_or_at_none(whole, share, reduction):
    data = whole[: round(share * len(whole))]
    reasons = []
    for step in (1, reduction):
        try:
            decode_reduced(data, LIMITS, step)
            reasons.append("")
        except ImageError as error:
            reasons.append(str(error).split(":")[0])
    assert reasons[0] == reasons[1]


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("max_side", [200, 97, 64, 33, 20])
def test_a_small_decode_has_the_longer_side_that_is_asked_for(file_format, orientation, max_side):
    data = encode(Image.fromarray(ramp(97, 50)), file_format, exif=exif(orientation))
    image, size = decode_small(data, LIMITS, max_side)
    shown = (97, 50) if orientation == 1 else (50, 97)
    assert size == shown
    assert max(image.size) == min(97, max_side)
    assert min(image.size) == round(50 * min(97, max_side) / 97)
    whole = decode_image(data, LIMITS)
    expected = np.asarray(whole.resize(image.size, Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(np.asarray(image) - expected).mean() < 3


def test_a_strip_is_decoded_small_too():
    """Of 3 pixels none is left at 1/8."""
    data = encode(Image.new("RGB", (3, 900), RED), "JPEG")
    image, size = decode_small(data, LIMITS, 100)
    assert (image.size, size) == ((1, 100), (3, 900))
    assert np.abs(np.asarray(image).astype(int) - RED).max() <= 4


def test_a_small_decode_without_a_limit_is_the_image():
    image, size = decode_small(WHOLE["JPEG"], LIMITS, None)
    assert size == image.size
    np.testing.assert_array_equal(np.asarray(image), np.asarray(decode_image(WHOLE["JPEG"], LIMITS)))


@pytest.mark.parametrize("max_side", [None, 10])
def test_a_small_decode_refuses_what_a_whole_one_does(max_side):
    for data in (b"no image", BASELINE[: len(BASELINE) // 2]):
        with pytest.raises(ImageError, match=r"not an image|cut short"):
            decode_small(data, LIMITS, max_side)


def arithmetic_jpeg(height, parts):
    """Write a JPEG of arithmetic codes, each block with a code of its own: any bytes are one."""

    def segment(marker, content):
        return struct.pack(">HH", 0xFF00 | marker, len(content) + 2) + content

    frame = segment(0xC9, struct.pack(">BHHBBBB", 8, height, 512, 1, 1, 0x11, 0))
    start = b"\xff\xd8" + segment(0xDD, b"\0\1") + segment(0xDB, bytes([0, *[1] * 64])) + frame
    joined = b"".join(part + bytes([0xFF, 0xD0 + k % 8]) for k, part in enumerate(parts[:-1])) + parts[-1]
    return start + segment(0xDA, b"\1\1\0\0\x3f\0") + joined + b"\xff\xd9"


def test_an_arithmetic_jpeg_of_more_than_64_kib_is_decoded():
    """Its decoder cannot wait for more data: the upper half, which is a small file, must be that of the whole."""
    parts = [bytes(row) for row in np.random.default_rng(1).integers(0, 255, (64 * 64, 20), np.uint8)]
    whole, half = arithmetic_jpeg(512, parts), arithmetic_jpeg(256, parts[: 32 * 64])
    assert len(half) < 65_536 < len(whole)
    found, upper = (np.asarray(decode_image(data, LIMITS)) for data in (whole, half))
    assert upper.std() > 1
    np.testing.assert_array_equal(found[:256], upper)
