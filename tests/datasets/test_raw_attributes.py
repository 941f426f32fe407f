import pickle

import numpy as np
import pytest
from kedro.io import DatasetError
from PIL import Image

from dcgan_pipeline.datasets.raw_attributes import RawAttributesDataset
from dcgan_pipeline.datasets.raw_images import RawImagesDataset
from dcgan_pipeline.imaging.crop import place_of


@pytest.fixture
def photos(tmp_path):
    for part in ("train", "test"):
        for k in range(4):
            path = tmp_path / "photos" / part / "ab"[k % 2] / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (20, 30)).save(path)
    (tmp_path / "table.csv").write_text("name,age\ntrain/a/2.png,7\n")
    return {"filepath": str(tmp_path / "photos"), "split": {"part": "train", "test_fraction": None}}


def test_what_is_known_is_of_the_rows_of_the_images(photos):
    source, found = RawImagesDataset(**photos).load(), RawAttributesDataset(**photos).load()
    assert found.place == place_of(source)
    assert found.known.names == ("a", "b")
    np.testing.assert_array_equal(found.known.values(np.arange(4)).argmax(1), source.labels)


def test_a_table_takes_the_place_of_the_classes(photos, tmp_path):
    source = RawImagesDataset(**photos).load()
    found = RawAttributesDataset(**photos, table={"filepath": str(tmp_path / "table.csv")}).load()
    assert (found.known.names, found.known.kinds) == (("age",), ("continuous",))
    row = list(source.names).index("train/a/2.png")
    assert found.known.values(np.array([row])) == [[7]]
    assert RawAttributesDataset(**photos, table={"filepath": None}).load().known.names == ("a", "b")


def test_it_travels_to_workers_and_is_read_only(photos):
    found = RawAttributesDataset(**photos).load()
    again = pickle.loads(pickle.dumps(found.known))
    np.testing.assert_array_equal(again.values(np.arange(4)), found.known.values(np.arange(4)))
    dataset = RawAttributesDataset(**photos)
    with pytest.raises(DatasetError, match="never written"):
        dataset.save(found)
