"""A misspelt name is told with the nearest."""

import pytest
from kedro.io import DataCatalog

from dcgan_pipeline.pipeline_registry import register_pipelines
from dcgan_pipeline.problems.names import must_be_one_of


@pytest.fixture(scope="module")
def everything():
    return register_pipelines()["__default__"]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"node_names": ["draw_losses"]}, "got 'draw_losses'; did you mean train.draw_losses?"),
        ({"from_nodes": ["train.train_dcgn"]}, "did you mean train.train_dcgan?"),
        ({"to_outputs": ["region"]}, "did you mean regions?"),
        ({"from_inputs": ["imges"]}, "did you mean images?"),
        ({"node_namespaces": ["fces"]}, "did you mean faces?"),
        ({"tags": ["fces"]}, "the tags of nodes are activation_maximisation, "),
        ({"node_names": ["sample.draw_images"]}, "must be in the pipelines that run"),
    ],
)
def test_a_part_that_is_not_there(everything, said, chosen, found):
    assert found in said(everything.filter, **chosen)


def test_pipelines_that_make_the_same(said):
    pipelines = register_pipelines()
    message = said(lambda: pipelines["unsupervised"] + pipelines["visualize"])
    assert message.endswith("must not make the same thing, and two make gan_report; leave one of them out")
    assert pipelines["train"] + pipelines["visualize"]


def test_an_entry_of_load_versions_that_is_not_there(said):
    message = said(DataCatalog.from_config, {}, load_versions={"imags": "2026-01-31T12.00.00.000Z"})
    assert message.endswith("got 'imags'; did you mean images?")


def test_few_names_are_all_listed():
    assert must_be_one_of("x", "c", ["a", "b"]) == "x must be one of a, b, got 'c'"
