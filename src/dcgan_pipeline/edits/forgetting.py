"""Which maps of the generator draw an object, and its samples without them (paper 6.3.1)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from torch import Tensor

from dcgan_pipeline.edits.annotations import Annotations, Box, MarkedSample
from dcgan_pipeline.edits.latents import Latents, Network, of_exemplars
from dcgan_pipeline.edits.settings import ForgettingSettings
from dcgan_pipeline.errors import InputError, shortened
from dcgan_pipeline.gan.data import to_pixels
from dcgan_pipeline.gan.sampling import load_generator
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.randomness import numpy_stream
from dcgan_pipeline.weights import Weights

_SIDE = 16  # of maps: see choose_layer
_FOLDS = 5  # that the regression is tested in, of whole samples
_COLUMNS = ("map", "weight", "order", "dropped")


def find_maps(
    gan: Weights, annotations: Annotations, settings: ForgettingSettings, seed: int, device: torch.device
) -> pd.DataFrame:
    """Fit the regression that tells positions of an object from others, by the maps of a layer.

    Positions in boxes are positive; of each sample as many others, drawn at random, are negative (paper 6.3.1). Maps
    are divided by their standard deviations first, so that their weights can be compared.

    Returns
    -------
    DataFrame
        A row a map: its number, its ``weight``, its place in the ``order`` of falling weight, and whether it is
        ``dropped``: its weight is positive. ``attrs``: the gan, the object, the layer, the numbers of boxes and of
        samples with some, and the area under the ROC curve (``auc``) for positions of samples that were not fitted.
        Without any object on two samples the table is empty, and ``attrs["object"]`` is None.

    Raises
    ------
    InputError
        Where there is no such layer, or fewer than two samples have boxes of the object.
    """
    architecture = Architecture.parse(gan.settings["architecture"], "gan.architecture")
    layer, grid = choose_layer(architecture, settings.layer)
    marked = _marked(annotations, architecture.image_size, grid)
    name = settings.object or next((name for name, samples in marked.items() if len(samples) > 1), None)
    about: dict[str, Any] = {"gan": gan.digest(), "object": name}
    if name is None:
        return _table(np.empty(0), about)
    samples = marked.get(name, ())
    if len(samples) < 2:
        raise InputError(
            f"forgetting {name} needs boxes on 2 samples or more, which leave some of each free, got {len(samples)}; "
            f"mark more, or set edits.forgetting.object to another ({shortened(marked) or 'none is marked'})"
        )
    rng = numpy_stream(seed, "forgetting", "positions")
    network = load_generator(gan, device)
    features, inside, sample = _positions(network, samples, layer, architecture.image_size, rng)
    scaled = features / np.maximum(features.std(0), 1e-6)
    model = LogisticRegression(max_iter=1000)
    folds = GroupKFold(min(_FOLDS, len(samples)))
    found = cross_val_predict(model, scaled, inside, groups=sample, cv=folds, method="decision_function")
    boxes = sum(len(sample.boxes) for sample in samples)
    about |= {"layer": layer, "boxes": boxes, "samples": len(samples), "auc": float(roc_auc_score(inside, found))}
    return _table(model.fit(scaled, inside).coef_[0], about)


def choose_layer(architecture: Architecture, layer: int | None) -> tuple[int, int]:
    """Check a layer of G, or take the one whose maps are nearest to 16 x 16; and give the side of its maps.

    That is the second highest of the paper's G for 64 x 64 pixels (paper 6.3.1): 256 maps, of which 200 were dropped.

    Raises
    ------
    InputError
        Where there is no such layer.
    """
    sides = [architecture.base]
    for convolution in architecture.layers()[:0:-1]:  # from the projection on, and without the one that makes the image
        sides.append(sides[-1] * convolution.stride)
    if layer is None:
        layer = min(range(len(sides)), key=lambda k: abs(sides[k] - _SIDE))
    if layer >= len(sides):
        raise InputError(
            f"edits.forgetting.layer must be from 0 to {len(sides) - 1}, the layers of this G that make maps, got "
            f"{layer}; choose another"
        )
    return layer, sides[layer]


def inside_boxes(boxes: tuple[Box, ...], side: int, grid: int) -> NDArray[np.bool_]:
    """Say which positions of maps, (grid, grid), have their centre in a box on a picture of ``side`` pixels.

    A box too small for any has the position that its own centre is in.
    """
    scale = grid / side
    centres = np.arange(grid) + 0.5
    found = np.zeros((grid, grid), bool)
    for box in boxes:
        rows, columns = (
            (centres > start * scale) & (centres < (start + length) * scale)
            | (np.arange(grid) == int((start + length / 2) * scale))
            for start, length in ((box.top, box.height), (box.left, box.width))
        )
        found |= rows[:, None] & columns
    return found


@torch.no_grad()
def with_and_without(
    network: Network, latents: Latents, layer: int, dropped: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw samples as they are, and with some maps of a layer zero everywhere: uint8 (n, C, S, S) each."""
    device = next(network.parameters()).device
    pairs = []
    for batch in latents.batches():
        z, *labels = batch.on(device)
        h = network.activations(z, *labels)[layer]
        pairs.append(
            (
                to_pixels(network.onwards(h, layer, *labels)),
                to_pixels(network.onwards(without(h, dropped), layer, *labels)),
            )
        )
    whole, less = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return whole, less


def without(h: Tensor, dropped: NDArray[np.int64]) -> Tensor:
    """Set maps of (batch, maps, H, W) to zero."""
    kept = np.ones(h.shape[1], np.float32)
    kept[dropped] = 0
    return h * torch.from_numpy(kept).to(h.device)[:, None, None]


def check_of(maps: pd.DataFrame, gan: Weights) -> None:
    """Refuse maps that were found in another ``gan``."""
    if maps.attrs["gan"] != gan.digest():
        raise InputError(
            f"forgetting_table must be of the gan that is drawn from, {gan.digest()[:8]}, got that of "
            f"{maps.attrs['gan'][:8]}; run `kedro run --pipeline=edits` as a whole"
        )


def summarise(maps: pd.DataFrame) -> dict[str, float]:
    """Give what is measured of the regression, for MLflow; nothing where no object is marked."""
    if maps.attrs["object"] is None:
        return {}
    numbers = {"maps": len(maps), "dropped": int(maps["dropped"].sum())} | {k: maps.attrs[k] for k in ("boxes", "auc")}
    return {f"forgetting.{name}": float(value) for name, value in numbers.items()}


def _marked(annotations: Annotations, side: int, grid: int) -> dict[str, tuple[MarkedSample, ...]]:
    """Take the samples of each object that have positions inside its boxes and others."""
    return {
        name: tuple(one for one in samples if 0 < inside_boxes(one.boxes, side, grid).sum() < grid**2)
        for name, samples in annotations.objects.items()
    }


@torch.no_grad()
def _positions(
    network: Network, marked: tuple[MarkedSample, ...], layer: int, side: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
    """Maps at positions, (n, maps); which of those lie in boxes; and the sample of each."""
    device = next(network.parameters()).device
    features, inside, sample = [], [], []
    for number, (one, exemplar) in enumerate(zip(of_exemplars(marked).batches(1), marked, strict=True)):
        h = network.activations(*one.on(device))[layer][0].flatten(1).T.double().cpu().numpy()  # (positions, maps)
        within = inside_boxes(exemplar.boxes, side, round(len(h) ** 0.5)).ravel()
        others = np.flatnonzero(~within)
        drawn = rng.choice(others, min(len(others), int(within.sum())), replace=False)
        rows = np.concatenate([np.flatnonzero(within), drawn])
        features.append(h[rows])
        inside.append(within[rows])
        sample.append(np.full(len(rows), number))
    return np.concatenate(features), np.concatenate(inside), np.concatenate(sample)


def _table(weights: NDArray[np.float64], about: dict[str, Any]) -> pd.DataFrame:
    order = np.empty(len(weights), int)
    order[np.argsort(-weights, kind="stable")] = np.arange(len(weights))
    table = pd.DataFrame(dict(zip(_COLUMNS, (np.arange(len(weights)), weights, order, weights > 0), strict=True)))
    table.attrs = about
    return table
