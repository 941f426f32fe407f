"""The training image that is nearest to each of some images, of a pile that is read as a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.visualize.spaces import Space, vectors
from dcgan_pipeline.visualize.training_images import Pictures, Pile, Rows

NOBODY = -1  # the row of an image that is none of the pile


@dataclass(frozen=True)
class Nearest:
    """For each of some images the nearest one of a pile."""

    rows: Rows
    """int64 (n,)."""
    distances: NDArray[np.float64]
    """(n,): root of the mean square of the differences; infinite where the pile has no other image."""


@torch.no_grad()
def nearest_images(
    pictures: Pictures, own: Rows, pile: Pile, measured: Mapping[str, Space], device: torch.device
) -> dict[str, Nearest]:
    """Look for the nearest image in several spaces, in one pass over the pile.

    Distances are computed in float64, so that those of pixels are exact; of images at equal distance the first counts.
    In memory are the vectors of the pictures, and those of one batch of the pile.

    Parameters
    ----------
    own
        The row that a picture has itself, and that does not count as its neighbour, int64 (n,); ``NOBODY``: none.
    """
    searches = {name: _Search(vectors(space, pictures, device), own) for name, space in measured.items()}
    for rows, x, labels in pile.batches(device, "nearest training images"):
        for name, space in measured.items():
            searches[name].add(rows, space(x, *labels))
    return {name: search.found() for name, search in searches.items()}


class _Search:
    def __init__(self, vectors: Tensor, own: Rows) -> None:
        self._x, self._own = vectors.double(), torch.from_numpy(own).to(vectors.device)
        self._squares = self._x.square().sum(1)
        self._closest = torch.full_like(self._squares, torch.inf)
        self._rows = torch.full_like(self._own, NOBODY)

    def add(self, rows: Rows, vectors: Tensor) -> None:
        y, named = vectors.double(), torch.from_numpy(rows).to(vectors.device)
        squared = self._squares[:, None] + y.square().sum(1) - 2 * self._x @ y.T  # (n, batch)
        squared[self._own[:, None] == named] = torch.inf
        closest, at = squared.min(1)
        closer = closest < self._closest  # an equal one came before
        self._closest[closer], self._rows[closer] = closest[closer], named[at[closer]]

    def found(self) -> Nearest:
        distances = (self._closest.clamp(min=0) / self._x.shape[1]).sqrt()  # rounding may leave -1e-12
        return Nearest(self._rows.cpu().numpy(), distances.cpu().numpy())
