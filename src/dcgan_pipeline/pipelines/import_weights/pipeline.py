"""The tools ``import_weights`` and ``import_weights_with_images``."""

from collections.abc import Callable

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.import_weights.nodes import import_arrays, import_arrays_with_images

_SETTINGS = ["params:import_weights", "params:seed", "params:device"]


def create_pipeline() -> Pipeline:
    """Arrays of a folder -> gan."""
    return _pipeline(import_arrays, _SETTINGS)


def create_pipeline_with_images() -> Pipeline:
    """Arrays of a folder, images, duplicates -> gan, with D's batch-norm statistics of the images."""
    return _pipeline(import_arrays_with_images, ["images", "duplicates", *_SETTINGS])


def _pipeline(function: Callable, inputs: list[str]) -> Pipeline:
    return Pipeline(
        [Node(function, inputs, "gan", name=function.__name__)],
        namespace="import_weights",
        prefix_datasets_with_namespace=False,
        tags="import_weights",
    )
