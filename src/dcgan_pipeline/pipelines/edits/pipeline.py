"""The stage ``edits``, and the tools ``annotated_edits`` and ``judged_annotated_edits``."""

from collections.abc import Callable

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.edits.judged_nodes import (
    find_annotations,
    judge_arithmetic,
    judge_edits,
    judge_turn,
    trace_forgetting,
)
from dcgan_pipeline.pipelines.edits.nodes import draw_arithmetic, draw_forgetting, draw_turn

SHARED = ["params:seed", "params:device"]
_MODEL = "attribute_model"
_MAPS = "forgetting_table"


def create_pipeline() -> Pipeline:
    """gan, attribute_model -> found_annotations, and the figures of these, judged."""
    found = Node(
        find_annotations,
        ["gan", _MODEL, "params:edits.found_annotations", *SHARED],
        ["found_annotations", "found_annotations_metrics"],
        name="find_annotations",
        tags="found_annotations",
    )
    return _named([found, *_judged("found_annotations")], "edits")


def create_annotated_pipeline(judged: bool) -> Pipeline:
    """gan and annotations -> the figures of these; ``judged``: with attribute_model, all of them."""
    if judged:
        return _named(_judged("annotations"), "judged_annotated_edits")
    drawn = (draw_arithmetic, "vector_arithmetic"), (draw_turn, "turn")
    figures = [_node(draw, [entry], ["annotations"], [entry]) for draw, entry in drawn]
    return _named([_forgetting("annotations"), *figures], "annotated_edits")


def _judged(annotations: str) -> list[Node]:
    concepts = [annotations, _MODEL]
    return [
        _forgetting(annotations),
        _node(trace_forgetting, _measured("forgetting_curve"), [_MODEL, _MAPS], ["forgetting_curve"]),
        _node(judge_arithmetic, _measured("vector_arithmetic"), concepts, ["vector_arithmetic"]),
        _node(judge_turn, _measured("turn"), concepts, ["turn"]),
        _node(judge_edits, _measured("edit_scores"), [*concepts, _MAPS], ["vector_arithmetic", "turn", "edit_scores"]),
    ]


def _forgetting(annotations: str) -> Node:
    return _node(draw_forgetting, _measured("forgetting"), [annotations], ["forgetting"])


def _measured(entry: str) -> list[str]:
    """A figure, its table and its metrics."""
    return [entry, f"{entry}_table", f"{entry}_metrics"]


def _node(draw: Callable, outputs: list[str], inputs: list[str], settings: list[str]) -> Node:
    """A figure, whose entry is its tag, too."""
    read = ["gan", *inputs, *(f"params:edits.{name}" for name in settings), *SHARED]
    return Node(draw, read, outputs if len(outputs) > 1 else outputs[0], name=draw.__name__, tags=outputs[0])


def _named(nodes: list[Node], name: str) -> Pipeline:
    return Pipeline(nodes, namespace=name, prefix_datasets_with_namespace=False, tags=name)
