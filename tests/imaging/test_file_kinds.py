import io
import struct
import zlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dcgan_pipeline.imaging.decode import decode_image, decode_reduced, image_size
from dcgan_pipeline.imaging.file_kinds import why_not_read
from dcgan_pipeline.imaging.regions import count_reasons
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import ImageError

LIMITS = Limits()
REST = bytes(range(256)) * 4


def brand(name, *others):
    return struct.pack(">I", 16 + 4 * len(others)) + b"ftyp" + name + bytes(4) + b"".join(others) + REST


def jpeg(marker, bits=8, components=3):
    frame = struct.pack(">BHHB", bits, 16, 16, components) + bytes(3 * components)
    return (
        b"\xff\xd8\xff\xe0\0\x10JFIF\0"
        + bytes(9)
        + b"\xff"
        + bytes([marker])
        + struct.pack(">H", 2 + len(frame))
        + frame
    )


def raw_as_tiff(maker, *more):
    """A TIFF of one page, whose pixels are a sensor's values; the values of tags lie behind it."""
    numbers = [
        (254, 4, 0),
        (256, 3, 4),
        (257, 3, 4),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 32803),
        (273, 4, 8),
        (279, 4, 16),
    ]
    entries = [struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in numbers]
    entries.insert(-2, struct.pack("<HHII", 271, 2, len(maker), 8 + 2 + 12 * (9 + len(more)) + 4))
    entries += [struct.pack("<HHI4s", *entry) for entry in more]
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4) + maker + bytes(64)


NOT_READ = {
    "HEIC": [brand(b"heic", b"mif1", b"heic"), brand(b"mif1", b"heic"), brand(b"msf1", b"hevc")],
    "JPEG XL": [b"\xff\x0a" + REST, b"\0\0\0\x0cJXL \r\n\x87\n" + REST],
    "JPEG XR": [b"II\xbc\x01" + REST],
    "camera RAW (CR2)": [raw_as_tiff(b"Canon\0")],
    "camera RAW (CR3)": [brand(b"crx ", b"isom")],
    "camera RAW (RAF)": [b"FUJIFILMCCD-RAW 0201" + REST],
    "camera RAW (ORF)": [b"IIRO\x08\0\0\0" + REST, b"IIRS\x08\0\0\0" + REST],
    "camera RAW (RW2)": [b"IIU\0\x18\0\0\0" + REST],
    "Photoshop (PSD)": [b"8BPS\0\1" + REST],
    "PDF": [b"%PDF-1.7\n" + REST],
    "PostScript (EPS)": [b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\xc5\xd0\xd3\xc6" + REST],
    "SVG": [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<?xml version='1.0'?>\n<!-- drawn -->\n<svg width='5'/>"],
    "DICOM": [bytes(128) + b"DICM" + REST],
    "OpenEXR": [b"\x76\x2f\x31\x01" + REST],
    "MP4 or QuickTime video": [brand(b"isom", b"mp41"), brand(b"qt  "), brand(b"M4V "), b"\0\0\0\x6cmoov" + REST],
    "AVI video": [b"RIFF\0\0\1\0AVI LIST" + REST],
    "Matroska or WebM video": [b"\x1a\x45\xdf\xa3" + REST],
    "MPEG video": [b"\0\0\1\xb3" + struct.pack("<8xHHBB", 16, 16, 8, 0) + bytes(range(256)) * 4],  # a TGA, too
    "PFM (floats)": [b"PF\nthree colours"],
    "JPEG of 12 bits": [jpeg(0xC1, bits=12)],
    "JPEG (JPEG-LS)": [jpeg(0xF7)],
    "JPEG of 2 colours": [jpeg(0xC0, components=2)],
}
NO_PICTURES = {
    "a web page": [b"<!DOCTYPE html>\n<html><title>404</title>", b"\xef\xbb\xbf \n<HTML><body>", b"<html lang=en>"],
    "XML": [b"<?xml version='1.0'?><annotation/>"],
    "JSON": [b'{"images": []}', b'[{"id": 1}]'],
    "a zip, or a document that is one": [b"PK\x03\x04" + REST],
    "a compressed file (gzip)": [b"\x1f\x8b\x08" + REST],
    "a pointer of Git LFS": [b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n"],
    "a program": [b"\x7fELF" + REST],
    "only zero bytes": [bytes(100_000)],
}


def reason(data):
    with pytest.raises(ImageError) as caught:
        decode_image(data, LIMITS)
    with pytest.raises(ImageError) as of_size:
        image_size(data, LIMITS)
    assert str(caught.value) == str(of_size.value)
    return str(caught.value)


@pytest.mark.parametrize("name", NOT_READ)
def test_a_format_that_is_not_read_is_named_with_what_mends_it(name):
    for data in NOT_READ[name]:
        assert reason(data).startswith(f"{name} is not read: ")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("DNG", raw_as_tiff(b"Canon\0", (50706, 1, 4, b"\1\4\0\0"))),
        ("NEF", raw_as_tiff(b"NIKON CORPORATION\0")),
        ("ARW", raw_as_tiff(b"SONY \0")),
        ("as TIFF", raw_as_tiff(b"of no name\0")),
    ],
)
def test_a_raw_file_that_opens_as_a_tiff_is_named(name, data):
    assert reason(data).startswith(f"camera RAW ({name}) is not read: develop it")


@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_no_picture_is_named(name):
    for data in NO_PICTURES[name]:
        assert reason(data).split(":")[0] == f"not an image but {name}"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\x89PNG\r\n\x1a\n" + REST, "PNG"),
        (b"\xff\xd8\xff\xe1", "JPEG"),
        (b"GIF89a", "GIF"),
        (b"RIFF\0\0\0\0WEBP" + REST, "WebP"),
        (brand(b"avif", b"mif1"), "AVIF"),
        (brand(b"mif1", b"avif"), "AVIF"),
    ],
)
def test_a_broken_file_of_a_format_that_is_read_is_not_called_no_image(data, told):
    assert reason(data).startswith("unreadable: ")
    assert told in why_not_read(data)


@pytest.mark.parametrize(
    "data", [b"some words\n", b"\x01\x02\x03", b"a < b and <b>", b"[1] a footnote", b"{ }", b"\xff"]
)
def test_what_nothing_tells_is_only_no_image(data):
    assert reason(data) == "not an image"


def test_a_million_files_of_a_kind_are_one_line():
    reasons = [why_not_read(brand(b"heic") + bytes([k])) for k in range(50)] + [
        why_not_read(b"words %d" % k) for k in range(9)
    ]
    assert len(set(reasons)) == 2
    assert count_reasons(pd.DataFrame({"reason": reasons})) == "50 x HEIC is not read, 9 x not an image"


# ---- notes that are broken, around a picture that is whole


def png(*chunks):
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "PNG")
    whole = buffer.getvalue()
    return whole[:33] + b"".join(chunks) + whole[33:]


def chunk(kind, content, damage=0):
    checksum = zlib.crc32(kind + content) ^ damage
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


PIXELS = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(b"tEXt", b"Comment\0a note", damage=1)],
        [chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3 * 1024**2)))],
        [chunk(b"pHYs", b"\0")],
        [chunk(b"gAMA", b"\0")],
        [chunk(b"iCCP", b"name\0\7what?")],
        [chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(900_000)))] * 80,
    ],
    ids=["checksum", "long text", "short pHYs", "short gAMA", "unknown packing", "much text"],
)
def test_a_png_whose_notes_are_broken_is_a_picture(chunks):
    data = png(*chunks)
    with pytest.raises((SyntaxError, ValueError, OSError)):
        Image.open(io.BytesIO(data))
    assert image_size(data, LIMITS) == (12, 9)
    np.testing.assert_array_equal(np.asarray(decode_image(data, LIMITS)), PIXELS)


def test_it_keeps_its_rotation_and_its_transparency():
    tags = Image.Exif()
    tags[0x0112] = 6
    note = chunk(b"tEXt", b"Comment\0a note", damage=1)
    data = png(chunk(b"eXIf", tags.tobytes()), note, chunk(b"tRNS", struct.pack(">3H", *PIXELS[0, 0])))
    found = np.asarray(decode_image(data, LIMITS))
    expected = PIXELS.copy()
    expected[0, 0] = 255
    np.testing.assert_array_equal(found, np.rot90(expected, -1))
    assert image_size(data, LIMITS) == (9, 12)


@pytest.mark.parametrize("at", [8 + 4 + 2, -20])
def test_a_picture_that_is_damaged_itself_stays_refused(at):
    data = bytearray(png(chunk(b"tEXt", b"Comment\0a note", damage=1)))
    data[at] ^= 4
    with pytest.raises(ImageError):
        decode_reduced(bytes(data), LIMITS, 1)
    with pytest.raises(ImageError):
        decode_reduced(png(chunk(b"tEXt", b"Comment\0a note", damage=1))[:-14], LIMITS, 1)
