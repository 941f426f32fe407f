"""Kedro-Viz shows the graph, its layers and previews of results, without a network."""

import json
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def site(finished, tmp_path_factory):
    """The static site that `kedro viz build` makes of a copy of the finished project."""
    import shutil

    path = tmp_path_factory.mktemp("viz") / "project"
    shutil.copytree(finished.path, path)
    command = [sys.executable, "-m", "kedro", "viz", "build", "--include-previews"]
    subprocess.run(command, cwd=path, check=True, capture_output=True, timeout=300)
    return path / "build/api"


def test_the_graph_has_every_stage_and_layer(site):
    graph = json.loads((site / "main").read_text())
    stages = {tag["name"] for tag in graph["tags"]}
    assert {"faces", "preprocess", "dedup", "train", "features", "evaluate", "visualize"} <= stages
    tools = {"dedup_new", "sample", "import_weights", "import_weights_with_images"}
    assert tools < {pipeline["id"] for pipeline in graph["pipelines"]}
    # Kedro-Viz shows no layers at all where data would flow back to an earlier one.
    layers = ["raw", "intermediate", "primary", "feature", "model input", "models", "model output", "reporting"]
    assert graph["layers"] == layers


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("regions", "TablePreview"),
        ("images", "ImagePreview"),
        ("raw_images", "ImagePreview"),
        ("sample_grid", "ImagePreview"),
        ("training_animation", "ImagePreview"),
        ("latent_walk_film", "ImagePreview"),
        ("evaluation", "TablePreview"),
        ("train_metrics", "JSONPreview"),
        ("gan", "JSONPreview"),
    ],
)
def test_results_are_previewed(site, name, kind):
    graph = json.loads((site / "main").read_text())
    (node,) = [node["id"] for node in graph["nodes"] if node["name"] == name]
    shown = json.loads((site / "nodes" / node).read_text())
    assert shown["preview_type"] == kind
    assert shown["preview"]
