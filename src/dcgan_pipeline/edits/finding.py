"""Exemplars and boxes on samples, found by an attribute model in a person's place."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from dcgan_pipeline.attributes.model import AttributeModel
from dcgan_pipeline.edits.annotations import Annotations, Box, Exemplar, MarkedSample
from dcgan_pipeline.edits.ends import certainty, choose, concepts_of, ends_of
from dcgan_pipeline.edits.latents import BATCH, Latents, draw, pictures
from dcgan_pipeline.edits.settings import FoundAnnotationsSettings
from dcgan_pipeline.gan.sampling import load_generator
from dcgan_pipeline.progress import progress_bar
from dcgan_pipeline.weights import Weights


def find_annotations(
    gan: Weights, model: AttributeModel, settings: FoundAnnotationsSettings, seed: int, device: torch.device
) -> tuple[Annotations, dict[str, float]]:
    """Choose exemplars of every concept among samples, and draw boxes around objects.

    Returns
    -------
    Annotations
        Concepts in the order of :func:`~dcgan_pipeline.edits.ends.concepts_of`. Every object on the first samples
        that have it, in the order of the samples.
    metrics
        The certainty of the least certain exemplar, the mean of all concepts and the least; samples with boxes.
    """
    latents = draw(gan, settings.samples, seed, "found annotations")
    scores, boxes = _look(gan, model, latents, settings, device)
    ends = ends_of(model.attributes, model.kinds)
    made = concepts_of(ends, model.kinds, scores, settings.concepts, settings.exemplars) if ends else {}
    concepts, least = {}, [1.0]
    for name, parts in made.items():
        rows = choose(scores, model.kinds, parts, settings.exemplars)
        concepts[name] = tuple(Exemplar(**_drawn_from(latents, int(row))) for row in rows)
        least.append(float(certainty(scores, model.kinds, parts)[rows].min()))
    objects = {
        name: tuple(MarkedSample(**_drawn_from(latents, row), boxes=found) for row, found in marked.items())
        for name, marked in boxes.items()
    }
    metrics = {"found_annotations.certainty": float(np.mean(least)), "found_annotations.least_certainty": min(least)}
    metrics |= {f"found_annotations.marked.{name}": float(len(marked)) for name, marked in objects.items()}
    return Annotations(gan=gan.digest(), concepts=concepts, objects=objects), metrics


def boxes_around(mask: NDArray[np.bool_], smallest: float) -> tuple[Box, ...]:
    """Put a box around every connected piece of a mask, (S, S), that has at least ``smallest`` of the picture."""
    count, _, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return tuple(
        Box(left=left, top=top, width=width, height=height)
        for left, top, width, height, area in statistics[1:count].tolist()
        if area >= smallest * mask.size
    )


def _look(
    gan: Weights, model: AttributeModel, latents: Latents, settings: FoundAnnotationsSettings, device: torch.device
) -> tuple[NDArray[np.float32], dict[str, dict[int, tuple[Box, ...]]]]:
    """Score all samples, and mark as many as are asked for, by their number."""
    network = load_generator(gan, device)
    marked: dict[str, dict[int, tuple[Box, ...]]] = {name: {} for name in model.objects}
    scores = []
    with progress_bar("edits: look at samples", len(latents)) as advance:
        for start, batch in zip(range(0, len(latents), BATCH), latents.batches(), strict=True):
            values, masks = model.judge(pictures(network, batch))
            scores.append(values)
            for k, found in enumerate(masks):
                _mark(marked, start + k, found, settings)
            advance(len(batch))
    return np.concatenate(scores), marked


def _mark(
    marked: dict[str, dict[int, tuple[Box, ...]]],
    number: int,
    masks: NDArray[np.bool_],
    settings: FoundAnnotationsSettings,
) -> None:
    for found, mask in zip(marked.values(), masks, strict=True):
        if len(found) < settings.marked and (boxes := boxes_around(mask, settings.smallest)):
            found[number] = boxes


def _drawn_from(latents: Latents, row: int) -> dict[str, Any]:
    label = None if latents.labels is None else int(latents.labels[row])
    return {"z": tuple(latents.z[row].tolist()), "label": label}
