import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dcgan_pipeline.imaging.colour.conversion import CONVERTED, STORED, UNUSABLE
from dcgan_pipeline.imaging.colour.declared import declared_profile
from dcgan_pipeline.imaging.decode import decode_reduced
from dcgan_pipeline.imaging.settings import Limits

LIMITS = Limits()
SRGB_XY = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)  # white, red, green, blue
EXCHANGED_XY = (0.3127, 0.3290, 0.30, 0.60, 0.64, 0.33, 0.15, 0.06)
TO_BT_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])  # ITU-R BT.2087


def decoded(data):
    return decode_reduced(data, LIMITS, 1)


def linear(image):
    level = np.asarray(image) / 255
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def from_levels(levels):
    return Image.fromarray(np.round(np.clip(levels, 0, 1) * 255).astype(np.uint8))


def exchanged(image):
    red, green, blue = image.split()
    return Image.merge("RGB", (green, red, blue))


def gamma(value):
    return struct.pack(">I", value)


def chromaticities(values):
    return struct.pack(">8I", *(round(value * 100_000) for value in values))


def pq(image):
    """BT.2020 with ITU-R BT.2100's PQ, white at 203 cd/m2."""
    y = (np.clip(linear(image) @ TO_BT_2020.T, 0, 1) * 203 / 10_000) ** (2610 / 16384)
    return from_levels(((3424 / 4096 + 2413 / 128 * y) / (1 + 2392 / 128 * y)) ** (2523 / 32))


def hlg(image):
    """BT.2020 with ITU-R BT.2100's HLG on a display of 1,000 cd/m2, white at 203 cd/m2."""
    scene = (np.clip(linear(image) @ TO_BT_2020.T, 0, 1) * 0.203) ** (1 / 1.2)
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return from_levels(np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright))


def test_a_png_of_linear_light_is_shown_as_viewers_show_it(flower, files):
    found = decoded(files.png(from_levels(linear(flower)), gAMA=gamma(100_000)))
    assert found.colours == CONVERTED
    assert files.error(found.image, flower) < 1.5
    assert files.error(from_levels(linear(flower)), flower) > 30


def test_the_primaries_of_a_png_are_used(flower, files):
    data = files.png(exchanged(flower), gAMA=gamma(45_455), cHRM=chromaticities(EXCHANGED_XY))
    assert files.error(decoded(data).image, flower) < 0.5


@pytest.mark.parametrize(
    "chunks",
    [
        {"gAMA": gamma(45_455)},
        {"gAMA": gamma(45_000), "cHRM": chromaticities(SRGB_XY)},
        {"cHRM": chromaticities(EXCHANGED_XY)},  # without a gamma nothing is said
        {"sRGB": b"\0", "gAMA": gamma(100_000)},  # sRGB comes first
        {"cICP": bytes([1, 13, 0, 1]), "gAMA": gamma(100_000)},
        {"cICP": bytes([2, 2, 0, 1])},
        {"gAMA": b"\0"},
    ],
)
def test_a_png_that_is_srgb_or_says_nothing_keeps_its_numbers(chunks, flower, files):
    if chunks.get("gAMA") == b"\0":  # too short: Pillow refuses it, and the picture is whole
        chunks = {**chunks, "tIME": bytes(7)}
    found = decoded(files.png(flower, **chunks))
    assert found.colours == STORED
    np.testing.assert_array_equal(np.asarray(found.image), np.asarray(flower))


@pytest.mark.parametrize(
    "chunks",
    [
        {"gAMA": gamma(0), "cHRM": chromaticities(SRGB_XY)},
        {"gAMA": gamma(1)},
        {"gAMA": gamma(50_000), "cHRM": bytes(32)},
        {"iCCP": b"name\0\0no zlib"},
        {"iCCP": b""},
        {"iCCP": b"name\0\0" + zlib.compress(bytes(5 * 1024**2))},
        {"cICP": bytes([9, 10, 0, 1])},
    ],
    ids=["gamma 0", "gamma 1", "no primaries", "no zlib", "empty", "too large", "curve without a meaning"],
)
def test_a_png_whose_colours_cannot_be_read_keeps_its_numbers_and_says_so(chunks, flower, files):
    found = decoded(files.png(flower, **chunks))
    assert found.colours == UNUSABLE
    np.testing.assert_array_equal(np.asarray(found.image), np.asarray(flower))


def test_a_profile_too_long_for_pillow_is_used(profiles, flower, files):
    """Pillow refuses the whole picture for more than a million bytes."""
    content = b"name\0\0" + zlib.compress(profiles["exchanged"] + bytes(2 * 1024**2))
    assert files.error(decoded(files.png(exchanged(flower), iCCP=content)).image, flower) < 0.5


@pytest.mark.parametrize(("code", "encoded"), [(16, pq), (18, hlg)])
def test_a_png_of_high_dynamic_range_is_shown_with_its_reference_white(code, encoded, flower, files):
    found = decoded(files.png(encoded(flower), cICP=bytes([9, code, 0, 1])))
    assert files.error(found.image, flower) < 1.5
    assert files.error(encoded(flower), flower) > 15


def test_a_profile_of_codes_comes_before_an_embedded_one(profiles, stored_in, flower, files):
    content = b"name\0\0" + zlib.compress(profiles["exchanged"])
    data = files.png(stored_in(profiles["Display P3"]), cICP=bytes([12, 13, 0, 1]), iCCP=content)
    assert files.error(decoded(data).image, flower) < 0.5


@pytest.mark.parametrize(("codes", "encoded"), [((9, 16), pq), ((9, 18), hlg), ((1, 13), None), ((2, 2), None)])
def test_the_codes_of_an_avif_are_used(codes, encoded, flower, files):
    stored = encoded(flower) if encoded else flower
    plain = files.encode(stored, "AVIF", quality=100, subsampling="4:4:4")
    at = plain.index(b"colrnclx") + 8
    found = decoded(plain[:at] + struct.pack(">HH", *codes) + plain[at + 4 :])
    assert found.colours == (CONVERTED if encoded else STORED)
    assert files.error(found.image, flower) < 3  # AVIF's own loss, in the dark levels of PQ most of all


def test_an_avif_whose_boxes_are_broken_is_shown_as_it_is_stored(flower, files):
    plain = files.encode(flower, "AVIF")
    at = plain.index(b"ipma")
    for broken in (plain[: at + 8] + b"\xff" * 4 + plain[at + 12 :], plain[: at + 12] + b"\0\0" + plain[at + 14 :]):
        image = Image.open(io.BytesIO(plain))
        assert declared_profile(image, broken) is None


def test_a_jpeg_2000s_profile_is_used(profiles, flower, files):
    plain = files.encode(exchanged(flower), "JPEG2000")
    header, old = plain.index(b"jp2h") - 4, plain.index(b"colr") - 4
    after = old + int.from_bytes(plain[old : old + 4], "big")
    profile = profiles["exchanged"]
    box = struct.pack(">I", 11 + len(profile)) + b"colr\2\0\0" + profile
    size = int.from_bytes(plain[header : header + 4], "big") - (after - old) + len(box)
    data = plain[:header] + struct.pack(">I", size) + plain[header + 4 : old] + box + plain[after:]
    assert files.error(decoded(data).image, flower) < 0.5


def test_a_bitmaps_profile_is_used(profiles, flower, files):
    profile, plain = profiles["exchanged"], files.encode(exchanged(flower), "BMP")
    pixels = plain[struct.unpack_from("<I", plain, 10)[0] :]
    header = struct.pack("<I", 124) + plain[18:54] + bytes(16) + b"DEBM" + bytes(48)
    header += struct.pack("<4I", 4, 124 + len(pixels), len(profile), 0)
    start = struct.pack("<2sI4xI", b"BM", 138 + len(pixels) + len(profile), 138)
    assert files.error(decoded(start + header + pixels + profile).image, flower) < 0.5


def test_exifs_mark_of_adobe_rgb_is_used(profiles, stored_in, flower, files):
    """Cameras that are set to Adobe RGB may write this and no profile (DCF 2.0)."""
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0xA001: 65535, 0xA005: {1: "R03", 2: b"0100"}})
    space = profiles["Adobe RGB"]  # with sRGB's curve: of its own, an exponent of 2.2, levels differ a little
    data = files.encode(stored_in(space), "JPEG", quality=100, subsampling=0, exif=exif)
    assert files.error(decoded(data).image, flower) < 4
    assert files.error(stored_in(space), flower) > 8
    exif.get_ifd(0x8769)[0xA005] = {1: "R98", 2: b"R03\0"}
    assert decoded(files.encode(flower, "JPEG", exif=exif)).colours == STORED


def jpeg_parts(data, profile):
    """A JPEG before and from its frame on, and the segments of a profile, some bytes each."""
    frame = data.index(b"\xff\xc0")
    cut = [profile[at : at + 200] for at in range(0, len(profile), 200)]
    pieces = [b"ICC_PROFILE\0" + bytes([k + 1, len(cut)]) + piece for k, piece in enumerate(cut)]
    return data[:frame], data[frame:], [b"\xff\xe2" + struct.pack(">H", len(piece) + 2) + piece for piece in pieces]


def test_the_pieces_of_a_jpegs_profile_are_put_together_wherever_they_stand(profiles, flower, files):
    data = files.encode(exchanged(flower), "JPEG", quality=100, subsampling=0)
    before, frame, pieces = jpeg_parts(data, profiles["exchanged"])
    length = 2 + int.from_bytes(frame[2:4], "big")
    after = before + frame[:length] + b"".join(pieces) + frame[length:]  # behind the frame's header: Pillow leaves them
    for written in (before + b"".join(pieces[::-1]) + frame, after):
        assert files.error(decoded(written).image, flower) < 1.5
    for lacking in (before + b"".join(pieces[1:]) + frame, after.replace(pieces[0], b"")):
        assert decoded(lacking).colours == UNUSABLE
    short = before + frame[:length] + b"\xff\xe2\0\x0eICC_PROFILE\0" + frame[length:]
    assert decoded(short).colours == UNUSABLE


def test_a_tiffs_profile_of_a_wrong_type_is_passed_over(flower, files):
    assert decoded(files.encode(flower, "TIFF", tiffinfo={34675: "text"})).colours in (UNUSABLE, STORED)
