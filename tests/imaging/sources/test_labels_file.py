"""dataset.json, by which StyleGAN2-ADA and StyleGAN3 label a set that is packed in chunks."""

import json
import pickle

import pytest

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.sources.sieve import has_losses

NAMES = [f"{k // 4:05}/img{k:08}.png" for k in range(8)]


def files(labels, names=NAMES, at=""):
    return [(at + name, name.encode()) for name in names] + [(f"{at}dataset.json", json.dumps(labels).encode())]


@pytest.fixture(params=["zip", "tar", "folder"])
def pack(request, tmp_path, make_zip, make_tar):
    def make(entries):
        if request.param != "folder":
            return {"zip": make_zip, "tar": make_tar}[request.param](entries)
        for name, data in entries:
            (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "set" / name).write_bytes(data)
        return tmp_path / "set"

    return lambda entries: open_source(str(make(entries)))


def counts(source):
    return {reason.text: count for reason, count in source.passed_over.items() if count}


@pytest.mark.parametrize("at", ["", "ffhq/"])
def test_its_labels_are_the_classes_and_chunks_are_not(pack, at):
    source = pack(files({"labels": [[name, 10 * (k % 3)] for k, name in enumerate(NAMES)]}, at=at))
    assert list(source.names) == [at + name for name in NAMES]
    assert source.classes == ("0", "10", "20")
    assert source.labels.tolist() == [k % 3 for k in range(8)]
    assert [source.read(row) for row in range(8)] == [name.encode() for name in NAMES]
    assert counts(source) == {"dataset.json, which holds the labels": 1}
    assert pickle.loads(pickle.dumps(source)).read(7) == NAMES[7].encode()


def test_without_labels_there_are_no_classes(pack):
    source = pack(files({"labels": None}))
    assert len(source) == 8
    assert source.classes == ()


def test_labels_that_miss_are_counted(pack):
    labels = [
        [NAMES[0], 0],
        [NAMES[1].replace("/", "\\"), 1],
        ["nowhere.png", 1],
        [NAMES[2], [0.5, 0.1]],
        [NAMES[3], True],
    ]
    source = pack(files({"labels": labels}))
    assert source.labels.tolist() == [0, 1] + [-1] * 6
    assert counts(source) == {
        "dataset.json, which holds the labels": 1,
        "labels in dataset.json of files that are not there": 1,
        "images that dataset.json gives no label": 4,
        "labels in dataset.json that are no whole numbers, and so no classes": 2,
    }


@pytest.mark.parametrize("other", [{"info": "of another tool"}, ["a.png"], {"labels": ["cat", "dog"]}])
def test_a_file_of_that_name_and_of_another_kind_is_a_file(pack, other):
    source = pack(files(other))
    assert len(source) == 9
    assert source.classes == ("00000", "00001")


def test_one_that_cannot_be_read_is_an_input_error(pack):
    with pytest.raises(
        InputError, match=r"a dataset\.json must be JSON that can be read, and dataset\.json of .* is not"
    ):
        pack([(name, b"") for name in NAMES] + [("dataset.json", b'{"labels": [[')])


def test_one_entry_that_is_no_pair_does_not_cost_the_labels_of_all(pack):
    source = pack(files({"labels": [*([name, k % 2] for k, name in enumerate(NAMES)), [3, 1], "a.png"]}))
    assert source.labels.tolist() == [0, 1] * 4
    assert counts(source)["entries in dataset.json that are no name and label"] == 2


def test_of_two_labels_of_a_file_the_last_counts_and_a_count_says_so(pack):
    source = pack(files({"labels": [[name, k % 2] for k, name in enumerate(NAMES)] + [[NAMES[0], 1], [NAMES[1], 1]]}))
    assert source.labels.tolist() == [1, 1] + [0, 1] * 3
    assert counts(source)["files that dataset.json gives two labels, of which the last counts"] == 1


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_have_its_label(make_zip, make_tar):
    entries = files({"labels": [["a.png", 1], ["b.png", 2]]}, names=["a.png", "a.png", "b.png"])
    for make in (make_zip, make_tar):
        assert open_source(str(make(entries))).labels.tolist() == [0, 0, 1]


def test_a_pattern_that_leaves_it_out_says_that_labels_are_left_out(tmp_path):
    for name, data in files({"labels": [[name, 0] for name in NAMES]}):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    source = open_source(f"{tmp_path}/**/*.png")
    assert counts(source) == {"dataset.json that the pattern leaves out, and so labels (give the folder)": 1}
    assert has_losses(source.passed_over)
