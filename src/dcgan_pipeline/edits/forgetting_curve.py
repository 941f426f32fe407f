"""How much of an object is left as maps are dropped, one after the other, and what becomes of all else.

As in GAN Dissection (Bau et al. 2019, section 4.2): the share of the object's pixels against the number of maps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dcgan_pipeline.attributes.model import AttributeModel
from dcgan_pipeline.edits.forgetting import without
from dcgan_pipeline.edits.latents import Latents, Network, pixel_change
from dcgan_pipeline.errors import InputError, shortened
from dcgan_pipeline.gan.data import to_pixels
from dcgan_pipeline.progress import progress_bar
from dcgan_pipeline.randomness import numpy_stream

FOUND = "found"
_COLUMNS = ("maps", "dropped", "object", "share", "low", "high", "samples", "outside")
_SEEN = 0.002  # share of the picture: of a sample with less of an object no share is taken


@dataclass(frozen=True)
class Dropping:
    """Maps in the order in which they are dropped, and after how many of them a picture is drawn, none first."""

    maps: NDArray[np.int64]
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class Left:
    """What is left: by order of dropping, by number dropped, by sample."""

    pixels: NDArray[np.int64]
    """Of each object: (orders, counts, samples, objects)."""
    outside: NDArray[np.float64]
    """Mean change of the pixels outside the object at first, in grey levels: (orders, counts, samples)."""


def counts_of(dropped: int, points: int) -> NDArray[np.int64]:
    """Choose after how many maps to look: 0, and up to ``points`` from 1 to all, closer together where they are few."""
    return np.unique([0, *np.geomspace(1, max(dropped, 1), points).round().astype(int)])


def orders_of(maps: pd.DataFrame, points: int, draws: int, seed: int) -> list[Dropping]:
    """Put the found maps in the order of falling weight; then random orders of all maps, as many of each."""
    found = maps.sort_values("order")["map"].to_numpy()[: int(maps["dropped"].sum())]
    counts = counts_of(len(found), points)
    counts = counts[counts <= len(found)]
    drawn = [
        numpy_stream(seed, "forgetting curve", "maps", k).permutation(len(maps))[: len(found)] for k in range(draws)
    ]
    return [Dropping(order, counts) for order in (found, *drawn)]


@torch.no_grad()
def measure(
    network: Network,
    model: AttributeModel,
    latents: Latents,
    layer: int,
    orders: list[Dropping],
    forgotten: int,
    batch: int = 64,
) -> Left:
    """Drop maps of a layer and count what the model sees of each object.

    Parameters
    ----------
    orders
        All of as many numbers of maps.
    forgotten
        The number of the object that is forgotten.
    """
    device = next(network.parameters()).device
    shape = (len(orders), len(orders[0].counts), len(latents))
    pixels, outside = np.zeros((*shape, len(model.objects)), np.int64), np.zeros(shape)
    with progress_bar("edits: drop maps", len(latents)) as advance:
        for start, part in zip(range(0, len(latents), batch), latents.batches(batch), strict=True):
            z, *labels = part.on(device)
            h = network.activations(z, *labels)[layer]
            whole = to_pixels(network.onwards(h, layer, *labels))
            masks = model.object_masks(whole)
            rows = slice(start, start + len(part))
            for k, order in enumerate(orders):
                for point, images in pictures_without(network, h, layer, order, labels):
                    seen = model.object_masks(images) if point else masks
                    pixels[k, point, rows] = seen.sum((2, 3))
                    outside[k, point, rows] = pixel_change(whole, images, ~masks[:, forgotten])
            advance(len(part))
    return Left(pixels, outside)


def pictures_without(
    network: Network, h: Tensor, layer: int, order: Dropping, labels: list[Tensor]
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Draw pictures after each number of dropped maps: the number of the point, and uint8 (n, C, S, S); the last first.

    The convolution after the layer is linear, so that its result without some maps is a sum: of what the maps give that
    are never dropped, and of what each group gives that is dropped from one point to the next. Each map goes through it
    once for all points.
    """
    summed = network.convolve(without(h, order.maps), layer, *labels)
    for point in range(len(order.counts) - 1, -1, -1):
        if point + 1 < len(order.counts):
            group = torch.tensor(order.maps[order.counts[point] : order.counts[point + 1]], device=h.device)
            summed = summed + _of_maps(network, h, layer, group)
        yield point, to_pixels(network.finish(summed, layer, *labels))


def curve_table(left: Left, orders: list[Dropping], objects: tuple[str, ...], area: int) -> pd.DataFrame:
    """Summarise over samples.

    Parameters
    ----------
    area
        Pixels of a picture.

    Returns
    -------
    DataFrame
        A row an order, a number of dropped maps and an object: ``maps`` (``found``, or ``random 1``, ...), ``dropped``,
        ``object``, ``share`` of its pixels in all samples that are left (NaN where there were none), the quartiles of
        that share over the samples that the object was seen in (``low``, ``high``), their number ``samples``, and
        ``outside``: the mean change of pixels outside the forgotten object, in grey levels.
    """
    rows = []
    for k, order in enumerate(orders):
        name = FOUND if k == 0 else f"random {k}"
        for point, count in enumerate(order.counts):
            outside = float(left.outside[k, point].mean())
            for number, thing in enumerate(objects):
                before, after = left.pixels[k, 0, :, number], left.pixels[k, point, :, number]
                rows.append((name, int(count), thing, *_shares(before, after, _SEEN * area), outside))
    return empty_table() if not rows else pd.DataFrame(rows, columns=list(_COLUMNS))


def empty_table() -> pd.DataFrame:
    """Make a table without rows."""
    return pd.DataFrame(columns=list(_COLUMNS))


def summarise(table: pd.DataFrame, name: str) -> dict[str, float]:
    """Give what is left of an object, of all others on average, and how much else changes, with all maps dropped."""
    last = table[table["dropped"] == table["dropped"].max()]
    found, random = last[last["maps"] == FOUND], last[last["maps"] != FOUND]
    numbers = {"dropped": last["dropped"].iloc[0]}
    for ending, part in (("", found), ("_random", random)):
        of_it = part["object"] == name
        numbers[f"left{ending}"] = part.loc[of_it, "share"].mean()
        numbers[f"others_left{ending}"] = part.loc[~of_it, "share"].mean()
        numbers[f"outside{ending}"] = part.loc[of_it, "outside"].mean()
    return {f"forgetting_curve.{key}": float(value) for key, value in numbers.items() if np.isfinite(value)}


def number_of(model: AttributeModel, name: str) -> int:
    """Number an object that a model sees.

    Raises
    ------
    InputError
        Where it does not see it.
    """
    if name not in model.objects:
        raise InputError(
            f"forgetting_curve needs an object that the attribute model sees, {shortened(model.objects) or 'none'}, "
            f"got {name}; set edits.forgetting.object, or run --tags=forgetting,vector_arithmetic,turn"
        )
    return model.objects.index(name)


def _shares(before: NDArray[np.int64], after: NDArray[np.int64], least: float) -> tuple[float, float, float, int]:
    """Share of all pixels, quartiles over the samples with ``least`` or more, and their number."""
    seen = before >= least
    share = after.sum() / before.sum() if before.any() else np.nan
    low, high = np.quantile(after[seen] / before[seen], (0.25, 0.75)) if seen.any() else (np.nan, np.nan)
    return float(share), float(low), float(high), int(seen.sum())


def _of_maps(network: Network, h: Tensor, layer: int, group: Tensor) -> Tensor:
    """What the next convolution gives of some maps alone, and of no labels."""
    conv = network.convs[layer]
    weight = conv.weight[group]  # type: ignore[index]  # (maps in, maps out, k, k)
    options = {"stride": conv.stride, "padding": conv.padding, "output_padding": conv.output_padding}
    return F.conv_transpose2d(h[:, group], weight, **options)  # type: ignore[arg-type]
