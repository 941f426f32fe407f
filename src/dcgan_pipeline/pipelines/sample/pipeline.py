"""The tool ``sample``."""

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.sample.nodes import draw_images


def create_pipeline() -> Pipeline:
    """gan -> samples."""
    inputs = ["gan", "samples_work", "params:sample", "params:seed", "params:device"]
    return Pipeline(
        [Node(draw_images, inputs, "samples", name="draw_images")],
        namespace="sample",
        prefix_datasets_with_namespace=False,
        tags="sample",
    )
