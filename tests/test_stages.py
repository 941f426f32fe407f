"""Every stage is what its line in the list says."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from dcgan_pipeline.pipeline_registry import register_pipelines
from dcgan_pipeline.stages import IN_DEFAULT_RUN, STAGES, stage_settings

CONF = Path(__file__).parents[1] / "conf/base"


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_has_a_pipeline_a_file_of_settings_and_the_checks_that_it_names(stage):
    assert stage.create_pipeline().nodes
    assert (CONF / f"parameters_{stage.name}.yml").is_file()
    assert (find_spec(f"dcgan_pipeline.pipelines.{stage.name}.checks") is not None) == stage.has_check


def test_settings_are_of_every_stage_and_of_the_engine():
    assert list(stage_settings()) == ["engine", *(stage.name for stage in STAGES)]


def test_the_default_run_and_the_one_without_labels_are_made_of_the_list():
    pipelines = register_pipelines()
    nodes = {name: {node.name for node in pipelines[name].nodes} for name in IN_DEFAULT_RUN}
    everything = {node.name for node in pipelines["__default__"].nodes}
    assert set.union(*nodes.values()) == everything
    without = {node.name for node in pipelines["unsupervised"].nodes}
    labelled = {stage.name for stage in STAGES if stage.needs_labels}
    assert set.union(*(names for name, names in nodes.items() if name not in labelled)) == without
