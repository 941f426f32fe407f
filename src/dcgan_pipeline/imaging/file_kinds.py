"""What a file is that is no picture for the decoder, told by its first bytes, as the reason why it is refused.

A reason begins with what is said of all files of its kind, up to a colon, so that a million of them are one line where
reasons are counted; it names no bytes and no numbers of the file.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from dcgan_pipeline.imaging import jpeg_markers
from dcgan_pipeline.imaging.file_parts import PNG

_HEIF = b"heic heix heim heis hevc hevx hevm hevs mif1 mif2 msf1".split()
_CANON, _AVIF = b"crx ", {b"avif", b"avis"}
_DEVELOP = "develop it to JPEG or TIFF, for example with darktable or dcraw"
_EXPORT = "export it to PNG or JPEG"
_RENDER = "render it to PNG"
_FRAMES = "cut it into pictures, for example with `ffmpeg -i FILE -vf fps=1 FRAME%05d.png`"
_UNPACK = "unpack it"
_SCALE = "scale its numbers to a picture of 8 or 16 bits and save that as PNG"
_MAKERS = {b"NIKON": "NEF", b"SONY": "ARW", b"PENTAX": "PEF", b"SAMSUNG": "SRW", b"CANON": "CR2", b"HASSELBLAD": "3FR"}


class _Kind(NamedTuple):
    name: str
    mend: str
    signs: tuple[tuple[int, bytes], ...]
    """Places and bytes; all of them are there."""


def _kind(name: str, mend: str, *begins: bytes, at: int = 0) -> list[_Kind]:
    return [_Kind(name, mend, ((at, begin),)) for begin in begins]


_NOT_READ = [
    *_kind("JPEG XL", "convert it to PNG, for example with `djxl`", b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
    *_kind("JPEG XR", _EXPORT, b"II\xbc\x01"),
    _Kind("camera RAW (CR2)", _DEVELOP, ((0, b"II*\0"), (8, b"CR\x02"))),
    *_kind("camera RAW (CRW)", _DEVELOP, b"II\x1a\0\0\0HEAPCCDR"),
    *_kind("camera RAW (RAF)", _DEVELOP, b"FUJIFILMCCD-RAW"),
    *_kind("camera RAW (ORF)", _DEVELOP, b"IIRO", b"IIRS", b"MMOR"),
    *_kind("camera RAW (RW2)", _DEVELOP, b"IIU\0"),
    *_kind("camera RAW (X3F)", _DEVELOP, b"FOVb"),
    *_kind("camera RAW (MRW)", _DEVELOP, b"\0MRM"),
    *_kind("Photoshop (PSD)", _EXPORT, b"8BPS"),
    *_kind("GIMP (XCF)", _EXPORT, b"gimp xcf"),
    *_kind("Krita or OpenRaster", _EXPORT, b"application/x-krita", b"image/openraster", at=38),
    *_kind("PDF", _RENDER, b"%PDF-"),
    *_kind("PostScript (EPS)", _RENDER, b"%!PS", b"\xc5\xd0\xd3\xc6"),
    *_kind("DjVu", _RENDER, b"AT&TFORM"),
    *_kind("Windows metafile", _RENDER, b"\xd7\xcd\xc6\x9a"),
    _Kind("Windows metafile", _RENDER, ((0, b"\1\0\0\0"), (40, b" EMF"))),
    *_kind("Apple icon (ICNS)", _EXPORT, b"icns"),
    *_kind("texture (DDS, KTX)", _EXPORT, b"DDS ", b"\xabKTX"),
    *_kind("BPG", _EXPORT, b"BPG\xfb"),
    *_kind("FLIF", _EXPORT, b"FLIF"),
    *_kind("JNG or MNG", _EXPORT, b"\x8bJNG", b"\x8aMNG"),
    *_kind("OpenEXR", _SCALE, b"\x76\x2f\x31\x01"),
    *_kind("Radiance HDR", _SCALE, b"#?RADIANCE", b"#?RGBE"),
    *_kind("PFM (floats)", _SCALE, b"PF\n", b"Pf\n"),
    *_kind("PAM", _EXPORT, b"P7\n"),
    *_kind("DICOM", _SCALE, b"DICM", at=128),
    *_kind("FITS", _SCALE, b"SIMPLE  ="),
    *_kind("NIfTI", _SCALE, b"n+1\0", b"ni1\0", at=344),
    *_kind("NumPy array", _SCALE, b"\x93NUMPY"),
    *_kind("HDF5 or MATLAB", _SCALE, b"\x89HDF\r\n\x1a\n", b"MATLAB 5.0"),
    *_kind("AVI video", _FRAMES, b"AVI ", at=8),
    *_kind("Matroska or WebM video", _FRAMES, b"\x1a\x45\xdf\xa3"),
    *_kind("MP4 or QuickTime video", _FRAMES, b"moov", b"mdat", b"wide", b"free", b"skip", at=4),
    *_kind("Windows Media video", _FRAMES, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    *_kind("MPEG video", _FRAMES, b"\0\0\1\xba", b"\0\0\1\xb3"),
    *_kind("Flash video", _FRAMES, b"FLV\1"),
    *_kind("Ogg audio or video", _FRAMES, b"OggS"),
]
_NO_PICTURES = [
    *_kind("a zip, or a document that is one", _UNPACK, b"PK\x03\x04", b"PK\x05\x06"),
    *_kind("a tar", _UNPACK, b"ustar", at=257),
    *_kind("a compressed file (gzip)", _UNPACK, b"\x1f\x8b"),
    *_kind("a compressed file (xz)", _UNPACK, b"\xfd7zXZ\0"),
    *_kind("a compressed file (zstd)", _UNPACK, b"\x28\xb5\x2f\xfd"),
    *_kind("a compressed file (bzip2)", _UNPACK, b"BZh"),
    *_kind("an archive (7z)", _UNPACK, b"7z\xbc\xaf\x27\x1c"),
    *_kind("an archive (RAR)", _UNPACK, b"Rar!\x1a\x07"),
    *_kind("a pointer of Git LFS", "fetch the files with `git lfs pull`", b"version https://git-lfs"),
    *_kind("a Parquet table", "", b"PAR1"),
    *_kind("an SQLite database", "", b"SQLite format 3\0"),
    *_kind("an old Office document or thumbnails of Windows", "", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    *_kind("what macOS keeps beside a file (AppleDouble)", "", b"\0\5\x16\7"),
    *_kind("a program", "", b"\x7fELF", b"MZ\x90\0", b"\xcf\xfa\xed\xfe", b"#!/"),
    *_kind("audio (WAV)", "", b"WAVE", at=8),
    *_kind("audio (MP3)", "", b"ID3"),
    *_kind("audio (FLAC)", "", b"fLaC"),
]
# Of the formats that are read: a file that begins so and cannot be opened is one of them, and broken or unusual.
_READ = {
    "PNG": PNG,
    "JPEG": b"\xff\xd8\xff",
    "GIF": b"GIF8",
    "BMP": b"BM",
    "QOI": b"qoif",
    "ICO": b"\0\0\1\0\1",
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "JPEG 2000 codestream": b"\xff\x4f\xff\x51",
    "TIFF": b"II*\0",
    "TIFF (big-endian)": b"MM\0*",
    "BigTIFF": b"II+\0",
    "BigTIFF (big-endian)": b"MM\0+",
}
_CODINGS = dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical")
_CODINGS |= dict.fromkeys((0xC9, 0xCA, 0xCB), "arithmetic-coded") | {0xC3: "lossless", 0xF7: "JPEG-LS"}
_TEXT_MARKS = re.compile(rb"<(!doctype html|html|head|body|svg|\?xml|script)\b", re.IGNORECASE)
_JSON = re.compile(rb"[\[{]\s*[\"\[{]")
_BEGIN = 4096  # bytes that are looked at


def why_not_read(data: bytes) -> str:
    """Say what a file is that the decoder does not know, and what to do with it, in one line."""
    if not data:
        return "empty file"
    if told := foreign(data):
        return told
    if not any(data[:_BEGIN]) and not data.strip(b"\0"):
        return _no_picture("only zero bytes", "copy it again")
    return _of_read_format(data) or _of_text(data[:_BEGIN]) or "not an image"


def foreign(data: bytes) -> str:
    """Say the same of a file whose first bytes are of a kind that is never read; nothing of others."""
    if data[4:8] == b"ftyp" and len(data) >= 12:
        return _of_brand(data[8:12], data)
    for kind in _NOT_READ:
        if _matches(kind, data):
            return _not_read(kind.name, kind.mend)
    for kind in _NO_PICTURES:
        if _matches(kind, data):
            return _no_picture(kind.name, kind.mend)
    return ""


def raw_reason(maker: bytes, has_dng_version: bool) -> str:
    """Say the same of a camera's raw file that is laid out as a TIFF, by who made it (tag Make)."""
    known = (name for begin, name in _MAKERS.items() if maker.upper().startswith(begin))
    name = "DNG" if has_dng_version else next(known, "as TIFF")
    return _not_read(f"camera RAW ({name})", _DEVELOP)


def _matches(kind: _Kind, data: bytes) -> bool:
    return all(data.startswith(sign, at) for at, sign in kind.signs)


def _not_read(name: str, mend: str) -> str:
    return f"{name} is not read: {mend}"


def _no_picture(name: str, mend: str = "") -> str:
    return f"not an image but {name}{': ' + mend if mend else ''}"


def _of_brand(brand: bytes, data: bytes) -> str:
    """Files of boxes say who they are for (ISO/IEC 14496-12, 4.3)."""
    brands = {data[at : at + 4] for at in range(8, min(int.from_bytes(data[:4], "big"), 256), 4)}
    if brand == _CANON:
        return _not_read("camera RAW (CR3)", _DEVELOP)
    if brands & _AVIF:
        return ""
    if brand in _HEIF:
        return _not_read("HEIC", "convert it to JPEG or PNG, for example with `heif-convert` of libheif")
    return _not_read("MP4 or QuickTime video", _FRAMES)


def _of_read_format(data: bytes) -> str:
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "unreadable: WebP with a broken or unusual header"
    if data[4:8] == b"ftyp" and len(data) >= 12:
        return "unreadable: AVIF with a broken or unusual header"
    name = next((name for name, sign in _READ.items() if data.startswith(sign)), "")
    if name == "JPEG" and (frame := jpeg_markers.read_outline(data).frame):
        if frame.bits != 8:
            return _not_read(f"JPEG of {frame.bits} bits", _EXPORT)
        if frame.marker in _CODINGS:
            return _not_read(f"JPEG ({_CODINGS[frame.marker]})", _EXPORT)
        if frame.components not in (1, 3, 4):
            return _not_read(f"JPEG of {frame.components} colours", _EXPORT)
    return f"unreadable: {name} with a broken or unusual header" if name else ""


def _of_text(begin: bytes) -> str:
    text = begin.removeprefix(b"\xef\xbb\xbf").lstrip()
    if found := _TEXT_MARKS.search(text[:512]):
        mark = found[1].lower()
        if b"<svg" in text:
            return _not_read("SVG", _RENDER)
        return _no_picture("XML" if mark == b"?xml" else "a web page", "" if mark == b"?xml" else "download it again")
    return _no_picture("JSON") if _JSON.match(text) else ""
