"""The stage ``features``."""

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.features.nodes import extract_features, make_untrained, read_labelled

PARTS = ("train", "test")


def create_pipeline() -> Pipeline:
    """gan, labelled_* -> labelled_images_*, labels_*, features_trained_*, features_untrained_*."""
    # Two namespaces, so that Kedro-Viz can draw layers: labelled images come before the models, features after.
    features = Pipeline(_extracting(), namespace="features", prefix_datasets_with_namespace=False, tags="features")
    return create_labelled_pipeline() + features


def create_labelled_pipeline() -> Pipeline:
    """labelled_* -> labelled_images_*, labels_*."""
    return Pipeline(_reading(), namespace="labelled", prefix_datasets_with_namespace=False, tags="features")


def _reading() -> list[Node]:
    return [
        Node(
            read_labelled,
            [f"labelled_{part}", f"labelled_{part}_work", "params:faces", "params:preprocess", "params:engine"],
            [f"labelled_images_{part}", f"labels_{part}", f"labelled_rejected_{part}"],
            name=f"read_{part}",
        )
        for part in PARTS
    ]


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
