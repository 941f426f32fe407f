"""What ``train`` checks before a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline


def check(parsed: Mapping[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Check that the ``gan`` to begin with is there and whole, and that the networks fit the images.

    Raises
    ------
    InputError
        Where they do not.
    """
    from dcgan_pipeline.gan.conditional import refuse_conditional
    from dcgan_pipeline.gan.settings import resolve_architecture

    train = parsed["train"]
    if train.initial_gan and not train.resume:
        catalog.load("earlier_gans")(train.initial_gan)
    if "preprocess" in parsed:  # the images are yet to be made
        images = parsed["preprocess"]
        shape = (1, images.channels, images.image_size, images.image_size)
        architecture = resolve_architecture(train.preset, train.architecture, shape)
        if "features_trained_train" in pipeline.all_outputs():
            refuse_conditional(architecture.model_dump(), "features need")
