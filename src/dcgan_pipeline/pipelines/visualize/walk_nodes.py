"""Nodes of ``visualize``: the walk through latent space, and the page about a ``gan``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dcgan_pipeline.visualize.film import Film
    from dcgan_pipeline.visualize.report import Results
    from dcgan_pipeline.weights import Weights


def walk_latent_space(
    gan: Weights,
    gan_annotations: Callable[[Weights], dict[str, Any] | None],
    latent_walk: dict[str, Any],
    seed: int,
    device: str,
) -> tuple[Figure, dict[str, float]]:
    """Draw the walk between points of z, and measure how smooth it is (paper 6.1, figure 4)."""
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.visualize import walk
    from dcgan_pipeline.visualize.settings import WalkSettings

    settings = WalkSettings.parse(latent_walk, "visualize.latent_walk")
    route = walk.find_route(gan, settings, seed, gan_annotations(gan))
    walked = walk.walk(gan, route, settings, seed, resolve_device(device))
    classes = gan.settings["architecture"].get("labels", 0)
    return walk.walk_figure(walked, route.said, settings, classes), walked.metrics


def film_latent_walk(
    gan: Weights,
    gan_annotations: Callable[[Weights], dict[str, Any] | None],
    latent_walk: dict[str, Any],
    latent_walk_film: dict[str, Any],
    seed: int,
    device: str,
) -> Film:
    """Film the same walk, in a loop."""
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.visualize import walk
    from dcgan_pipeline.visualize.settings import FilmSettings, WalkSettings

    walking = WalkSettings.parse(latent_walk, "visualize.latent_walk")
    settings = FilmSettings.parse(latent_walk_film, "visualize.latent_walk_film")
    route = walk.find_route(gan, walking, seed, gan_annotations(gan))
    return walk.walk_film(gan, route, walking, settings, resolve_device(device))


def write_gan_report(
    gan: Weights, gan_results: Callable[[Weights], Results], gan_report: dict[str, Any], *drawn: Any
) -> str:
    """Write the page about a ``gan``; ``drawn``: the figures of this run that it waits for."""
    from dcgan_pipeline.visualize import report
    from dcgan_pipeline.visualize.settings import ReportSettings

    settings = ReportSettings.parse(gan_report, "visualize.gan_report")
    return report.gan_report(gan, gan_results(gan), settings)
