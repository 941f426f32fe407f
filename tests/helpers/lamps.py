"""A generator whose every map is known, and a model that sees what it draws: the test bed of edits.

Pictures are 8 x 8 on grey. Map 0 draws a lamp, white, at the upper left where z0 is positive; map 1 a hole, black, at
the lower right where z1 is positive; maps 2 and 3 draw nothing, wherever they are active.
"""

import numpy as np
import torch
from torch import nn

from dcgan_pipeline.gan.networks import Generator
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.weights import Weights

ARCHITECTURE = Architecture(image_size=8, channels=1, latent_dim=4, width=4)
LAMP, HOLE = (slice(0, 4), slice(0, 4)), (slice(4, 8), slice(4, 8))


def lamps_gan():
    """The checkpoint."""
    network = Generator(ARCHITECTURE)
    nn.init.zeros_(network.convs[0].weight)
    nn.init.zeros_(network.project.weight)
    with torch.no_grad():
        places = network.project.weight.view(4, 4, 4, 4)  # maps, rows, columns, z
        places[0, :2, :2, 0] = 1000
        places[1, 2:, 2:, 1] = 1000
        places[2:, :, :, 2:] = torch.randn(2, 4, 4, 2, generator=torch.Generator().manual_seed(0))
        network.convs[0].weight[0, 0, 2:4, 2:4] = 8  # a position of a map is a square of 2 x 2 pixels
        network.convs[0].weight[1, 0, 2:4, 2:4] = -8
    tensors = {f"generator.{name}": value.clone() for name, value in network.state_dict().items()}
    return Weights(tensors, {"kind": "gan", "architecture": ARCHITECTURE.model_dump(), "train": {"latent": "uniform"}})


class LampModel:
    """Sees lamps and holes exactly: as attributes with a probability of 1 or 0, and how bright the upper left is."""

    attributes, kinds, objects = ("lamp", "hole", "light"), ("binary", "binary", "continuous"), ("lamp", "hole")
    attribute_accuracy = {"lamp": {"auc": 1.0}, "hole": {"auc": float("nan")}, "light": {"r2": 0.5}}  # noqa: RUF012
    object_accuracy = {"lamp": {"iou": 0.75}}  # noqa: RUF012

    def judge(self, images):
        masks = np.stack([images[:, 0] > 200, images[:, 0] < 50], 1)
        light = images[:, 0, :4, :4].mean((1, 2)) / 255
        return np.stack([*masks.any((2, 3)).T, light], 1).astype(np.float32), masks

    def attribute_scores(self, images):
        return self.judge(images)[0]

    def object_masks(self, images):
        return self.judge(images)[1]


class Ramp(nn.Module):
    """A linear generator: pictures of 2 x 2, whose pixels are 0.1 times the four z."""

    latent_dim = 4

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.1))

    def forward(self, z):
        return (self.scale * z).view(-1, 1, 2, 2)
