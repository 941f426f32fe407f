"""How well the attribute model tells what it was told, and how often it sees it in samples and in images.

Run it in a project where `train` and `attributes` have run: python benchmarks/attributes.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from numpy.typing import NDArray

from dcgan_pipeline.attributes.model import AttributeModel, load_attribute_model
from dcgan_pipeline.gan.sampling import sample
from dcgan_pipeline.randomness import numpy_stream

COUNT = 2000  # images, and samples
SHARE = 0.0025  # of an image's pixels: fewer are no object


def seen(model: AttributeModel, images: NDArray[np.uint8]) -> dict[str, str]:
    """Sum up what a model sees: shares of images that have something, and mean and spread of what is continuous."""
    scores, masks = model.attribute_scores(images), model.object_masks(images)
    found = {}
    for k, (name, kind) in enumerate(zip(model.attributes, model.kinds, strict=True)):
        values = scores[:, k].astype(float)
        binary = f"{(values > 0.5).mean():.3f}"
        found[f"{name}, {kind}"] = binary if kind == "binary" else f"{values.mean():.3f} ± {values.std():.3f}"
    pixels = masks.mean((2, 3))  # (images, objects)
    for k, name in enumerate(model.objects):
        found[f"{name}, object"] = f"{(pixels[:, k] >= SHARE).mean():.3f}"
    return found


def accuracy_of(line: dict[str, Any]) -> str:
    """Write what one row of `attribute_accuracy` measures."""
    names = {"balanced_accuracy": "balanced accuracy", "auc": "AUC", "r2": "R2", "iou": "IoU"}
    return ", ".join(f"{text} {line[key]:.3f}" for key, text in names.items() if not np.isnan(line[key]))


def main() -> None:
    """Print a table in Markdown."""
    bootstrap_project(Path.cwd())
    with KedroSession.create() as session:
        catalog = session.load_context().catalog
        gan, images, accuracy, weights = (
            catalog.load(name) for name in ("gan", "images", "attribute_accuracy", "attribute_model")
        )
    device = torch.device("cpu")
    model = load_attribute_model(weights, device)
    rows = numpy_stream(0, "benchmark").permutation(len(images))[:COUNT]
    real, drawn = seen(model, images[np.sort(rows)]), seen(model, sample(gan, COUNT, 0, device))
    print(f"| | held out | seen in {len(rows)} images | in {COUNT} samples, step {gan.settings['step']} |")
    print("|---|---|---|---|")
    for line, name in zip(accuracy.to_dict("records"), real, strict=True):
        print(f"| {name} | {accuracy_of(line)} | {real[name]} | {drawn[name]} |")


if __name__ == "__main__":
    main()
