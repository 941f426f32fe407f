"""The table at the end of a run."""

from __future__ import annotations

from pathlib import Path

from rich import get_console
from rich.text import Text

from dcgan_pipeline.files import short

# What a metric is called on the screen, and how it is shown; in the order of the stages.
_LINES = {
    "faces.images": ("images in", "{:,.0f}"),
    "faces.regions_kept": ("regions kept", "{:,.0f}"),
    "preprocess.images_out": ("images cut out", "{:,.0f}"),
    "preprocess.files_passed_over": ("files passed over", "{:,.0f}"),
    "preprocess.images_rejected": ("images rejected", "{:,.0f}"),
    "dedup.removed": ("duplicates removed", "{:,.0f}"),
    "dedup.known": ("of them known from older sets", "{:,.0f}"),
    "dedup.label_conflicts": ("duplicates of different classes", "{:,.0f}"),
    "train.images": ("training images", "{:,.0f}"),
    "train.steps": ("training steps", "{:,.0f}"),
    "train.final_loss_d": ("final loss of D", "{:.3f}"),
    "train.final_loss_g": ("final loss of G", "{:.3f}"),
    "features.copies_moved": ("labelled copies moved to one side", "{:,.0f}"),
    "features.copies": ("labelled images that repeat a test image", "{:,.0f}"),
    "features.copies_held_out": ("of them held out", "{:,.0f}"),
    "evaluate.labels": ("labels for the SVM", "{:,.0f}"),
    "attributes.balanced_accuracy": ("balanced accuracy, attributes", "{:.3f}"),
    "attributes.r2": ("R2, attributes", "{:.3f}"),
    "attributes.iou": ("intersection over union, objects", "{:.3f}"),
}


def print_summary(title: str, metrics: dict[str, float], pictures: dict[str, Path], page: str = "") -> None:
    """Print metrics and the places of pictures, and the run's page, on rich's console; nothing where there are none."""
    rows = summary_rows(metrics, pictures) + ([("run in MLflow", page)] if page else [])
    if not rows:
        return
    console, width = get_console(), max(len(name) for name, _ in rows)
    lines = [Text(title, style="bold")]  # no markup: brackets in a path are brackets
    lines += [Text.assemble((f"  {name:<{width}}", "cyan"), "  ", value) for name, value in rows]
    for line in lines:
        console.print(line, soft_wrap=True)  # never broken by us: a path is there to be copied, also where it is piped


def summary_rows(metrics: dict[str, float], pictures: dict[str, Path]) -> list[tuple[str, str]]:
    """Put the lines of the table together, as (name, text)."""
    rows = [(name, form.format(metrics[key])) for key, (name, form) in _LINES.items() if key in metrics]
    for key in metrics:
        if key.startswith("evaluate.") and key.endswith(".accuracy"):
            kind = key.removesuffix(".accuracy")
            std = metrics.get(f"{kind}.std")  # none where there was one draw: all labels
            spread = "" if std is None else f" ± {1.96 * std:.1f}"
            name = kind.removeprefix("evaluate.").replace("_", " ")
            rows.append((f"accuracy, {name}", f"{metrics[key]:.1f}{spread} %"))
    return rows + [(name.replace("_", " "), short(path)) for name, path in pictures.items()]
