"""Batch-norm statistics for use, computed after training.

In training every batch is normalised by its own mean and variance. With them a sample, or an image's features, would
depend on its batch-mates. For use, each layer gets the unweighted mean of the per-batch means and (biased) variances
over many batches (authors' code), and not a running average of training.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

BATCH = 128  # images a batch of statistics (authors' code)


@torch.no_grad()
def recompute(network: nn.Module, batches: Iterable[Tensor | tuple[Tensor, ...]]) -> None:
    """Set the statistics of every batch norm of a network, and leave the network in evaluation mode.

    Parameters
    ----------
    batches
        Inputs of the network, at least one batch of two or more; a tuple where it has several (images and labels).
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    sums: dict[nn.Module, list[Tensor]] = {}

    def add(norm: nn.Module, inputs: tuple[Any, ...]) -> None:
        x = inputs[0].float()
        over = [d for d in range(x.ndim) if d != 1]
        found = [x.mean(over).double(), x.var(over, correction=0).double()]
        sums[norm] = [a + b for a, b in zip(sums[norm], found, strict=True)] if norm in sums else found

    handles = [norm.register_forward_pre_hook(add) for norm in norms]
    network.train()  # each batch is normalised by itself on its way to the next layer
    count = 0
    try:
        for batch in batches:
            network(*batch) if isinstance(batch, tuple) else network(batch)
            count += 1
    finally:
        for handle in handles:
            handle.remove()
        network.eval()
    if not count:
        raise ValueError("statistics need at least one batch, got none")
    for norm in norms:
        mean, variance = sums[norm]
        norm.get_buffer("running_mean").copy_(mean / count)
        norm.get_buffer("running_var").copy_(variance / count)
