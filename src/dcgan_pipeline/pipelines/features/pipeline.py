"""The stage ``features``."""

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.dedup.nodes import hash_images
from dcgan_pipeline.pipelines.features.nodes import (
    extract_features,
    label_images,
    make_untrained,
    read_labelled_test,
    read_labelled_train,
)

PARTS = ("train", "test")


def create_pipeline() -> Pipeline:
    """gan, labelled_* -> labelled_images_*, labels_*, features_trained_*, features_untrained_*."""
    # Two namespaces, so that Kedro-Viz can draw layers: labelled images come before the models, features after.
    features = Pipeline(_extracting(), namespace="features", prefix_datasets_with_namespace=False, tags="features")
    return create_labelled_pipeline() + features


def create_labelled_pipeline() -> Pipeline:
    """labelled_*, records, duplicates, hash_encoder -> labelled_images_*, labels_*."""
    nodes = [*_reading(), *_hashing(), _labelling()]
    return Pipeline(nodes, namespace="labelled", prefix_datasets_with_namespace=False, tags="features")


def _reading() -> list[Node]:
    settings = ["params:faces", "params:preprocess", "params:features", "params:engine"]
    return [
        Node(
            read,
            ["labelled_train", "labelled_test", "records", "duplicates", f"labelled_{part}_work", *settings],
            [f"labelled_{what}_{part}" for what in ("images", "thumbnails", "records", "rejected")],
            name=f"read_{part}",
        )
        for part, read in zip(PARTS, (read_labelled_train, read_labelled_test), strict=True)
    ]


def _hashing() -> list[Node]:
    return [
        Node(
            hash_images,
            [f"labelled_thumbnails_{part}", "hash_encoder", "params:dedup", "params:engine", "params:device"],
            f"labelled_codes_{part}",
            name=f"hash_{part}",
        )
        for part in PARTS
    ]


def _labelling() -> Node:
    hashed = [f"labelled_{what}_{part}" for what in ("codes", "thumbnails", "images", "records") for part in PARTS]
    return Node(
        label_images,
        [*hashed, "params:features", "params:dedup"],
        ["labels_train", "labels_test", "features_metrics"],
        name="label_images",
    )


def _extracting() -> list[Node]:
    untrained = Node(
        make_untrained,
        ["gan", "images", "duplicates", "params:seed", "params:device"],
        "untrained_discriminator",
        name="make_untrained",
    )
    sources = {"trained": "gan", "untrained": "untrained_discriminator"}
    extracting = [
        Node(
            extract_features,
            [weights, f"labelled_images_{part}", "params:features", "params:device"],
            f"features_{kind}_{part}",
            name=f"extract_{kind}_{part}",
        )
        for kind, weights in sources.items()
        for part in PARTS
    ]
    return [untrained, *extracting]
