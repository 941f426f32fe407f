"""Training and test images: in two places, in folders, or drawn."""

from functools import partial

import pytest

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.labelled import check_labelled
from dcgan_pipeline.evaluation.settings import EvaluateSettings
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.splits import Split, open_part

TRAIN, TEST = (Split(part=part) for part in ("train", "test"))


def names_of(train="train", test="test", classes=("cat", "dog"), above=""):
    names = [f"{above}{train}/{name}/{k}.png" for name in classes for k in range(4)]
    return names + [f"{above}{test}/{name}/{k}.png" for name in classes for k in range(2)]


@pytest.fixture(params=["zip", "tar", "shards", "folder"])
def pack(request, tmp_path, make_zip, make_tar):
    """Write empty files as each kind of source; gives its location."""

    def make(names):
        entries = [(name, name.encode()) for name in names]
        if request.param == "folder":
            for name, data in entries:
                (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / "set" / name).write_bytes(data)
            return str(tmp_path / "set")
        location = str((make_zip if request.param == "zip" else make_tar)(entries))
        return f"{tmp_path}/*.tar" if request.param == "shards" else location

    return make


def read(location, split):
    source = open_source(location, split=split)
    files = [source.read(row).decode() for row in range(len(source))]
    return files, [source.classes[label] if label >= 0 else "" for label in source.labels]


@pytest.mark.parametrize(
    ("train", "test"), [("train", "test"), ("train", "val"), ("training", "testing"), ("Train", "Valid")]
)
@pytest.mark.parametrize("above", ["", "set/", "./"])
def test_folders_train_and_test_are_the_parts(pack, train, test, above):
    if above == "./" and "folder" in pack(names_of()):
        return
    location = pack(names_of(train, test, above=above))
    files, classes = read(location, TRAIN)
    assert sorted(files) == sorted(name for name in names_of(train, test, above=above) if f"{train}/" in name)
    assert classes == [name.split("/")[-2] for name in files]
    files, classes = read(location, TEST)
    assert sorted(files) == sorted(name for name in names_of(train, test, above=above) if f"{test}/" in name)
    assert classes == [name.split("/")[-2] for name in files]


def test_parts_without_classes_have_no_labels(pack):
    location = pack([f"train/{k}.png" for k in range(5)] + [f"test/{k}.png" for k in range(2)])
    assert read(location, TRAIN)[1] == [""] * 5
    assert read(location, TEST)[1] == [""] * 2


def test_a_class_may_have_the_name_of_a_part(pack):
    location = pack(names_of(classes=("bus", "test", "train")))
    assert set(read(location, TRAIN)[1]) == set(read(location, TEST)[1]) == {"bus", "test", "train"}


def test_classes_have_one_number_in_both_parts(pack):
    location = pack([*names_of(classes=("b", "c")), "train/a/0.png"])
    train, test = (open_source(location, split=split) for split in (TRAIN, TEST))
    assert train.classes == test.classes == ("a", "b", "c")
    assert sorted(set(test.labels.tolist())) == [1, 2]


def test_validation_images_are_not_learned_from_where_there_are_test_images(pack):
    location = pack([*names_of(), "val/cat/0.png", "val/cat/1.png"])
    for split, count in ((TRAIN, 8), (TEST, 4)):
        source = open_source(location, split=split)
        assert len(source) == count
        assert sum(number for reason, number in source.passed_over.items() if reason.is_loss) == 2


def test_a_text_beside_the_one_folder_that_holds_the_parts_does_not_hide_them(pack):
    location = pack(["README.md", "data/LICENSE", *names_of(above="data/")])
    assert len(open_source(location, split=TRAIN)) == 8
    assert len(open_source(location, split=TEST)) == 4
    assert open_source(location, split=TEST).files_passed_over == 10


def test_the_counts_of_the_parts_are_said(pack):
    source = open_source(pack(names_of()), split=TRAIN)
    assert {reason.text: count for reason, count in source.passed_over.items() if count} == {
        "files in test/, which is only judged on (learned from: train/)": 4
    }


@pytest.mark.parametrize("names", [["train/0.png", "bus/1.png"], ["cat/0.png", "dog/1.png"], ["test/0.png", "a/1.png"]])
def test_one_of_the_folders_alone_is_a_class(pack, names):
    source = open_source(pack(names), split=Split(part="train", test_fraction=None))
    assert source.classes == tuple(sorted(name.split("/")[0] for name in names))


# ---- two places


@pytest.fixture
def places(tmp_path):
    def make(folder, names):
        for name in names:
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_bytes(name.encode())
        return str(tmp_path / folder)

    return make


CLASSES = [f"{name}/{k}.png" for name in ("cat", "dog") for k in range(5)]


def opened(location, split, test=None, test_by_default=None):
    return open_part(lambda place, part: open_source(place, split=part), location, split, test, test_by_default)


def test_a_place_of_the_test_images_leaves_nothing_to_draw(places):
    train, test = places("here", CLASSES), places("there", CLASSES[::2])
    assert list(opened(train, TRAIN, test).names) == CLASSES
    assert sorted(opened(train, TEST, test).names) == sorted(CLASSES[::2])
    assert opened(train, TEST, test).location == test


def test_a_place_that_is_given_goes_before_folders_and_these_before_the_environments(places):
    parts, other = places("here", names_of()), places("there", CLASSES)
    assert len(opened(parts, TRAIN, other)) == 8  # and not its own test images
    assert len(opened(parts, TEST, other)) == 10
    assert len(opened(parts, TEST, None, other)) == 4
    assert len(opened(places("flat", CLASSES), TEST, None, other)) == 10
    assert len(opened("nowhere", TEST, None, other)) == 10


def test_a_test_place_with_parts_gives_its_test_images(places):
    assert len(opened(places("here", CLASSES), TEST, places("there", names_of()))) == 4


def test_without_places_and_folders_the_parts_are_drawn(places):
    location = places("here", CLASSES)
    train, test = (opened(location, split) for split in (TRAIN, TEST))
    assert sorted([*train.names, *test.names]) == CLASSES
    assert len(test) == 3


def test_one_place_for_both_is_refused(places):
    location = places("here", CLASSES)
    sources = [opened(location, split, location) for split in (TRAIN, TEST)]
    with pytest.raises(InputError, match="test images must be others than the training images"):
        check_labelled(*sources, EvaluateSettings(labels_per_class=1, validation=1, C=[1]), 0)


def test_one_place_of_two_names_is_refused(places, tmp_path):
    location = places("here", CLASSES)
    (tmp_path / "link").symlink_to(location)
    for other in (f"{location}/", f"{tmp_path}/./here", str(tmp_path / "link")):
        sources = [opened(location, TRAIN, other), opened(location, TEST, other)]
        with pytest.raises(InputError, match="test images must be others than the training images"):
            check_labelled(*sources, EvaluateSettings(labels_per_class=1, validation=1, C=[1]), 0)


def test_parts_of_other_classes_are_refused(places):
    location = places("here", [*names_of(), "test/horse/0.png"])
    judged = partial(check_labelled, settings=EvaluateSettings(labels_per_class=1, validation=1, C=[1]), seed=0)
    with pytest.raises(InputError, match=r"the same classes, got only in train: \[\]; only in test: \['horse'\]"):
        judged(*(opened(location, split) for split in (TRAIN, TEST)))
