"""A source whose pictures are their own maps: cut out alike, both stay the same."""

import numpy as np
import pandas as pd
import pytest

from dcgan_pipeline.arrays import ID, PLACE, ShardedArray, write_shards
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.boxes import Box
from dcgan_pipeline.imaging.crop import crop_and_resize, place_of
from dcgan_pipeline.imaging.object_maps import KINDS, OBJECTS, attribute_table, cut_map, object_maps
from dcgan_pipeline.imaging.regions import find_regions
from dcgan_pipeline.imaging.settings import FacesSettings, Limits, PreprocessSettings
from dcgan_pipeline.imaging.sources import ArraySource
from dcgan_pipeline.imaging.sources.attributes import ClassAttributes

LEVEL = 200  # of the object in the picture


class Squares(ArraySource):
    """Black pictures with a bright rectangle each, of the class that says where it is."""

    def __init__(self, scale=1):
        rng = np.random.default_rng(0)
        pictures = np.zeros((9, 40, 52), np.uint8)
        for picture in pictures:
            top, left = rng.integers(2, 20, 2)
            picture[top : top + 12, left + 6 : left + 18] = LEVEL
        self.scale = scale
        super().__init__("squares", pictures, np.arange(9) % 3, ("a", "b", "c"), Limits())

    def known_attributes(self):
        return Known(self)


class Known(ClassAttributes):
    objects = ("rectangle",)

    def __init__(self, source):
        super().__init__(source.labels, source.classes)
        self.map_scale, self.images = source.scale, source.images

    def object_map(self, row):
        scale = np.ones((self.map_scale, self.map_scale), np.uint8)
        return np.kron((self.images[row] > 0).astype(np.uint8), scale)


def prepared(source, tmp_path, **settings):
    engine = EngineSettings()
    regions = find_regions(source, FacesSettings(), engine)
    made = crop_and_resize(source, regions, PreprocessSettings(channels=1, **settings), engine, tmp_path / "work")
    write_shards(made.images, tmp_path / "images", 100)
    return ShardedArray(tmp_path / "images"), made.records


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("fraction", [1.0, 0.7])
def test_maps_are_cut_out_as_their_images(tmp_path, scale, fraction):
    source = Squares(scale)
    images, records = prepared(source, tmp_path, image_size=16, resample="box", crop_fraction=fraction)
    made = object_maps(source.known_attributes(), records, 16, fraction, EngineSettings())
    maps = np.concatenate(list(made.chunks))
    assert made.attrs == {ID: images.attrs[ID], OBJECTS: ["rectangle"]}
    assert maps.shape == (9, 1, 16, 16)
    clear = np.abs(images[:].astype(int) - LEVEL / 2) > 4  # elsewhere half a pixel is of the object, and rounding tells
    np.testing.assert_array_equal((maps > 0)[clear], (images[:] > LEVEL / 2)[clear])
    assert clear.mean() > 0.9


def test_of_several_objects_the_one_with_most_of_a_pixel_has_it():
    whole = np.array([[1, 1, 1, 2], [1, 1, 2, 2], [0, 0, 3, 3], [0, 1, 1, 3]], np.uint8)
    np.testing.assert_array_equal(cut_map(whole, Box(0, 0, 4, 4), 2), [[1, 2], [0, 3]])


def test_without_objects_a_map_is_one_pixel(tmp_path):
    source = Squares()
    _, records = prepared(source, tmp_path, image_size=16)
    made = object_maps(ClassAttributes(source.labels, source.classes), records, 16, 1.0, EngineSettings())
    assert np.concatenate(list(made.chunks)).shape == (9, 1, 1, 1)
    assert made.attrs[OBJECTS] == []


def test_row_i_of_the_table_is_image_i(tmp_path):
    source = Squares()
    _, records = prepared(source, tmp_path, image_size=16)
    some = records.iloc[[4, 0, 8]].reset_index(drop=True)
    some.attrs = records.attrs
    table = attribute_table(source.known_attributes(), place_of(source), some, ("c", "a"), 9)
    np.testing.assert_array_equal(table.to_numpy(), [[0, 0], [0, 1], [1, 0]])
    assert list(table.columns) == ["c", "a"]
    assert table.attrs == {ID: records.attrs[ID], KINDS: ["binary", "binary"]}
    assert (table.dtypes == np.float32).all()


def test_of_too_many_attributes_the_most_frequent_are_taken_in_their_order():
    labels = np.array([3, 1, 1, 3, 3, 0, 2, 2])
    records = pd.DataFrame({"source_row": np.arange(8)})
    records.attrs = {PLACE: "p", ID: "i"}
    table = attribute_table(ClassAttributes(labels, "abcd"), "p", records, None, 2)
    assert list(table.columns) == ["b", "d"]


@pytest.mark.parametrize(
    ("place", "names", "classes", "message"),
    [
        ("q", None, "ab", "raw_attributes must be of the source that the images were cut out of"),
        ("p", ("a", "e"), "ab", r"attributes.names must be of a, b, got e; correct them"),
        ("p", None, "", "attributes must be known of the images, and their source gives none"),
    ],
)
def test_what_is_not_known_is_one_line(place, names, classes, message):
    records = pd.DataFrame({"source_row": [0, 1]})
    records.attrs = {PLACE: "p", ID: "i"}
    with pytest.raises(InputError, match=message):
        attribute_table(ClassAttributes(np.array([0, 1]), classes), place, records, names, 9)
