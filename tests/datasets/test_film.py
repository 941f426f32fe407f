import numpy as np
import pytest
from kedro.io import DatasetError

from dcgan_pipeline.datasets.film import FilmDataset
from dcgan_pipeline.visualize.film import Film


def frames():
    """A hundred frames that grow lighter."""
    for k in range(100):
        yield np.full((400, 200, 3), 2 * k, np.uint8)


def test_the_preview_is_a_small_film_that_a_browser_shows_as_a_picture(tmp_path, opened_preview, preview_type):
    dataset = FilmDataset(filepath=tmp_path / "film.mp4")
    dataset.save(Film(frames, 24))
    assert preview_type(dataset) == "ImagePreview"
    shown = opened_preview(dataset)
    assert (shown.format, shown.n_frames, shown.size) == ("GIF", 48, (96, 192))
    greys = []
    for k in (0, 47):
        shown.seek(k)
        greys.append(shown.convert("L").getpixel((50, 50)))
    np.testing.assert_allclose(greys, [0, 198], atol=4)


def test_a_film_without_even_sides_is_refused_and_leaves_nothing(tmp_path):
    dataset = FilmDataset(filepath=tmp_path / "films/film.mp4")
    with pytest.raises(DatasetError, match="even sides"):
        dataset.save(Film(lambda: [np.zeros((15, 16, 3), np.uint8)], 24))
    assert list(tmp_path.iterdir()) == []


def test_the_docstrings_example_runs(run_docstring):
    assert run_docstring(FilmDataset) > 0
