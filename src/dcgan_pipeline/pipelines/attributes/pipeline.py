"""The stage ``attributes``."""

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.attributes.nodes import learn_attributes, read_attributes


def create_pipeline() -> Pipeline:
    """raw_attributes, images, records, duplicates -> attributes, object_maps, attribute_model and its accuracy."""
    return Pipeline(
        [
            Node(
                read_attributes,
                ["raw_attributes", "images", "records", "params:preprocess", "params:attributes", "params:engine"],
                ["attributes", "object_maps"],
                name="read_attributes",
            ),
            Node(
                learn_attributes,
                [
                    *("images", "attributes", "object_maps", "duplicates"),
                    *("params:attributes", "params:seed", "params:device"),
                ],
                ["attribute_model", "attribute_accuracy", "attributes_metrics"],
                name="learn_attributes",
            ),
        ],
        namespace="attributes",
        prefix_datasets_with_namespace=False,
        tags="attributes",
    )
