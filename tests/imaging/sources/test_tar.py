"""Tars: samples and labels of WebDataset, shards, links, and tars that are broken."""

import io
import pickle
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import NO_LABEL, ImageError, TarSource
from dcgan_pipeline.imaging.sources.sieve import described

SAMPLES = [
    ("000.cls", b"7\n"),
    ("000.jpg", b"first"),
    ("000.json", b"{}"),
    ("001.cls", b"10"),
    ("001.png", b"second"),
    ("001.txt", b"a caption"),
    ("002.cls", b"7"),
    ("002.jpg", b"third"),
]


def labels_by_name(source):
    return [source.classes[label] if label != NO_LABEL else "" for label in source.labels]


def test_the_image_of_a_sample_is_its_row_and_its_cls_the_label(make_tar):
    source = open_source(str(make_tar(SAMPLES)))
    assert list(source.names) == ["000.jpg", "001.png", "002.jpg"]
    assert [source.read(row) for row in range(3)] == [b"first", b"second", b"third"]
    assert source.classes == ("7", "10")  # as numbers
    assert labels_by_name(source) == ["7", "10", "7"]


def test_labels_may_be_names_and_may_be_missing(make_tar):
    entries = [("0.jpg", b""), ("0.cls", b" dog "), ("1.jpg", b""), ("2.cls", b"cat"), ("2.jpg", b"")]
    entries += [("3.cls", b"\xff\xfe"), ("3.jpg", b""), ("4.cls", b"x" * 5000), ("4.jpg", b"")]
    source = TarSource(str(make_tar(entries)), Limits())
    assert source.classes == ("cat", "dog")
    assert labels_by_name(source) == ["dog", "", "cat", "", ""]


def test_a_mark_of_the_byte_order_is_no_part_of_a_label(make_tar):
    entries = [
        ("0.jpg", b""),
        ("0.cls", "\ufeff7".encode()),
        ("1.jpg", b""),
        ("1.cls", b"7"),
        ("2.jpg", b""),
        ("2.cls", b"8"),
    ]
    assert open_source(str(make_tar(entries))).classes == ("7", "8")


def test_of_several_images_in_a_sample_the_plain_one_is_the_row(make_tar):
    entries = [("0.cls", b"1"), ("0.mask.png", b"mask"), ("0.JPG", b"image"), ("1.cls", b"2"), ("1.a.b", b"other")]
    source = TarSource(str(make_tar(entries)), Limits())
    assert list(source.names) == ["0.JPG", "1.a.b"]


def test_without_companions_every_file_of_a_tar_is_an_image(make_tar):
    names = ["cat/a.jpg", "cat/a.png", "cat/notes.txt", "dog/photo.2020.01.jpg", "dog/photo.2020.02.jpg", "dog/x.cls"]
    source = TarSource(str(make_tar([(name, b"") for name in names])), Limits())
    assert list(source.names) == names
    assert source.classes == ("cat", "dog")


def tar_of_pictures(make_tar, *names):
    """A tar of empty files; a ``.cls`` holds what follows an = in its name here."""
    return TarSource(
        str(make_tar([(name.partition("=")[0], name.partition("=")[2].encode()) for name in names])), Limits()
    )


def counts(source):
    return {reason.text.partition(" ")[0]: count for reason, count in source.passed_over.items() if count}


def test_labels_are_found_wherever_they_lie_in_the_tar(make_tar):
    names = [f"{k:03}.png" for k in range(24)] + [f"{k:03}.cls={k % 3}" for k in reversed(range(24))]
    source = tar_of_pictures(make_tar, *names)
    assert list(source.names) == names[:24]
    assert source.labels.tolist() == [k % 3 for k in range(24)]
    assert counts(source) == {"companions": 24}


def test_names_with_dots_keep_their_labels(make_tar):
    names = [f"2024.01.{day:02}.{ending}" for day in range(1, 25) for ending in ("png", f"cls={day % 2}")]
    source = tar_of_pictures(make_tar, *names)
    assert list(source.names) == names[::2]
    assert source.labels.tolist() == [day % 2 for day in range(1, 25)]


def test_images_whose_names_begin_alike_are_not_merged_by_one_companion(make_tar):
    scans = [f"scan.{k:03}.png" for k in range(24)]
    for beside in (["scan.json"], ["scan.000.json"], ["scan.json", "scan.txt"], ["scan.png", "scan.json"]):
        source = tar_of_pictures(make_tar, *scans, *beside)
        assert set(source.names) == {*scans, *(name for name in beside if name.endswith("png"))}
        assert source.files_passed_over == len(scans) + len(beside) - len(source)


def test_a_label_of_another_column_is_the_labels_of_its_key(make_tar):
    names = [f"s{k:03}.{ending}" for k in range(6) for ending in ("input.jpg", f"output.cls={k % 2}")]
    source = tar_of_pictures(make_tar, *names)
    assert list(source.names) == names[::2]
    assert source.labels.tolist() == [0, 1] * 3


def test_a_label_is_that_of_all_images_of_its_key(make_tar):
    source = tar_of_pictures(make_tar, "a.left.jpg", "a.right.jpg", "a.cls=1", "b.left.jpg", "b.cls=2")
    assert labels_by_name(source) == ["1", "1", "2"]


def test_masks_are_passed_over_and_counted(make_tar):
    names = [f"{k}.{ending}" for k in range(5) for ending in ("png", "mask.png", f"cls={k % 2}", "npy")]
    source = tar_of_pictures(make_tar, *names)
    assert list(source.names) == names[::4]
    assert counts(source) == {"pictures": 5, "companions": 10}


def test_labels_that_cannot_be_used_are_counted(make_tar):
    names = ["0.png", "0.cls=", "1.png", "1.cls=a", "2.png", "2.x.cls=a", "2.y.cls=b", "3.png", "3.cls=b"]
    source = tar_of_pictures(make_tar, *names)
    assert labels_by_name(source) == ["", "a", "", "b"]
    assert counts(source) == {".cls": 3, "companions": 2, "images": 2}


def test_a_hard_link_has_the_label_of_its_file(tmp_path):
    link = {"type": tarfile.LNKTYPE, "linkname": "0.cls"}
    members = [("0.png", b"0", {}), ("0.cls", b"7", {}), ("1.png", b"1", {}), ("1.cls", b"", link)]
    members += [("2.png", b"2", {}), ("2.cls", b"8", {})]
    source = TarSource(write(tmp_path / "a.tar", *members), Limits())
    assert labels_by_name(source) == ["7", "7", "8"]


def test_two_members_of_one_name_are_two_images_in_a_sample_too(make_tar):
    entries = [("0.jpg", b"old"), ("0.cls", b"1"), ("1.jpg", b""), ("1.cls", b"2"), ("0.jpg", b"new"), ("0.cls", b"3")]
    source = TarSource(str(make_tar(entries)), Limits())
    assert [source.read(row) for row in range(3)] == [b"old", b"", b"new"]
    assert labels_by_name(source) == ["3", "2", "3"]  # the later label replaces the first


@given(
    keys=st.lists(st.sampled_from(["a", "b", "dir/a", "dir/b"]), min_size=1, max_size=6),
    endings=st.data(),
)
def test_no_image_of_a_tar_is_lost_or_listed_twice(tmp_path_factory, keys, endings):
    every = st.lists(st.sampled_from(["jpg", "png", "cls", "json", "txt"]), min_size=1, max_size=3, unique=True)
    names = [f"{k}-{key}.{ending}" for k, key in enumerate(keys) for ending in endings.draw(every)]
    path = tmp_path_factory.mktemp("tar") / "a.tar"
    with tarfile.open(path, "w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    listed = list(TarSource(str(path), Limits()).names)
    assert len(set(listed)) == len(listed)
    for key in {name.partition(".")[0] for name in names}:
        members = [name for name in names if name.startswith(f"{key}.")]
        rows = [name for name in listed if name.startswith(f"{key}.")]
        pictures = [name for name in members if name.endswith(("jpg", "png"))]
        alone = not pictures or len(pictures) == len(members)
        assert rows == (members if alone else pictures[:1])


# ---- shards


@pytest.fixture
def shards(make_tar, tmp_path):
    (tmp_path / "shards").mkdir()
    for k in range(3):
        entries = [
            (f"{k}{i}.{end}", data) for i in range(2) for end, data in (("cls", b"%d" % i), ("jpg", b"%d%d" % (k, i)))
        ]
        make_tar(entries, f"shards/train-{k:03}.tar")
    return tmp_path / "shards"


@pytest.mark.parametrize("pattern", ["train-{000..002}.tar", "train-00{0,1,2}.tar", "*.tar", "**/train-*.tar"])
def test_the_shards_of_a_set_are_one_source(shards, pattern):
    source = open_source(f"{shards}/{pattern}")
    assert list(source.names) == [f"train-{k:03}.tar/{k}{i}.jpg" for k in range(3) for i in range(2)]
    assert [source.read(row).decode() for row in (5, 0, 3)] == ["21", "00", "11"]
    assert labels_by_name(source) == ["0", "1"] * 3
    copy = pickle.loads(pickle.dumps(source))
    assert copy.read(4) == b"20"
    assert copy.fingerprint() == source.fingerprint()


def test_shards_are_in_the_order_that_they_are_asked_for(shards):
    assert [name[:9] for name in open_source(f"{shards}/train-{{002..001}}.tar").names][::2] == [
        "train-002",
        "train-001",
    ]


def test_a_shard_that_is_not_there_is_named(shards):
    with pytest.raises(InputError, match=r"there is nothing at .*train-003\.tar; put it there"):
        open_source(f"{shards}/train-{{000..003}}.tar")


def test_a_shard_that_is_cut_short_is_named(shards):
    path = shards / "train-001.tar"
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(InputError, match=r"a tar must be whole, .* got .*train-001\.tar"):
        open_source(f"{shards}/*.tar")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("train-{0}.tar", r"braces must hold a range .*, got \{0\}"),
        ("train-{a..c}.tar", r"braces must hold a range"),
        ("{a,b}/*.jpg", r"braces must name shards that end in \.tar"),
        ("*.zip", "shards must be tars"),
        ("nothing-*.tar", "holds none; check the path"),
        ("a**/*.tar", r"\*\* must be a whole part of a path"),
    ],
)
def test_shards_that_cannot_be_understood_are_an_input_error(shards, pattern, message):
    with pytest.raises(InputError, match=message):
        open_source(f"{shards}/{pattern}")


def test_folders_in_shards_are_classes_and_shards_are_not(make_tar, tmp_path):
    for k in range(2):
        make_tar([(f"cat/{k}.jpg", b""), (f"dog/{k}.jpg", b""), (f"{k}.jpg", b"")], f"part-{k}.tar")
    source = open_source(f"{tmp_path}/part-{{0..1}}.tar")
    assert source.classes == ("cat", "dog")
    assert labels_by_name(source) == ["cat", "dog", ""] * 2


def test_a_fingerprint_changes_with_a_label(make_tar):
    prints = set()
    for label in (b"1", b"2"):
        entries = [("0.cls", label), ("0.jpg", b""), ("1.cls", b"1"), ("1.jpg", b""), ("2.cls", b"2"), ("2.jpg", b"")]
        prints.add(TarSource(str(make_tar(entries)), Limits()).fingerprint())
    assert len(prints) == 2


# ---- odd and broken members


def write(path, *members):
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        for name, data, fields in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(data))
    return str(path)


def test_a_hard_link_has_the_bytes_of_its_file(tmp_path):
    link = {"type": tarfile.LNKTYPE}
    source = TarSource(
        write(
            tmp_path / "a.tar",
            ("a.jpg", b"pixels", {}),
            ("b.jpg", b"", {**link, "linkname": "a.jpg"}),
            ("c.jpg", b"", {**link, "linkname": "nowhere.jpg"}),
        ),
        Limits(),
    )
    assert list(source.names) == ["a.jpg", "b.jpg", "c.jpg"]
    assert source.read(0) == source.read(1) == b"pixels"
    with pytest.raises(ImageError, match="a link to a file that is not in the tar"):
        source.read(2)


def test_symbolic_links_and_devices_are_passed_over_and_names_are_only_names(tmp_path):
    odd = [
        (f"{kind.decode()}.jpg", b"", {"type": kind, "linkname": "/etc/passwd"}) for kind in (b"2", b"3", b"4", b"6")
    ]
    names = ["../above.jpg", "/absolute.jpg"]
    source = TarSource(write(tmp_path / "a.tar", *odd, *((name, b"x", {}) for name in names)), Limits())
    assert list(source.names) == names
    assert [source.read(row) for row in range(2)] == [b"x", b"x"]
    assert counts(source) == {"symbolic": 1, "members": 3}


def test_a_sparse_file_is_rejected(tmp_path):
    header = {"type": tarfile.GNUTYPE_SPARSE}
    source = TarSource(write(tmp_path / "a.tar", ("a.jpg", b"x", header), ("b.jpg", b"y", {})), Limits())
    with pytest.raises(ImageError, match="stored as a sparse file"):
        source.read(0)
    assert source.read(1) == b"y"


@pytest.mark.parametrize("blocks", [2, 4, 6])
def test_a_tar_cut_at_the_end_of_a_member_is_an_input_error(tmp_path, blocks):
    whole = write(tmp_path / "a.tar", *((f"{k}.jpg", b"x", {}) for k in range(3)))
    with open(whole, "rb") as file:
        data = file.read(512 * blocks)
    (tmp_path / "cut.tar").write_bytes(data)
    with pytest.raises(InputError, match=r"must be whole.*cut short at byte \d+: the empty block .* is missing"):
        open_source(str(tmp_path / "cut.tar"))


@pytest.mark.parametrize("size", [-512, -1024, -(2**40), 2**60])
def test_a_header_that_leads_nowhere_ends_in_an_input_error(tmp_path, size):
    info = tarfile.TarInfo("a.jpg")
    info.size = size
    whole = write(tmp_path / "a.tar", ("b.jpg", b"x", {}))
    with open(whole, "rb") as file:
        data = file.read(1024)
    (tmp_path / "bad.tar").write_bytes(data + info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(InputError, match="must be whole"):
        TarSource(str(tmp_path / "bad.tar"), Limits())


def test_a_tar_that_has_gone_is_an_input_error(make_tar):
    path = make_tar([("a.jpg", b"x")])
    source = TarSource(str(path), Limits())
    path.unlink()
    with pytest.raises(InputError, match=r"must stay within reach .*FileNotFoundError"):
        source.read(0)


def test_tars_that_were_joined_byte_by_byte_are_read_to_the_last(make_tar, tmp_path):
    tars = [make_tar([(f"{k}/0.png", b"%d" % k), (f"{k}/1.png", b"-")], f"{k}.tar").read_bytes() for k in range(3)]
    (tmp_path / "all.tar").write_bytes(b"".join(tars))
    source = open_source(str(tmp_path / "all.tar"))
    assert list(source.names) == [f"{k}/{j}.png" for k in range(3) for j in range(2)]
    assert [source.read(row) for row in (0, 2, 4)] == [b"0", b"1", b"2"]
    assert not source.passed_over.total()


def test_bytes_behind_the_end_of_a_tar_are_counted(make_tar, tmp_path):
    whole = make_tar([("0.png", b"")]).read_bytes()
    (tmp_path / "more.tar").write_bytes(whole + b"signature" * 100)
    source = open_source(str(tmp_path / "more.tar"))
    assert list(source.names) == ["0.png"]
    assert described(source.passed_over) == "tars with bytes behind their end that are no tar: 1"


@pytest.mark.parametrize(
    "others", [[("1.png", b""), ("2.cls", b"b"), ("2.png", b"")], [("1.png", b""), ("README", b"")]]
)
def test_images_that_lose_their_folders_labels_to_a_cls_are_counted(make_tar, others):
    entries = [("cat/0.png", b""), ("cat/0.cls", b"a"), *((f"dog/{name}", data) for name, data in others)]
    source = open_source(str(make_tar(entries)))
    counts = {reason.text: count for reason, count in source.passed_over.items()}
    assert counts["images without a label, where others have one of a .cls"] == 1


def test_what_is_passed_over_beside_shards_is_counted(make_tar, tmp_path):
    for name in ("0.tar", ".1.tar", "2.TAR", "3.tar.gz"):
        make_tar([("0.png", b"")], name)
    source = open_source(f"{tmp_path}/*.tar")
    assert list(source.names) == ["0.tar/0.png"]
    assert source.files_passed_over == 3
    assert list(open_source(f"{tmp_path}/*.TAR").names) == ["2.TAR/0.png"]
