"""Broken and odd zips and tars with good images in them, from one seed."""

from __future__ import annotations

import io
import itertools
import json
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Iterator

import numpy as np
from odd_images import Made, Rng, good_images


def archives(count: int, seed: int) -> Iterator[Made]:
    """Make about ``count`` bad and odd archives; each holds good images too."""
    rng = np.random.default_rng(seed)
    inside = [(made.name, made.data) for made in good_images(6)]
    once = [*_odd_zips(inside), *_odd_tars(inside)]
    bases = [("zip", zip_of(inside)), ("zip", zip_of(inside, zipfile.ZIP_STORED)), ("tar", tar_of(inside))]
    bases += [("tar", tar_of(inside, style)) for style in (tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)]
    drawn = []
    for k in range(max(0, count - len(once))):
        ending, data = bases[rng.integers(len(bases))]
        kind, broken = _damaged(ending, data, rng, k)
        drawn.append(Made(kind, ending, broken))
    for number, made in enumerate([*once, *drawn]):
        yield made._replace(name=f"{number:05d}.{made.name}")


def zip_of(entries: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Zip entries, in their order."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(buffer, "w", method) as archive:  # names may repeat
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def tar_of(entries: list[tuple[str, bytes] | tarfile.TarInfo], style: int = tarfile.PAX_FORMAT) -> bytes:
    """Tar entries, in their order; a TarInfo stands for itself, without data."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=style) as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            info = tarfile.TarInfo(entry[0])
            info.size = len(entry[1])
            archive.addfile(info, io.BytesIO(entry[1]))
    return buffer.getvalue()


def _damaged(ending: str, data: bytes, rng: Rng, k: int) -> tuple[str, bytes]:
    if k % 2:
        seams = [0, 1, 30, 60, 511, 512, 513, 1024, len(data) - 22, len(data) - 10_240, len(data) - 1, len(data) // 2]
        seams += [at for sign in (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"ustar") for at in _all(data, sign)]
        at = min(max(0, int(rng.choice(seams)) + int(rng.integers(-2, 3))), len(data) - 1)
        return f"{ending} cut", data[:at]
    broken = bytearray(data)
    marks = _all(data, b"PK\x01\x02") + _all(data, b"PK\x05\x06") if ending == "zip" else _all(data, b"ustar")
    near = int(rng.choice(marks)) + int(rng.integers(-257, 60)) if rng.integers(4) else int(rng.integers(len(data)))
    for at in range(near, near + int(rng.integers(1, 5))):
        broken[at % len(data)] = int(rng.integers(256))
    return f"{ending} damaged", bytes(broken)


def _all(data: bytes, sign: bytes) -> list[int]:
    return [at for at in range(len(data)) if data.startswith(sign, at)]


ODD_NAMES = [
    *(
        "../../escaped.png",
        "/tmp/escaped.png",
        "C:\\escaped.png",
        "..\\escaped.png",
        "a/../../b.png",
        "./a.png",
        "a//b.png",
    ),
    *("nul\0byte.png", "new\nline.png", "-rf.png", "\u202egnp.exe", "x" * 5_000 + ".png", "/", "..", ".", "a/", "CON"),
    "\udcff\udcfe.png",
]


def _odd_zips(inside: list[tuple[str, bytes]]) -> Iterator[Made]:
    png = inside[1][1]
    for name in ODD_NAMES[:-1]:
        yield Made("zip odd name", "zip", zip_of([*inside, (name, png)]))
    stray = zip_of([*inside, ("stray_.png", png)])
    yield Made("zip odd name", "zip", stray.replace(b"stray_", b"stray\xff"))
    yield Made("zip same names", "zip", zip_of([*inside, *inside, ("a.png", png), ("a.png", b"no image")]))
    zeros = bytes(50 * 1024**2)
    yield Made("zip bomb", "zip", zip_of([*inside, ("bomb.png", zeros)]))
    nested = zip_of([(f"{k}.png", zeros) for k in range(3)])
    for _ in range(3):
        nested = zip_of([("inner.zip", nested)])
    yield Made("zip bomb", "zip", zip_of([*inside, ("nested.zip", nested)]))
    bomb = zip_of([*inside, ("bomb.png", zeros)])
    size = struct.pack("<I", len(zeros))
    yield Made("zip bomb", "zip", bomb.replace(size, struct.pack("<I", 100)))  # and it lies
    yield Made("zip overlapping", "zip", _overlapping(png, 50))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield Made("zip method", "zip", zip_of(inside, method))
        yield Made("zip method", "zip", zip_of([*inside, ("bomb.png", zeros[: 20 * 1024**2])], method))
    yield Made("zip64", "zip", _zip64(inside))
    yield Made("zip comment", "zip", zip_of(inside)[:-2] + b"\xff\xff" + b"PK\x05\x06" * 10_000)
    yield Made("zip comment", "zip", b"#!/bin/sh\n" + zip_of(inside))
    yield Made("zip of nothing", "zip", zip_of([]))
    yield Made("zip of nothing", "zip", zip_of([("folder/", b""), (".hidden", png)]))
    tables = [b'{"labels": null}', b'{"labels": [["nowhere.png", 1], [1, 2]]}', b"{}", b"[" * 100_000, b"\xff", b""]
    for table in tables:
        yield Made("zip with labels", "zip", zip_of([*inside, ("dataset.json", table)]))
    pairs = json.dumps({"labels": [[name, k % 2] for k, (name, _) in enumerate(inside)]})
    yield Made("zip with labels", "zip", zip_of([*inside, ("dataset.json", pairs.encode())]))
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO(zip_of(inside))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    yield Made("zip link", "zip", buffer.getvalue())


def _zip64(entries: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in entries:
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(data)
    return buffer.getvalue()


def _overlapping(data: bytes, times: int) -> bytes:
    """Many entries of the directory that all point at one stretch of data."""
    one = zip_of([("0000.png", data)])
    start, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    entries = b"".join(one[start:end].replace(b"0000", f"{k:04d}".encode()) for k in range(times))
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, times, times, len(entries), start, 0)
    return one[:start] + entries + tail


def _odd_tars(inside: list[tuple[str, bytes]]) -> Iterator[Made]:
    png = inside[1][1]
    for name, style in itertools.product(ODD_NAMES, (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)):
        if style == tarfile.GNU_FORMAT and "\u202e" in name:
            continue
        yield Made("tar odd name", "tar", tar_of([*inside, (name, png)], style))
    yield Made("tar same names", "tar", tar_of([*inside, *inside, ("a.png", png), ("a.png", b"no image")]))
    kinds = [tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE]
    targets = ["/etc/passwd", "../../outside.png", inside[0][0], "itself", "", "missing"]
    for kind, target in itertools.product([*kinds, b"Z", tarfile.DIRTYPE], targets):
        link = tarfile.TarInfo("itself")
        link.type, link.linkname = kind, target
        yield Made("tar link or device", "tar", tar_of([*inside, link]))
    for endings in itertools.combinations(("png", "000.png", "mask.png", "cls", "json"), 3):
        sample = [(f"{key}.{ending}", png) for key in ("s", "t.2024.01") for ending in endings]
        yield Made("tar of samples", "tar", tar_of([*inside, *sample, *sample[::-1]]))
    for size in (1, len(png) + 1, 10**6, 8 * 2**30, 2**62):
        yield Made("tar lying size", "tar", _lying(inside, png, size))
    yield Made("tar sparse", "tar", _sparse(inside, png))
    yield Made("tar nested", "tar", tar_of([*inside, ("inner.tar", tar_of(inside))]))
    yield Made("tar nested", "tar", tar_of([*inside, ("inner.zip", zip_of(inside))]))
    yield Made("tar of nothing", "tar", tar_of([]))
    yield Made("tar without its end", "tar", tar_of(inside).rstrip(b"\0"))
    for module in ("gz", "bz2", "xz"):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=f"w:{module}") as archive:  # type: ignore[call-overload]
            info = tarfile.TarInfo("zeros.png")
            info.size = 20 * 1024**2
            archive.addfile(info, io.BytesIO(bytes(info.size)))
        yield Made("tar bomb", f"tar.{module}", buffer.getvalue())


def _lying(inside: list[tuple[str, bytes]], png: bytes, size: int) -> bytes:
    """The last member's header, with a right checksum, says another size than there is."""
    info = tarfile.TarInfo("lies.png")
    info.size = size
    header = info.tobuf(tarfile.GNU_FORMAT)
    good = tar_of(inside, tarfile.GNU_FORMAT)
    end = len(good.rstrip(b"\0")) // 512 * 512 + 512
    return good[:end] + header + png + bytes(-len(png) % 512) + bytes(1024)


def _sparse(inside: list[tuple[str, bytes]], png: bytes) -> bytes:
    """GNU's sparse member: 512 bytes that stand for gigabytes of zeros."""
    info = tarfile.TarInfo("sparse.png")
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 512
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:410] = b"%011o\0%011o\0" % (0, 512)
    header[483:495] = b"%011o\0" % (8 * 2**30 - 1)
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    good = tar_of(inside, tarfile.GNU_FORMAT)
    end = len(good.rstrip(b"\0")) // 512 * 512 + 512
    return good[:end] + bytes(header) + png[:512].ljust(512, b"\0") + bytes(1024)
