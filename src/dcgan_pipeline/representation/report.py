"""Our row, the baselines and the published results in one table: as a frame, as text, and as metrics."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dcgan_pipeline.representation.compare import Kinds
from dcgan_pipeline.representation.features import TRAINED_ON
from dcgan_pipeline.representation.protocol import Draws, Outcome
from dcgan_pipeline.representation.settings import PublishedRow

OURS, UNTRAINED, PIXELS = "trained discriminator", "untrained discriminator", "raw pixels"
HERE = "this run"
DRAWS = "draws"  # the attribute by which a table says which draws of labels it is of
EDGE = "best C is at the edge of the candidates"
_TYPES = {"dimensions": "Int64", "C": "float64", "interval": "float64", "gain": "float64"}


def tabulate(
    outcomes: dict[str, Outcome], trained_on: dict[str, str], ours: NDArray[np.float64] | None = None
) -> pd.DataFrame:
    """Make the table of what was judged here: one row a kind of features.

    Parameters
    ----------
    trained_on
        What each kind was learned from.
    ours
        Accuracies of the trained discriminator by draw, where it is not among the outcomes.

    Returns
    -------
    DataFrame
        features, trained_on, dimensions, labels, C, accuracy and interval (per cent; mean and 1.96 standard deviations
        over draws, none of one draw), gain (mean difference of the trained discriminator to this row on the same
        draws), source, note.
    """
    best = outcomes[OURS].accuracies if ours is None else ours
    rows = [
        {
            "features": name,
            "trained_on": trained_on[name],
            "dimensions": outcome.dimensions,
            "labels": outcome.labels,
            "C": outcome.C,
            "accuracy": outcome.mean,
            "interval": 1.96 * outcome.std,
            "gain": float(np.mean(best[: len(outcome.accuracies)] - outcome.accuracies)),
            "source": HERE,
            "note": "; ".join(filter(None, (outcome.note, EDGE if outcome.at_edge else ""))),
        }
        for name, outcome in outcomes.items()
    ]
    return pd.DataFrame(rows).astype(_TYPES)


def learned_from(kinds: Kinds) -> dict[str, str]:
    """Say what each kind of features was learned from, as far as they know: nothing where they do not."""
    return {name: train.attrs.get(TRAINED_ON, "nothing") for name, (train, _) in kinds.items()}


def beside_published(table: pd.DataFrame, published: tuple[PublishedRow, ...]) -> pd.DataFrame:
    """Put published results below the rows of :func:`tabulate`, and say of each why it cannot be compared, if so.

    A row is comparable with ours where it was given as many labels and has no ``note`` of its own.
    """
    labels = int(table["labels"].iloc[0])
    rows = []
    for row in published:
        other = f"{row.labels:,} labels, not {labels:,}" if row.labels != labels else ""
        note = "; ".join(filter(None, (row.note, other)))
        note = f"not comparable: {note}" if note else ""
        rows.append({**row.model_dump(), "dimensions": None, "C": None, "gain": None, "note": note})
    return pd.DataFrame([*table.to_dict("records"), *rows], columns=table.columns).astype(_TYPES)


def draw_by_draw(outcomes: dict[str, Outcome], draws: Draws) -> pd.DataFrame:
    """List the accuracies of every draw, with the digest of the draws, so that others can be compared on the same."""
    parts = [
        pd.DataFrame({"features": name, "draw": range(len(found.accuracies)), "accuracy": found.accuracies})
        for name, found in outcomes.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    table.attrs = {DRAWS: draws.digest()}
    return table


def to_markdown(table: pd.DataFrame) -> str:
    """Write the table of :func:`beside_published` as Markdown."""
    lines = ["| features | trained on | labels | accuracy, % | source | note |", "|---|---|---|---|---|---|"]
    for row in table.itertuples():
        spread = "" if math.isnan(row.interval) else f" ± {row.interval:.1f}"
        name = row.features if pd.isna(row.dimensions) else f"{row.features} ({row.dimensions:,})"
        cells = [name, row.trained_on, f"{row.labels:,}", f"{row.accuracy:.1f}{spread}", row.source, row.note]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def measure(outcomes: dict[str, Outcome]) -> dict[str, float]:
    """The same as flat metrics, in per cent; without what is not there, such as the ``std`` of one draw."""
    metrics = {"evaluate.labels": float(outcomes[OURS].labels)}
    for name, outcome in outcomes.items():
        key = f"evaluate.{name.replace(' ', '_')}"
        found = {"accuracy": outcome.mean, "std": outcome.std, "C": math.nan if outcome.C is None else outcome.C}
        metrics |= {f"{key}.{what}": value for what, value in found.items() if not math.isnan(value)}
        metrics[f"{key}.unconverged_fits"] = float(outcome.unconverged)
    return metrics


def confusion_table(outcome: Outcome, classes: list[str]) -> pd.DataFrame:
    """Name the rows (true) and columns (called ...) of the confusion matrix; shares of each true class."""
    table = pd.DataFrame(outcome.confusion, columns=[f"called {name}" for name in classes])
    table.insert(0, "true", classes)  # the prefix keeps a class that is itself called "true" apart
    return table
