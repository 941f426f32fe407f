"""The losses of Goodfellow et al. (2014), with the non-saturating one for G, on logits."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """BCE(D(x), 1) + BCE(D(G(z)), 0), summed and not halved (authors' code), for logits of shape (batch,)."""
    return cross_entropy(real, torch.ones_like(real)) + cross_entropy(fake, torch.zeros_like(fake))


def generator_loss(fake: Tensor) -> Tensor:
    """BCE(D(G(z)), 1), for logits of shape (batch,)."""
    return cross_entropy(fake, torch.ones_like(fake))


def to_float32(logits: Tensor) -> Tensor:
    """Lift logits of half precision to float32, in which losses are taken; others stay as they are."""
    return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
