"""The stage ``faces``."""

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.faces.nodes import choose_regions, draw_contact_sheet


def create_pipeline() -> Pipeline:
    """raw_images -> regions, regions_sheet."""
    return Pipeline(
        [
            Node(
                choose_regions,
                ["raw_images", "params:faces", "params:engine"],
                ["regions", "faces_metrics"],
                name="choose_regions",
            ),
            Node(
                draw_contact_sheet,
                ["raw_images", "regions", "params:faces"],
                "regions_sheet",
                name="draw_contact_sheet",
            ),
        ],
        namespace="faces",
        prefix_datasets_with_namespace=False,
        tags="faces",
    )
