"""The stage ``features``."""

from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.pipelines.features.nodes import extract_features, make_untrained, read_labelled


def create_pipeline() -> Pipeline:
    """gan, labelled_* -> labelled_images_*, labels_*, features_trained_*, features_untrained_*."""
    untrained = Node(
        make_untrained,
        ["gan", "images", "duplicates", "params:seed", "params:device"],
        "untrained_discriminator",
        name="make_untrained",
    )
    nodes = [untrained]
    for part in ("train", "test"):
        nodes.append(
            Node(
                read_labelled,
                [f"labelled_{part}", f"labelled_{part}_work", "params:preprocess", "params:engine"],
                [f"labelled_images_{part}", f"labels_{part}", f"labelled_rejected_{part}"],
                name=f"read_labelled_{part}",
            )
        )
        for kind, weights in (("trained", "gan"), ("untrained", "untrained_discriminator")):
            nodes.append(
                Node(
                    extract_features,
                    [weights, f"labelled_images_{part}", "params:features", "params:device"],
                    f"features_{kind}_{part}",
                    name=f"extract_{kind}_{part}",
                )
            )
    return Pipeline(nodes, tags="features")
