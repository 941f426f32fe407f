"""Nothing that a listing meets is lost: it is a row, or it is counted as passed over."""

import io
import itertools
import logging
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.splits import Split

FOLDERS = ["", "cat", "dog", "a/b", "train", "test", "val", ".hidden", "__MACOSX", ".ipynb_checkpoints", "00000"]
KEYS = ["0", "1", "scan", "2024", "._0", ".DS_Store", "Thumbs"]
ENDINGS = [
    "png",
    "PNG",
    "jpg",
    "cls",
    "json",
    "txt",
    "npy",
    "db",
    "mask.png",
    "000.png",
    "001.png",
    "01.01.cls",
    "tga",
    "",
]
NAMES = st.builds(
    lambda folder, key, ending: "/".join(part for part in (folder, f"{key}.{ending}".rstrip(".")) if part),
    st.sampled_from(FOLDERS),
    st.sampled_from(KEYS),
    st.sampled_from(ENDINGS),
)
PILES = st.lists(NAMES, min_size=1, max_size=25, unique=True)


def listed_or_counted(location):
    """How many files a listing accounts for; None where the source is refused, which is a word too."""
    try:
        source = open_source(str(location))
    except InputError:
        return None
    return len(source) + source.files_passed_over


@given(names=PILES)
def test_every_file_of_a_folder_is_a_row_or_counted(tmp_path_factory, names):
    root = tmp_path_factory.mktemp("folder")
    made = 0
    for name in names:
        path = root / name
        if path.exists() or any(parent.is_file() for parent in path.parents):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}")
        made += 1
    assert listed_or_counted(root) in (made, None)
    assert listed_or_counted(f"{root}/**/*.png") in (made, None)


@given(names=PILES)
def test_every_file_of_a_zip_is_a_row_or_counted(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("zip") / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")
    assert listed_or_counted(path) in (len(names), None)


@given(names=st.lists(NAMES, min_size=1, max_size=25), kinds=st.data())
def test_every_member_of_a_tar_is_a_row_or_counted(tmp_path_factory, names, kinds):
    path = tmp_path_factory.mktemp("tar") / "a.tar"
    types = st.sampled_from([*[tarfile.REGTYPE] * 6, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, b"Z"])
    with tarfile.open(path, "w") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kinds.draw(types), names[0], 0
            archive.addfile(info)
    for location in (str(path), f"{path.parent}/*.tar"):
        assert listed_or_counted(location) in (len(names), None)


@given(keys=st.sets(st.binary(min_size=1, max_size=6) | st.sampled_from([b"__len__", b"__keys__"]), min_size=1))
def test_every_key_of_an_lmdb_is_a_row_or_counted(tmp_path_factory, keys):
    lmdb = pytest.importorskip("lmdb", reason="the lmdb extra is not installed")
    folder = tmp_path_factory.mktemp("lmdb")
    with lmdb.open(str(folder), map_size=2**24) as environment, environment.begin(write=True) as transaction:
        for key in keys:
            transaction.put(key, b"value")
    (folder / "beside.png").write_bytes(b"")
    assert listed_or_counted(folder) in (len(keys) + 1, None)


@pytest.mark.parametrize("parts", list(itertools.product(["train", "Training"], ["test", "val", "testing"])))
def test_what_is_of_the_other_part_or_of_none_is_counted(tmp_path, parts):
    names = [f"{parts[0]}/cat/{k}.png" for k in range(5)] + [f"{parts[1]}/cat/{k}.png" for k in range(3)]
    names += ["README.txt", "other/0.png", "unlabelled/1.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    for part, count in (("train", 5), ("test", 3)):
        source = open_source(str(tmp_path), split=Split(part=part))
        assert len(source) == count
        assert len(source) + source.files_passed_over == len(names)


def test_a_user_is_told_the_counts_and_warned_of_what_may_be_missed(tmp_path, caplog):
    for name in ("cat/a.png", ".DS_Store", "cat/.cache/a.png", "cat/.cache/b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "horse").mkdir()
    with caplog.at_level(logging.INFO, "dcgan_pipeline"):
        open_source(str(tmp_path)).say_what_is_passed_over()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "1 files are listed" in record.message
    for text in ("with the endings of images: 2", "empty folders: 1", "systems leave behind"):
        assert text in record.message


def test_what_is_expected_is_said_and_not_warned_of(tmp_path, caplog):
    (tmp_path / ".DS_Store").write_bytes(b"")
    (tmp_path / "a.png").write_bytes(b"")
    with caplog.at_level(logging.INFO, "dcgan_pipeline"):
        open_source(str(tmp_path)).say_what_is_passed_over()
    assert [record.levelname for record in caplog.records] == ["INFO"]


# ---- links


def fill(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())


def listed(location):
    source = open_source(str(location))
    return list(source.names), {reason.text: count for reason, count in source.passed_over.items()}


def test_folders_that_are_links_are_followed_and_are_classes(tmp_path):
    fill(tmp_path / "store", *(f"{k}.png" for k in range(6)))
    fill(tmp_path / "photos", *(f"real/{k}.png" for k in range(2)))
    (tmp_path / "photos/linked").symlink_to(tmp_path / "store")
    source = open_source(str(tmp_path / "photos"))
    assert source.classes == ("linked", "real")
    assert sorted(source.labels.tolist()) == [0] * 6 + [1] * 2
    assert source.read(2) == b"0.png"
    assert source.files_passed_over == 0


def test_a_folder_is_listed_once_under_its_real_name(tmp_path):
    fill(tmp_path, "z/real/a.png")
    (tmp_path / "again").symlink_to(tmp_path / "z/real")
    names, counts = listed(tmp_path)
    assert names == ["z/real/a.png"]
    assert counts == {"links to folders that are listed already": 1}


def test_a_link_to_a_folder_that_is_passed_over_shows_its_images(tmp_path):
    fill(tmp_path, ".store/cats/a.png", ".store/dogs/b.png")
    for name in ("cats", "dogs"):
        (tmp_path / name).symlink_to(f".store/{name}")
    assert listed(tmp_path)[0] == ["cats/a.png", "dogs/b.png"]


@pytest.mark.parametrize("target", [".", "..", "../.."])
def test_a_link_to_a_folder_that_it_lies_in_goes_round_no_ring(tmp_path, target):
    fill(tmp_path / "top/root", "inside/a.png")
    fill(tmp_path / "top", "outside.png")
    (tmp_path / "top/root/inside/up").symlink_to(target)
    assert listed(tmp_path / "top/root") == (["inside/a.png"], {"links to folders that they lie in": 1})


def test_links_that_lead_to_each_other_end(tmp_path):
    """Rings through folders without files of their own, and a mesh of all with all."""
    for k in range(6):
        fill(tmp_path / f"{k}/deep", "a.png")
        for other in range(6):
            (tmp_path / f"{k}/to{other}").symlink_to(tmp_path / f"{other}")
    names, counts = listed(tmp_path)
    assert names == [f"{k}/deep/a.png" for k in range(6)]
    assert counts["links to folders that they lie in"] >= 6


def test_a_link_that_leads_nowhere_hides_no_other_file(tmp_path):
    fill(tmp_path, "a.png", "c.png", "sub/d.png")
    (tmp_path / "b").symlink_to("b")  # to itself: asking whether it is a folder is an error
    source = open_source(str(tmp_path))
    assert list(source.names) == ["a.png", "b", "c.png", "sub/d.png"]
    with pytest.raises(ValueError, match="unreadable"):
        source.read(1)


# ---- zips of Windows


def test_a_zip_whose_folders_are_parted_by_backslashes_has_its_classes(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("cat\\", "cat\\a.png", "dog\\b.png"):
            info = zipfile.ZipInfo("x")
            info.filename, info.create_system = name, 0  # MS-DOS, as old archivers of .NET write
            archive.writestr(info, b"" if name.endswith("\\") else name)
    (tmp_path / "a.zip").write_bytes(buffer.getvalue())
    source = open_source(str(tmp_path / "a.zip"))
    assert list(source.names) == ["cat/a.png", "dog/b.png"]
    assert source.classes == ("cat", "dog")
    assert source.read(0) == b"cat\\a.png"


# ---- piles of another form


def test_files_beside_an_lmdb_are_counted(tmp_path):
    lmdb = pytest.importorskip("lmdb", reason="the lmdb extra is not installed")
    with lmdb.open(str(tmp_path), map_size=2**24) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"0", b"value")
    fill(tmp_path, "cat/a.png", "cat/b.png")
    assert listed(tmp_path) == (["0"], {"files beside the LMDB": 2})


def test_a_folder_of_shards_is_refused_with_the_pattern_to_give(tmp_path):
    fill(tmp_path, "00000.tar", "00000.parquet", "00000_stats.json", "00001.tar")
    with pytest.raises(InputError, match=r"holds archives \(2 tars, 0 zips\) .* give them as shards.*\*\.tar"):
        open_source(str(tmp_path))
    fill(tmp_path, "a.jpg")
    assert len(open_source(str(tmp_path))) == 5
