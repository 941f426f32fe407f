"""Our row, the baselines and the published results in one table, and the same as metrics."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dcgan_pipeline.representation.protocol import Outcome
from dcgan_pipeline.representation.settings import EvaluateSettings

OURS = "trained discriminator"


def tabulate(outcomes: dict[str, Outcome], settings: EvaluateSettings, classes: int) -> pd.DataFrame:
    """Make the table: one row a kind of features, then the published ones.

    Returns
    -------
    DataFrame
        features, dimensions, labels, C, accuracy and interval (per cent; mean and 1.96 standard deviations over
        draws), gain (mean difference of the trained discriminator to this row on the same draws), note.
    """
    ours = outcomes[OURS].accuracies
    rows = [
        {
            "features": name,
            "dimensions": outcome.dimensions,
            "labels": settings.labels_per_class * classes,
            "C": outcome.C,
            "accuracy": outcome.mean,
            "interval": 1.96 * outcome.std,
            "gain": float(np.mean(ours - outcome.accuracies)),
            "note": "best C is at the edge of the candidates" if outcome.at_edge else "",
        }
        for name, outcome in outcomes.items()
    ]
    published = [{**row.model_dump(), "dimensions": None, "C": None, "gain": None} for row in settings.reference]
    table = pd.DataFrame([*rows, *published])
    return table.astype({"dimensions": "Int64", "C": "float64", "interval": "float64", "gain": "float64"})


def measure(outcomes: dict[str, Outcome], settings: EvaluateSettings, classes: int) -> dict[str, float]:
    """The same as flat metrics, in per cent."""
    metrics = {"evaluate.labels": float(settings.labels_per_class * classes)}
    for name, outcome in outcomes.items():
        key = f"evaluate.{name.replace(' ', '_')}"
        metrics |= {
            f"{key}.accuracy": outcome.mean,
            f"{key}.std": outcome.std,
            f"{key}.C": outcome.C,
            f"{key}.unconverged_fits": float(outcome.unconverged),
        }
    return metrics


def confusion_table(outcome: Outcome, classes: list[str]) -> pd.DataFrame:
    """Name the rows (true) and columns (called ...) of the confusion matrix; shares of each true class."""
    table = pd.DataFrame(outcome.confusion, columns=[f"called {name}" for name in classes])
    table.insert(0, "true", classes)  # the prefix keeps a class that is itself called "true" apart
    return table
