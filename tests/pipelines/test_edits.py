"""``edits`` and ``annotated_edits``: their entries after a whole run, and annotations of a person."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from lamps import lamps_gan

from dcgan_pipeline.edits.annotations import Annotations, latent_of
from dcgan_pipeline.edits.latents import draw
from dcgan_pipeline.edits.settings import EditsSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.pipeline_registry import register_pipelines
from dcgan_pipeline.pipelines.edits.judged_nodes import judge_edits, judge_turn, trace_forgetting
from dcgan_pipeline.pipelines.edits.nodes import draw_arithmetic, draw_forgetting, draw_turn

REPOSITORY = Path(__file__).parents[2]
ENTRIES = ("forgetting", "forgetting_curve", "vector_arithmetic", "turn", "edit_scores")


def test_defaults_are_the_same_in_the_file_and_in_the_settings():
    values = yaml.safe_load((REPOSITORY / "conf/base/parameters_edits.yml").read_text())["edits"]
    assert EditsSettings.parse(values, "edits") == EditsSettings()


def test_each_figure_is_a_node_with_its_own_tag_and_output():
    pipelines = register_pipelines()
    for name in ("edits", "judged_annotated_edits"):
        for entry in ENTRIES:
            nodes = pipelines[name].only_nodes_with_tags(entry).nodes
            assert [node.outputs for node in nodes] == [[entry, f"{entry}_table", f"{entry}_metrics"]]
    unjudged = pipelines["annotated_edits"]
    assert {name for name in unjudged.inputs() if not name.startswith("params:")} == {"gan", "annotations"}
    assert unjudged.all_outputs() >= {"forgetting", "vector_arithmetic", "turn"}
    judged = pipelines["judged_annotated_edits"].inputs()
    assert {name for name in judged if not name.startswith("params:")} == {"gan", "annotations", "attribute_model"}


def test_found_annotations_are_of_samples_of_the_gan(finished):
    gan = finished.load("gan")
    found = Annotations.parse_for(finished.load("found_annotations"), gan)
    assert {"0", "no_0", "9", "no_9", "high_slant", "low_slant"} <= set(found.concepts)
    z = {tuple(one.tolist()) for one in draw(gan, 64, 0, "found annotations").z}
    assert all(tuple(one.tolist()) in z for name in found.concepts for one in latent_of(found.concepts[name]))


def test_every_attribute_has_its_edit(finished):
    table = finished.load("edit_scores_table")
    edits = set(table["edit"])
    assert {f"no_{k} > {k}" for k in range(10)} | {"low_slant > high_slant"} <= edits
    assert set(table["of"]) == {*map(str, range(10)), "slant", "loop pixels"}
    metrics = finished.load("edit_scores_metrics")
    assert metrics["edit_scores.random_pixels"] > 0
    turn = finished.load("turn_table")
    assert turn.attrs["asked"] in {*map(str, range(10)), "slant"}
    np.testing.assert_allclose(sorted(set(turn["step"])), [-1, 0, 1])


def test_annotations_of_a_person_need_no_model(finished):
    gan, found = finished.load("gan"), finished.load("found_annotations")
    mine = {"gan": found["gan"], "concepts": {"seven": found["concepts"]["7"], "one": found["concepts"]["1"]}}
    for sample in (marked := [dict(one) for one in found["concepts"]["0"]]):
        sample["boxes"] = [{"left": 4, "top": 4, "width": 5, "height": 5}]
    mine["objects"] = {"door": marked}
    title = draw_turn(gan, mine, {"shown": 2, "steps": 3}, 0, "cpu").texts[0].get_text()
    assert title == "From one to seven"
    arithmetic = draw_arithmetic(gan, mine, {"expression": "seven - one"}, 0, "cpu")
    assert arithmetic.texts[0].get_text() == "Sum: seven - one"
    figure, maps, metrics = draw_forgetting(gan, mine, {"shown": 2}, 0, "cpu")
    assert "door" in figure.texts[0].get_text()
    assert metrics["forgetting.boxes"] == len(marked)
    model = finished.load("attribute_model")
    with pytest.raises(InputError, match=r"an object that the attribute model sees, loop, got door"):
        trace_forgetting(gan, model, maps, {}, 0, "cpu")
    _, table, _ = judge_turn(gan, mine, model, {"shown": 2, "steps": 3, "samples": 4, "draws": 2}, 0, "cpu")
    assert len(table) == 9
    _, scores, _ = judge_edits(gan, mine, model, maps, {"expression": "seven - one"}, {}, {"samples": 4}, 0, "cpu")
    assert set(scores["edit"]) == {"one > seven", "seven - one"}


def test_annotations_of_another_gan_are_refused(finished):
    with pytest.raises(InputError, match=r"annotations must be of the gan that is drawn from"):
        draw_turn(lamps_gan(), finished.load("found_annotations"), {}, 0, "cpu")


def test_a_conditional_gan_is_edited_too(finished):
    from dcgan_pipeline.gan.settings import Architecture, TrainSettings
    from dcgan_pipeline.gan.trainer import Trainer
    from dcgan_pipeline.pipelines.edits.judged_nodes import find_annotations, judge_arithmetic

    architecture = Architecture(image_size=16, channels=1, latent_dim=4, width=4, labels=3, hidden=4)
    gan = Trainer(architecture, TrainSettings(steps=1, sample_count=2), 0, torch.device("cpu")).state()
    model = finished.load("attribute_model")
    found, _ = find_annotations(gan, model, {"samples": 32, "exemplars": 3}, 0, "cpu")
    _, table, _ = judge_arithmetic(gan, found, model, {}, 0, "cpu")
    assert len(table) == 11
    figure, maps, _ = draw_forgetting(gan, found, {"shown": 2}, 0, "cpu")
    _, scores, _ = judge_edits(gan, found, model, maps, {}, {}, {"samples": 3}, 0, "cpu")
    assert len(set(scores["edit"])) >= 11
    assert figure.axes or "No object" in figure.texts[0].get_text()
