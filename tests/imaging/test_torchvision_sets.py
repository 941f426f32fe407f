"""torchvision's sets from tiny files in their own formats; the checksums are those of the files made here."""

import hashlib
import pickle

import numpy as np
import pytest
from torchvision import datasets

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import ArraySource, ImageError

ATTRIBUTES = [f"Attribute_{k}" for k in range(39)] + ["Smiling"]


def md5(path):
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def pixels_of(source):
    return np.stack([source.read(row) for row in range(len(source))])


@pytest.fixture
def no_network(monkeypatch):
    """A download fails at once, and is noted."""
    asked = []

    def refused(*arguments, **_):
        asked.append(arguments)
        raise OSError("no network here\nand a second line")

    for module in ("cifar", "svhn", "stl10", "mnist"):
        for name in ("download_url", "download_and_extract_archive"):
            monkeypatch.setattr(f"torchvision.datasets.{module}.{name}", refused, raising=False)
    monkeypatch.setattr("torchvision.datasets.celeba.download_file_from_google_drive", refused)
    return asked


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    rng, batches = np.random.default_rng(0), {}
    for name in [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]:
        data, labels = rng.integers(0, 256, (2, 3072), np.uint8), rng.integers(0, 3, 2).tolist()
        (folder / name).write_bytes(pickle.dumps({"data": data, "labels": labels}))
        batches[name] = (data.reshape(2, 3, 32, 32).transpose(0, 2, 3, 1), labels)
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": ["plane", "car", "bird"]}))
    kind = datasets.CIFAR10
    monkeypatch.setattr(kind, "train_list", [[name, md5(folder / name)] for name in list(batches)[:5]])
    monkeypatch.setattr(kind, "test_list", [["test_batch", md5(folder / "test_batch")]])
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": md5(folder / "batches.meta")})
    return tmp_path, batches


@pytest.mark.parametrize(("part", "count"), [("train", 5), ("test", 1)])
def test_cifar10_is_read_from_disk(cifar, no_network, part, count):
    root, batches = cifar
    chosen = list(batches.values())[:5] if part == "train" else [batches["test_batch"]]
    source = open_source(f"torchvision://CIFAR10/{part}", download_to=root)
    assert isinstance(source, ArraySource)
    np.testing.assert_array_equal(pixels_of(source), np.concatenate([data for data, _ in chosen]))
    assert source.labels.tolist() == [label for _, labels in chosen for label in labels]
    assert source.classes == ("plane", "car", "bird")
    assert len(source) == 2 * count
    assert not no_network


@pytest.mark.parametrize("part", ["train", "test", "extra"])
def test_svhn_is_read_from_disk(tmp_path, monkeypatch, no_network, part):
    from scipy.io import savemat

    images = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 4), np.uint8)
    path = tmp_path / f"{part}_32x32.mat"
    savemat(path, {"X": images, "y": np.array([[10], [1], [9], [10]], np.uint8)})
    known = {**datasets.SVHN.split_list, part: ["http://nowhere", path.name, md5(path)]}
    monkeypatch.setattr(datasets.SVHN, "split_list", known)
    source = open_source(f"torchvision://SVHN/{part}", download_to=tmp_path)
    np.testing.assert_array_equal(pixels_of(source), images.transpose(3, 0, 1, 2))
    assert source.labels.tolist() == [0, 1, 9, 0]  # ten stands for zero in its files
    assert source.classes == tuple("0123456789")
    assert not no_network


@pytest.fixture
def stl10(tmp_path, monkeypatch):
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    rng, images = np.random.default_rng(0), {}
    for name, count in (("train", 3), ("test", 2), ("unlabeled", 2)):
        images[name] = rng.integers(0, 256, (count, 96, 96, 3), np.uint8)
        images[name].transpose(0, 3, 2, 1).tofile(folder / f"{name}_X.bin")  # column by column
    np.array([1, 2, 1], np.uint8).tofile(folder / "train_y.bin")
    np.array([2, 2], np.uint8).tofile(folder / "test_y.bin")
    (folder / "class_names.txt").write_text("airplane\nbird\n")
    kind = datasets.STL10
    for attribute in ("train_list", "test_list"):
        known = [[name, md5(folder / name)] for name, _ in getattr(kind, attribute)]
        monkeypatch.setattr(kind, attribute, known)
    return tmp_path, images


@pytest.mark.parametrize(
    ("part", "labels"),
    [("train", [0, 1, 0]), ("test", [1, 1]), ("unlabeled", [-1, -1]), ("train+unlabeled", [0, 1, 0, -1, -1])],
)
def test_stl10_is_read_from_disk(stl10, no_network, part, labels):
    root, images = stl10
    source = open_source(f"torchvision://STL10/{part}", download_to=root)
    np.testing.assert_array_equal(pixels_of(source), np.concatenate([images[name] for name in part.split("+")]))
    assert source.labels.tolist() == labels
    assert source.classes == (() if part == "unlabeled" else ("airplane", "bird"))
    assert not no_network


# ---- CelebA


@pytest.fixture
def celeba(tmp_path, monkeypatch):
    """Seven faces: three to train on, two to validate, two to test (torchvision cannot load a part of one)."""
    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{k:06}.jpg" for k in range(1, 8)]
    flags = np.random.default_rng(0).integers(0, 2, (7, 40)) * 2 - 1
    flags[:, -1] = [1, -1, 1, 1, -1, -1, 1]
    for name in names:
        (folder / "img_align_celeba" / name).write_bytes(name.encode())

    def table(file, rows, *header):
        lines = [*header, *(f"{name}  {' '.join(map(str, row))}" for name, row in zip(names, rows, strict=True))]
        (folder / file).write_text("\n".join(lines) + "\n")

    table("list_attr_celeba.txt", flags.tolist(), "7", " ".join(ATTRIBUTES) + " ")  # with the space of the real file
    table("list_eval_partition.txt", [[part] for part in (0, 0, 0, 1, 1, 2, 2)])
    table("identity_CelebA.txt", [[k] for k in range(7)])
    table("list_bbox_celeba.txt", [[0] * 4] * 7, "7", "x_1 y_1 width height")
    table("list_landmarks_align_celeba.txt", [[0] * 10] * 7, "7", " ".join("abcdefghij"))
    known = [(i, md5(folder / name) if name.endswith("txt") else "", name) for i, _, name in datasets.CelebA.file_list]
    monkeypatch.setattr(datasets.CelebA, "file_list", known)
    return tmp_path, names, (flags + 1) // 2


@pytest.mark.parametrize(
    ("part", "rows"), [("train", [0, 1, 2]), ("valid", [3, 4]), ("test", [5, 6]), ("all", list(range(7)))]
)
def test_celeba_is_read_file_by_file_with_all_its_attributes(celeba, no_network, part, rows):
    root, names, flags = celeba
    source = open_source(f"torchvision://CelebA/{part}", download_to=root)
    assert list(source.names) == [names[row] for row in rows]
    assert [source.read(k).decode() for k in range(len(source))] == list(source.names)
    assert source.attribute_names == tuple(ATTRIBUTES)
    assert source.attributes.dtype == np.int8
    np.testing.assert_array_equal(source.attributes, flags[rows])
    assert source.classes == ()
    assert set(source.labels) == {-1}
    assert source.location == f"torchvision://CelebA/{part}"
    assert not no_network
    known = source.known_attributes()
    assert known.names == source.attribute_names
    assert set(known.kinds) == {"binary"}
    some = known.values(np.array([len(rows) - 1, 0]))
    np.testing.assert_array_equal(some, source.attributes[[len(rows) - 1, 0]])


@pytest.mark.parametrize("attribute", ["Smiling", "Attribute_7"])
def test_an_attribute_of_celeba_is_a_class(celeba, attribute):
    root, _, flags = celeba
    source = open_source(f"torchvision://CelebA/all/{attribute}", download_to=root)
    assert source.classes == (f"not {attribute}", attribute)
    np.testing.assert_array_equal(source.labels, flags[:, ATTRIBUTES.index(attribute)])
    copy = pickle.loads(pickle.dumps(source))
    assert copy.read(2) == source.read(2)
    assert copy.fingerprint() == source.fingerprint()


def test_the_limits_hold_for_celeba(celeba):
    source = open_source("torchvision://CelebA/train", Limits(max_bytes=5), download_to=celeba[0])
    with pytest.raises(ImageError, match="file too large: 10 bytes"):
        source.read(0)


def test_an_attribute_that_celeba_does_not_have_is_an_input_error(celeba):
    with pytest.raises(InputError, match=r"must name an attribute of CelebA, got 'Smiles'; they are Attribute_0, "):
        open_source("torchvision://CelebA/train/Smiles", download_to=celeba[0])


# ---- neither on disk nor within reach


@pytest.mark.parametrize("name", ["CIFAR10", "MNIST", "SVHN", "STL10", "CelebA"])
def test_a_set_that_is_neither_on_disk_nor_within_reach_is_an_input_error(tmp_path, no_network, name):
    with pytest.raises(InputError) as raised:
        open_source(f"torchvision://{name}/test", download_to=tmp_path)
    assert no_network
    assert str(raised.value).startswith(f"torchvision://{name}/test must be in {tmp_path} or within reach of the netw")
    assert "no network here" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_is_not_on_disk_is_downloaded(tmp_path, monkeypatch):
    from scipy.io import savemat

    made = tmp_path / "elsewhere.mat"
    savemat(made, {"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.array([[1], [2]], np.uint8)})
    known = {"test": ["http://nowhere", "test_32x32.mat", md5(made)]}
    monkeypatch.setattr(datasets.SVHN, "split_list", known)

    def download(url, root, filename, _):
        (root / filename).write_bytes(made.read_bytes())

    monkeypatch.setattr(
        "torchvision.datasets.svhn.download_url", lambda *given: download(given[0], tmp_path, *given[2:])
    )
    source = open_source("torchvision://SVHN/test", download_to=tmp_path)
    assert source.labels.tolist() == [1, 2]


@pytest.mark.parametrize("where", ["SVHN/train/Smiling", "CelebA/training", "MNIST/extra", "CelebA"])
def test_a_part_that_a_set_does_not_have_is_an_input_error(where):
    with pytest.raises(InputError, match=r"CelebA \(train, valid, test, all\); got torchvision://"):
        open_source(f"torchvision://{where}")
