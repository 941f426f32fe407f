"""The stages ``dedup``, ``dedup_new`` and ``dedup_apart``."""

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.dedup.nodes import (
    audit_duplicates,
    draw_collisions,
    group_apart,
    group_duplicates,
    group_new_duplicates,
    hash_images,
    read_test_thumbnails,
    train_hash_encoder,
)

_HASHED = ["hash_codes", "thumbnails", "images", "records"]
_GROUPS = ["duplicates", "dedup_report", "dedup_metrics"]
_TEST = ["apart_codes", "apart_thumbnails", "apart_records"]


def create_pipeline() -> Pipeline:
    """thumbnails, images, records -> hash_encoder, hash_codes, duplicates, reports, audit."""
    group = Node(group_duplicates, [*_HASHED, "params:dedup"], _GROUPS, name="group_duplicates")
    return _stage([_encoder(), _hash(), group, _audit(), _draw()], "dedup")


def create_apart_pipeline() -> Pipeline:
    """The same, with the labelled test set -> duplicates, in which images that repeat a test image do not stay."""
    read = Node(
        read_test_thumbnails,
        ["labelled_test", "labelled_test_work", "params:faces", "params:preprocess", "params:engine"],
        ["apart_thumbnails", "apart_records"],
        name="read_test_thumbnails",
    )
    group = Node(group_apart, [*_HASHED, *_TEST, "params:dedup"], _GROUPS, name="group_apart")
    test = _hash("apart_thumbnails", "apart_codes", "hash_test_images")
    return _stage([_encoder(), _hash(), read, test, group, _audit(), _draw()], "dedup_apart")


def create_incremental_pipeline() -> Pipeline:
    """New thumbnails, images, records; the hash_encoder and hash_codes of earlier ones -> duplicates."""
    inputs = [*_HASHED, "known_images", "params:dedup"]
    group = Node(group_new_duplicates, inputs, _GROUPS, name="group_new_duplicates")
    return _stage([_hash(), group, _draw()], "dedup_new")


def _encoder() -> Node:
    inputs = ["thumbnails", "params:dedup", "params:seed", "params:device"]
    return Node(train_hash_encoder, inputs, ["hash_encoder", "hash_encoder_history"], name="train_hash_encoder")


def _hash(thumbnails: str = "thumbnails", codes: str = "hash_codes", name: str = "hash_images") -> Node:
    inputs = [thumbnails, "hash_encoder", "params:dedup", "params:engine", "params:device"]
    return Node(hash_images, inputs, codes, name=name)


def _audit() -> Node:
    settings = ["params:dedup", "params:seed", "params:device"]
    return Node(
        audit_duplicates,
        [*_HASHED, "duplicates", "hash_encoder", *settings],
        ["dedup_recall", "dedup_audit", "dedup_audit_metrics"],
        name="audit_duplicates",
    )


def _draw() -> Node:
    inputs = ["thumbnails", "records", "duplicates", "params:dedup"]
    return Node(draw_collisions, inputs, "collisions", name="draw_collisions")


def _stage(nodes: list[Node], name: str) -> Pipeline:
    return Pipeline(nodes, namespace=name, prefix_datasets_with_namespace=False, tags=name)
