"""Alterations that a denoising autoencoder learns to see through: those that near-duplicates really show."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan_pipeline.dedup.settings import AlterationSettings


def alter(thumbnails: Tensor, settings: AlterationSettings, generator: torch.Generator) -> Tensor:
    """Alter each thumbnail a little, and differently: shift and crop, blur, contrast, brightness.

    Parameters
    ----------
    thumbnails
        uint8 (n, 3, 32, 32), on any device.
    generator
        On the CPU, so that the same seed gives the same alterations on every device.

    Returns
    -------
    float32 of whole numbers 0..255, of the same shape
    """
    x, n = thumbnails.float(), len(thumbnails)

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return (torch.rand(shape, generator=generator) * (high - low) + low).to(x.device)

    if settings.shift or settings.zoom:
        place = torch.zeros(n, 2, 3, device=x.device)  # what part of the image is shown, in [-1, 1]
        place[:, 0, 0] = place[:, 1, 1] = 1 - draw(0, settings.zoom, n)
        place[:, :, 2] = draw(-settings.shift, settings.shift, n, 2) * 2 / x.shape[-1]
        grid = F.affine_grid(place, list(x.shape), align_corners=False)
        x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    if settings.blur:
        mean = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        x = torch.where(draw(0, 1, n, 1, 1, 1) < settings.blur, mean, x)
    contrast = 1 + draw(-settings.contrast, settings.contrast, n, 1, 1, 1)
    x = (x - 127.5) * contrast + 127.5 + draw(-settings.brightness, settings.brightness, n, 1, 1, 1)
    return x.round().clamp(0, 255)
