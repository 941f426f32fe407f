"""Conditional generator and discriminator: the authors' MNIST networks (paper 5.3), and others of their pattern.

A label is a class number; the networks see it one-hot, joined to the input of every layer: after the units of a fully
connected layer, and as constant maps after the maps of a convolution (authors' code). Beside the mirrored convolutions
of :mod:`dcgan_pipeline.gan.networks` each network has one more fully connected layer. Batch norm has neither gain nor
shift, and there are no biases, so that weights are all that is learned (authors' code).

Inside, images are in [0, 1], the range of G's sigmoid (authors' code). Everywhere else of this project they are in
[-1, 1], and the two networks convert at their ends, so that whoever scales, shows or stores images need not know which
networks they are for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_pipeline.errors import InputError, shortened
from dcgan_pipeline.gan.networks import (
    EPSILON,
    Activation,
    Discriminator,
    Generator,
    convolution,
    leaky_relu,
    transposed_convolution,
)
from dcgan_pipeline.gan.settings import Architecture


def _norm1d(units: int) -> nn.BatchNorm1d:
    return nn.BatchNorm1d(units, eps=EPSILON, momentum=0.0, affine=False)


def _norm2d(maps: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(maps, eps=EPSILON, momentum=0.0, affine=False)


def _join(x: Tensor, code: Tensor) -> Tensor:
    """Put one-hot labels (batch, labels) after units (batch, units), or after maps (batch, maps, H, W) as maps."""
    code = code.to(x.dtype)
    if x.ndim == 4:
        code = code[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, code], dim=1)


class ConditionalGenerator(nn.Module):
    """z and labels -> images in [-1, 1]: the authors' sigmoid, in [0, 1], scaled."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        layers = architecture.layers()[::-1]
        self.latent_dim, self.labels = architecture.latent_dim, architecture.labels
        self.top = (layers[0].channels_out, architecture.base, architecture.base)
        units = layers[0].channels_out * architecture.base**2
        self.hidden = nn.Linear(architecture.latent_dim + self.labels, architecture.hidden, bias=False)
        self.hidden_norm = _norm1d(architecture.hidden)
        self.project = nn.Linear(architecture.hidden + self.labels, units, bias=False)
        self.project_norm = _norm1d(units)
        self.convs = nn.ModuleList(transposed_convolution(architecture, layer, self.labels) for layer in layers)
        self.norms = nn.ModuleList(_norm2d(layer.channels_in) for layer in layers[:-1])

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Generate from z (batch, latent_dim) and class numbers, int64 (batch,): (batch, C, S, S)."""
        return self.onwards(self._first(z, labels), 0, labels)

    def activations(self, z: Tensor, labels: Tensor) -> list[Tensor]:
        """Return every layer's maps after ReLU, without the labels' own: the projection's, then each convolution's but
        the last, which makes the image.
        """
        maps = [self._first(z, labels)]
        for k in range(len(self.norms)):
            maps.append(self._next(maps[-1], k, labels))
        return maps

    def onwards(self, h: Tensor, layer: int, labels: Tensor) -> Tensor:
        """Generate from the maps of a layer, as :meth:`activations` numbers them: (batch, C, S, S)."""
        return self.finish(self.convolve(h, layer, labels), layer, labels)

    def convolve(self, h: Tensor, layer: int, labels: Tensor) -> Tensor:
        """Put the maps of a layer, and the labels' own, through the convolution that follows, which is linear."""
        return self.convs[layer](_join(h, F.one_hot(labels, self.labels)))

    def finish(self, summed: Tensor, layer: int, labels: Tensor) -> Tensor:
        """Generate from what :meth:`convolve` gives of the maps of a layer: (batch, C, S, S)."""
        for k in range(layer, len(self.norms)):
            summed = self.convolve(F.relu(self.norms[k](summed)), k + 1, labels)
        return 2 * torch.sigmoid(summed) - 1

    def _first(self, z: Tensor, labels: Tensor) -> Tensor:
        code = F.one_hot(labels, self.labels)  # (batch, labels)
        h = F.relu(self.hidden_norm(self.hidden(_join(z, code))))  # (batch, hidden)
        h = F.relu(self.project_norm(self.project(_join(h, code))))  # (batch, maps * base * base)
        return h.view(len(z), *self.top)  # (batch, maps, base, base)

    def _next(self, h: Tensor, k: int, labels: Tensor) -> Tensor:
        return F.relu(self.norms[k](self.convolve(h, k, labels)))  # half the maps an octave, twice the side


class ConditionalDiscriminator(nn.Module):
    """Images in [-1, 1] and labels -> logits; the first convolution and the logit have no batch norm."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        layers = architecture.layers()
        self.labels = architecture.labels
        self.convs = nn.ModuleList(convolution(architecture, layer, self.labels) for layer in layers)
        self.norms = nn.ModuleList(_norm2d(layer.channels_out) for layer in layers[1:])
        units = layers[-1].channels_out * architecture.base**2
        self.hidden = nn.Linear(units + self.labels, architecture.hidden, bias=False)
        self.hidden_norm = _norm1d(architecture.hidden)
        self.logit = nn.Linear(architecture.hidden + self.labels, 1, bias=False)

    def activations(
        self, x: Tensor, labels: Tensor, *, last: int | None = None, activation: Activation = leaky_relu
    ) -> list[Tensor]:
        """Return every convolution's maps after the activation, without the labels' own; else as
        :meth:`~dcgan_pipeline.gan.networks.Discriminator.activations`.
        """
        code = F.one_hot(labels, self.labels)  # (batch, labels)
        h, maps = (x + 1) / 2, []
        for k, conv in enumerate(self.convs):
            h = conv(_join(h, code))
            h = activation(self.norms[k - 1](h) if k else h)  # twice the maps an octave, half the side
            maps.append(h)
            if k == last:
                break
        return maps

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Judge x (batch, C, S, S) of class numbers, int64 (batch,): logits (batch,), positive for real."""
        code = F.one_hot(labels, self.labels)  # (batch, labels)
        h = self.hidden(_join(self.activations(x, labels)[-1].flatten(1), code))
        h = leaky_relu(self.hidden_norm(h))  # (batch, hidden)
        return self.logit(_join(h, code)).squeeze(1)


def build_generator(architecture: Architecture) -> Generator | ConditionalGenerator:
    """Make G as the architecture asks for it, with PyTorch's initial weights."""
    return ConditionalGenerator(architecture) if architecture.labels else Generator(architecture)


def build_discriminator(architecture: Architecture) -> Discriminator | ConditionalDiscriminator:
    """Make D as the architecture asks for it, with PyTorch's initial weights."""
    return ConditionalDiscriminator(architecture) if architecture.labels else Discriminator(architecture)


def labels_in_turn(count: int, classes: int | Tensor, start: int = 0) -> Tensor:
    """Give images ``start``, ``start`` + 1, ... the classes over and over, int64 (count,).

    On a grid whose width is a multiple of their number each column has one class.

    Parameters
    ----------
    classes
        Their number, or class numbers, int64 (n,): image k has the one at k % n.
    """
    images = torch.arange(start, start + count)
    return images % classes if isinstance(classes, int) else classes[images % len(classes)]


def class_names(settings: dict[str, Any]) -> list[str]:
    """Name the classes of a conditional GAN, by number.

    Those that it knows beyond the training images' are called ``unnamed 7``, after their number; without any names, as
    of a training on arrays, all are called by their numbers.

    Parameters
    ----------
    settings
        Of a checkpoint.
    """
    count, named = settings["architecture"].get("labels") or 0, settings.get("classes") or []
    unnamed = (f"unnamed {number}" if named else str(number) for number in range(len(named), count))
    return [*named[:count], *unnamed]


def class_numbers(settings: dict[str, Any], wanted: Sequence[str | int] | None) -> Tensor | None:
    """Number the classes that samples are wanted of.

    Parameters
    ----------
    settings
        Of a checkpoint.
    wanted
        Names; or numbers, where no class has such a name. None: all classes.

    Returns
    -------
    Tensor or None
        int64 of shape (len(wanted),); none for networks without labels.

    Raises
    ------
    InputError
        Where classes are wanted of networks without labels, or of some that they do not know.
    """
    names = class_names(settings)
    if not names:
        if wanted is not None:
            raise InputError(
                f"sample.classes needs a conditional gan, got {shortened(wanted)} for one without labels; "
                "leave it out, or train with train.preset=mnist28"
            )
        return None
    if wanted is None:
        return torch.arange(len(names))
    numbers = {str(number): number for number in range(len(names))} | {name: k for k, name in enumerate(names)}
    if unknown := [name for name in wanted if str(name) not in numbers]:
        raise InputError(
            f"sample.classes must be of those that the gan knows, {shortened(names)}, got {shortened(unknown)}; "
            "name others"
        )
    return torch.tensor([numbers[str(name)] for name in wanted])


def training_labels(
    labels: NDArray[np.int64] | None, rows: NDArray[np.int64], architecture: Architecture
) -> NDArray[np.int64] | None:
    """Check the labels that conditional networks are to be trained on.

    Parameters
    ----------
    labels
        A class number for every image, -1 without, int64 of shape (N,); or none.
    rows
        The images to train on.

    Returns
    -------
    ndarray or None
        The labels; none where the architecture has no use for them.

    Raises
    ------
    InputError
        Where an image to train on has no label, or one that the networks do not know.
    """
    classes = architecture.labels
    if not classes:
        return None
    without = len(rows) if labels is None else int((labels[rows] < 0).sum())
    if without or labels is None:
        raise InputError(
            f"conditional networks need a label for every training image, and {without} of {len(rows)} have none; put "
            "the images of each class in a folder of its own, or set train.preset to one without labels"
        )
    if (most := int(labels[rows].max()) + 1) > classes:
        raise InputError(
            f"conditional networks must know every class of the training images, got {most} classes and networks for "
            f"{classes}; set train.architecture.labels to {most}"
        )
    return labels


def refuse_conditional(settings: dict[str, Any], what: str) -> None:
    """Refuse a conditional GAN where images alone, without labels, are to be judged.

    Parameters
    ----------
    settings
        Of an :class:`Architecture`, as a checkpoint has them.
    what
        What needs a discriminator without labels, as the message begins.
    """
    if settings.get("labels"):
        raise InputError(
            f"{what} a discriminator that takes images alone, and this one takes the label too "
            f"(architecture.labels {settings['labels']}); train networks without labels, or run "
            "`kedro run --pipeline=unsupervised`, which leaves the features out"
        )
