"""The stage ``preprocess``."""

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.preprocess.nodes import crop_images


def create_pipeline() -> Pipeline:
    """raw_images, regions -> images, thumbnails, records, rejected."""
    return Pipeline(
        [
            Node(
                crop_images,
                ["raw_images", "regions", "preprocess_work", "params:preprocess", "params:engine"],
                ["images", "thumbnails", "records", "rejected", "preprocess_metrics"],
                name="crop_images",
            ),
        ],
        namespace="preprocess",
        prefix_datasets_with_namespace=False,
        tags="preprocess",
    )
