"""What the features of D respond to, beside an untrained D (paper 6.2, figure 5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.figures.canvas import INK, new_figure, show, tile
from dcgan_pipeline.gan.data import labels_of, to_range
from dcgan_pipeline.randomness import numpy_stream
from dcgan_pipeline.visualize.exciting import (
    NETWORKS,
    AnyDiscriminator,
    Exciting,
    both_discriminators,
    most_exciting,
    purity,
    resolve_layer,
)
from dcgan_pipeline.visualize.guided import Traced, trace
from dcgan_pipeline.visualize.removal import REMOVALS, Images, removal_drops
from dcgan_pipeline.visualize.training_images import Pile, Rows
from dcgan_pipeline.visualize.view_settings import GuidedBackpropagationSettings
from dcgan_pipeline.weights import Weights

_AT_ONCE = 4  # features
_GAP = 0.07  # between panels, of the width of one


@dataclass(frozen=True)
class GuidedBackpropagation:
    """What was found in both networks."""

    layer: int
    table: pd.DataFrame
    """A row a network, feature and image: ``network``, ``feature``, ``selectivity``, ``rank`` (0: the image that
    excites it most), ``row``, ``response``, ``place`` (in the map, row after row), ``marked``, ``random`` and
    ``elsewhere`` (:func:`~dcgan_pipeline.visualize.removal.removal_drops`), and ``purity`` of the feature's images."""
    images: dict[str, NDArray[np.uint8]]
    """By network, (features, shown, C, S, S)."""
    gradients: dict[str, NDArray[np.uint8]]
    """The same shape: grey is 0, and the largest hundredth of each is black or white."""


def look_into_discriminator(
    gan: Weights,
    training: Pile,
    records: pd.DataFrame,
    settings: GuidedBackpropagationSettings,
    seed: int,
    device: torch.device,
) -> GuidedBackpropagation:
    """Find the images that excite D's features most, go back from these to the pixels, and remove what is marked."""
    layer = resolve_layer(settings.layer, gan, "guided_backpropagation")
    pile = training.some(settings.images, seed, "images looked through")
    tables, images, gradients = [], {}, {}
    for name, network in both_discriminators(gan, pile, seed, device).items():
        found = most_exciting(network, layer, pile, settings.shown, device, f"most exciting images, {name} D")
        table, images[name], gradients[name] = _look(network, layer, found, pile, settings, seed, device)
        table.insert(0, "network", name)
        by_feature = table.groupby("feature")["row"]
        table["purity"] = by_feature.transform(lambda rows: purity(rows.to_numpy(), records)).astype("float64")
        tables.append(table)
    return GuidedBackpropagation(layer, pd.concat(tables, ignore_index=True), images, gradients)


def _look(
    network: AnyDiscriminator,
    layer: int,
    found: Exciting,
    pile: Pile,
    settings: GuidedBackpropagationSettings,
    seed: int,
    device: torch.device,
) -> tuple[pd.DataFrame, NDArray[np.uint8], NDArray[np.uint8]]:
    """Look at the chosen features of one network."""
    features = found.choose(settings.choose, max(settings.features, settings.measured))
    generator = numpy_stream(seed, "removed pixels")  # the same pixels for both networks
    tables, images, gradients = [], [], []
    for start in range(0, len(features), _AT_ONCE):
        part = features[start : start + _AT_ONCE]
        rows = found.rows[part]  # (part, shown)
        looked = _images(pile, rows, part, device)
        traced = trace(network, layer, looked.features, looked.x, looked.labels, settings.rule)
        drops = removal_drops(network, layer, looked, traced, settings.removed, rows.shape[1], generator)
        tables.append(_table(found, part, traced, drops))
        images.append(pile.images[rows.ravel()])
        gradients.append(shown_gradients(traced.gradients))
    shape = (-1, found.rows.shape[1], *pile.images.shape[1:])
    pictures = [np.concatenate(parts).reshape(shape)[: settings.features] for parts in (images, gradients)]
    return pd.concat(tables, ignore_index=True), *pictures


def _images(pile: Pile, rows: Rows, features: Rows, device: torch.device) -> Images:
    flat = rows.ravel()
    named = torch.from_numpy(np.repeat(features, rows.shape[1])).to(device)
    return Images(to_range(pile.images[flat], device), labels_of(pile.labels, flat, device), named)


def _table(found: Exciting, features: Rows, traced: Traced, drops: dict[str, Tensor]) -> pd.DataFrame:
    each = found.rows.shape[1]
    columns = {
        "feature": np.repeat(features, each),
        "selectivity": np.repeat(found.selectivity[features], each),
        "rank": np.tile(np.arange(each), len(features)),
        "row": found.rows[features].ravel(),
        "response": traced.responses.double().cpu().numpy(),
        "place": traced.places.cpu().numpy(),
    }
    return pd.DataFrame(columns | {name: drop.double().cpu().numpy() for name, drop in drops.items()})


def shown_gradients(gradients: Tensor) -> NDArray[np.uint8]:
    """Turn gradients (n, C, S, S) into pictures, uint8: grey is 0, and the largest hundredth of each black or white."""
    end = gradients.abs().flatten(1).float().quantile(0.99, dim=1)[:, None, None, None]
    share = torch.where(end > 0, gradients / end.clamp(min=1e-30), gradients.sign())
    return (127.5 + 127.5 * share.clamp(-1, 1)).round().to(torch.uint8).cpu().numpy()


def measure_guided(table: pd.DataFrame) -> dict[str, float]:
    """Put numbers to it, ``guided_backpropagation.<network>.<number>``.

    ``marked``, ``random``, ``elsewhere``: the median share of a feature that the removal of such pixels takes, over
    features and images, and its quartiles with ``_low`` and ``_high``. ``selectivity`` and, where the images have
    classes, ``purity``: medians over features. What no feature has is left out.
    """
    found: dict[str, float] = {}
    for network, part in table.groupby("network"):
        name = f"guided_backpropagation.{network}"
        for removal in REMOVALS:
            for ending, share in (("", 0.5), ("_low", 0.25), ("_high", 0.75)):
                found[f"{name}.{removal}{ending}"] = float(part[removal].quantile(share))
        of_features = part.groupby("feature")[["selectivity", "purity"]].first().median()
        found |= {f"{name}.{column}": float(value) for column, value in of_features.items()}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def guided_figure(
    found: GuidedBackpropagation, numbers: dict[str, float], settings: GuidedBackpropagationSettings
) -> Figure:
    """Draw the images that excite each feature most and the gradients, an untrained D on the left as in the paper."""
    lost = ", ".join(f"{_lost(numbers, name)} ({name})" for name in NETWORKS)
    chosen = "the first" if settings.choose == "first" else "the most selective"
    features, shown = found.images["trained"].shape[:2]
    caption = (
        f"Each row is a map of convolution {found.layer} of D, {chosen} {features}: the {shown} images that excite it "
        "most, and beside them what in these images does so, by "
        + ("guided backpropagation" if settings.rule == "guided" else "the plain gradient")
        + f" from the largest place of the map (paper, figure 5). Removing the {settings.removed:.0%} of the pixels "
        f"that are marked takes from the feature, in the median, {lost}."
    )
    side = found.images["trained"].shape[-1] + 1
    width = 9.6
    panel = 0.96 * width / (4 + 3 * _GAP)
    figure = new_figure("What excites features of D", caption, width, 0.3 + panel * features / shown)
    panels = figure.subplots(1, 4, gridspec_kw={"wspace": _GAP, "left": 0.02, "right": 0.98})
    figure.subplots_adjust(top=figure.subplotpars.top - 0.22 / figure.get_size_inches()[1])
    for k, name in enumerate(reversed(NETWORKS)):
        for axes, (what, pictures) in zip(
            panels[2 * k :], (("images", found.images), ("gradients", found.gradients)), strict=False
        ):
            show(axes, tile(pictures[name].reshape(-1, *pictures[name].shape[2:]), shown))
            axes.set_title(f"{name} D: {what}", fontsize=9, color=INK, loc="left")
            axes.set_anchor("N")
            if what == "images":
                named = found.table[found.table["network"] == name].drop_duplicates("feature")["feature"][:features]
                for row, feature in enumerate(named):
                    axes.text(-2, side * (row + 0.5), feature, fontsize=6, color=INK, ha="right", va="center")
    return figure


def _lost(numbers: dict[str, float], network: str) -> str:
    name = f"guided_backpropagation.{network}"
    if f"{name}.marked" not in numbers:
        return "nothing, as no feature is excited"
    return (
        f"{numbers[f'{name}.marked']:.0%} beside {numbers[f'{name}.random']:.0%} for as many random pixels and "
        f"{numbers[f'{name}.elsewhere']:.0%} for those marked in other images"
    )
