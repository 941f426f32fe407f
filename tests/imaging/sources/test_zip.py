"""Zips: the listing against zipfile's, and archives that lie."""

import io
import os
import random
import struct
import tracemalloc
import zipfile
import zlib
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import ImageError, ZipSource
from dcgan_pipeline.imaging.sources.sieve import Sieve
from dcgan_pipeline.imaging.sources.zip_directory import read_directory

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
WITHOUT_MARKS = st.binary(max_size=30).filter(lambda data: b"PK" not in data)  # zipfile itself takes them for its own


class Pipe(io.BytesIO):
    """What cannot be sought back in gets its sizes behind the data (APPNOTE 4.3.9)."""

    def seekable(self):
        return False

    def seek(self, *_):
        raise io.UnsupportedOperation

    def tell(self):
        raise io.UnsupportedOperation


@given(
    entries=st.lists(
        st.tuples(
            NAMES,
            st.binary(max_size=40),
            st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]),
        ),
        max_size=6,
    ),
    comment=WITHOUT_MARKS,
    in_front=WITHOUT_MARKS,
    limit=st.sampled_from([zipfile.ZIP64_LIMIT, 25]),
    stream=st.booleans(),
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zips_directory_is_what_zipfile_reads(entries, comment, in_front, limit, stream):
    buffer = Pipe() if stream else io.BytesIO()
    # A low limit makes zipfile write the zip64 form, for sizes and offsets alike.
    with mock.patch.object(zipfile, "ZIP64_LIMIT", limit), zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = comment
        for name, data, method in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with archive.open(info, "w", force_zip64=limit == 25) as member:
                member.write(data)
    file = io.BytesIO(in_front + buffer.getvalue())
    whole = zipfile.ZipFile(file)
    expected = [info for info in whole.infolist() if not (info.is_dir() or is_left_behind(info.filename))]
    found = read_directory(file, Sieve())
    assert list(found.names) == [info.filename for info in expected]
    for column, attribute in (
        (found.offsets, "header_offset"),
        (found.packed, "compress_size"),
        (found.sizes, "file_size"),
        (found.sums, "CRC"),
        (found.methods, "compress_type"),
        (found.flags, "flag_bits"),
    ):
        assert list(column) == [getattr(info, attribute) for info in expected]
    assert found.end == whole.start_dir


def is_left_behind(name):
    parts = name.split("/")
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return hidden or "__MACOSX" in parts or parts[-1] == "Thumbs.db"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("size", [0, 1, 5000, 100_000])
def test_every_packing_is_read_up_to_the_very_limit(tmp_path, method, size):
    noise = random.Random(0).randbytes(size)  # what no packing can shrink
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("noise.jpg", noise)
        archive.writestr("zeros.jpg", bytes(size))
    source = ZipSource(str(tmp_path / "a.zip"), Limits(max_bytes=max(size, 1)))
    assert source.read(0) == noise
    assert source.read(1) == bytes(size)


def test_names_in_front_of_the_data_that_are_long_are_stepped_over(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x" * 2000 + ".jpg", b"first")
        archive.writestr("y.jpg", b"second")
    source = ZipSource(str(tmp_path / "a.zip"), Limits())
    assert [source.read(0), source.read(1)] == [b"first", b"second"]


def test_a_name_is_never_a_path_to_write_to(tmp_path):
    names = ["../above.jpg", "/etc/absolute.jpg", "a/../../b.jpg", "C:\\c.jpg"]
    inside = tmp_path / "inside"
    inside.mkdir()
    with zipfile.ZipFile(inside / "a.zip", "w") as archive:
        for name in names:
            archive.writestr(name, name.encode())
    source = ZipSource(str(inside / "a.zip"), Limits())
    assert list(source.names) == names
    assert [source.read(row).decode() for row in range(len(source))] == names
    assert sorted(os.listdir(tmp_path)) == ["inside"]
    assert os.listdir(inside) == ["a.zip"]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bomb_that_declares_little_is_not_unpacked(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("bomb.jpg", bytes(50 * 2**20))
    data = bytearray((tmp_path / "a.zip").read_bytes())
    at = data.rfind(b"PK\1\2")
    data[at + 24 : at + 28] = struct.pack("<I", 50)
    (tmp_path / "a.zip").write_bytes(data)
    source = ZipSource(str(tmp_path / "a.zip"), Limits(max_bytes=10**6))
    tracemalloc.start()
    with pytest.raises(ImageError, match="unreadable: "):
        source.read(0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * 2**20


def test_files_that_share_their_bytes_are_rejected_and_the_others_read(tmp_path):
    """A zip may name one range of bytes many times, and so be small and unpack to anything (an overlapping bomb)."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("a.jpg", "b.jpg", "c.jpg"):
            archive.writestr(name, name.encode())
    data = bytearray((tmp_path / "a.zip").read_bytes())
    first = data.find(b"PK\1\2")
    second = data.find(b"PK\1\2", first + 1)
    assert data[second + 42 : second + 46] != bytes(4)
    data[second + 42 : second + 46] = bytes(4)  # the second begins where the first does
    (tmp_path / "a.zip").write_bytes(data)
    source = ZipSource(str(tmp_path / "a.zip"), Limits())
    with pytest.raises(ImageError, match="overlaps another file of the zip"):
        source.read(0)
    with pytest.raises(ImageError):  # its sum is of other bytes
        source.read(1)
    assert source.read(2) == b"c.jpg"


def test_a_file_that_reaches_into_the_directory_is_rejected(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.jpg", b"x" * 100)
    data = bytearray((tmp_path / "a.zip").read_bytes())
    at = data.rfind(b"PK\1\2")
    for field in (20, 24):
        data[at + field : at + field + 4] = struct.pack("<I", 150)
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(ImageError, match="overlaps"):
        ZipSource(str(tmp_path / "a.zip"), Limits()).read(0)


@pytest.mark.parametrize("offset", [10**6, 2**32 - 2])
def test_a_file_that_lies_outside_the_zip_is_rejected(tmp_path, offset):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.jpg", b"x")
        archive.writestr("b.jpg", b"y")
    data = bytearray((tmp_path / "a.zip").read_bytes())
    at = data.find(b"PK\1\2")
    data[at + 42 : at + 46] = struct.pack("<I", offset)
    (tmp_path / "a.zip").write_bytes(data)
    source = ZipSource(str(tmp_path / "a.zip"), Limits())
    with pytest.raises(ImageError, match=r"lies outside|overlaps"):
        source.read(0)
    assert source.read(1) == b"y"


def packed_by_another(name, field=b""):
    """A zip of one file whose name is bytes, with no word of what they are (zip 3.0, macOS)."""
    mark = "x" * len(name)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo(mark)
        info.extra = field
        archive.writestr(info, b"data")
    return io.BytesIO(buffer.getvalue().replace(mark.encode(), name))


def unicode_path(standard, name):
    """The extra field of a name in UTF-8 (APPNOTE 4.6.9)."""
    data = struct.pack("<BL", 1, zlib.crc32(standard)) + name.encode()
    return struct.pack("<2H", 0x7075, len(data)) + data


@pytest.mark.parametrize(
    ("raw", "field", "name"),
    [
        ("café/猫.png".encode(), b"", "café/猫.png"),
        ("café/0.png".encode("cp437"), b"", "café/0.png"),
        (b"caf\xff/0.png", unicode_path(b"caf\xff/0.png", "café/0.png"), "café/0.png"),
        ("café/0.png".encode("cp437"), unicode_path(b"another", "wrong/0.png"), "café/0.png"),
    ],
)
def test_names_of_archivers_that_do_not_say_how_they_are_coded(raw, field, name):
    assert list(read_directory(packed_by_another(raw, field), Sieve()).names) == [name]


def test_zips_that_were_joined_byte_by_byte_are_refused(make_zip, tmp_path):
    zips = [make_zip([(f"{k}.png", b"data")], f"{k}.zip").read_bytes() for k in range(2)]
    (tmp_path / "all.zip").write_bytes(b"".join(zips))
    with pytest.raises(InputError, match=rf"another zip lies in its first {len(zips[0])} bytes"):
        open_source(str(tmp_path / "all.zip"))
