"""The stage ``dedup``."""

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.dedup.nodes import (
    draw_collisions,
    group_duplicates,
    hash_images,
    train_hash_encoder,
)


def create_pipeline() -> Pipeline:
    """thumbnails -> hash_encoder, hash_codes, duplicates, dedup_report, collisions."""
    return Pipeline(
        [
            Node(
                train_hash_encoder,
                ["thumbnails", "params:dedup", "params:seed", "params:device"],
                ["hash_encoder", "hash_encoder_history"],
                name="train_hash_encoder",
            ),
            Node(
                hash_images,
                ["thumbnails", "hash_encoder", "params:dedup", "params:device"],
                "hash_codes",
                name="hash_images",
            ),
            Node(
                group_duplicates,
                ["hash_codes", "records"],
                ["duplicates", "dedup_report", "dedup_metrics"],
                name="group_duplicates",
            ),
            Node(
                draw_collisions,
                ["thumbnails", "duplicates", "params:dedup"],
                "collisions",
                name="draw_collisions",
            ),
        ],
        namespace="dedup",
        prefix_datasets_with_namespace=False,
        tags="dedup",
    )
