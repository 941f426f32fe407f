"""Train the attribute model on images whose attributes are known, and measure it on others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_pipeline.arrays import ShardedArray
from dcgan_pipeline.attributes.model import (
    KIND_OF_WEIGHTS,
    AttributeModel,
    AttributeNetwork,
    Judged,
    load_attribute_model,
)
from dcgan_pipeline.attributes.settings import LearningSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.augmentation import augment
from dcgan_pipeline.gan.data import row_batches, to_device, to_range
from dcgan_pipeline.imaging.object_maps import KINDS, OBJECTS
from dcgan_pipeline.progress import track
from dcgan_pipeline.randomness import numpy_stream, torch_stream
from dcgan_pipeline.weights import Weights

Rows = NDArray[np.int64]
_MEASURES = {"binary": ("balanced_accuracy", "auc"), "continuous": ("r2",), "object": ("iou",)}
_BATCH = 256  # images measured at once


@dataclass(frozen=True)
class KnownImages:
    """Images and what is known of them, row by row.

    ``images`` is uint8 (N, C, S, S), ``table`` has a float32 column an attribute, NaN where unknown, and its ``kinds``
    among its attrs, ``maps`` is uint8 (N, 1, S, S) with its ``objects`` among its attrs (``imaging.object_maps``).
    """

    images: ShardedArray
    table: pd.DataFrame
    maps: ShardedArray


def train_attribute_model(
    known: KnownImages, rows: Rows, settings: LearningSettings, seed: int, device: torch.device
) -> tuple[Weights, pd.DataFrame]:
    """Train a model on some rows and measure it on the others.

    Parameters
    ----------
    rows
        Of the images that may be used, int64: without near-duplicates, or what it is measured on is not new to it.

    Returns
    -------
    weights
        Of the model; ``settings["held_out"]`` says how good it is.
    accuracy
        As :func:`measure` gives it, of the images held out.

    Raises
    ------
    InputError
        Where there are too few images, or none of their attributes varies.
    """
    learning, held_out = draw_rows(rows, settings, seed)
    judged = what_to_judge(known, learning, settings.width)
    network = _train(known, learning, judged, settings, seed, device)
    weights = Weights(
        {f"network.{name}": value.cpu() for name, value in network.state_dict().items()},
        {"kind": KIND_OF_WEIGHTS, "judged": judged.model_dump(mode="json"), "learned_from": len(learning)},
    )
    accuracy = measure(load_attribute_model(weights, device), known, held_out)
    weights.settings["held_out"] = {"images": len(held_out), **_by_name(accuracy)}
    return weights, accuracy


def draw_rows(rows: Rows, settings: LearningSettings, seed: int) -> tuple[Rows, Rows]:
    """Draw the rows to learn from and those to measure on, int64, ascending.

    Raises
    ------
    InputError
        Where a part would be empty.
    """
    drawn = numpy_stream(seed, "attribute images").permutation(rows)[: settings.images]
    count = round(settings.held_out * len(drawn))
    if count < 1 or len(drawn) - count < 2:
        raise InputError(
            f"an attribute model needs two images to learn from and one to be measured on, got {len(drawn)} in all and "
            f"attributes.model.held_out {settings.held_out}; add images, or change that"
        )
    return np.sort(drawn[count:]), np.sort(drawn[:count])


def what_to_judge(known: KnownImages, rows: Rows, width: int) -> Judged:
    """Take the attributes that vary among some rows, and all objects.

    Raises
    ------
    InputError
        Where there is nothing of the kind.
    """
    part = known.table.iloc[rows]
    varies = part.max() > part.min()  # NaN is passed over
    kinds = dict(zip(known.table.columns, known.table.attrs[KINDS], strict=True))
    names = [name for name in known.table.columns if varies[name]]
    continuous = {name for name in names if kinds[name] == "continuous"}
    objects = known.maps.attrs[OBJECTS]
    if not names and not objects:
        raise InputError(
            f"an attribute must vary among the images, and none of {len(varies)} does among {len(rows)}; raise "
            "attributes.model.images, or give others (attributes.names)"
        )
    return Judged(
        channels=known.images.shape[1],
        image_size=known.images.shape[2],
        width=width,
        attributes=tuple(names),
        kinds=tuple(kinds[name] for name in names),
        means=tuple(float(part[name].mean()) if name in continuous else 0.0 for name in names),
        spreads=tuple(float(part[name].std(ddof=0)) if name in continuous else 1.0 for name in names),
        objects=tuple(objects),
    )


def _train(
    known: KnownImages, rows: Rows, judged: Judged, settings: LearningSettings, seed: int, device: torch.device
) -> AttributeNetwork:
    network = AttributeNetwork(judged)
    _initialise(network, torch_stream(seed, "attribute model"))
    network.to(device).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=settings.weight_decay, fused=True)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=settings.steps + 1, pct_start=0.1, cycle_momentum=False
    )
    batches = _Batches(known, judged, settings, seed, device)
    changes = torch_stream(seed, "attribute model", "dropout")
    drawn = islice(row_batches(rows, min(settings.batch_size, len(rows)), seed, start=0), settings.steps)
    for x, values, pixels in track(map(batches.read, drawn), "attributes: model", settings.steps):
        optimizer.zero_grad()
        kept = _kept(network, len(x), settings.dropout, changes, device)
        loss_of(judged, network(x, kept), values, pixels).backward()
        optimizer.step()
        rate.step()
    return network


def loss_of(judged: Judged, given: tuple[Tensor, Tensor | None], values: Tensor, pixels: Tensor | None) -> Tensor:
    """Compare what a network gives with what is known.

    The mean over attributes of the cross-entropy where binary and of half the squared error, in standard deviations,
    where continuous; and the mean over pixels of the cross-entropy.

    Parameters
    ----------
    given
        As the network gives it.
    values
        (batch, attributes): 0 or 1, or standardised values; NaN where unknown.
    pixels
        int64 (batch, S, S): numbers of objects; none without objects.
    """
    scores, logits = given
    binary = torch.tensor([kind == "binary" for kind in judged.kinds], device=scores.device)
    there = ~values.isnan()
    truth = values.nan_to_num()
    errors = torch.where(
        binary,
        F.binary_cross_entropy_with_logits(scores, truth.clamp(0, 1), reduction="none"),
        (scores - truth).square() / 2,
    )
    loss = (errors * there).sum() / there.sum().clamp(min=1)
    return loss if logits is None else loss + F.cross_entropy(logits, cast(Tensor, pixels))


class _Batches:
    """Reads minibatches: images changed a little, and what is known of them, changed alike."""

    def __init__(
        self, known: KnownImages, judged: Judged, settings: LearningSettings, seed: int, device: torch.device
    ) -> None:
        self._known, self._judged, self._settings, self._device = known, judged, settings, device
        self._changes = torch_stream(seed, "attribute model", "changes")

    def read(self, rows: Rows) -> tuple[Tensor, Tensor, Tensor | None]:
        judged, settings = self._judged, self._settings
        x = to_range(self._known.images[rows], self._device)
        values = self._known.table.iloc[rows][list(judged.attributes)].to_numpy(np.float32)
        values = (values - np.array(judged.means, np.float32)) / np.array(judged.spreads, np.float32)
        maps = torch.from_numpy(self._known.maps[rows]).to(self._device) if judged.objects else None
        both = x if maps is None else torch.cat([x, maps.float()], 1)
        both = augment(both, False, round(settings.shift * judged.image_size), self._changes)
        x = both[:, : judged.channels]
        if settings.fade:
            share, grey = torch.rand((2, len(x), 1, 1, 1), generator=self._changes)
            share, grey = to_device(settings.fade * share, self._device), to_device(2 * grey - 1, self._device)
            x = x * (1 - share) + grey * share
        if settings.noise:
            x = x + to_device(torch.randn(x.shape, generator=self._changes) * settings.noise, self._device)
        pixels = None if maps is None else both[:, judged.channels].long()
        return x, to_device(torch.from_numpy(values), self._device), pixels


def _initialise(network: AttributeNetwork, generator: torch.Generator) -> None:
    """He's initialisation, by a stream of the seed; the last layers begin at 0, so that they say nothing."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
        network.values.weight.zero_()


def _kept(
    network: AttributeNetwork, count: int, dropout: float, generator: torch.Generator, device: torch.device
) -> Tensor | None:
    if not dropout:
        return None
    kept = torch.empty(count, network.maps, 1, 1).bernoulli_(1 - dropout, generator=generator)
    return to_device(kept / (1 - dropout), device)


def measure(model: AttributeModel, known: KnownImages, rows: Rows) -> pd.DataFrame:
    """Measure a model on some rows.

    Returns
    -------
    DataFrame
        A row an attribute, then a row an object: name, kind (binary, continuous, object), images (of which it is
        known), mean (share of images that have it, mean value, or share of pixels), and what the kind is measured by,
        else NaN: balanced_accuracy (chance is 0.5), auc (area under the ROC curve; 0.5), r2 (0), iou (intersection over
        union, of all pixels of all images).
    """
    truth = known.table.iloc[rows][list(model.attributes)].to_numpy(np.float32)
    scores, found = [], np.zeros((3, len(model.objects)))  # pixels found, true, both
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        images = known.images[batch]
        scores.append(model.attribute_scores(images))
        if model.objects:
            masks = model.object_masks(images)  # (n, objects, S, S)
            true = known.maps[batch] == np.arange(1, len(model.objects) + 1)[:, None, None]
            found += [(part).sum((0, 2, 3)) for part in (masks, true, masks & true)]
    judged = np.concatenate(scores)
    lines = [
        _line_of(name, kind, truth[:, k], judged[:, k])
        for k, (name, kind) in enumerate(zip(model.attributes, model.kinds, strict=True))
    ]
    pixels = len(rows) * math.prod(known.images.shape[2:])
    for name, (guessed, true, both) in zip(model.objects, found.T, strict=True):
        union = guessed + true - both
        iou = both / union if union else math.nan
        lines.append({"name": name, "kind": "object", "images": len(rows), "mean": true / pixels, "iou": iou})
    columns = ["name", "kind", "images", "mean", *(measure for names in _MEASURES.values() for measure in names)]
    return pd.DataFrame(lines, columns=columns)


def _line_of(name: str, kind: str, truth: NDArray[np.float32], score: NDArray[np.float32]) -> dict[str, Any]:
    from sklearn.metrics import balanced_accuracy_score, r2_score, roc_auc_score

    there = ~np.isnan(truth)
    truth, score = truth[there], score[there]
    line: dict[str, Any] = {"name": name, "kind": kind, "images": len(truth)}
    if not len(truth):
        return line
    line["mean"] = float(truth.mean(dtype=np.float64))
    if len(np.unique(truth)) > 1:  # of one value nothing can be told apart
        if kind == "binary":
            line["balanced_accuracy"] = float(balanced_accuracy_score(truth, score > 0.5))
            line["auc"] = float(roc_auc_score(truth, score))
        else:
            line["r2"] = float(r2_score(truth, score))
    return line


def _by_name(accuracy: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """As the settings of the weights say it; what could not be measured is left out."""
    found: dict[str, dict[str, dict[str, float]]] = {"attributes": {}, "objects": {}}
    for line in accuracy.to_dict("records"):
        values = {name: line[name] for name in _MEASURES[line["kind"]] if not math.isnan(line[name])}
        found["objects" if line["kind"] == "object" else "attributes"][line["name"]] = values
    return found


def summarise(weights: Weights, accuracy: pd.DataFrame) -> dict[str, float]:
    """Give flat metrics: means over the attributes and the objects of each kind, and the numbers of images."""
    means = accuracy[[measure for names in _MEASURES.values() for measure in names]].mean()
    settings = weights.settings
    counts = {
        "attributes.learned_from": settings["learned_from"],
        "attributes.held_out": settings["held_out"]["images"],
    }
    return {name: float(x) for name, x in counts.items()} | {
        f"attributes.{name}": float(value) for name, value in means.items() if not math.isnan(value)
    }
