import io
import itertools
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from dcgan_pipeline.imaging.boxes import Box
from dcgan_pipeline.imaging.colour import conversion
from dcgan_pipeline.imaging.colour.conversion import CONVERTED, STORED, UNUSABLE, to_srgb
from dcgan_pipeline.imaging.colour.matrix_profile import DISPLAY_P3, SRGB, matrix_profile
from dcgan_pipeline.imaging.crop import resize_region
from dcgan_pipeline.imaging.decode import decode_image, decode_reduced, decode_small
from dcgan_pipeline.imaging.settings import Limits

LIMITS = Limits()
LOSSLESS = [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})]


def grey_profile(exponent):
    """Of greys alone: a white and a curve (ICC.1, 8.3.4)."""
    whole = matrix_profile(SRGB, exponent)
    return whole[:16] + b"GRAY" + whole[20:].replace(b"rTRC", b"kTRC")


@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB", "exchanged"])
@pytest.mark.parametrize(("file_format", "options"), LOSSLESS)
def test_a_photograph_is_the_same_in_whatever_space_it_is_stored(
    name, file_format, options, profiles, stored_in, flower, files
):
    stored = stored_in(profiles[name])
    data = files.encode(stored, file_format, icc_profile=profiles[name], **options)
    decoded = decode_reduced(data, LIMITS, 1)
    assert decoded.colours == CONVERTED
    assert files.error(decoded.image, flower) < 0.5  # what 8 bits of another space round away
    assert files.error(stored, flower) > 5

    as_it_is = decode_reduced(data, LIMITS, 1, "stored")
    assert as_it_is.colours == STORED
    np.testing.assert_array_equal(np.asarray(as_it_is.image), np.asarray(stored))


@pytest.mark.parametrize("name", ["Display P3", "exchanged"])
def test_images_cut_from_it_differ_by_two_levels_at_most(name, profiles, stored_in, flower, files):
    images = []
    for picture, options in ((flower, {}), (stored_in(profiles[name]), {"icc_profile": profiles[name]})):
        decoded = decode_reduced(files.encode(picture, "PNG", **options), LIMITS, 1)
        images.append(np.asarray(resize_region(decoded, Box(0, 0, 100, 100), 32, "bicubic")).astype(int))
    assert np.abs(images[0] - images[1]).max() <= 2


def test_a_photograph_with_a_profile_is_converted_at_every_size_and_for_detectors(profiles, stored_in, flower, files):
    data = files.encode(
        stored_in(profiles["Adobe RGB"]), "JPEG", quality=98, subsampling=0, icc_profile=profiles["Adobe RGB"]
    )
    plain = files.encode(flower, "JPEG", quality=98, subsampling=0)
    for reduction in (1, 2, 4):
        found, expected = (decode_reduced(file, LIMITS, reduction) for file in (data, plain))
        assert (found.colours, expected.colours) == (CONVERTED, STORED)
        assert files.error(found.image, expected.image) < 2
    assert files.error(decode_small(data, LIMITS, 50)[0], decode_small(plain, LIMITS, 50)[0]) < 2
    assert files.error(decode_image(data, LIMITS), decode_image(plain, LIMITS)) < 2


def test_srgb_stays_bit_for_bit(flower):
    littlecms = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (littlecms, matrix_profile(SRGB, None)):
        found, outcome = to_srgb(flower, profile)
        assert outcome == STORED
        assert found is flower


def test_colours_are_converted_under_the_opacity_and_laid_on_white(profiles, stored_in, flower, files):
    stored, plain = stored_in(profiles["Display P3"]), flower.copy()
    for image in (stored, plain):
        image.putalpha(Image.linear_gradient("L").resize(flower.size))
    data = files.encode(stored, "PNG", icc_profile=profiles["Display P3"])
    expected = decode_image(files.encode(plain, "PNG"), LIMITS)
    assert files.error(decode_image(data, LIMITS), expected) < 0.5


def test_a_palette_is_converted(profiles, flower, files):
    palette = flower.quantize(64)
    data = files.encode(palette, "PNG", icc_profile=profiles["exchanged"])
    red, green, blue = palette.convert("RGB").split()
    assert files.error(decode_image(data, LIMITS), Image.merge("RGB", (green, red, blue))) < 1


@pytest.mark.parametrize("mode", ["L", "LA"])
@pytest.mark.parametrize("exponent", [1.0, 1.8])
def test_greys_go_through_their_curve_and_stay_grey(mode, exponent, files):
    levels = np.arange(256) / 255
    light = levels**exponent
    shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255  # IEC 61966-2-1
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None]).convert(mode)
    decoded = decode_reduced(files.encode(ramp, "PNG", icc_profile=grey_profile(exponent)), LIMITS, 1)
    assert (decoded.image.mode, decoded.colours) == ("L", CONVERTED)
    assert np.abs(np.asarray(decoded.image)[0] - shown).max() <= 1


def test_greys_with_a_profile_of_three_colours_are_equal_colours_of_it():
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    found, outcome = to_srgb(ramp, matrix_profile(DISPLAY_P3, 1.0))
    expected, _ = to_srgb(ramp, grey_profile(1.0))
    assert (outcome, found.mode) == (CONVERTED, "L")
    np.testing.assert_allclose(np.asarray(found).astype(int), np.asarray(expected), atol=1)
    assert to_srgb(ramp, matrix_profile(DISPLAY_P3, None))[1] == STORED  # sRGB's curve


def inks():
    """Four inks on paper: the CLUT of a table (ICC.1, 10.10) from their full amounts to L*, a*, b* of 16 bits."""
    lab = []
    for cyan, magenta, yellow, black in itertools.product((0, 1), repeat=4):
        shade = (1 - 0.3 * cyan) * (1 - 0.3 * magenta) * (1 - 0.1 * yellow) * (1 - 0.8 * black)
        a, b = (-30 * cyan + 60 * magenta) * (1 - black), (-40 * cyan + 80 * yellow) * (1 - black)
        lab += [round(100 * shade * 652.8), round((a + 128) * 256), round((b + 128) * 256)]
    matrix = struct.pack(">9i", *(65536 * (k % 4 == 0) for k in range(9)))
    straight = struct.pack(">2H", 0, 65535)
    table = b"mft2\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + struct.pack(">2H", 2, 2)
    table += straight * 4 + struct.pack(f">{len(lab)}H", *lab) + straight * 3
    head = bytearray(matrix_profile(SRGB, 1.0)[:128])
    head[:4], head[8:24] = struct.pack(">I", 128 + 4 + 24 + len(table) + 20), b"\2\x40\0\0scnrCMYKLab "
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    tags = b"wtpt" + struct.pack(">2I", 156, 20) + b"A2B0" + struct.pack(">2I", 176, len(table))
    return bytes(head) + struct.pack(">I", 2) + tags + white + table


@pytest.mark.parametrize("file_format", ["TIFF", "JPEG"])
def test_inks_become_the_colours_of_their_profile(file_format, files):
    """And not 255 less ink: paper, all inks, cyan, and the reference is LittleCMS without its shortcuts."""
    patches = [(0, 0, 0, 0), (255, 255, 255, 255), (255, 0, 0, 0), (0, 128, 255, 0)]
    image = Image.fromarray(np.repeat(np.array([patches], np.uint8), 16, axis=1).repeat(16, axis=0), "CMYK")
    options = {"quality": 100} if file_format == "JPEG" else {}
    decoded = decode_reduced(files.encode(image, file_format, icc_profile=inks(), **options), LIMITS, 1)
    found = np.asarray(decoded.image).astype(int)[8, 8::16]
    assert decoded.colours == CONVERTED
    assert found[1].max() <= 3  # all inks at once are black, though their L* of 8 would be a grey of 24
    assert found[0].min() == 255
    exact = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOOPTIMIZE
    reference = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(inks())),
        ImageCms.createProfile("sRGB"),
        ImageCms.Intent.PERCEPTUAL,
        "RGB",
        flags=exact,
    )
    assert np.abs(found - np.asarray(reference).astype(int)[8, 8::16]).max() <= 4
    assert np.abs(found - np.asarray(image.convert("RGB")).astype(int)[8, 8::16]).max() > 40


@pytest.mark.parametrize(
    ("mode", "made"),
    [
        ("RGB", lambda p3: b""),
        ("RGB", lambda p3: b"no profile" * 20),
        ("RGB", lambda p3: p3[:200]),
        ("RGB", lambda p3: grey_profile(1.0)),
        ("CMYK", lambda p3: p3),
        ("RGB", lambda p3: p3[:12] + b"link" + p3[16:]),
        ("RGB", lambda p3: p3[:16] + b"CMYK" + p3[20:]),
    ],
    ids=["unreadable", "junk", "cut", "of greys", "of RGB for CMYK", "of linked devices", "of CMYK"],
)
def test_a_profile_that_cannot_be_used_leaves_the_numbers(mode, made, profiles, flower):
    image = flower.convert(mode)
    found, outcome = to_srgb(image, made(profiles["Display P3"]))
    assert outcome == UNUSABLE
    assert found is image


def test_one_conversion_is_made_for_all_pictures_of_a_profile_and_their_number_is_bounded(profiles, flower):
    conversion._conversion.cache_clear()
    for _ in range(5):
        to_srgb(flower, bytes(bytearray(profiles["Display P3"])))  # each file has bytes of its own
    counts = conversion._conversion.cache_info()
    assert (counts.misses, counts.hits) == (1, 4)
    assert counts.maxsize is not None


def test_colours_that_srgb_lacks_are_clipped_not_wrapped(profiles):
    found, _ = to_srgb(Image.new("RGB", (1, 1), (0, 255, 0)), profiles["Adobe RGB"])
    assert found.getpixel((0, 0)) == (0, 255, 0)
    reference = ImageCms.profileToProfile(
        Image.new("RGB", (1, 1), (200, 30, 60)),
        ImageCms.ImageCmsProfile(io.BytesIO(profiles["Adobe RGB"])),
        ImageCms.createProfile("sRGB"),
    )
    assert to_srgb(Image.new("RGB", (1, 1), (200, 30, 60)), profiles["Adobe RGB"])[0].getpixel(
        (0, 0)
    ) == reference.getpixel((0, 0))
