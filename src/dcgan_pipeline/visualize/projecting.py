"""The z whose sample is nearest to an image, by gradient descent through G."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.gan.data import labels_of, to_pixels, to_range
from dcgan_pipeline.gan.sampling import draw_latent
from dcgan_pipeline.progress import track
from dcgan_pipeline.visualize.spaces import Space
from dcgan_pipeline.visualize.training_images import Pictures
from dcgan_pipeline.visualize.view_settings import ProjectionSettings

FRAMES = (0.0, 0.02, 0.08, 0.25, 1.0)  # of the steps: when the picture is kept
_AT_ONCE = 64  # images


@dataclass(frozen=True)
class Projected:
    """What the descent came to."""

    z: Tensor
    """float32 (n, latent_dim), on the CPU."""
    frames: NDArray[np.uint8]
    """The pictures through the steps, (times, n, C, S, S), by ``FRAMES``."""
    first: NDArray[np.float64]
    """(n,): the distance at the beginning, that of the nearest of the candidates."""
    last: NDArray[np.float64]
    """(n,): the distance at the end; the root of the mean square of the differences, in the units of the space."""


class Source(NamedTuple):
    """What is descended through."""

    draw: Callable[..., Tensor]
    """From z (n, latent_dim), and the class numbers of a conditional G, to images (n, C, S, S); has a derivative."""
    latent_dim: int
    latent: str
    """``uniform`` or ``normal``: what z is drawn from."""


def project(
    source: Source,
    space: Space,
    targets: Pictures,
    settings: ProjectionSettings,
    noise: torch.Generator,
    device: torch.device,
    what: str,
) -> Projected:
    """Descend from the nearest of some random z to the z whose sample is nearest to each image.

    Adam on the mean square of the differences; z stays where G has learned from: in the cube from -1 to 1 where it is
    drawn from it (``uniform``), and no farther from 0 than the root of its length where it is drawn from N(0, 1).

    Parameters
    ----------
    space
        What images are compared by.
    noise
        Draws the random z, the same ones for all images.
    what
        For the bar.
    """
    candidates = draw_latent(settings.candidates, source.latent_dim, source.latent, noise).to(device)
    parts = np.array_split(np.arange(len(targets)), max(1, -(-len(targets) // _AT_ONCE)))
    found = [
        _descend(source, space, candidates, settings, _target(targets, part, device))
        for part in track(parts, what, len(parts))
    ]
    z, frames, first, last = zip(*found, strict=True)
    return Projected(torch.cat(z), np.concatenate(frames, axis=1), np.concatenate(first), np.concatenate(last))


def _target(targets: Pictures, part: NDArray[np.int64], device: torch.device) -> tuple[Tensor, tuple[Tensor, ...]]:
    return to_range(targets.pixels[part], device), labels_of(targets.labels, part, device)


def _descend(
    source: Source,
    space: Space,
    candidates: Tensor,
    settings: ProjectionSettings,
    target: tuple[Tensor, tuple[Tensor, ...]],
) -> tuple[Tensor, NDArray[np.uint8], NDArray[np.float64], NDArray[np.float64]]:
    x, labels = target
    with torch.no_grad():
        wanted = space(x, *labels)
        z = candidates[_nearest(source, space, candidates, wanted, labels)].clone()
    z.requires_grad_()
    adam = torch.optim.Adam([z], settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, settings.steps)
    kept = {round(share * settings.steps) for share in FRAMES}
    scale = (wanted - wanted.mean(0)).square().mean().clamp(min=1e-12)  # so that Adam's epsilon is small in any units
    frames: dict[int, NDArray[np.uint8]] = {}
    first = last = None
    for step in range(settings.steps + 1):
        image = source.draw(z, *labels)
        errors = (space(image, *labels) - wanted).square().mean(1)  # (n,)
        first, last = errors.detach() if first is None else first, errors.detach()
        if step in kept:
            frames[step] = to_pixels(image.detach())
        if step < settings.steps:
            (z.grad,) = torch.autograd.grad(errors.sum() / scale, z)
            adam.step()
            schedule.step()
            with torch.no_grad():
                _keep_within(z, source.latent)
    assert first is not None  # there is one step at least
    assert last is not None
    pictures = np.stack([frames[round(share * settings.steps)] for share in FRAMES])
    return z.detach().cpu(), pictures, _root(first), _root(last)


def _root(squares: Tensor) -> NDArray[np.float64]:
    return squares.double().sqrt().cpu().numpy()


def _nearest(
    source: Source,
    space: Space,
    candidates: Tensor,
    wanted: Tensor,
    labels: tuple[Tensor, ...],
) -> Tensor:
    """Number the candidate whose sample is nearest to each image, (n,): of its class, where there are classes."""
    closest = torch.empty(len(wanted), dtype=torch.int64, device=wanted.device)
    classes = labels[0] if labels else torch.zeros_like(closest)
    for number in classes.unique():
        these = classes == number
        told = (number.expand(len(candidates)),) if labels else ()
        samples = space(source.draw(candidates, *told), *told)
        closest[these] = torch.cdist(wanted[these], samples).argmin(1)
    return closest


def _keep_within(z: Tensor, latent: str) -> None:
    if latent == "uniform":
        z.clamp_(-1, 1)
    else:
        longest = z.shape[1] ** 0.5
        z.mul_(longest / z.norm(dim=1, keepdim=True).clamp(min=longest))
