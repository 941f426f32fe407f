"""The inputs that a feature may choose from: a ball about the images' mean colour, in a norm that they give.

A response has no largest value without a bound: a picture excites a feature the more, the higher its contrast. And of
all inputs of one L2 norm the one that excites most is high-frequency noise, which no image has, for trained and
untrained networks alike. So there are two norms:

``spectrum``: a frequency counts by its strength in the images. Inputs are ``u`` filtered by the images' mean amplitude
at each frequency and by the square root of the covariance of their channels; white noise ``u`` becomes noise of the
images' spectrum. The norm of the input is the root mean square of ``u``.

``l2``: all frequencies alike. ``u`` is the input less the mean colour, divided by the images' standard deviation.

In both the average image has the norm 1 (over images, in the mean square). Nearly all of it is in frequencies that
images hardly have, and an input need not spend any on them: a norm of a quarter is enough for the contrast of an image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

_FLOOR = 1e-3  # of the mean amplitude: a frequency that no image has is as good as left out


@dataclass(frozen=True)
class Ball:
    """The inputs whose norm is at most ``radius``, by what they are made of: ``u``, (n, C, S, S)."""

    amplitude: Tensor
    """Of every frequency, (S, S // 2 + 1)."""
    channels: Tensor
    """(C, C), that mixes the channels."""
    centre: Tensor
    """The mean colour, (C, 1, 1)."""
    radius: float

    def input(self, u: Tensor) -> Tensor:
        """Make inputs (n, C, S, S) of u of the same shape; what is blacker than black or whiter than white is cut."""
        mixed = torch.einsum("dc,nchw->ndhw", self.channels, u)
        found = torch.fft.irfft2(torch.fft.rfft2(mixed) * self.amplitude, s=u.shape[-2:])
        return (self.centre + found).clamp(-1, 1)

    def within(self, u: Tensor) -> Tensor:
        """Bring u whose norm is too large back to the surface."""
        return u * (self.radius / norm_of(u).clamp(min=self.radius))


def norm_of(u: Tensor) -> Tensor:
    """Root mean square of each, (n, 1, 1, 1)."""
    return u.square().mean((1, 2, 3), keepdim=True).sqrt()


def ball_of(images: Tensor, norm: Literal["spectrum", "l2"], radius: float) -> Ball:
    """Measure images in [-1, 1], (n, C, S, S), for a ball of this radius in this norm."""
    centre = images.double().mean((0, 2, 3))[:, None, None]
    x = images.double() - centre
    count = x.shape[1]
    if norm == "l2":
        power = x.square().mean().expand(x.shape[-2], x.shape[-1] // 2 + 1)
        mixing = torch.eye(count, dtype=torch.float64, device=x.device)
    else:
        power = torch.fft.rfft2(x, norm="ortho").abs().square().mean((0, 1))  # as much in all as the mean square
        covariance = torch.einsum("nchw,ndhw->cd", x, x)
        values, axes = torch.linalg.eigh(covariance * (count / covariance.trace().clamp(min=1e-30)))
        mixing = axes @ values.clamp(min=0).sqrt().diag() @ axes.T
    amplitude = power.sqrt()
    amplitude = amplitude.clamp(min=_FLOOR * float(amplitude.mean()))
    return Ball(amplitude.float(), mixing.float(), centre.float(), radius)
