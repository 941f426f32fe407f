import numpy as np
import pytest
from PIL import Image

from dcgan_pipeline.arrays import ShardedArray, write_shards
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.labelled import check_labelled, prepare_labelled
from dcgan_pipeline.evaluation.protocol import draw_labels
from dcgan_pipeline.evaluation.settings import EvaluateSettings
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.settings import FacesSettings, PreprocessSettings

GREYS = {"cat/a.png": 10, "cat/b.png": 20, "dog/a.png": 200, "emu/c.png": 90, "emu/d.png": 100}


def write(folder, greys, size=(6, 4)):
    for name, grey in greys.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", size, grey).save(path)


@pytest.fixture
def prepare(tmp_path):
    def run(channels=1, images_per_shard=2, **faces):
        settings = PreprocessSettings(image_size=8, channels=channels, images_per_shard=images_per_shard)
        source = open_source(str(tmp_path / "raw"))
        files, thumbnails, labels, rejected = prepare_labelled(
            source, FacesSettings(**faces), settings, EngineSettings(), tmp_path / "work"
        )
        write_shards(files, tmp_path / "stored", 100)
        write_shards(thumbnails, tmp_path / "thumbnails", 100)
        assert ShardedArray(tmp_path / "thumbnails").shape == (len(labels), 3, 32, 32)
        return ShardedArray(tmp_path / "stored"), labels, rejected

    return run


def test_row_i_of_the_labels_is_image_i(tmp_path, prepare):
    write(tmp_path / "raw", GREYS)
    images, labels, rejected = prepare()
    assert images.shape == (5, 1, 8, 8)
    assert images.dtype == np.uint8
    assert list(labels.columns[:5]) == ["row", "source_row", "source", "label", "class"]
    assert labels["row"].tolist() == [0, 1, 2, 3, 4]
    assert labels["class"].tolist() == [source.split("/")[0] for source in labels["source"]]
    assert labels["label"].tolist() == [["cat", "dog", "emu"].index(name) for name in labels["class"]]
    for row, source in zip(labels["row"], labels["source"], strict=True):
        assert (images[row] == GREYS[source]).all()
    assert rejected.empty
    assert list(rejected.columns) == ["source", "reason"]


def test_the_centred_square_is_taken(tmp_path, prepare):
    for name in ("cat/a.png", "dog/b.png"):
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True)
        wide = np.zeros((8, 24), np.uint8)
        wide[:, 8:16] = 250
        Image.fromarray(wide).save(path)
    images, *_ = prepare()
    assert (images[:] == 250).all()


@pytest.mark.parametrize(("which", "at_corner"), [("all", True), ("best", True), ("largest", False)])
def test_an_image_with_many_faces_counts_once(tmp_path, prepare, tiny_yunet, which, at_corner):
    for name in ("cat/a.png", "dog/b.png"):
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True)
        faces = np.zeros((96, 96, 3), np.uint8)
        faces[0:8, 0:8, 0] = 250  # at the corner: a smaller box
        faces[64:72, 64:72, 0] = 200
        Image.fromarray(faces).save(path)
    images, labels, rejected = prepare(3, detector="yunet", yunet={"model": str(tiny_yunet)}, faces_per_image=which)
    assert labels["class"].tolist() == ["cat", "dog"]
    assert ((images[:][:, 0, 0, 0] > 100) == at_corner).all()  # the other face is in the middle of its box
    assert rejected["reason"].str.fullmatch("not the (best|largest): one face an image is kept").sum() == 2


def test_colour_is_made_where_it_is_asked_for(tmp_path, prepare):
    write(tmp_path / "raw", GREYS)
    assert prepare(channels=3)[0].shape == (5, 3, 8, 8)


def test_images_without_a_label_and_broken_ones_are_listed_as_rejected(tmp_path, prepare):
    write(tmp_path / "raw", GREYS | {"loose.png": 50})
    (tmp_path / "raw" / "dog" / "broken.png").write_bytes(b"not a picture")
    images, labels, rejected = prepare()
    assert len(images) == 5
    assert set(labels["source"]) == set(GREYS)
    reasons = dict(zip(rejected["source"], rejected["reason"], strict=True))
    assert reasons == {"dog/broken.png": "not an image", "loose.png": "no label"}


def test_images_and_labels_carry_the_same_id(tmp_path, prepare):
    write(tmp_path / "raw", GREYS)
    images, labels, _ = prepare()
    assert labels.attrs["images_id"] == images.attrs["images_id"]


@pytest.mark.parametrize("greys", [{"a.png": 1, "b.png": 2}, {"only/a.png": 1, "only/b.png": 2}])
def test_a_set_without_classes_is_refused_in_one_line(tmp_path, prepare, greys):
    write(tmp_path / "raw", greys)
    with pytest.raises(InputError, match="needs images in two or more folders, one a class") as refusal:
        prepare()
    assert "\n" not in str(refusal.value)


class Listing:
    """A source as far as its labels: what ``check_labelled`` reads."""

    location = "a place"

    def __init__(self, labels, classes):
        self.labels, self.classes = np.array(labels), classes


@pytest.mark.parametrize("seed", range(5))
def test_too_few_labels_outside_the_validation_set_are_found_from_the_listing(seed):
    labels = np.random.default_rng(seed).integers(0, 2, 60)
    settings = EvaluateSettings(validation=20, labels_per_class=1)
    source = Listing([*labels, -1, -1], ["cat", "dog"])
    for wanted in range(1, 40):
        settings = settings.model_copy(update={"labels_per_class": wanted})
        try:
            draw_labels(labels, settings, seed)
        except InputError:
            with pytest.raises(InputError, match=f"got {wanted} and .* of class (cat|dog)") as refusal:
                check_labelled(source, source, settings, seed)
            assert "\n" not in str(refusal.value)
        else:
            check_labelled(source, source, settings, seed)


@pytest.mark.parametrize("classifier", ["svm", "nearest"])
def test_a_class_without_an_image_is_missing_although_it_has_a_name(classifier):
    settings = EvaluateSettings(validation=2, labels_per_class="all", classifier=classifier)
    both = ["cat", "dog", "emu"]
    with pytest.raises(InputError, match=r"only in train: \['emu'\]; only in test: \[\]"):
        check_labelled(Listing([0, 1, 2] * 3, both), Listing([0, 1, -1] * 3, both), settings, 0)
