"""The stages ``dedup`` and ``dedup_new``."""

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.dedup.nodes import (
    audit_duplicates,
    draw_collisions,
    group_duplicates,
    group_new_duplicates,
    hash_images,
    train_hash_encoder,
)

_HASHED = ["hash_codes", "thumbnails", "images", "records"]
_GROUPS = ["duplicates", "dedup_report", "dedup_metrics"]


def create_pipeline() -> Pipeline:
    """thumbnails, images, records -> hash_encoder, hash_codes, duplicates, reports, audit."""
    encoder = Node(
        train_hash_encoder,
        ["thumbnails", "params:dedup", "params:seed", "params:device"],
        ["hash_encoder", "hash_encoder_history"],
        name="train_hash_encoder",
    )
    group = Node(group_duplicates, [*_HASHED, "params:dedup"], _GROUPS, name="group_duplicates")
    audit = Node(
        audit_duplicates,
        [
            *(*_HASHED, "duplicates", "hash_encoder"),
            *("params:dedup", "params:seed", "params:device"),
        ],
        ["dedup_recall", "dedup_audit", "dedup_audit_metrics"],
        name="audit_duplicates",
    )
    return _stage([encoder, _hash(), group, audit, _draw()], "dedup")


def create_incremental_pipeline() -> Pipeline:
    """New thumbnails, images, records; the hash_encoder and hash_codes of earlier ones -> duplicates."""
    inputs = [*_HASHED, "known_images", "params:dedup"]
    group = Node(group_new_duplicates, inputs, _GROUPS, name="group_new_duplicates")
    return _stage([_hash(), group, _draw()], "dedup_new")


def _hash() -> Node:
    inputs = ["thumbnails", "hash_encoder", "params:dedup", "params:engine", "params:device"]
    return Node(hash_images, inputs, "hash_codes", name="hash_images")


def _draw() -> Node:
    return Node(draw_collisions, ["thumbnails", "duplicates", "params:dedup"], "collisions", name="draw_collisions")


def _stage(nodes: list[Node], name: str) -> Pipeline:
    return Pipeline(nodes, namespace=name, prefix_datasets_with_namespace=False, tags=name)
