import io
import re

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from dcgan_pipeline.imaging import jpeg_markers
from dcgan_pipeline.imaging.decode import decode_image, decode_reduced, image_size
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import ImageError

LIMITS = Limits()
CHINA = Image.fromarray(load_sample_image("china.jpg")[::2, ::2])
HALF_BLACK = Image.fromarray(np.where(np.arange(CHINA.height)[:, None, None] < 100, np.asarray(CHINA), 0).astype("u1"))
PICTURES = {
    "photograph": CHINA,
    "grey": CHINA.convert("L"),
    "inks": CHINA.convert("CMYK"),
    "black lower half": HALF_BLACK,
    "flat": Image.new("RGB", (200, 150), (9, 99, 200)),
    "noise": Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 70, 3), np.uint8)),
    "one pixel": Image.new("RGB", (1, 1), "red"),
}
OPTIONS = [
    {},
    {"quality": 100, "subsampling": 0},
    {"quality": 3},
    {"optimize": True},
    {"restart_marker_rows": 1},
    {"restart_marker_blocks": 1},
    {"progressive": True},
]
SCAN, END = b"\xff\xda", b"\xff\xd9"


def encode(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def plainly(data, reduction=1):
    image = Image.open(io.BytesIO(data))
    if reduction > 1:
        image.draft(None, (max(1, image.width // reduction), max(1, image.height // reduction)))
    return np.asarray(image if image.mode == "L" else image.convert("RGB"))


def coded_data(data):
    """Where the data of the first scan begin."""
    at = data.index(SCAN) + 2
    return at + int.from_bytes(data[at : at + 2], "big")


# ---- the end of the data


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", PICTURES)
def test_a_whole_picture_is_decoded_to_the_bit(name, options):
    data = encode(PICTURES[name], **options)
    for written in (data, data + b"what is behind" * 1000, data[:-2] + b"\xff\xff" + END, data[:-2] + bytes(40) + END):
        np.testing.assert_array_equal(np.asarray(decode_image(written, LIMITS)), plainly(data))
    for reduction in (2, 4, 8):
        np.testing.assert_array_equal(
            np.asarray(decode_reduced(data, LIMITS, reduction).image), plainly(data, reduction)
        )


@pytest.mark.parametrize("options", OPTIONS[:-1], ids=str)
@pytest.mark.parametrize("name", ["photograph", "grey", "inks", "noise", "flat"])
def test_a_picture_cut_short_and_closed_is_refused_or_lacks_a_block(name, options):
    """Its end is at the cut, where tools that mend files put it."""
    data = encode(PICTURES[name], **options)
    whole, begin = plainly(data), coded_data(data)
    for share in (0, 0.1, 0.3, 0.5, 0.8, 0.95):
        cut = data[: begin + int(share * (len(data) - 60 - begin))] + END
        with pytest.raises(ImageError, match=r"^cut short: image file is truncated"):
            decode_image(cut, LIMITS)
        with pytest.raises(ImageError, match=r"^cut short"):
            decode_reduced(cut, LIMITS, 4)
        assert image_size(cut, LIMITS) == PICTURES[name].size  # its header is whole
    for lacking in range(1, 8):
        try:
            found = np.asarray(decode_image(data[: -2 - lacking] + END, LIMITS))
        except ImageError:
            continue
        assert (found != whole).reshape(*found.shape[:2], -1).any(axis=2).sum() <= 3 * 16 * 16


def test_a_cut_is_found_before_a_video_and_before_a_second_image():
    data = encode(CHINA)
    for behind in (b"\0\0\0\x18ftypmp42" + bytes(1000), data):
        with pytest.raises(ImageError, match=r"^cut short"):
            decode_image(data[: len(data) // 2] + END + behind, LIMITS)


def test_a_progressive_picture_of_means_alone_is_refused():
    data = encode(CHINA, progressive=True)
    second = data.index(SCAN, coded_data(data))
    for at in (coded_data(data) + 100, data.rindex(b"\xff\xc4", 0, second)):
        with pytest.raises(ImageError, match=r"^cut short: scans are missing$"):
            decode_image(data[:at] + END, LIMITS)


def of_one_scan_a_colour(image):
    """A sequential JPEG whose colours lie in scans of their own, put together from three grey ones."""
    parts = [encode(band) for band in image.convert("YCbCr").split()]
    head = parts[0][: parts[0].index(SCAN)].replace(b"\xff\xc0\0\x0b", b"\xff\xc0\0\x11")
    at = head.index(b"\xff\xc0") + 9
    head = head[:at] + b"\3" + b"".join(bytes([k + 1, 0x11, 0]) for k in range(3)) + head[at + 4 :]
    scans = [
        SCAN + b"\0\x08\1" + bytes([k + 1]) + b"\0\0\x3f\0" + part[coded_data(part) : -2]
        for k, part in enumerate(parts)
    ]
    return head, scans


def test_a_sequential_picture_needs_a_scan_of_each_colour():
    head, scans = of_one_scan_a_colour(CHINA)
    found = decode_image(head + b"".join(scans) + END, LIMITS)
    assert np.abs(np.asarray(found).astype(int) - np.asarray(CHINA)).mean() < 8
    with pytest.raises(ImageError, match=r"^cut short: scans are missing$"):
        decode_image(head + b"".join(scans[:2]) + END, LIMITS)


# ---- the walk over the markers


def searched(data):
    """The outline, each marker found by a search from the end of the one before."""
    at, frame, heads, alone, end = 2, None, [], False, -1
    while hit := re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]", re.DOTALL).search(data, at):
        marker, at = hit[0][1], hit.end()
        if marker in (0xD8, 0xD9):
            end = hit.start() if marker == 0xD9 else -1
            break
        content = data[at + 2 : at + max(2, int.from_bytes(data[at : at + 2], "big"))]
        if marker == 0xDA:
            count = content[0] if content else 0
            heads.append((data[at + 3 : at + 3 + 2 * count : 2], data[at + 3 + 2 * count :][:1] > b"\0"))
            alone = (frame and count == frame[2]) if len(heads) == 1 else alone
        elif marker in {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC} and not frame and not heads and content[5:]:
            frame = (marker, content[0], content[5])
        at += max(2, int.from_bytes(data[at : at + 2], "big")) if at + 1 < len(data) else 2
    components = {component for named, _ in heads for component in named}
    detailed = any(beyond for _, beyond in heads)
    return frame, len(heads), bool(alone), len(components), detailed, end


def damaged(data, draw):
    """Bytes changed, taken out and put in, most of them in the header, and some markers among them."""
    data = bytearray(data)
    for _ in range(draw.integers(1, 5)):
        at = int(draw.integers(0, draw.choice([len(data), min(len(data), 700)])))
        new = [b"\xff" + bytes([draw.choice([0, 0xC0, 0xC4, 0xD0, 0xD8, 0xD9, 0xDA, 0xE0, 0xFF])]), draw.bytes(1), b""]
        data[at : at + int(draw.integers(0, 4))] = new[draw.integers(0, 3)]
    return bytes(data[: len(data) - int(draw.choice([0, 0, 1, 2, 3, 30]))])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_outline_is_that_of_a_search_for_each_marker(options):
    draw, whole = np.random.default_rng(0), encode(CHINA.resize((32, 24)), **options)
    for data in [whole, *(whole[:k] for k in range(40)), *(damaged(whole, draw) for _ in range(500))]:
        assert jpeg_markers.read_outline(data) == searched(data)


# ---- the number of scans


def progressive(scans, side=64):
    whole = encode(Image.new("L", (side, side), 128), progressive=True)
    last = whole.rindex(SCAN)
    return whole[:last] + whole[last:-2] * scans + END


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_what_is_not_of_the_image_counts_for_no_scan(options):
    """A video behind it, a second image, a thumbnail and other notes: any of them may hold the bytes of a scan."""
    scans = SCAN * 5000
    data = encode(CHINA, **options)
    note = b"\xff\xe1" + (2 + 6 + len(scans)).to_bytes(2, "big") + b"Exif\0\0" + scans
    written = [data + b"\0\0\0\x18ftypmp42" + scans, data[:2] + note + data[2:], data + progressive(5000)]
    for behind in written:
        assert jpeg_markers.read_outline(behind).scans == jpeg_markers.read_outline(data).scans < 20
        np.testing.assert_array_equal(np.asarray(decode_image(behind, LIMITS)), plainly(data))


def hidden(scans):
    """Progressive JPEGs of many scans, each made to be overlooked by another way of counting."""
    data = progressive(scans)
    first, second = data.index(SCAN), data.index(SCAN, data.index(SCAN) + 2)
    note = b"\xff\xfe\0\x06" + b"note"
    return {
        "plainly": data,
        "filled": data.replace(SCAN, b"\xff\xff\xff" + SCAN),
        "with an end in a note": data[:first] + b"\xff\xfe\0\x06" + END * 2 + data[first:],
        "with an end in a note between": data[:second] + b"\xff\xfe\0\x06" + END * 2 + data[second:],
        "with notes between": data[:second] + data[second:].replace(SCAN, note + SCAN),
        "with a note of no length": data[:second] + b"\xff\xfe\0\0" + data[second:],
        "with rubbish between": data[:second] + data[second:].replace(SCAN, b"\x12\x34" * 9 + SCAN),
        "with restarts between": data[:second] + data[second:].replace(SCAN, b"\xff\xd0\xff\xd3" + SCAN),
        "with half a marker between": data[:second] + data[second:].replace(SCAN, b"\xff\0" + SCAN),
        "without an end": data[:-2],
        "cut in a scan": data[:-30],
    }


@pytest.mark.parametrize("way", hidden(0))
def test_a_picture_of_thousands_of_scans_is_refused_however_it_hides_them(way):
    data = hidden(5000)[way]
    for function in (decode_image, image_size):
        with pytest.raises(ImageError, match=r"^too many scans: 50[0-9][0-9]"):
            function(data, LIMITS)
