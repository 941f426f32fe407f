import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from dcgan_pipeline.datasets.figure import FigureDataset


def coloured(colour):
    return Figure(figsize=(2, 1), dpi=50, facecolor=colour)


def test_a_figure_comes_back_as_its_picture(tmp_path):
    dataset = FigureDataset(filepath=tmp_path / "figure.png")
    dataset.save(coloured("#ff0000"))
    picture = dataset.load()
    assert isinstance(picture, Image.Image)
    assert picture.size == (100, 50)
    assert picture.convert("RGB").getcolors() == [(100 * 50, (255, 0, 0))]


def test_a_picture_outlives_its_file(tmp_path):
    dataset = FigureDataset(filepath=tmp_path / "figure.png")
    dataset.save(coloured("#ff0000"))
    picture = dataset.load()
    (tmp_path / "figure.png").unlink()
    assert picture.convert("RGB").getpixel((0, 0)) == (255, 0, 0)


def test_the_file_is_a_png(tmp_path):
    FigureDataset(filepath=tmp_path / "figure.png").save(coloured("#ff0000"))
    assert Image.open(tmp_path / "figure.png").format == "PNG"


def test_the_preview_is_the_picture(tmp_path, opened_preview, preview_type):
    dataset = FigureDataset(filepath=tmp_path / "figure.png")
    dataset.save(coloured("#00ff00"))
    assert preview_type(dataset) == "ImagePreview"
    np.testing.assert_array_equal(np.asarray(opened_preview(dataset)), np.asarray(dataset.load()))


def test_the_docstrings_example_runs(run_docstring):
    assert run_docstring(FigureDataset) > 0
