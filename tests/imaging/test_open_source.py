import io
import struct
import tarfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.open_source import Split, open_source
from dcgan_pipeline.imaging.sources import ArraySource, FolderSource, TarSource, ZipSource


def write_idx(path, numbers):
    """Write MNIST's own format: a type, the sizes, the numbers (yann.lecun.com/exdb/mnist)."""
    header = struct.pack(">HBB", 0, 8, numbers.ndim) + struct.pack(f">{numbers.ndim}I", *numbers.shape)
    path.write_bytes(header + numbers.astype(np.uint8).tobytes())


@pytest.fixture
def mnist(tmp_path):
    """A folder where torchvision finds MNIST: six digits to train on, two to test on."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    parts = {}
    for part, name, count in (("train", "train", 6), ("test", "t10k", 2)):
        images, labels = rng.integers(0, 256, (count, 28, 28), np.uint8), np.arange(count) % 3
        write_idx(folder / f"{name}-images-idx3-ubyte", images)
        write_idx(folder / f"{name}-labels-idx1-ubyte", labels)
        parts[part] = (images, labels)
    return tmp_path, parts


def test_each_kind_of_pile_is_opened_as_what_it_is(photos, make_zip, make_tar):
    files = [(str(path.relative_to(photos)), path.read_bytes()) for path in sorted(photos.rglob("*.png"))]
    sources = [open_source(str(path)) for path in (photos, make_zip(files), make_tar(files))]
    assert [type(source) for source in sources] == [FolderSource, ZipSource, TarSource]
    for source in sources:
        assert [(name, source.read(row)) for row, name in enumerate(source.names)] == files
        assert source.classes == ("cat", "dog")


def test_an_archive_is_known_by_its_contents_and_not_by_its_ending(make_zip, make_tar):
    assert isinstance(open_source(str(make_zip([("a.jpg", b"a")], "photos.data"))), ZipSource)
    assert isinstance(open_source(str(make_tar([("a.jpg", b"a")], "photos.zip"))), TarSource)


def test_a_tar_whose_last_file_is_a_zip_is_a_tar(make_zip, tmp_path):
    inner = make_zip([("b.jpg", b"b")]).read_bytes()
    with tarfile.open(tmp_path / "outer.tar", "w") as archive:
        for name, data in (("a.jpg", b"a"), ("inner.zip", inner)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    assert list(open_source(str(tmp_path / "outer.tar")).names) == ["a.jpg", "inner.zip"]


def test_a_place_with_nothing_at_it_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"there is nothing at .*nowhere; put your images there, or give "):
        open_source(str(tmp_path / "nowhere"))


def test_an_empty_folder_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="must hold at least one file"):
        open_source(str(tmp_path))


@pytest.mark.parametrize("data", [b"", b"not an archive", b"PK\x03\x04 a zip cut short"])
def test_a_file_that_is_no_archive_is_an_input_error(tmp_path, data):
    (tmp_path / "photos.zip").write_bytes(data)
    with pytest.raises(InputError, match=r"must be a whole \.zip or \.tar, and .*photos\.zip is neither"):
        open_source(str(tmp_path / "photos.zip"))


def test_a_zip_that_is_cut_short_is_an_input_error(tmp_path, make_zip):
    data = make_zip([("a.jpg", b"a" * 1000)]).read_bytes()
    (tmp_path / "cut.zip").write_bytes(data[:-10])
    with pytest.raises(InputError, match="cut short, perhaps"):
        open_source(str(tmp_path / "cut.zip"))


@pytest.mark.parametrize(("old", "new"), [(b"PK\x01\x02", b"PK\x01\xff"), (b"a.jpg", b"\0.jpg")])
def test_a_zip_with_a_broken_directory_is_an_input_error(tmp_path, make_zip, old, new):
    data = make_zip([("a.jpg", b"a" * 1000)]).read_bytes()
    (tmp_path / "broken.zip").write_bytes(data.replace(old, new))
    with pytest.raises(InputError, match=r"a zip must be whole, and the directory of .*broken\.zip cannot be read"):
        open_source(str(tmp_path / "broken.zip"))


def test_the_digits_are_scikit_learns_scaled_to_8_bits():
    from sklearn.datasets import load_digits

    digits, source = load_digits(), open_source("sklearn://digits")
    assert len(source) == len(digits.images)
    assert source.classes == tuple("0123456789")
    np.testing.assert_array_equal(source.labels, digits.target)
    pixels = np.stack([source.read(row) for row in range(len(source))])
    assert pixels.dtype == np.uint8
    np.testing.assert_allclose(pixels, digits.images * 255 / 16, atol=0.5)
    assert pixels.max() == 255


# ---- torchvision


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_torchvision_set_is_read_from_disk(mnist, part):
    root, parts = mnist
    source = open_source(f"torchvision://MNIST/{part}", download_to=root)
    images, labels = parts[part]
    assert isinstance(source, ArraySource)
    np.testing.assert_array_equal(np.stack([source.read(row) for row in range(len(source))]), images)
    np.testing.assert_array_equal(source.labels, labels)
    assert len(source.classes) == 10


@pytest.mark.parametrize("where", ["CIFAR11/train", "MNIST/validation", "MNIST", "", "mnist/train", "FakeData/train"])
def test_a_torchvision_set_that_is_not_known_is_an_input_error(where):
    with pytest.raises(InputError, match=f"CIFAR10 .*got torchvision://{where}"):
        open_source(f"torchvision://{where}")


def test_a_torchvision_set_that_cannot_be_had_is_an_input_error(tmp_path):
    (tmp_path / "MNIST").write_text("a file where the set's folder would be")
    with pytest.raises(InputError, match=r"torchvision://MNIST/train must be in .* or within reach of the network"):
        open_source("torchvision://MNIST/train", download_to=tmp_path)


# ---- splits


def test_the_parts_of_a_split_share_nothing_and_leave_nothing_out():
    train, test = (open_source("sklearn://digits", split=Split(part=part)) for part in ("train", "test"))
    assert sorted([*train.names, *test.names]) == list(open_source("sklearn://digits").names)
    assert list(train.names) == sorted(train.names)


@settings(max_examples=20, deadline=None)
@given(fraction=st.floats(0.05, 0.95), seed=st.integers(0, 2**32 - 1))
def test_a_split_keeps_the_share_of_every_class(fraction, seed):
    test = open_source("sklearn://digits", split=Split(part="test", test_fraction=fraction, seed=seed))
    whole = np.bincount(open_source("sklearn://digits").labels)
    assert len(test) == int(np.ceil(fraction * whole.sum()))
    assert np.abs(np.bincount(test.labels, minlength=10) - fraction * whole).max() <= 1.5


def test_a_split_is_fixed_by_its_seed():
    def names(seed):
        return list(open_source("sklearn://digits", split=Split(part="test", seed=seed)).names)

    assert names(0) == names(0)
    assert names(0) != names(1)


def test_a_split_of_images_without_labels_is_an_input_error(make_zip):
    path = make_zip([("a.jpg", b"a"), ("b.jpg", b"b")])
    with pytest.raises(InputError, match=r"a split needs labels, .* put each class in a folder of its own"):
        open_source(str(path), split=Split(part="train"))


def test_a_split_of_a_class_with_one_image_is_an_input_error(make_zip):
    path = make_zip([("cat/a.jpg", b"a"), ("cat/b.jpg", b"b"), ("dog/c.jpg", b"c")])
    with pytest.raises(InputError, match="a split needs at least two images a class, and of dog there is one in"):
        open_source(str(path), split=Split(part="train"))


def test_a_split_too_small_for_its_classes_names_their_numbers(make_zip):
    path = make_zip([(f"{name}/{k}.jpg", b"a") for name in "abcde" for k in range(2)])
    with pytest.raises(InputError, match=r"got 10 images of 5 classes in .* and split\.test_fraction 0\.3"):
        open_source(str(path), split=Split(part="test"))
