"""Generator and discriminator (paper 3): one builder for every size, width, kernel and pattern of strides."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_pipeline.gan.settings import Architecture, ConvLayer

EPSILON = 1e-8  # of batch norm (authors' code)
SLOPE = 0.2  # of LeakyReLU (paper 4)
SPREAD = 0.02  # standard deviation of the initial weights (paper 4)


Activation = Callable[[Tensor], Tensor]


def leaky_relu(x: Tensor) -> Tensor:
    """D's activation (paper 3)."""
    return F.leaky_relu(x, SLOPE)


def _batch_norm(maps: int) -> nn.BatchNorm2d:
    # Training uses batch statistics. Momentum 0 leaves the stored ones alone: they are set by
    # `statistics.recompute`, as the authors do it, and not by a running average.
    return nn.BatchNorm2d(maps, eps=EPSILON, momentum=0.0)


def convolution(architecture: Architecture, layer: ConvLayer, joined: int = 0) -> nn.Conv2d:
    """Make a convolution of D, with so many maps ``joined`` to its input."""
    maps, padding = layer.channels_in + joined, architecture.padding
    return nn.Conv2d(maps, layer.channels_out, architecture.kernel, layer.stride, padding, bias=False)


def transposed_convolution(architecture: Architecture, layer: ConvLayer, joined: int = 0) -> nn.ConvTranspose2d:
    """Make the convolution of G that mirrors one of D, with so many maps ``joined`` to its input."""
    maps, padding = layer.channels_out + joined, (architecture.padding, architecture.output_padding(layer.stride))
    return nn.ConvTranspose2d(maps, layer.channels_in, architecture.kernel, layer.stride, *padding, bias=False)


class Generator(nn.Module):
    """z -> images in [-1, 1].

    The projection of z has a batch norm of its own for every unit, not for every map (authors' code); the output
    layer has none (paper 3).
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        layers = architecture.layers()[::-1]
        self.latent_dim = architecture.latent_dim
        self.top = (layers[0].channels_out, architecture.base, architecture.base)
        units = layers[0].channels_out * architecture.base**2
        self.project = nn.Linear(architecture.latent_dim, units, bias=False)
        self.project_norm = nn.BatchNorm1d(units, eps=EPSILON, momentum=0.0)
        self.convs = nn.ModuleList(transposed_convolution(architecture, layer) for layer in layers)
        self.norms = nn.ModuleList(_batch_norm(layer.channels_in) for layer in layers[:-1])

    def forward(self, z: Tensor) -> Tensor:
        """Generate from z of shape (batch, latent_dim): (batch, C, S, S)."""
        return self.onwards(self._first(z), 0)

    def activations(self, z: Tensor) -> list[Tensor]:
        """Return every layer's maps after ReLU, for z of shape (batch, latent_dim): the projection's, then each
        convolution's but the last, which makes the image.
        """
        maps = [self._first(z)]
        for k in range(len(self.norms)):
            maps.append(self._next(maps[-1], k))
        return maps

    def onwards(self, h: Tensor, layer: int) -> Tensor:
        """Generate from the maps of a layer, as :meth:`activations` numbers them: (batch, C, S, S)."""
        return self.finish(self.convolve(h, layer), layer)

    def convolve(self, h: Tensor, layer: int) -> Tensor:
        """Put the maps of a layer through the convolution that follows, which is linear in them."""
        return self.convs[layer](h)

    def finish(self, summed: Tensor, layer: int) -> Tensor:
        """Generate from what :meth:`convolve` gives of the maps of a layer: (batch, C, S, S)."""
        for k in range(layer, len(self.norms)):
            summed = self.convolve(F.relu(self.norms[k](summed)), k + 1)
        return torch.tanh(summed)

    def _first(self, z: Tensor) -> Tensor:
        h = F.relu(self.project_norm(self.project(z)))  # (batch, maps * base * base)
        return h.view(len(z), *self.top)  # (batch, maps, base, base)

    def _next(self, h: Tensor, k: int) -> Tensor:
        return F.relu(self.norms[k](self.convs[k](h)))  # half the maps an octave, twice the side


class Discriminator(nn.Module):
    """Images in [-1, 1] -> logits; its first convolution has no batch norm (paper 3)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        layers = architecture.layers()
        self.convs = nn.ModuleList(convolution(architecture, layer) for layer in layers)
        self.norms = nn.ModuleList(_batch_norm(layer.channels_out) for layer in layers[1:])
        self.logit = nn.Linear(layers[-1].channels_out * architecture.base**2, 1, bias=False)

    def activations(self, x: Tensor, *, last: int | None = None, activation: Activation = leaky_relu) -> list[Tensor]:
        """Return every convolution's output after its activation, for x of shape (batch, C, S, S).

        Parameters
        ----------
        last
            The last convolution that is computed, 0 the first; None: all are.
        activation
            What takes the place of LeakyReLU: one with another backward pass, say.
        """
        maps = []
        for k, conv in enumerate(self.convs):
            x = conv(x)
            x = activation(self.norms[k - 1](x) if k else x)  # twice the maps an octave, half the side
            maps.append(x)
            if k == last:
                break
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Judge x of shape (batch, C, S, S): logits of shape (batch,), positive for real."""
        return self.logit(self.activations(x)[-1].flatten(1)).squeeze(1)


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw every weight from N(0, 0.02) (paper 4), gains of batch norm from N(1, 0.02), shifts 0 (authors' code)."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                if module.affine:  # those of conditional networks have neither gain nor shift
                    module.weight.normal_(1, SPREAD, generator=generator)
                    module.bias.zero_()
            elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                module.weight.normal_(0, SPREAD, generator=generator)
