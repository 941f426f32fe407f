"""What a listing weighs: some numbers a file beside its name, never an object a file."""

import io
import tarfile
import tracemalloc
import zipfile

import pytest

from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.sources import FolderSource, Names, RemoteFolderSource

COUNT = 20_000
NAMES = [f"class_{k % 50:02d}/image_{k:07d}.jpg" for k in range(COUNT)]


def make_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        for name in NAMES:
            archive.writestr(zipfile.ZipInfo(name), b"x")


def make_tar(path):
    with tarfile.open(path, "w") as archive:
        for name in NAMES:
            info = tarfile.TarInfo(name)
            info.size = 1
            archive.addfile(info, io.BytesIO(b"x"))


def make_folder(path):
    for name in NAMES:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).touch()


def make_flat(path):
    path.mkdir()
    for name in NAMES:
        (path / name.replace("/", "_")).touch()


# Bytes a file beyond its name. One folder's names are text while they are sorted: hence the most for a flat folder.
@pytest.mark.parametrize(("make", "peak"), [(make_zip, 120), (make_tar, 120), (make_folder, 80), (make_flat, 150)])
def test_a_listing_weighs_some_numbers_a_file(tmp_path, make, peak):
    make(tmp_path / "pile")
    open_source(str(tmp_path / "pile")).fingerprint()  # what is imported on the way is not the listing's
    tracemalloc.start()
    source = open_source(str(tmp_path / "pile"))
    kept = tracemalloc.get_traced_memory()[0]
    source.fingerprint()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    letters = sum(map(len, source.names))
    assert len(source) == COUNT
    assert (most - letters) / COUNT < peak
    assert (kept - letters) / COUNT < 80


def test_a_list_of_strings_would_weigh_more():
    """The bound above is one that objects do not meet."""
    tracemalloc.start()
    heavy = [zipfile.ZipInfo(name) for name in NAMES]
    weight = tracemalloc.get_traced_memory()[0] / len(heavy)
    tracemalloc.stop()
    assert weight > 200
    tracemalloc.start()
    light = Names(NAMES)
    assert tracemalloc.get_traced_memory()[0] / len(light) < 50
    tracemalloc.stop()


def test_both_kinds_of_folder_list_alike(tmp_path):
    for name in ("b.jpg", "a/2.jpg", "a/10.jpg", "a/deep/x.jpg", "c/.hidden", "a b/y.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    here = FolderSource(str(tmp_path), open_source("sklearn://digits").limits)
    there = RemoteFolderSource(f"local://{tmp_path}", here.limits)
    assert list(here.names) == list(there.names)
    assert [here.read(row) for row in range(len(here))] == [there.read(row) for row in range(len(there))]
