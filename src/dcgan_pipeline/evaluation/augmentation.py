"""Small changes of training images that leave their class as it is (our choice; the paper names none)."""

from __future__ import annotations

import torch
from torch import Tensor

from dcgan_pipeline.gan.data import to_device


def augment(x: Tensor, flips: bool, shift: int, generator: torch.Generator) -> Tensor:
    """Mirror every second image at random, and move each by up to ``shift`` pixels along both axes.

    Pixels that come in at an edge repeat it, so that a plain background goes on.

    Parameters
    ----------
    x
        Images of shape (batch, C, H, W).
    generator
        On the CPU: the same seed changes images alike on every device.
    """
    if not flips and not shift:
        return x
    batch, _, height, width = x.shape
    moved = torch.randint(-shift, shift + 1, (2, batch, 1), generator=generator)
    rows = (torch.arange(height) + moved[0]).clamp(0, height - 1)  # (batch, H)
    columns = (torch.arange(width) + moved[1]).clamp(0, width - 1)  # (batch, W)
    if flips:
        mirrored = torch.randint(2, (batch, 1), generator=generator).bool()
        columns = torch.where(mirrored, columns.flip(1), columns)
    rows, columns = to_device(rows, x.device), to_device(columns, x.device)
    numbers = torch.arange(batch, device=x.device)
    taken = x[numbers[:, None, None], :, rows[:, :, None], columns[:, None, :]]  # (batch, H, W, C)
    return taken.permute(0, 3, 1, 2)  # channels last in memory, as the convolutions like it
