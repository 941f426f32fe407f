import numpy as np
import pandas as pd
import pytest
import torch
from kedro.io import DatasetError, Version

from dcgan_pipeline.datasets.animation import AnimationDataset
from dcgan_pipeline.datasets.annotations import AnnotationsDataset
from dcgan_pipeline.datasets.figure import FigureDataset
from dcgan_pipeline.datasets.film import FilmDataset
from dcgan_pipeline.datasets.gan_results import GanAnnotationsDataset, GanResultsDataset
from dcgan_pipeline.datasets.metrics import MetricsDataset
from dcgan_pipeline.datasets.table import TableDataset
from dcgan_pipeline.datasets.weights import WeightsDataset
from dcgan_pipeline.figures.canvas import new_figure
from dcgan_pipeline.visualize.film import Film
from dcgan_pipeline.weights import Weights

FIRST, SECOND, THIRD = (f"2026-01-0{day}T00.00.00.000Z" for day in (1, 2, 3))
OURS, OTHER = (Weights({"w": torch.full((2,), value)}, {"kind": "gan", "pair": [1, 2]}) for value in (1.0, 2.0))


def figure_of(gan, title="A title"):
    figure = new_figure(title, "A caption that says ümlauts and → arrows.", 2, 1)
    if gan:
        figure.attrs["gan"] = gan.digest()
    return figure


@pytest.fixture
def save(tmp_path):
    def saved(kind, file, version, data):
        kind(filepath=tmp_path / file, version=Version(None, version)).save(data)

    return saved


@pytest.fixture
def found(tmp_path):
    def find(gan=OURS):
        return GanResultsDataset(folder=tmp_path, gan=tmp_path / "gan.safetensors").load()(gan)

    return find


def test_the_newest_figure_of_the_same_gan_is_found_with_its_texts(save, found):
    save(FigureDataset, "turn.png", FIRST, figure_of(OURS, "Old"))
    save(FigureDataset, "turn.png", SECOND, figure_of(OURS, "New"))
    save(FigureDataset, "turn.png", THIRD, figure_of(OTHER, "Not ours"))
    save(FigureDataset, "projection.png", FIRST, figure_of(OTHER))
    save(FigureDataset, "collisions.png", FIRST, figure_of(None))
    (result,) = found().found
    assert (result.name, result.version, result.title) == ("turn", SECOND, "New")
    assert result.caption == "A caption that says ümlauts and → arrows."
    assert result.read is None
    assert [each.title for each in found(OTHER).found] == ["A title", "Not ours"]


def test_films_animations_and_tables_are_found_too(save, found):
    about = {"Title": "A film", "gan": OURS.digest()}
    film = Film(lambda: [np.zeros((16, 16, 3), np.uint8)] * 2, 10, about)
    save(FilmDataset, "film.mp4", FIRST, film)
    save(AnimationDataset, "animation.gif", FIRST, film)
    table = pd.DataFrame({"a": [1, 2, 3]})
    save(TableDataset, "unmarked.parquet", FIRST, table)
    table.attrs = {"gan": OURS.digest()}
    save(TableDataset, "scores.parquet", FIRST, table)
    animation, film, scores = found().found
    assert (animation.name, animation.title, film.name, film.title) == ("animation", "A film", "film", "A film")
    assert (scores.name, scores.rows) == ("scores", 3)
    pd.testing.assert_frame_equal(scores.read(), table)


def test_metrics_are_those_of_the_same_run(save, found):
    save(FigureDataset, "turn.png", FIRST, figure_of(OURS))
    save(FigureDataset, "turn.png", SECOND, figure_of(OTHER))
    save(FigureDataset, "accuracies.png", FIRST, figure_of(OURS))
    save(FigureDataset, "label_curve.png", FIRST, figure_of(OURS))
    save(MetricsDataset, "turn_metrics.json", FIRST, {"turn.size": 1.0})
    save(MetricsDataset, "turn_metrics.json", SECOND, {"turn.size": 2.0})
    save(MetricsDataset, "evaluate_metrics.json", FIRST, {"evaluate.labels": 3.0})
    save(MetricsDataset, "label_curve_metrics.json", SECOND, {"label_curve.a": 4.0})
    metrics = {result.name: result.metrics for result in found().found}
    expected = {"accuracies": {"evaluate.labels": 3.0}, "label_curve": {}, "turn": {"turn.size": 1.0}}
    assert metrics == expected


def test_the_version_of_the_gan_is_the_newest_with_these_weights(save, found):
    assert found().version is None
    for version, gan in ((FIRST, OURS), (SECOND, OURS), (THIRD, OTHER)):
        save(WeightsDataset, "gan.safetensors", version, gan)
    assert found().version == SECOND
    assert found(OTHER).version == THIRD


def test_a_figure_that_is_being_written_is_not_seen(save, found, tmp_path):
    save(FigureDataset, "turn.png", FIRST, figure_of(OURS))
    (tmp_path / "turn.png" / SECOND).mkdir()
    (tmp_path / "turn.png" / SECOND / ".partial-1-turn.png").write_bytes(b"half")
    assert [result.version for result in found().found] == [FIRST]


def annotations(gan, **concepts):
    return {"gan": gan.digest(), "concepts": concepts, "objects": {}}


def test_annotations_are_the_newest_of_the_gan_and_a_person_s_come_first(save, tmp_path):
    save(AnnotationsDataset, "mine.json", FIRST, annotations(OURS, old=["old"]))
    save(AnnotationsDataset, "mine.json", SECOND, annotations(OURS, both=["mine"]))
    save(AnnotationsDataset, "mine.json", THIRD, annotations(OTHER, other=[]))
    save(AnnotationsDataset, "found.json", FIRST, annotations(OURS, both=["found"], seven=["found"]))
    find = GanAnnotationsDataset(places=[f"{tmp_path}/mine.json", f"{tmp_path}/found.json"]).load()
    assert find(OURS) == annotations(OURS, both=["mine"], seven=["found"])
    assert find(OTHER) == annotations(OTHER, other=[])
    assert find(Weights({"w": torch.zeros(1)}, {"kind": "gan"})) is None


@pytest.mark.parametrize("dataset", [GanResultsDataset(folder="a", gan="b"), GanAnnotationsDataset(places=["c"])])
def test_what_is_found_is_not_saved_to(dataset):
    assert dataset.exists()
    with pytest.raises(DatasetError, match="found here, and saved by the entries"):
        dataset.save(1)


@pytest.mark.parametrize("kind", [GanResultsDataset, GanAnnotationsDataset])
def test_the_docstrings_examples_run(run_docstring, kind):
    assert run_docstring(kind) > 0
