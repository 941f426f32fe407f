"""Piles at remote places: fsspec's memory, its local files, and a web server on loopback that serves ranges."""

import contextlib
import http.server
import logging
import pickle
import re
import subprocess
import sys
import tarfile
import threading
import zipfile

import fsspec
import pytest

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import FolderSource, ImageError, TarSource, ZipSource
from dcgan_pipeline.imaging.sources.places import LocalPlace, place_at

FILES = {"cat/0.jpg": b"zero", "cat/1.jpg": b"one", "dog/2.jpg": b"two", "dog/deep/3.png": b"three", "top.jpg": b"top"}
ORDER = ["top.jpg", "cat/0.jpg", "cat/1.jpg", "dog/2.jpg", "dog/deep/3.png"]


@pytest.fixture
def pile(tmp_path):
    """Files, and a zip, a tar and shards of them."""
    root = tmp_path / "pile"
    for name, data in FILES.items():
        (root / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "photos" / name).write_bytes(data)
    with zipfile.ZipFile(root / "photos.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    for kind, names in (("photos", FILES), ("part-0", ORDER[:2]), ("part-1", ORDER[2:])):
        with tarfile.open(root / f"{kind}.tar", "w") as archive:
            for name in names:
                archive.add(root / "photos" / name, name)
    return root


@pytest.fixture
def memory(pile):
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    for path in pile.rglob("*"):
        if path.is_file():
            files.pipe_file(f"/pile/{path.relative_to(pile)}", path.read_bytes())
    yield "memory://pile"
    files.store.clear()
    files.pseudo_dirs[:] = [""]


class RangeHandler(http.server.SimpleHTTPRequestHandler):
    """Python's own server, and ranges of bytes (RFC 9110, 14.2)."""

    ranges = True

    def do_GET(self):
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        self.server.asked.append((self.path, self.headers.get("Range")))
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context(open(self.translate_path(self.path), "rb"))
            except OSError:
                return super().do_GET()  # an index page, or not found
            if not asked or not self.ranges:
                return super().do_GET()
            data = file.read()
        first, last = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        self.wfile.write(data[first : last + 1])

    def log_message(self, *_):
        pass


class WholeHandler(RangeHandler):
    ranges = False


@contextlib.contextmanager
def serving(folder, handler):
    def handle(*arguments):
        return handler(*arguments, directory=str(folder))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handle) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def web(pile):
    with serving(pile, RangeHandler) as (address, _):
        yield address


@pytest.fixture(params=["memory", "web", "file", "local"])
def address(request, pile):
    """The pile under each protocol."""
    named = {"file": f"file://{pile}", "local": f"local://{pile}"}
    return named[request.param] if request.param in named else request.getfixturevalue(request.param)


def contents(source):
    return {name: source.read(row) for row, name in enumerate(source.names)}


def test_a_remote_folder_is_listed_and_read(address):
    source = open_source(f"{address}/photos/")
    assert list(source.names) == ORDER
    assert contents(source) == FILES
    assert source.classes == ("cat", "deep", "dog")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_remote_archive_is_read_in_place(address, kind):
    source = open_source(f"{address}/photos.{kind}")
    assert isinstance(source, {"zip": ZipSource, "tar": TarSource}[kind])
    assert contents(source) == FILES
    assert list(source.names) == list(FILES)


@pytest.mark.parametrize("pattern", ["part-{0..1}.tar", "part-*.tar"])
def test_remote_shards_are_one_source(address, pattern):
    source = open_source(f"{address}/{pattern}")
    expected = {f"part-{int(k >= 2)}.tar/{name}": FILES[name] for k, name in enumerate(ORDER)}
    assert list(source.names) == list(expected)
    assert contents(source) == expected


def test_a_remote_pattern_keeps_what_matches(address):
    source = open_source(f"{address}/photos/**/*.jpg")
    assert list(source.names) == ORDER[:-1]
    assert contents(source) == {name: FILES[name] for name in ORDER[:-1]}
    assert list(open_source(f"{address}/photos/*/*.jpg").names) == ORDER[1:4]


@pytest.mark.parametrize("what", ["photos/", "photos.zip", "photos.tar", "part-{0..1}.tar"])
def test_a_remote_source_is_pickled_and_its_fingerprint_is_stable(address, what):
    source = open_source(f"{address}/{what}")
    source.read(0)
    copy = pickle.loads(pickle.dumps(source))
    assert contents(copy) == contents(source)
    assert copy.fingerprint() == source.fingerprint() == open_source(f"{address}/{what}").fingerprint()


@pytest.mark.parametrize("what", ["photos/", "photos.zip", "photos.tar"])
def test_a_remote_source_is_read_in_another_process(web, what, tmp_path):
    source = open_source(f"{web}/{what}")
    source.read(0)  # connections of this process are not carried over
    (tmp_path / "source.pickle").write_bytes(pickle.dumps(source))
    read = "import pickle, sys; s = pickle.load(open(sys.argv[1], 'rb')); sys.stdout.buffer.write(s.read(1))"
    done = subprocess.run([sys.executable, "-c", read, tmp_path / "source.pickle"], check=True, capture_output=True)
    assert done.stdout == source.read(1)


def test_a_file_address_is_a_path(pile):
    assert isinstance(open_source(f"file://{pile}/photos"), FolderSource)
    assert place_at(f"file://{pile}") == LocalPlace(str(pile))


def test_the_fingerprint_of_a_remote_folder_changes_when_a_file_does(memory):
    files, first = fsspec.filesystem("memory"), open_source(f"{memory}/photos").fingerprint()
    assert open_source(f"{memory}/photos").fingerprint() == first
    files.pipe_file("/pile/photos/top.jpg", b"toP")  # of the same size, at another time
    second = open_source(f"{memory}/photos").fingerprint()
    files.pipe_file("/pile/photos/new.jpg", b"x")
    assert len({first, second, open_source(f"{memory}/photos").fingerprint()}) == 3


def test_an_archive_is_read_by_ranges_and_never_whole(tmp_path):
    noise = bytes(range(256)) * 4096  # a mebibyte
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for k in range(12):
            (tmp_path / "x").write_bytes(noise)
            archive.add(tmp_path / "x", f"{k}.jpg")
    with serving(tmp_path, RangeHandler) as (address, server):
        source = open_source(f"{address}/a.tar")
        server.asked.clear()
        assert source.read(7) == noise
        ((_, asked),) = server.asked
    first, last = (int(number) for number in re.findall(r"\d+", asked))
    assert last - first == len(noise) - 1


@pytest.mark.parametrize("what", ["photos.zip", "photos.tar"])
def test_a_server_without_ranges_is_an_input_error(pile, what):
    # Short archives are listed from what came anyway; their files are asked for one by one.
    wanted = pytest.raises(InputError, match=r"from any byte on|serves ranges of bytes")
    with serving(pile, WholeHandler) as (address, _), wanted:
        contents(open_source(f"{address}/{what}"))


def test_a_place_that_has_gone_is_an_input_error_and_not_a_rejected_image(pile):
    with serving(pile, RangeHandler) as (address, _):
        sources = [open_source(f"{address}/{what}") for what in ("photos/", "photos.zip", "photos.tar")]
    for source in sources:
        with pytest.raises(InputError, match=r"must stay within reach .* run the stage again"):
            source.read(0)


def test_a_remote_file_that_has_gone_is_rejected(web, pile):
    source = open_source(f"{web}/photos/")
    (pile / "photos" / "top.jpg").unlink()
    with pytest.raises(ImageError, match=r"^unreadable: "):
        source.read(0)
    assert source.read(1) == b"zero"


@pytest.mark.parametrize("what", ["photos/", "photos.zip", "photos.tar"])
def test_limits_hold_at_remote_places(address, what):
    source = open_source(f"{address}/{what}", Limits(max_bytes=4))
    with pytest.raises(ImageError, match=r"file too large: \d+ bytes, and max_bytes is 4"):
        source.read(list(source.names).index("dog/deep/3.png"))
    assert source.read(list(source.names).index("dog/2.jpg")) == b"two"


def test_an_index_page_that_links_to_its_own_orders_and_its_parent_is_read(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a b.jpg").write_bytes(b"pixels")
    links = ["?C=N;O=D", "/", "../", "./", "a%20b.jpg", "http://127.0.0.2/other.jpg", "#top"]
    page = "".join(f'<a href="{link}">{link}</a>' for link in links)
    (tmp_path / "photos" / "index.html").write_text(page)
    with serving(tmp_path, RangeHandler) as (address, _):
        source = open_source(f"{address}/photos/")
        assert list(source.names) == ["a%20b.jpg"]
        assert source.read(0) == b"pixels"


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("memory://nowhere", r"there is nothing at memory://nowhere"),
        ("memory://nowhere/*.jpg", "must hold at least one file"),
        ("memory://nowhere/{0..1}.tar", r"there is nothing at memory://nowhere/0\.tar"),
        ("nosuch://bucket/a.zip", r"must begin with a protocol that fsspec knows .*nosuch"),
        ("http://127.0.0.1:1/a.zip", r"must stay within reach"),
        ("http://127.0.0.1:1/photos/", r"must stay within reach"),
    ],
)
def test_an_address_that_cannot_be_used_is_an_input_error(location, message):
    with pytest.raises(InputError, match=message):
        open_source(location)


def test_a_protocol_whose_package_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(InputError, match=r"s3://bucket/a\.zip needs the package of its protocol.*s3fs"):
        open_source("s3://bucket/a.zip")


def test_a_remote_file_that_is_no_archive_says_how_to_write_a_folder(web):
    with pytest.raises(InputError, match=r"is neither .*the address of a folder ends in /"):
        open_source(f"{web}/photos")


def test_a_remote_lmdb_is_an_input_error(memory):
    fsspec.filesystem("memory").pipe_file("/pile/lsun/data.mdb", b"x")
    with pytest.raises(InputError, match="an LMDB must be on this machine"):
        open_source(f"{memory}/lsun")


def test_keys_are_handed_to_the_file_system_and_never_shown(pile, caplog):
    caplog.set_level(logging.DEBUG)
    secret = {"headers": {"Authorization": "a secret"}}
    with serving(pile, RangeHandler) as (address, _):
        source = open_source(f"{address}/photos.zip", storage=secret)
        assert contents(source) == FILES
    assert "a secret" not in repr(source._place) + caplog.text
    with pytest.raises(InputError) as raised:
        source.read(0)
    assert "a secret" not in str(raised.value)
