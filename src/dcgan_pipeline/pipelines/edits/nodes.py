"""Nodes of ``edits`` and ``annotated_edits``; those that need an attribute model are in ``judged_nodes``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from dcgan_pipeline.weights import Weights


def draw_forgetting(
    gan: Weights, annotations: dict[str, Any], forgetting: dict[str, Any], seed: int, device: str
) -> tuple[Figure, pd.DataFrame, dict[str, float]]:
    """Find the maps that draw an object, and draw samples without them (paper 6.3.1)."""
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.edits import forgetting as domain
    from dcgan_pipeline.edits.annotations import Annotations
    from dcgan_pipeline.edits.forgetting_figures import forgetting_figure, nothing_to_forget
    from dcgan_pipeline.edits.latents import draw
    from dcgan_pipeline.edits.settings import ForgettingSettings
    from dcgan_pipeline.gan.sampling import load_generator
    from dcgan_pipeline.randomness import numpy_stream

    settings, place = ForgettingSettings.parse(forgetting, "edits.forgetting"), resolve_device(device)
    maps = domain.find_maps(gan, Annotations.parse_for(annotations, gan), settings, seed, place)
    if maps.attrs["object"] is None:
        return nothing_to_forget(), maps, {}
    network, latents = load_generator(gan, place), draw(gan, settings.shown, seed, "forgetting")
    dropped = maps.loc[maps["dropped"], "map"].to_numpy()
    random = numpy_stream(seed, "forgetting", "random maps").permutation(len(maps))[: len(dropped)]
    whole, less = domain.with_and_without(network, latents, maps.attrs["layer"], dropped)
    _, control = domain.with_and_without(network, latents, maps.attrs["layer"], random)
    return forgetting_figure([whole, less, control], maps), maps, domain.summarise(maps)


def draw_arithmetic(
    gan: Weights, annotations: dict[str, Any], vector_arithmetic: dict[str, Any], seed: int, device: str
) -> Figure:
    """Draw a sum of concepts (paper 6.3.2)."""
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.edits.annotations import Annotations
    from dcgan_pipeline.edits.figures import arithmetic_figure
    from dcgan_pipeline.edits.settings import VectorArithmeticSettings
    from dcgan_pipeline.edits.vectors import calculate, terms_of
    from dcgan_pipeline.gan.sampling import load_generator

    settings = VectorArithmeticSettings.parse(vector_arithmetic, "edits.vector_arithmetic")
    concepts = Annotations.parse_for(annotations, gan)
    terms = terms_of(concepts, settings)
    network = load_generator(gan, resolve_device(device))
    return arithmetic_figure(calculate(network, concepts, terms, settings.noise, seed))


def draw_turn(gan: Weights, annotations: dict[str, Any], turn: dict[str, Any], seed: int, device: str) -> Figure:
    """Draw samples along the vector from one concept to another (paper 6.3.2)."""
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.edits.annotations import Annotations
    from dcgan_pipeline.edits.figures import turn_figure
    from dcgan_pipeline.edits.latents import draw
    from dcgan_pipeline.edits.settings import TurnSettings
    from dcgan_pipeline.edits.vectors import along, ends_of_turn, steps_along, vector_between
    from dcgan_pipeline.gan.sampling import load_generator

    settings, concepts = TurnSettings.parse(turn, "edits.turn"), Annotations.parse_for(annotations, gan)
    start, end = ends_of_turn(concepts, settings, None)
    moves = steps_along(vector_between(concepts, start, end, "edits.turn"), settings.steps, settings.reach)
    network = load_generator(gan, resolve_device(device))
    images = along(network, draw(gan, settings.shown, seed, "turn"), moves)
    return turn_figure(images, start, end, settings.reach, None)
