"""A small network that says of a picture which attributes it has and where its objects are: the judge of edits.

It learns from images whose attributes are known (:mod:`dcgan_pipeline.attributes.training`), and then judges
samples, of which nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, Strict, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.data import to_range
from dcgan_pipeline.imaging.sources.attributes import Kind
from dcgan_pipeline.schema import Settings
from dcgan_pipeline.weights import Weights

Accuracy = Mapping[str, Mapping[str, float]]
"""By name: what was measured, and the value."""
KIND_OF_WEIGHTS = "attribute_model"
_BATCH = 256
_SMALLEST = 4  # pixels: a side of the deepest maps, at most
_WIDEST = 8  # times the first maps


class Judged(Settings):
    """What an attribute model judges, and of which images."""

    channels: int = Field(ge=1)
    image_size: int = Field(ge=4)
    width: int = Field(ge=1)
    """Maps of the first convolution."""
    attributes: Annotated[tuple[str, ...], Strict(False)] = ()
    kinds: Annotated[tuple[Kind, ...], Strict(False)] = ()
    means: Annotated[tuple[float, ...], Strict(False)] = ()
    """Of a continuous attribute, over the images that were learned from; 0 of a binary one."""
    spreads: Annotated[tuple[float, ...], Strict(False)] = ()
    """Standard deviations of the same; 1 of a binary attribute."""
    objects: Annotated[tuple[str, ...], Strict(False)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not len(self.attributes) == len(self.kinds) == len(self.means) == len(self.spreads):
            raise ValueError("every attribute needs a kind, a mean and a spread")
        return self


class AttributeNetwork(nn.Module):
    """Images in [-1, 1] -> a number for each attribute, and for each pixel one for nothing and for each object.

    Convolutions of stride 2 down to maps of 4 x 4. The attributes are read from those maps, where they are and wherever
    they are strongest. For the objects the maps of all sizes are added up, the finest last.
    """

    def __init__(self, judged: Judged) -> None:
        super().__init__()
        width, sides = judged.width, [judged.image_size]
        maps = [width]
        while sides[-1] > _SMALLEST or len(sides) == 1:
            sides.append((sides[-1] + 1) // 2)
            maps.append(min(2 * maps[-1], _WIDEST * width))
        self.first = _block(judged.channels, width, 1)
        self.down = nn.ModuleList(_block(m, n, 2) for m, n in pairwise(maps))
        self.maps = maps[-1]
        self.values = nn.Linear(maps[-1] * (sides[-1] ** 2 + 1), len(judged.attributes))
        self.across = nn.ModuleList(nn.Conv2d(m, width, 1) for m in maps[1:]) if judged.objects else nn.ModuleList()
        if judged.objects:
            self.smooth = _block(width, width, 1)
            self.coarse = nn.Conv2d(width, len(judged.objects) + 1, 1, bias=False)
            self.fine = nn.Conv2d(width, len(judged.objects) + 1, 1)

    def forward(self, x: Tensor, kept: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Judge x of shape (batch, C, S, S).

        Parameters
        ----------
        kept
            Factors of the deepest maps, (batch, maps, 1, 1), for dropout; none: all are kept.

        Returns
        -------
        values
            (batch, attributes): logits of binary attributes, standardised values of continuous ones.
        pixels
            (batch, 1 + objects, S, S): logits of nothing and of each object; none without objects.
        """
        maps = [self.first(x)]
        for layer in self.down:
            maps.append(layer(maps[-1]))
        deepest = maps[-1] if kept is None else maps[-1] * kept
        values = self.values(torch.cat([deepest.flatten(1), deepest.amax((2, 3))], 1))
        if not len(self.across):
            return values, None
        h = self.across[-1](maps[-1])
        for layer, finer in zip(reversed(self.across[:-1]), reversed(maps[1:-1]), strict=True):
            h = F.interpolate(h, finer.shape[2:]) + layer(finer)
        coarse = self.coarse(self.smooth(h))  # (batch, 1 + objects, S / 2, S / 2)
        return values, F.interpolate(coarse, maps[0].shape[2:]) + self.fine(maps[0])


def _block(maps_in: int, maps_out: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(maps_in, maps_out, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(maps_out), nn.ReLU())


class AttributeModel:
    """A trained network, ready to judge images; each image's answer depends on it alone.

    Attributes
    ----------
    attributes
        Their names.
    kinds
        Of each: ``binary`` or ``continuous``.
    objects
        Names of the objects.
    attribute_accuracy
        Of each attribute by name, on images held out: ``balanced_accuracy`` and ``auc`` of a binary one, ``r2`` of a
        continuous one; NaN where it could not be measured.
    object_accuracy
        Of each object by name: ``iou``, of all its pixels in all images held out.
    """

    def __init__(
        self, network: AttributeNetwork, judged: Judged, held_out: Mapping[str, Accuracy] | None = None
    ) -> None:
        self._network, self._judged = network.eval(), judged
        measured = held_out or {}
        self.attribute_accuracy, self.object_accuracy = measured.get("attributes", {}), measured.get("objects", {})
        self.attributes, self.kinds, self.objects = judged.attributes, judged.kinds, judged.objects

    def attribute_scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Score images, uint8 (n, C, S, S), for every attribute: float32 (n, attributes).

        The probability of a binary attribute; the value of a continuous one in its own units.

        Raises
        ------
        InputError
            Where the images are of another shape than it learned from.
        """
        return self.judge(images)[0]

    def object_masks(self, images: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Find the objects in images, uint8 (n, C, S, S): bool (n, objects, S, S); a pixel is of one object at most.

        Raises
        ------
        InputError
            Where the images are of another shape than it learned from.
        """
        return self.judge(images)[1]

    def judge(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Do both in one pass: what :meth:`attribute_scores` and :meth:`object_masks` give.

        Raises
        ------
        InputError
            Where the images are of another shape than it learned from.
        """
        scores = np.empty((len(images), len(self.attributes)), np.float32)
        found = np.zeros((len(images), len(self.objects), *images.shape[2:]), bool)
        start = 0
        for values, pixels in self._judge(images):
            part = slice(start, start + len(values))
            scores[part] = values.cpu().numpy()
            if pixels is not None:
                objects = torch.arange(1, len(self.objects) + 1, device=pixels.device)[:, None, None]
                found[part] = (pixels.argmax(1, keepdim=True) == objects).cpu().numpy()
            start += len(values)
        return scores, found

    @torch.no_grad()
    def _judge(self, images: NDArray[np.uint8]) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Scores and logits of pixels, a batch at a time."""
        check_shape(self._judged, tuple(images.shape))
        device = self._network.values.weight.device
        binary = torch.tensor([kind == "binary" for kind in self.kinds], dtype=torch.bool, device=device)
        means, spreads = (torch.tensor(x, device=device) for x in (self._judged.means, self._judged.spreads))
        for start in range(0, len(images), _BATCH):
            values, pixels = self._network(to_range(images[start : start + _BATCH], device))
            yield torch.where(binary, values.sigmoid(), values * spreads + means), pixels


def load_attribute_model(weights: Weights, device: torch.device) -> AttributeModel:
    """Build the model of the entry ``attribute_model``.

    Raises
    ------
    InputError
        Where the weights are none of an attribute model.
    """
    if weights.settings.get("kind") != KIND_OF_WEIGHTS:
        raise InputError(
            f"weights must be of an attribute model, got {weights.settings.get('kind')!r}; take the entry "
            "attribute_model, which `kedro run --pipeline=attributes` makes"
        )
    judged = Judged.parse(weights.settings["judged"], "attribute_model.judged")
    network = AttributeNetwork(judged)
    network.load_state_dict(weights.part("network."))
    return AttributeModel(
        network.to(device).to(memory_format=torch.channels_last), judged, weights.settings.get("held_out")
    )


def check_shape(judged: Judged, shape: tuple[int, ...]) -> None:
    """Refuse images, (n, C, S, S), of another shape than a model judges."""
    wanted = (judged.channels, judged.image_size, judged.image_size)
    if shape[1:] != wanted:
        raise InputError(
            f"an attribute model judges images of {' x '.join(map(str, wanted))}, as it learned from, got "
            f"{' x '.join(map(str, shape[1:]))}; run `kedro run --pipeline=attributes` on images of this shape"
        )
