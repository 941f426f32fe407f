"""The part ``forgetting`` of inspection.py: the forgetting curve beside plain passes over the same samples."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import torch

from dcgan_pipeline.attributes.model import AttributeModel, AttributeNetwork, Judged
from dcgan_pipeline.edits.forgetting import choose_layer, without
from dcgan_pipeline.edits.forgetting_curve import Dropping, counts_of, measure
from dcgan_pipeline.edits.latents import Latents, Network, draw
from dcgan_pipeline.edits.settings import ForgettingCurveSettings
from dcgan_pipeline.gan.data import to_pixels
from dcgan_pipeline.gan.sampling import load_generator
from dcgan_pipeline.gan.settings import Architecture, TrainSettings
from dcgan_pipeline.gan.trainer import Trainer

SIDE, CPU = 64, torch.device("cpu")
_BATCH = 64


def add_forgetting(parts: argparse._SubParsersAction) -> None:
    """The forgetting curve over many samples."""
    defaults = ForgettingCurveSettings()
    parser = parts.add_parser("forgetting", help=add_forgetting.__doc__)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--width", type=int, default=32, help="maps of D's first convolution; 128 in the paper")
    parser.add_argument("--points", type=int, default=defaults.points)
    parser.add_argument("--draws", type=int, default=defaults.draws, help="random orders of the maps")
    parser.add_argument("--rounds", type=int, default=3)
    parser.set_defaults(run=forgetting)


def forgetting(chosen: argparse.Namespace) -> dict[str, Callable[[], object]]:
    """Say what is compared.

    Plain passes draw each sample once and look for objects in it, or go back to z from its pixels. The curve draws and
    looks at a picture for every sample, order of maps, and number of maps; ``each picture anew`` draws the same ones by
    a whole pass of G for each.
    """
    shape = Architecture(image_size=SIDE, channels=3, width=chosen.width)
    gan = Trainer(shape, TrainSettings(steps=1, sample_count=2), 0, CPU).state()
    network, latents = load_generator(gan, CPU), draw(gan, chosen.samples, 0, "benchmark")
    known = {"attributes": ("smiling",), "kinds": ("binary",), "means": (0.0,), "spreads": (1.0,)}
    judged = Judged(channels=3, image_size=SIDE, width=16, objects=("window", "lamp", "bed", "door"), **known)
    model = AttributeModel(AttributeNetwork(judged).to(memory_format=torch.channels_last), judged)
    layer, _ = choose_layer(shape, None)
    maps = network.convs[layer].weight.shape[0]
    counts = counts_of(maps // 2, chosen.points)
    rng = np.random.default_rng(0)
    orders = [Dropping(rng.permutation(maps)[: counts[-1]], counts) for _ in range(1 + chosen.draws)]
    pictures = len(orders) * len(counts)
    print(
        f"{chosen.samples} samples of {SIDE} px, width {chosen.width}, {torch.get_num_threads()} thread; up to "
        f"{counts[-1]} of {maps} maps of layer {layer}; {pictures} pictures a sample"
    )
    return {
        "plain forward: G and the attribute model": lambda: _plain(network, model, latents),
        "plain forward and backward": lambda: _back(network, model, latents),
        f"forgetting curve: {pictures} pictures a sample": lambda: measure(network, model, latents, layer, orders, 0),
        "each picture anew, for 1 sample in 10": lambda: _anew(network, model, latents, layer, orders),
    }


@torch.no_grad()
def _plain(network: Network, model: AttributeModel, latents: Latents) -> None:
    for batch in latents.batches(_BATCH):
        model.object_masks(to_pixels(network(*batch.on(CPU))))


def _back(network: Network, model: AttributeModel, latents: Latents) -> None:
    for batch in latents.batches(_BATCH):
        z, *labels = batch.on(CPU)
        images = network(z.requires_grad_(), *labels)
        torch.autograd.grad(images.sum(), z)
        model.object_masks(to_pixels(images.detach()))


@torch.no_grad()
def _anew(network: Network, model: AttributeModel, latents: Latents, layer: int, orders: list[Dropping]) -> None:
    for batch in latents.take(slice(0, max(1, len(latents) // 10))).batches(_BATCH):
        z, *labels = batch.on(CPU)
        for order in orders:
            for count in order.counts:
                h = network.activations(z, *labels)[layer]
                images = network.onwards(without(h, order.maps[:count]), layer, *labels)
                model.object_masks(to_pixels(images))
