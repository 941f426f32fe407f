import numpy as np
import pytest
from PIL import Image

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import ArraySource, SubsetSource
from dcgan_pipeline.imaging.sources.attributes import TableAttributes

NAMES = ["cat/a.png", "cat/b.png", "dog/c.png", "d.png"]


@pytest.fixture
def photos(tmp_path):
    for name in NAMES:
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 30)).save(tmp_path / "photos" / name)
    return open_source(str(tmp_path / "photos"))


@pytest.fixture
def table(tmp_path, photos):
    def read(text):
        (tmp_path / "table.csv").write_text(text)
        return TableAttributes(str(tmp_path / "table.csv"), photos.names, "photos")

    return read


def test_the_classes_of_a_folder_are_binary_attributes_and_unknown_where_there_is_none(photos):
    known = photos.known_attributes()
    assert (known.names, known.kinds, known.objects) == (("cat", "dog"), ("binary", "binary"), ())
    values = dict(zip(photos.names, known.values(np.arange(4)).tolist(), strict=True))
    assert values["cat/b.png"] == [1, 0]
    assert values["dog/c.png"] == [0, 1]
    assert np.isnan(values["d.png"]).all()


def test_a_subset_has_classes_of_its_own():
    source = ArraySource("here", np.zeros((3, 4, 4), np.uint8), np.array([0, 1, 0]), "ab", Limits())
    part = SubsetSource(source, np.array([2, 1]))
    np.testing.assert_array_equal(part.known_attributes().values(np.arange(2)), [[1, 0], [0, 1]])
    relabelled = SubsetSource(source, np.array([2, 1]), labelled=(np.array([1, 0]), ("c", "d")))
    assert relabelled.known_attributes().names == ("c", "d")


def test_a_table_gives_binary_and_continuous_attributes_by_name(table, photos):
    known = table(
        "file,smiling,glasses,young,age\n"
        "dog/c.png,1,-1,True,3.5\n"
        "cat/a.png,0,1,false,\n"
        "elsewhere.png,1,1,true,9\n"
        "d.png,,,,-2\n"
    )
    assert known.names == ("smiling", "glasses", "young", "age")
    assert known.kinds == ("binary", "binary", "binary", "continuous")
    rows = [list(photos.names).index(name) for name in ("dog/c.png", "cat/a.png", "cat/b.png", "d.png")]
    nan = np.nan
    wanted = [[1, 0, 1, 3.5], [0, 1, 0, nan], [nan] * 4, [nan, nan, nan, -2]]
    np.testing.assert_array_equal(known.values(np.array(rows)), np.float32(wanted))


def test_names_that_are_numbers_stay_names(tmp_path):
    (tmp_path / "t.csv").write_text("name,x\n000001,2.5\n")
    known = TableAttributes(str(tmp_path / "t.csv"), ["000000", "000001"], "digits")
    np.testing.assert_array_equal(known.values(np.arange(2)), np.float32([[np.nan], [2.5]]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,hair\nd.png,blond\n", r"column hair of .*table\.csv must hold numbers, or true and false, got 'blond'"),
        ("file,hair\nd.png,true\ncat/a.png,2\n", "must hold numbers, or true and false, got '2'"),
        ("file,age\nd.png,inf\n", "must hold finite numbers, got inf"),
        ("file,age\nd.png,1\nd.png,2\n", "one line an image, got several for d.png"),
        ("file,age\nD.PNG,1\n", "must name images of photos as the source calls them, such as .*, got D.PNG"),
        ("file\nd.png\n", "has 1 columns and 1 lines"),
        ("", "must be a CSV file, and .* is none"),
    ],
)
def test_a_table_that_is_none_is_one_line(table, text, message):
    with pytest.raises(InputError, match=message):
        table(text)


def test_a_table_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"there is none at .*nowhere\.csv"):
        TableAttributes(str(tmp_path / "nowhere.csv"), NAMES, "photos")
