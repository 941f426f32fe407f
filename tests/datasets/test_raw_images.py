import pickle
from pathlib import Path

import numpy as np
import pytest
from kedro.io import DataCatalog, DatasetError
from PIL import Image

from dcgan_pipeline.datasets.raw_images import RawImagesDataset


@pytest.fixture
def photos(tmp_path):
    for k in range(12):
        path = tmp_path / "photos" / ("cat", "dog")[k % 2] / f"{k:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 30), (20 * k, 0, 0)).save(path)
    return tmp_path / "photos"


def test_the_images_of_a_folder_are_listed_with_their_classes(photos):
    source = RawImagesDataset(filepath=str(photos)).load()
    assert len(source) == 12
    assert source.classes == ("cat", "dog")


def test_limits_and_split_come_from_the_catalog(photos):
    entry = {
        "type": "dcgan_pipeline.datasets.raw_images.RawImagesDataset",
        "filepath": str(photos),
        "limits": {"max_pixels": 500},
    }
    catalog = DataCatalog.from_config(
        {
            "raw_images": entry,
            **{part: {**entry, "split": {"part": part, "test_fraction": 0.25}} for part in ("train", "test")},
        }
    )
    assert catalog.load("raw_images").limits.max_pixels == 500
    train, test = catalog.load("train"), catalog.load("test")
    assert (len(train), len(test)) == (9, 3)
    assert sorted([*train.names, *test.names]) == list(catalog.load("raw_images").names)


def test_a_folder_that_is_called_like_the_home_folder_is_read(photos):
    below = photos.parent / "other/~"
    below.mkdir(parents=True)
    photos.rename(below / "photos")
    assert len(RawImagesDataset(filepath=f"{below}/photos").load()) == 12


@pytest.fixture
def environment(tmp_path):
    """The catalog of an environment, with what `--params` gives."""
    from kedro.config import OmegaConfigLoader
    from kedro.framework.context.context import _convert_paths_to_absolute_posix

    from dcgan_pipeline.settings import CONFIG_LOADER_ARGS

    def catalog(name, **given):
        conf = str(Path(__file__).parents[2] / "conf")
        loader = OmegaConfigLoader(conf, env=name, runtime_params=given, **CONFIG_LOADER_ARGS)
        entries = {key: loader["catalog"][key] for key in ("raw_images", "labelled_train", "labelled_test")}
        return DataCatalog.from_config(_convert_paths_to_absolute_posix(tmp_path, entries))

    return catalog


EVERY = sorted(path.name for path in (Path(__file__).parents[2] / "conf").iterdir() if (path / "globals.yml").exists())


@pytest.mark.parametrize("name", EVERY)
def test_a_users_own_test_images_are_used_in_every_environment(photos, environment, name):
    for k, part in enumerate(("train", "train", "test")):
        for kind in ("cat", "dog"):
            path = photos.parent / "parts" / part / kind / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (20, 30)).save(path)
    labelled = {"labelled_source": "parts"} if name == "imagenet" else {}
    by_folders = environment(name, source="parts", **labelled)
    assert [len(by_folders.load(entry)) for entry in ("raw_images", "labelled_train", "labelled_test")] == [4, 4, 2]
    given = environment(name, source="parts", test_source="photos", **labelled)
    assert [len(given.load(entry)) for entry in ("raw_images", "labelled_train", "labelled_test")] == [4, 4, 12]
    labelled = {"labelled_source": "photos"}
    apart = environment(name, source="parts/train", test_source="parts/test", **labelled)
    assert [len(apart.load(entry)) for entry in ("raw_images", "labelled_train", "labelled_test")] == [4, 12, 2]


def test_the_place_that_is_tagged_is_the_one_of_the_test_images(photos):
    split = {"part": "test"}
    assert RawImagesDataset(filepath="a", split=split, test={"filepath": "b"})._location == "b"
    assert RawImagesDataset(filepath="a", split=split, test={"filepath": None})._location == "a"
    assert RawImagesDataset(filepath="a", split={"part": "train"}, test={"filepath": "b"})._location == "a"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limits": {"max_pixel": 5}}, r"limits\.max_pixel is not a setting; .*max_pixels"),
        ({"limits": {"max_bytes": 0}}, r"limits\.max_bytes: input should be greater than 0, got 0"),
        ({"split": {"part": "all"}}, r"split\.part: input should be 'train' or 'test', got 'all'"),
        ({"split": {"part": "test", "test_fraction": 1}}, r"split\.test_fraction: input should be less than 1, got 1"),
        ({"split": {}}, r"split\.part is required"),
        ({"split": {"part": "test"}, "test": {"path": "there"}}, r"test\.path is not a setting"),
        ({"test": {"filepath": "there"}}, r"a place of test images needs a split"),
    ],
)
def test_a_wrong_key_or_value_in_the_catalog_is_said_in_one_line(photos, options, message):
    with pytest.raises(DatasetError, match=message):
        RawImagesDataset(filepath=str(photos), **options).load()


def test_a_place_with_nothing_at_it_does_not_exist(tmp_path):
    dataset = RawImagesDataset(filepath=str(tmp_path / "nowhere"))
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="there is nothing at"):
        dataset.load()


def test_sets_of_libraries_exist(photos):
    assert RawImagesDataset(filepath="sklearn://digits").exists()
    assert RawImagesDataset(filepath=str(photos)).exists()


def test_patterns_and_shards_exist_where_something_matches(photos):
    assert RawImagesDataset(filepath=f"{photos}/**/*.png").exists()
    assert not RawImagesDataset(filepath=f"{photos}/**/*.jpg").exists()
    assert len(RawImagesDataset(filepath=f"{photos}/cat/*.png").load()) == 6


@pytest.mark.parametrize(
    "location", ["shards/train-{000..146}.tar", "photos/**/*.jpg", "s3://bucket/a-{0..3}.tar", "https://host/a.zip"]
)
def test_kedro_hands_a_location_on_as_it_is_written(location, tmp_path):
    """On the command line and in a catalog; what is relative is so to the project."""
    from kedro.framework.cli.utils import _split_params
    from kedro.framework.context.context import _convert_paths_to_absolute_posix

    given = _split_params(None, "params", f"source={location},seed=1")["source"]
    entry = {"type": f"{RawImagesDataset.__module__}.RawImagesDataset", "filepath": given}
    entries = _convert_paths_to_absolute_posix(tmp_path, {"raw_images": entry})
    dataset = DataCatalog.from_config(entries).get("raw_images")
    expected = location if "://" in location else f"{tmp_path}/{location}"
    assert given == location
    assert dataset._describe()["filepath"] == expected


def test_credentials_reach_the_file_system_and_are_not_described(photos):
    entry = {
        "type": "dcgan_pipeline.datasets.raw_images.RawImagesDataset",
        "filepath": f"local://{photos}",
        "credentials": "photos",
    }
    catalog = DataCatalog.from_config({"raw_images": entry}, {"photos": {"key": "a secret"}})
    assert len(catalog.load("raw_images")) == 12
    assert "a secret" not in repr(catalog.get("raw_images")) + str(catalog.get("raw_images")._describe())


def test_images_are_read_only(photos):
    with pytest.raises(DatasetError, match=r"raw images are never written; .*photos is read-only"):
        RawImagesDataset(filepath=str(photos)).save("something")


def test_a_dataset_is_pickled(photos):
    assert len(pickle.loads(pickle.dumps(RawImagesDataset(filepath=str(photos)))).load()) == 12


def test_the_preview_shows_the_first_images_in_their_places(photos, opened_preview, preview_type):
    (photos / "cat" / "00.png").write_bytes(b"no image")
    dataset = RawImagesDataset(filepath=str(photos))
    source = dataset.load()
    assert preview_type(dataset) == "ImagePreview"
    sheet = np.asarray(opened_preview(dataset))
    assert (sheet[:66, :66] == 255).all()  # the broken one's place stays white
    for k in range(1, 12):
        corner = sheet[k // 8 * 66, k % 8 * 66]
        number = int(source.names[k][-6:-4])
        assert corner.tolist() == [20 * number, 0, 0]


def test_the_docstrings_example_runs(run_docstring):
    assert run_docstring(RawImagesDataset) > 0
