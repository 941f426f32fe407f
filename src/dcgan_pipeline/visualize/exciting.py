"""What excites the features of D: a feature is a map of one of its convolutions, after its activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.features import untrained_discriminator
from dcgan_pipeline.gan.conditional import ConditionalDiscriminator
from dcgan_pipeline.gan.networks import Discriminator
from dcgan_pipeline.gan.sampling import load_discriminator
from dcgan_pipeline.visualize.training_images import Pile, Rows
from dcgan_pipeline.weights import Weights

AnyDiscriminator = Discriminator | ConditionalDiscriminator
NETWORKS = ("trained", "untrained")


def both_discriminators(gan: Weights, pile: Pile, seed: int, device: torch.device) -> dict[str, AnyDiscriminator]:
    """Give the trained D and an untrained one of the same shape, in evaluation mode, by ``NETWORKS``.

    The weights of the untrained one are those that ``features`` compares with; its statistics of batch norm are of the
    pile, which is the training set where that has no more images.
    """
    untrained = untrained_discriminator(gan, pile.images, pile.rows, seed, device, pile.labels)
    found = {name: load_discriminator(w, device) for name, w in zip(NETWORKS, (gan, untrained), strict=True)}
    for network in found.values():
        network.requires_grad_(False)
    return found


def resolve_layer(layer: int | None, gan: Weights, figure: str) -> int:
    """Number a convolution of D, 0 the first; None is the last.

    Raises
    ------
    InputError
        Where D has no such convolution.
    """
    last = len(gan.part("discriminator.convs.")) - 1
    if layer is not None and layer > last:
        raise InputError(
            f"visualize.{figure}.layer must be from 0 to {last}, the discriminator's convolutions, got {layer}; "
            "lower it, or leave it out for the last"
        )
    return last if layer is None else layer


@dataclass(frozen=True)
class Exciting:
    """The images of a pile that excite each feature of a convolution most. A response is the maximum of the map."""

    rows: Rows
    """(features, n), the most exciting first."""
    responses: NDArray[np.float64]
    """(features, n), descending."""
    mean: NDArray[np.float64]
    """(features,), over all images of the pile."""
    spread: NDArray[np.float64]
    """(features,), the standard deviation."""

    @property
    def selectivity(self) -> NDArray[np.float64]:
        """How far the mean of the largest responses is above that of all, in standard deviations; 0 where all are
        equal.
        """
        above = self.responses.mean(1) - self.mean
        return np.divide(above, self.spread, out=np.zeros_like(above), where=self.spread > 0)

    def choose(self, how: Literal["first", "selectivity"], count: int) -> Rows:
        """Number the first features, or those of the highest selectivity, at most so many."""
        order = np.arange(len(self.rows)) if how == "first" else np.argsort(-self.selectivity, kind="stable")
        return order[:count]


@torch.no_grad()
def most_exciting(
    network: AnyDiscriminator,
    layer: int,
    pile: Pile,
    count: int,
    device: torch.device,
    what: str,
) -> Exciting:
    """Look for the images that excite the features of a convolution most, in one pass over a pile.

    Parameters
    ----------
    count
        Images a feature; as many as the pile has, where it has fewer.
    what
        For the bar.
    """
    best = rows = None
    sums = squares = np.zeros(1)
    for places, x, labels in pile.batches(device, what):
        maps = network.activations(x, *labels, last=layer)[-1]
        found = maps.amax((2, 3)).double().cpu().numpy().T  # (features, batch)
        sums, squares = sums + found.sum(1), squares + np.square(found).sum(1)
        named = np.broadcast_to(places, found.shape)
        best = found if best is None else np.concatenate([best, found], axis=1)
        rows = named if rows is None else np.concatenate([rows, named], axis=1)
        order = np.argsort(-best, axis=1, kind="stable")[:, :count]  # of equal ones the first
        best, rows = np.take_along_axis(best, order, 1), np.take_along_axis(rows, order, 1)
    assert best is not None  # a pile has images
    assert rows is not None
    mean = sums / len(pile.rows)
    spread = np.sqrt(np.maximum(squares / len(pile.rows) - mean**2, 0))
    return Exciting(rows, best, mean, spread)


def purity(rows: Rows, records: pd.DataFrame) -> float | None:
    """Give the share of some images that are of the class that is most common among them; None without classes."""
    labels = records["label"].to_numpy()
    if labels.max() < 1 or (labels[rows] < 0).any():
        return None
    labels = labels[rows]
    return float(np.bincount(labels).max() / len(labels))
