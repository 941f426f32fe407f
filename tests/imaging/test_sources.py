import os
import pickle
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import (
    NO_LABEL,
    ArraySource,
    FolderSource,
    ImageError,
    Names,
    SubsetSource,
    TarSource,
    ZipSource,
)

LIMITS = Limits()
ENTRIES = [("cat/a.jpg", b"first"), ("dog/b.jpg", b"second"), ("cat/c.jpg", b"third")]


def fill(root: Path, names: list[str]) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def bytes_or_reason(source, row):
    """Read a row; an error other than ImageError fails the test that calls."""
    try:
        return source.read(row)
    except ImageError as error:
        return str(error)


# ---- names


@given(names=st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_names_come_back_as_they_went_in(names):
    kept = Names(names)
    assert len(kept) == len(names)
    assert list(kept) == names
    assert [kept[k - len(names)] for k in range(len(names))] == names


@given(raw=st.lists(st.binary(max_size=12)))
def test_names_of_any_bytes_keep_their_bytes_and_can_be_printed(raw):
    kept = Names(os.fsdecode(name) for name in raw)
    assert [kept.encoded(k) for k in range(len(kept))] == raw
    for name in kept:
        name.encode("utf-8")


@given(names=st.lists(st.text(max_size=3)), start=st.none() | st.integers(-9, 9), stop=st.none() | st.integers(-9, 9))
def test_names_are_sliced_like_a_list(names, start, stop):
    names = [name for name in names if name.isascii()]
    assert Names(names)[start:stop] == names[start:stop]
    assert Names(names)[start:stop:-2] == names[start:stop:-2]


@pytest.mark.parametrize("row", [2, -3])
def test_a_name_beyond_the_end_is_an_index_error(row):
    with pytest.raises(IndexError):
        Names(["a", "b"])[row]


def test_names_that_are_joined_otherwise_have_another_digest():
    assert Names(["ab", "c"]).digest() == Names(["ab", "c"]).digest()
    assert len({Names(names).digest() for names in (["ab", "c"], ["a", "bc"], ["abc"], ["c", "ab"])}) == 4


# ---- folders


def test_a_folder_is_listed_to_the_bottom_in_an_order_of_its_own(tmp_path):
    names = ["z.jpg", "a.jpg", "b/2.jpg", "b/10.jpg", "b/deep/er/x.png", "a/y.gif"]
    source = FolderSource(str(fill(tmp_path, names)), LIMITS)
    assert list(source.names) == ["a.jpg", "z.jpg", "a/y.gif", "b/10.jpg", "b/2.jpg", "b/deep/er/x.png"]
    assert [source.read(row).decode() for row in range(len(source))] == list(source.names)


def test_files_that_systems_leave_behind_are_passed_over(tmp_path):
    left = [".DS_Store", "a/.hidden", ".git/b.jpg", "__MACOSX/a/._a.jpg", "a/Thumbs.db"]
    source = FolderSource(str(fill(tmp_path, [*left, "a/a.jpg", "a/thumbs.jpg"])), LIMITS)
    assert list(source.names) == ["a/a.jpg", "a/thumbs.jpg"]


def test_the_folder_that_a_file_lies_in_is_its_label(tmp_path):
    source = FolderSource(str(fill(tmp_path, ["train/dog/1.jpg", "train/cat/2.jpg", "test/dog/3.jpg"])), LIMITS)
    assert source.classes == ("cat", "dog")
    assert [source.classes[label] for label in source.labels] == ["dog", "cat", "dog"]
    assert source.labels.dtype == np.int64


def test_a_file_beside_the_folders_of_classes_has_no_label(tmp_path):
    source = FolderSource(str(fill(tmp_path, ["stray.jpg", "cat/1.jpg", "dog/2.jpg"])), LIMITS)
    assert source.labels.tolist() == [NO_LABEL, 0, 1]


@pytest.mark.parametrize("names", [["a.jpg", "b.jpg"], ["cat/a.jpg", "cat/b.jpg"], ["cat/a.jpg", "b.jpg"]])
def test_fewer_than_two_folders_are_no_classes(tmp_path, names):
    source = FolderSource(str(fill(tmp_path, names)), LIMITS)
    assert source.classes == ()
    assert set(source.labels.tolist()) == {NO_LABEL}


@pytest.mark.parametrize("name", ["a b.jpg", "ünï✓.jpg", "line\nbreak.jpg", "back\\slash.jpg", "#?%20.jpg", "-rf"])
def test_a_file_of_a_strange_name_is_read(tmp_path, name):
    source = FolderSource(str(fill(tmp_path, [name])), LIMITS)
    assert list(source.names) == [name]
    assert source.read(0) == name.encode()


def test_a_file_whose_name_is_no_text_is_read_and_its_name_can_be_stored(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"\xff\xfe.jpg")
    try:
        with open(path, "wb") as file:
            file.write(b"pixels")
    except OSError as error:
        pytest.skip(f"this file system refuses such names: {error}")
    source = FolderSource(str(tmp_path), LIMITS)
    assert source.read(0) == b"pixels"
    assert list(source.names) == [r"\xff\xfe.jpg"]
    assert source.names.encoded(0) == b"\xff\xfe.jpg"


def test_a_dangling_link_is_listed_and_rejected_when_it_is_read(tmp_path):
    (tmp_path / "a.jpg").symlink_to(tmp_path / "nowhere")
    source = FolderSource(str(tmp_path), LIMITS)
    with pytest.raises(ImageError, match="unreadable: No such file"):
        source.read(0)
    assert source.fingerprint() == FolderSource(str(tmp_path), LIMITS).fingerprint()


def test_a_link_to_a_file_is_read(tmp_path):
    fill(tmp_path / "inside", ["real.jpg"])
    (tmp_path / "inside" / "link.jpg").symlink_to(tmp_path / "inside" / "real.jpg")
    source = FolderSource(str(tmp_path / "inside"), LIMITS)
    assert list(source.names) == ["link.jpg", "real.jpg"]
    assert source.read(0) == source.read(1) == b"real.jpg"


def test_a_pipe_is_rejected_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(ImageError, match="not a regular file"):
        FolderSource(str(tmp_path), LIMITS).read(0)


def test_a_file_that_may_not_be_read_is_rejected(tmp_path):
    fill(tmp_path, ["a.jpg"])
    (tmp_path / "a.jpg").chmod(0)
    if os.access(tmp_path / "a.jpg", os.R_OK):
        pytest.skip("this user may read every file")
    with pytest.raises(ImageError, match="unreadable: Permission denied"):
        FolderSource(str(tmp_path), LIMITS).read(0)


def test_a_file_that_has_gone_since_is_rejected(tmp_path):
    source = FolderSource(str(fill(tmp_path, ["a.jpg", "b.jpg"])), LIMITS)
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(ImageError, match="unreadable: No such file"):
        source.read(0)
    assert source.read(1) == b"b.jpg"


def test_a_folder_without_files_is_an_input_error(tmp_path):
    fill(tmp_path, [".DS_Store"])
    with pytest.raises(InputError, match=r"must hold at least one file, and .* holds none; check the path"):
        FolderSource(str(tmp_path), LIMITS)


def test_a_folders_fingerprint_changes_when_a_file_does_and_not_otherwise(tmp_path):
    def fingerprint():
        return FolderSource(str(tmp_path), LIMITS).fingerprint()

    fill(tmp_path, ["a.jpg", "b.jpg"])
    first = fingerprint()
    (tmp_path / "a.jpg").read_bytes()
    assert fingerprint() == first
    touched = (tmp_path / "a.jpg").stat().st_mtime_ns + 1
    os.utime(tmp_path / "a.jpg", ns=(touched, touched))
    second = fingerprint()
    (tmp_path / "a.jpg").write_bytes(b"longer than before")
    os.utime(tmp_path / "a.jpg", ns=(touched, touched))
    third = fingerprint()
    (tmp_path / "b.jpg").rename(tmp_path / "c.jpg")
    assert len({first, second, third, fingerprint()}) == 4


# ---- zips


def test_a_zip_is_read_in_place_by_row(make_zip):
    source = ZipSource(str(make_zip(ENTRIES)), LIMITS)
    assert list(source.names) == [name for name, _ in ENTRIES]
    assert [source.read(row) for row in (2, 0, 1)] == [b"third", b"first", b"second"]
    assert source.classes == ("cat", "dog")
    assert source.labels.tolist() == [0, 1, 0]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_a_zip_with_one_name_are_two_images(make_zip):
    source = ZipSource(str(make_zip([("a.jpg", b"old"), ("a.jpg", b"new")])), LIMITS)
    assert [source.read(row) for row in range(len(source))] == [b"old", b"new"]


def test_folders_and_what_systems_leave_are_passed_over_in_a_zip(make_zip):
    left = [("photos/", b""), ("__MACOSX/photos/._a.jpg", b"x"), ("photos/.DS_Store", b"x"), ("Thumbs.db", b"x")]
    source = ZipSource(str(make_zip([*left, ("photos/a.jpg", b"pixels")])), LIMITS)
    assert list(source.names) == ["photos/a.jpg"]
    assert source.read(0) == b"pixels"


def test_a_zip_of_folders_alone_is_an_input_error(make_zip):
    with pytest.raises(InputError, match="must hold at least one file"):
        ZipSource(str(make_zip([("photos/", b"")])), LIMITS)


def set_in_directory(path: Path, field: int, value: bytes, local: int | None = None) -> None:
    """Overwrite a field of the first entry, in the zip's directory and, where it is there, beside the data too."""
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02") + field
    data[at : at + len(value)] = value
    if local is not None:
        data[local : local + len(value)] = value
    path.write_bytes(data)


def test_an_encrypted_entry_is_rejected_and_the_others_are_read(make_zip):
    path = make_zip(ENTRIES)
    set_in_directory(path, 8, b"\1\0", local=6)  # bit 0 of the flags: encrypted (APPNOTE 4.4.4)
    source = ZipSource(str(path), LIMITS)
    with pytest.raises(ImageError, match=r"^unreadable: encrypted$"):
        source.read(0)
    assert source.read(1) == b"second"


def test_an_entry_of_an_unknown_compression_is_rejected_with_that_reason(make_zip):
    path = make_zip(ENTRIES)
    set_in_directory(path, 10, b"\x09\0", local=8)  # Deflate64 (APPNOTE 4.4.5)
    with pytest.raises(ImageError, match=r"unreadable: .*compression"):
        ZipSource(str(path), LIMITS).read(0)


@pytest.mark.parametrize("claim", [4, 6, 10**6])
def test_an_entry_that_lies_about_its_size_is_rejected_or_given_whole(make_zip, claim):
    path = make_zip(ENTRIES)
    set_in_directory(path, 24, struct.pack("<I", claim), local=22)
    source = ZipSource(str(path), LIMITS)
    assert bytes_or_reason(source, 0) == b"first" or bytes_or_reason(source, 0).startswith("unreadable: ")
    assert source.read(1) == b"second"


def test_an_entry_whose_bytes_were_changed_is_rejected(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:  # stored, so that the bytes stand there as they are
        archive.writestr("a.jpg", b"pixels of a")
        archive.writestr("b.jpg", b"pixels of b")
    data = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(data.replace(b"pixels of a", b"pixels of z"))
    source = ZipSource(str(tmp_path / "a.zip"), LIMITS)
    with pytest.raises(ImageError, match="unreadable: its checksum is not"):
        source.read(0)
    assert source.read(1) == b"pixels of b"


@given(at=st.integers(0, 2**16), junk=st.binary(min_size=1, max_size=4))
def test_a_damaged_zip_is_an_input_error_or_gives_bytes_or_image_errors(tmp_path_factory, at, junk):
    folder = tmp_path_factory.mktemp("zip")
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ENTRIES:
            archive.writestr(name, content)
    data = (folder / "a.zip").read_bytes()
    at %= len(data)
    (folder / "a.zip").write_bytes(data[:at] + junk + data[at + len(junk) :])
    try:
        source = open_source(str(folder / "a.zip"))
    except InputError:
        return
    for row in range(len(source)):
        assert bytes_or_reason(source, row) is not None


def test_a_file_larger_than_the_limit_is_rejected_wherever_it_lies(tmp_path, make_zip, make_tar):
    entries = [("a.jpg", b"x" * 100), ("b.jpg", b"x" * 101)]
    (tmp_path / "folder").mkdir()
    for name, data in entries:
        (tmp_path / "folder" / name).write_bytes(data)
    limits = Limits(max_bytes=100)
    for path in (tmp_path / "folder", make_zip(entries), make_tar(entries)):
        source = open_source(str(path), limits)
        assert source.read(0) == b"x" * 100
        with pytest.raises(ImageError, match="file too large: 101 bytes, and max_bytes is 100"):
            source.read(1)


def test_a_zip_bomb_that_hides_its_size_is_not_unpacked(make_zip):
    path = make_zip([("a.jpg", bytes(10**6))])
    set_in_directory(path, 24, struct.pack("<I", 50), local=22)
    with pytest.raises(ImageError):
        ZipSource(str(path), Limits(max_bytes=100)).read(0)


def test_an_archives_fingerprint_changes_when_an_entry_does_and_not_otherwise(make_zip, make_tar):
    for make, kind in ((make_zip, ZipSource), (make_tar, TarSource)):
        prints = []
        for name, data in (("a.jpg", b"one"), ("a.jpg", b"one"), ("a.jpg", b"three"), ("b.jpg", b"one")):
            prints.append(kind(str(make([(name, data)])), LIMITS).fingerprint())
        assert prints[0] == prints[1]
        assert len(set(prints)) == 3


def test_a_zips_fingerprint_changes_with_contents_of_the_same_size(make_zip):
    prints = [ZipSource(str(make_zip([("a.jpg", data)])), LIMITS).fingerprint() for data in (b"one", b"two")]
    assert prints[0] != prints[1]


# ---- tars


def test_a_tar_is_read_in_place_by_row(make_tar):
    source = TarSource(str(make_tar([("photos/", b""), *ENTRIES])), LIMITS)
    assert list(source.names) == [name for name, _ in ENTRIES]
    assert [source.read(row) for row in (2, 0, 1)] == [b"third", b"first", b"second"]
    assert source.labels.tolist() == [0, 1, 0]


def test_two_entries_of_a_tar_with_one_name_are_two_images(make_tar):
    source = TarSource(str(make_tar([("a.jpg", b"old"), ("a.jpg", b"new")])), LIMITS)
    assert [source.read(row) for row in range(len(source))] == [b"old", b"new"]


def test_what_systems_leave_is_passed_over_in_a_tar_and_dots_in_front_are_not(make_tar):
    left = [("./._a.jpg", b"x"), ("__MACOSX/a.jpg", b"x"), ("a/.DS_Store", b"x")]
    source = TarSource(str(make_tar([*left, ("./a/a.jpg", b"pixels")])), LIMITS)
    assert list(source.names) == ["./a/a.jpg"]


@pytest.mark.parametrize("name", ["x" * 150 + ".jpg", "ünï✓.jpg", "\udcff.jpg"])
def test_a_tar_entry_of_a_strange_name_is_read(make_tar, name):
    source = TarSource(str(make_tar([(name, b"pixels")])), LIMITS)
    assert source.read(0) == b"pixels"
    source.names[0].encode("utf-8")


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
def test_a_compressed_tar_is_an_input_error_that_says_what_to_do(make_tar, compression):
    path = make_tar(ENTRIES, f"a.tar.{compression}", f"w:{compression}")
    with pytest.raises(InputError, match=r"must be whole, and uncompressed .* unpack its compression"):
        open_source(str(path))


@pytest.mark.parametrize("length", [20, 60, 200])
def test_a_compressed_tar_that_is_cut_short_is_an_input_error(tmp_path, make_tar, length):
    noise = np.random.default_rng(0).bytes(5000)
    data = make_tar([("a.jpg", noise)], "a.tar.gz", "w:gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(data[:length])
    with pytest.raises(InputError, match="must be"):
        open_source(str(tmp_path / "cut.tar.gz"))


@pytest.mark.parametrize("length", [0, 100, 600, 512 + 2000, 512 + 2048 + 100, 512 + 2048 + 512 + 2047])
def test_a_tar_that_is_cut_short_is_an_input_error(tmp_path, make_tar, length):
    data = make_tar([("a.jpg", b"a" * 2000), ("b.jpg", b"b" * 2000), ("c.jpg", b"c" * 2000)]).read_bytes()
    (tmp_path / "cut.tar").write_bytes(data[:length])
    with pytest.raises(InputError, match=r"must be (a )?whole"):
        open_source(str(tmp_path / "cut.tar"))


def test_a_broken_header_inside_a_tar_is_an_input_error_and_not_the_end(tmp_path, make_tar):
    data = bytearray(make_tar(ENTRIES).read_bytes())
    data[1024 : 1024 + 100] = b"\xee" * 100  # the second entry's; each has one block of header and one of data
    (tmp_path / "broken.tar").write_bytes(data)
    with pytest.raises(InputError, match=r"must be whole.*broken header at byte 1024"):
        open_source(str(tmp_path / "broken.tar"))


def test_a_tars_fingerprint_changes_with_a_time_of_change(tmp_path, make_tar):
    path = make_tar(ENTRIES)
    first = TarSource(str(path), LIMITS).fingerprint()
    subprocess.run(["tar", "-xf", path, "-C", tmp_path], check=True)
    subprocess.run(["tar", "-cf", path, "-C", tmp_path, *(name for name, _ in ENTRIES), "--mtime=@99"], check=True)
    assert TarSource(str(path), LIMITS).fingerprint() != first


# ---- arrays and subsets


def test_an_array_gives_its_rows_and_labels():
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    source = ArraySource("here", images, np.array([1, 0], np.int32), ["no", "yes"], LIMITS)
    assert len(source) == 2
    assert list(source.names) == ["000000", "000001"]
    assert source.labels.dtype == np.int64
    np.testing.assert_array_equal(source.read(1), images[1])
    changed = images.copy()
    changed[1, 2, 3] += 1
    assert source.fingerprint() != ArraySource("here", changed, source.labels, source.classes, LIMITS).fingerprint()
    assert source.fingerprint() == ArraySource("there", images, source.labels, source.classes, LIMITS).fingerprint()


def test_a_subset_gives_the_rows_it_was_asked_for(make_zip):
    whole = ZipSource(str(make_zip(ENTRIES)), LIMITS)
    part = SubsetSource(whole, np.array([2, 0]))
    assert list(part.names) == ["cat/c.jpg", "cat/a.jpg"]
    assert [part.read(row) for row in range(len(part))] == [b"third", b"first"]
    assert part.labels.tolist() == [0, 0]
    assert part.classes == whole.classes
    prints = {SubsetSource(whole, np.array(rows)).fingerprint() for rows in ([2, 0], [0, 2], [0])}
    assert len(prints | {whole.fingerprint()}) == 4
    assert part.fingerprint() == SubsetSource(whole, np.array([2, 0])).fingerprint()


# ---- pickling


@pytest.fixture(params=["folder", "zip", "tar", "digits", "subset"])
def any_source(request, tmp_path, make_zip, make_tar):
    if request.param == "folder":
        return FolderSource(str(fill(tmp_path / "folder", ["cat/a.jpg", "dog/b.jpg"])), LIMITS)
    if request.param == "zip":
        return ZipSource(str(make_zip(ENTRIES)), LIMITS)
    if request.param == "tar":
        return TarSource(str(make_tar(ENTRIES)), LIMITS)
    if request.param == "digits":
        return open_source("sklearn://digits")
    return SubsetSource(ZipSource(str(make_zip(ENTRIES)), LIMITS), np.array([2, 1]))


def test_a_source_is_pickled_before_and_after_it_was_read(any_source):
    for _ in range(2):
        copy = pickle.loads(pickle.dumps(any_source))
        np.testing.assert_array_equal(copy.read(1), any_source.read(1))
        assert list(copy.names) == list(any_source.names)
        assert copy.fingerprint() == any_source.fingerprint()
        np.testing.assert_array_equal(copy.labels, any_source.labels)


def test_a_pickled_source_is_read_in_another_process(any_source, tmp_path):
    any_source.read(0)
    (tmp_path / "source.pickle").write_bytes(pickle.dumps(any_source))
    read = "import pickle, sys; s = pickle.load(open(sys.argv[1], 'rb')); sys.stdout.buffer.write(bytes(s.read(1)))"
    done = subprocess.run([sys.executable, "-c", read, tmp_path / "source.pickle"], check=True, capture_output=True)
    assert done.stdout == bytes(any_source.read(1))


def test_reading_leaves_the_files_as_they_are(tmp_path, make_zip):
    path = make_zip(ENTRIES)
    path.chmod(stat.S_IRUSR)
    before = path.read_bytes()
    source = ZipSource(str(path), LIMITS)
    source.read(0)
    assert path.read_bytes() == before


def test_rows_are_described_by_their_first_and_last_names(make_zip):
    location = make_zip([(f"{name}.jpg", b"") for name in "abcd"])
    source = ZipSource(str(location), Limits())
    assert source.describe_rows(range(1, 4)) == f"3 images of {location}, b.jpg to d.jpg"


@pytest.mark.parametrize("name", [".", "..", "/", "", "a//b.jpg"])
def test_a_tar_entry_whose_name_says_nothing_stops_nothing(make_tar, name):
    entries = [("good.jpg", b"1"), (name, b"2")] if not name.endswith("/") else [("good.jpg", b"1")]
    source = TarSource(str(make_tar(entries)), Limits())
    assert source.read(list(source.names).index("good.jpg")) == b"1"


@pytest.mark.parametrize("size", [11, 10**6, 2**62])
def test_a_tar_whose_last_header_promises_more_than_there_is_is_an_input_error(make_tar, size):
    location = make_tar([("good.jpg", b"1" * 512)])
    whole = location.read_bytes()
    info = tarfile.TarInfo("lies.jpg")
    info.size = size
    location.write_bytes(whole[:1024] + info.tobuf(tarfile.GNU_FORMAT) + b"too short")
    with pytest.raises(InputError, match="a tar must be whole"):
        TarSource(str(location), Limits())
