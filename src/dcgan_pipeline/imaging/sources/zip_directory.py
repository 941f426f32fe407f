"""The directory of a zip, as arrays: zipfile keeps an object of some hundred bytes for each file.

Section numbers are those of PKWARE's APPNOTE 6.3.10. What the standard leaves open is read as zipfile reads it, but for
names: archivers of macOS and Linux write UTF-8 and do not say so.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple
from zipfile import BadZipFile

from dcgan_pipeline.imaging.sources.names import Names
from dcgan_pipeline.imaging.sources.sieve import Sieve

_ENTRY = struct.Struct("<4s4B4HL2L5H2L")  # 4.3.12
_END = struct.Struct("<4s4H2LH")  # 4.3.16
_END_64 = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
_LOCATOR_64 = struct.Struct("<4sLQL")  # 4.3.15
_ENTRY_MARK, _END_MARK, _END_64_MARK, _LOCATOR_64_MARK = b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7"
_LOCAL_MARK = b"PK\3\4"  # before each file
_MAX_COMMENT = 2**16
_FULL = 2**32 - 1  # the number stands in the entry's zip64 field (4.5.3)
_ZIP64_FIELD = 0x0001
_UTF8_FLAG = 0x800
_NAME_FIELD = struct.Struct("<BL")  # version, CRC of the name that this one is in place of (4.6.9)
_NAME_FIELD_ID = 0x7075
_DOS = 0  # the system that made an entry (4.4.2)


class Entry(NamedTuple):
    """A file of a zip, as its directory describes it."""

    name: str
    offset: int
    packed: int
    size: int
    crc: int
    method: int
    flags: int


@dataclass
class Directory:
    """A row a file: where its local header is, what it takes up there, and what it unpacks to."""

    names: Names = field(default_factory=Names)
    offsets: array[int] = field(default_factory=lambda: array("q"))
    packed: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))
    sums: array[int] = field(default_factory=lambda: array("I"))
    methods: array[int] = field(default_factory=lambda: array("H"))
    flags: array[int] = field(default_factory=lambda: array("H"))
    end: int = 0
    """Where the directory begins: no file reaches beyond it."""

    def append(self, entry: Entry) -> None:
        """Add a file to the end."""
        self.names.append(entry.name)
        self.offsets.append(entry.offset)
        self.packed.append(entry.packed)
        self.sizes.append(entry.size)
        self.sums.append(entry.crc)
        self.methods.append(entry.method)
        self.flags.append(entry.flags)


class _Extent(NamedTuple):
    start: int
    size: int
    shift: int
    """Bytes that were put in front of the archive: offsets count from behind them."""


def read_directory(file: BinaryIO, sieve: Sieve) -> Directory:
    """Read the files of a zip's directory that a sieve keeps.

    Raises
    ------
    BadZipFile
        Where it is not whole.
    """
    extent = _find(file)
    found = Directory(end=extent.start)
    file.seek(extent.start)
    left = extent.size
    while left > 0:
        entry, length = _read_entry(file)
        left -= length
        if not entry.name.endswith("/") and sieve.keeps(entry.name):
            found.append(entry._replace(offset=entry.offset + extent.shift))
    return found


def _read_entry(file: BinaryIO) -> tuple[Entry, int]:
    """Read the entry at the file's position; also how many bytes it takes."""
    fixed = file.read(_ENTRY.size)
    if len(fixed) < _ENTRY.size:
        raise BadZipFile("directory cut short")
    mark, _, system, _, _, flags, method, _, _, crc, packed, size, *lengths, _, _, _, offset = _ENTRY.unpack(fixed)
    if mark != _ENTRY_MARK:
        raise BadZipFile("an entry of the directory does not begin as one")
    rest = file.read(sum(lengths))
    if len(rest) < sum(lengths):
        raise BadZipFile("directory cut short")
    raw_name, extra = rest[: lengths[0]], rest[lengths[0] : lengths[0] + lengths[1]]
    name = _decoded(raw_name, bool(flags & _UTF8_FLAG), extra).partition("\0")[0]
    if not name:
        raise BadZipFile("an entry of the directory has no name")
    if system == _DOS and "/" not in name:  # archivers of Windows that part folders so; unzip reads them alike
        name = name.replace("\\", "/")
    if _FULL in (size, packed, offset):
        size, packed, offset = _whole_numbers(extra, size, packed, offset)
    return Entry(name, offset, packed, size, crc, method, flags), _ENTRY.size + sum(lengths)


def _decoded(raw: bytes, is_utf8: bool, extra: bytes) -> str:
    """Read a name: in UTF-8 where it says so or can be, else in the code page of DOS (appendix D)."""
    if is_utf8 or raw.isascii():
        return raw.decode("utf-8")
    field = _field(extra, _NAME_FIELD_ID) or b""
    if len(field) > _NAME_FIELD.size and _NAME_FIELD.unpack_from(field) == (1, zlib.crc32(raw)):
        raw = field[_NAME_FIELD.size :]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def _field(extra: bytes, wanted: int) -> bytes | None:
    """Find an extra field of an entry by its number (4.5.2)."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == wanted:
            return extra[4 : 4 + length]
        extra = extra[4 + length :]
    return None


def _whole_numbers(extra: bytes, *numbers: int) -> list[int]:
    """Replace each number that does not fit 32 bits by the next of the zip64 field (4.5.3)."""
    field = _field(extra, _ZIP64_FIELD)
    if field is None:
        return list(numbers)
    wide = iter(struct.unpack_from(f"<{len(field) // 8}Q", field))
    return [next(wide, number) if number == _FULL else number for number in numbers]


def _find(file: BinaryIO) -> _Extent:
    """Find the directory from the record at the archive's end, which a comment may follow."""
    length = file.seek(0, 2)
    tail_start = max(length - _MAX_COMMENT - _END.size, 0)
    file.seek(tail_start)
    tail = file.read()
    at = tail.rfind(_END_MARK)
    if at < 0 or len(tail) < at + _END.size:
        raise BadZipFile("no end of its directory")
    _, _, _, _, _, size, offset, _ = _END.unpack_from(tail, at)
    end = tail_start + at
    wide = _find_64(file, end)
    if wide:
        size, offset, end = wide
    start = end - size
    if start < 0 or start < offset:
        raise BadZipFile("its directory begins before the file does")
    file.seek(0)
    if start > offset and file.read(len(_LOCAL_MARK)) == _LOCAL_MARK:  # and no program that unpacks itself
        raise BadZipFile(f"another zip lies in its first {start - offset} bytes, and zips cannot be joined by cat")
    return _Extent(start, size, start - offset)


def _find_64(file: BinaryIO, end: int) -> tuple[int, int, int] | None:
    """Read size, offset and end of a directory of the zip64 format, whose record lies before the other."""
    at = end - _LOCATOR_64.size - _END_64.size
    if at < 0:
        return None
    file.seek(at)
    data = file.read(_END_64.size + _LOCATOR_64.size)
    if not (data.startswith(_END_64_MARK) and data[_END_64.size :].startswith(_LOCATOR_64_MARK)):
        return None
    *_, size, offset = _END_64.unpack_from(data)
    return size, offset, at
