"""A training that begins with the networks of another one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from dcgan_pipeline.arrays import ID
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.sampling import AVERAGE
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.weights import Weights


@dataclass(frozen=True)
class Initial:
    """Both networks of a ``gan``, and where they are from."""

    networks: Weights
    origin: dict[str, Any]
    """``name`` (as it was asked for), ``digest``, ``step``, and the id of the images that it learned from."""


def initial_networks(
    gan: Weights, name: str, architecture: Architecture, latent: str, classes: list[str] | None
) -> Initial:
    """Take both networks out of a ``gan``, to begin another training with; the optimisers begin anew.

    Parameters
    ----------
    name
        What it was called by who asked for it.
    architecture, latent
        Of the new training.
    classes
        Names of its classes, where it is conditional.

    Raises
    ------
    InputError
        Where it is no ``gan``, or its networks, z or classes are others than those of the new training.
    """
    settings = gan.settings
    if settings.get("kind") != "gan":
        raise InputError(
            f"train.initial_gan must be a gan, and {name} is of the kind {settings.get('kind')!r}; name a version of "
            "gan, or a file of one"
        )
    then, now = Architecture.parse(settings["architecture"], "architecture").model_dump(), architecture.model_dump()
    pairs = [(f"train.architecture.{key}", then[key], now[key]) for key in now]
    pairs.append(("train.latent", settings["train"]["latent"], latent))
    if different := [f"{key} is {here!r} and was {there!r}" for key, there, here in pairs if here != there]:
        raise InputError(
            f"train.initial_gan needs networks of the same shape, and those of {name} differ: {'; '.join(different)}; "
            "set them as they were"
        )
    known = settings.get("classes")
    if classes and known and classes != known:
        here, there = next(pair for pair in zip_longest(classes, known) if pair[0] != pair[1])
        raise InputError(
            f"train.initial_gan needs classes of the same names in the same order, and {name} has {there!r} where "
            f"these images have {here!r}; rename the folders, or start without it"
        )
    kept = ("generator.", "discriminator.", AVERAGE)
    tensors = {key: value for key, value in gan.tensors.items() if key.startswith(kept)}
    origin = {"name": name, "digest": gan.digest(), "step": settings["step"], ID: settings.get(ID)}
    return Initial(Weights(tensors, settings), origin)
