"""Each figure of `visualize` alone, by its tag and by its output."""

import shutil

import numpy as np
import pytest

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.pipeline_registry import register_pipelines

FIGURES = ["nearest_images", "guided_backpropagation", "activation_maximisation", "projection"]


@pytest.fixture(scope="module")
def again(finished, tmp_path_factory):
    """A copy of the finished project, to run parts of it again."""
    path = tmp_path_factory.mktemp("figures") / "project"
    shutil.copytree(finished.path, path)
    return type(finished)(path)


def test_every_figure_has_a_node_a_tag_and_an_output_of_its_name():
    pipeline = register_pipelines()["visualize"]
    for figure in FIGURES:
        (tagged,) = pipeline.only_nodes_with_tags(figure).nodes
        assert pipeline.to_outputs(figure).nodes == [tagged]
        assert tagged.outputs == [figure, f"{figure}_table", f"{figure}_metrics"]


def test_a_figure_can_be_had_alone_by_tag_and_by_output_and_is_the_same_again(again):
    again.run("visualize", tags=["nearest_images"])
    again.run("visualize", to_outputs=["projection"])
    assert [len(again.versions(name)) for name in FIGURES] == [2, 1, 1, 2]
    for name in ("nearest_images", "projection"):
        new, old = (
            (again.path / f"data/08_reporting/{name}.png/{version}/{name}.png").read_bytes()
            for version in again.versions(name)
        )
        assert new == old
    metrics = again.load("projection_metrics")
    run = again.mlflow_runs()[0]
    assert {name: run.data.metrics[name] for name in metrics} == metrics


def test_a_row_of_the_tables_is_an_image(finished):
    images, table = finished.load("images"), finished.load("guided_backpropagation_table")
    assert table["row"].between(0, len(images) - 1).all()
    assert {"trained", "untrained"} == set(table["network"])
    nearest = finished.load("nearest_images_table")
    left_out = nearest[nearest["kind"] == "training"].iloc[0]
    own, other = (images[int(left_out[name])].astype(float) for name in ("row", "pixels_row"))
    assert left_out["pixels"] == pytest.approx(np.sqrt(np.mean((own - other) ** 2)), rel=1e-6)


def test_a_layer_that_d_does_not_have_is_refused_and_leaves_nothing(again):
    before = again.versions("guided_backpropagation")
    wrong = {"visualize": {"guided_backpropagation": {"layer": 7}}}
    with pytest.raises(InputError, match=r"layer must be from 0 to 1, the discriminator's convolutions, got 7"):
        again.run("visualize", tags=["guided_backpropagation"], params=wrong)
    assert again.versions("guided_backpropagation") == before
