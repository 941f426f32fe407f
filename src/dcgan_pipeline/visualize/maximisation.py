"""The input that excites a feature of D most, under a norm (Erhan et al. 2009), beside an untrained D.

:mod:`dcgan_pipeline.visualize.ball` says which norm, and why.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.figures.canvas import INK, new_figure, show, tile
from dcgan_pipeline.gan.conditional import labels_in_turn
from dcgan_pipeline.gan.data import to_pixels, to_range
from dcgan_pipeline.randomness import torch_stream
from dcgan_pipeline.visualize.ball import Ball, ball_of, norm_of
from dcgan_pipeline.visualize.exciting import (
    NETWORKS,
    AnyDiscriminator,
    both_discriminators,
    most_exciting,
    resolve_layer,
)
from dcgan_pipeline.visualize.training_images import Pile, Rows
from dcgan_pipeline.visualize.view_settings import ActivationMaximisationSettings
from dcgan_pipeline.weights import Weights

_START = 0.1  # of the radius: noise that the ascent begins at
_FIRST_STEP = 0.3  # of the radius, falling to 0 in equal steps
_NORMS = {"spectrum": "frequencies weighed as in the images", "l2": "L2"}
_MEASURED = 1000  # images that the ball is measured on


@dataclass(frozen=True)
class ActivationMaximisation:
    """What was found in both networks."""

    layer: int
    table: pd.DataFrame
    """A row a network and feature: ``network``, ``feature``, ``response`` (at the middle of the map), ``row`` and
    ``image_response`` (of the training image that excites it most)."""
    found: dict[str, NDArray[np.uint8]]
    """By network, the inputs, uint8 (features, C, S, S)."""
    images: dict[str, NDArray[np.uint8]]
    """By network, those training images, of the same shape."""


def maximise(
    network: AnyDiscriminator,
    layer: int,
    features: Tensor,
    start: Tensor,
    labels: tuple[Tensor, ...],
    ball: Ball,
    steps: int,
) -> tuple[Tensor, Tensor]:
    """Climb from noise to the input of a ball that excites a feature most at the middle of its map.

    Gradient ascent on what the input is made of: steps along the gradient, of a length that falls from 0.3 of the
    radius to 0, and back into the ball after each.

    Parameters
    ----------
    features
        The map of each input, int64 (n,).
    start
        White noise, (n, C, S, S).

    Returns
    -------
    inputs, responses
        (n, C, S, S) in [-1, 1], and (n,).
    """
    each, u = torch.arange(len(start)), ball.within(start)

    def respond(u: Tensor) -> Tensor:
        maps = network.activations(ball.input(u), *labels, last=layer)[-1]
        return _middle(maps)[each, features]

    for step in range(steps):
        u = u.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(respond(u).sum(), u)
        direction = gradient / norm_of(gradient).clamp(min=1e-30)
        u = ball.within(u + ball.radius * _FIRST_STEP * (1 - step / steps) * direction)
    with torch.no_grad():
        return ball.input(u), respond(u)


def _middle(maps: Tensor) -> Tensor:
    return maps[..., maps.shape[2] // 2, maps.shape[3] // 2]


def maximise_features(
    gan: Weights, training: Pile, settings: ActivationMaximisationSettings, seed: int, device: torch.device
) -> ActivationMaximisation:
    """Find the inputs for both networks, and the training images that come nearest to them in response."""
    layer = resolve_layer(settings.layer, gan, "activation_maximisation")
    pile = training.some(settings.images, seed, "images looked through")
    some = pile.some(_MEASURED, seed, "spectrum of images").rows
    ball = ball_of(to_range(pile.images[some], device), settings.norm, settings.contrast)
    tables, found, images = [], {}, {}
    for name, network in both_discriminators(gan, pile, seed, device).items():
        best = most_exciting(network, layer, pile, 1, device, f"most exciting images, {name} D")
        features = best.choose(settings.choose, settings.features)
        x, responses = _climb(network, layer, features, gan, ball, settings.steps, seed, device)
        found[name] = to_pixels(x)
        images[name] = pile.images[best.rows[features, 0]]
        table = {"feature": features, "response": responses.double().cpu().numpy(), "row": best.rows[features, 0]}
        table["image_response"] = best.responses[features, 0]
        tables.append(pd.DataFrame({"network": name, **table}))
    return ActivationMaximisation(layer, pd.concat(tables, ignore_index=True), found, images)


def _climb(
    network: AnyDiscriminator,
    layer: int,
    features: Rows,
    gan: Weights,
    ball: Ball,
    steps: int,
    seed: int,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Start from noise, the same for both networks; a conditional D is told the classes in turn."""
    shape = gan.settings["architecture"]
    size = (len(features), shape["channels"], shape["image_size"], shape["image_size"])
    noise = torch.randn(size, generator=torch_stream(seed, "noise to climb from")) * (_START * ball.radius)
    classes = shape.get("labels") or 0
    labels = (labels_in_turn(len(features), classes).to(device),) if classes else ()
    named = torch.from_numpy(features).to(device)
    return maximise(network, layer, named, noise.to(device), labels, ball, steps)


def measure_maximisation(table: pd.DataFrame) -> dict[str, float]:
    """Put numbers to it, ``activation_maximisation.<network>.gain``, with quartiles ``_low`` and ``_high``.

    The response to the input, as a multiple of that to the training image that excites the feature most: medians over
    features, of those that an image excites.
    """
    found: dict[str, float] = {}
    for network, part in table.groupby("network"):
        excited = part[part["image_response"] > 0]
        gain = excited["response"] / excited["image_response"]
        for ending, share in (("", 0.5), ("_low", 0.25), ("_high", 0.75)):
            found[f"activation_maximisation.{network}.gain{ending}"] = float(gain.quantile(share))
    return {name: value for name, value in found.items() if np.isfinite(value)}


def maximisation_figure(
    found: ActivationMaximisation, numbers: dict[str, float], settings: ActivationMaximisationSettings
) -> Figure:
    """Draw the inputs, and below each the training image that excites the feature most, for both networks."""
    said = "; ".join(_said(numbers, name) for name in NETWORKS)
    count = len(found.found["trained"])
    caption = (
        f"Each column is a map of convolution {found.layer} of D. Above: the input that excites it most of all whose "
        f"norm is {settings.contrast:g} of an average image's ({_NORMS[settings.norm]}). Below: the image that "
        f"excites it most. In the median, {said}."
    )
    width = 9.6
    figure = new_figure("The inputs that features of D ask for", caption, width, 0.5 + 4.1 * width / count)
    rows = figure.subplots(2, 1, gridspec_kw={"hspace": 0.12})
    figure.subplots_adjust(top=figure.subplotpars.top - 0.22 / figure.get_size_inches()[1])
    for axes, name in zip(rows, NETWORKS, strict=True):
        show(axes, tile(np.concatenate([found.found[name], found.images[name]]), count))
        axes.set_title(f"{name} D", fontsize=9, color=INK, loc="left")
    return figure


def _said(numbers: dict[str, float], network: str) -> str:
    gain = numbers.get(f"activation_maximisation.{network}.gain")
    return f"{network} D: " + (
        "no image excites it" if gain is None else f"{gain:.1f} times the response to that image"
    )
