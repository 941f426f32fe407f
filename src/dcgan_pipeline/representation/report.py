"""Our row, the baselines and the published results in one table: as a frame, as text, and as metrics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.representation.compare import Kinds
from dcgan_pipeline.representation.features import GAN, TRAINED_ON
from dcgan_pipeline.representation.protocol import Draws, Outcome
from dcgan_pipeline.representation.settings import EvaluateSettings

OURS, UNTRAINED = "trained discriminator", "untrained discriminator"
HERE = "this run"
DRAWS = "draws"  # the attribute by which a table says which draws of labels it is of
APART = "not comparable"  # how the note of a published row begins that cannot be compared with ours
EDGE = "best C is at the edge of the candidates"
TYPES = {"dimensions": "Int64", "C": "float64", "interval": "float64", "gain": "float64"}


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
        row_of(name, trained_on[name], outcome.labels, outcome.mean)
        | {
            "dimensions": outcome.dimensions,
            "C": outcome.C,
            "interval": 1.96 * outcome.std,
            "gain": float(np.mean(best[: len(outcome.accuracies)] - outcome.accuracies)),
            "note": "; ".join(filter(None, (outcome.note, EDGE if outcome.at_edge else ""))),
        }
        for name, outcome in outcomes.items()
    ]
    return pd.DataFrame(rows).astype(TYPES)


def row_of(name: str, trained_on: str, labels: int, accuracy: float) -> dict[str, Any]:
    """Make a row of this run that has neither draws nor an SVM."""
    return {
        "features": name,
        "trained_on": trained_on,
        "dimensions": None,
        "labels": labels,
        "C": None,
        "accuracy": accuracy,
        "interval": None,
        "gain": None,
        "source": HERE,
        "note": "",
    }


def say_trained_on(kinds: Kinds) -> dict[str, str]:
    """Say what each kind of features was learned from, as far as they know: nothing where they do not."""
    return {name: train.attrs.get(TRAINED_ON, "nothing") for name, (train, _) in kinds.items()}


def beside_published(table: pd.DataFrame, settings: EvaluateSettings, test_images: int) -> pd.DataFrame:
    """Put published results below the rows of :func:`tabulate`, and say of each why it cannot be compared, if so.

    A row is comparable with ours where it was given as many labels, was tested on as many images and has no ``note`` of
    its own.
    """
    labels = [int(count) for count in table["labels"].unique()]
    theirs = settings.test_images
    rows = []
    for row in settings.published:
        reasons = [row.note] if row.note else []
        if row.labels not in labels:
            reasons.append(f"{row.labels:,} labels, not {' or '.join(f'{count:,}' for count in labels)}")
        reasons += [f"{theirs:,} other test images"] if theirs not in (None, test_images) else []
        note = f"{APART}: {'; '.join(reasons)}" if reasons else ""
        rows.append({**row.model_dump(), "dimensions": None, "C": None, "gain": None, "note": note})
    return pd.DataFrame([*table.to_dict("records"), *rows], columns=table.columns).astype(TYPES)


def joined(evaluation: pd.DataFrame, more: pd.DataFrame, settings: EvaluateSettings, test_images: int) -> pd.DataFrame:
    """Put more rows of :func:`tabulate` between ours and the published ones of :func:`beside_published`."""
    here = evaluation[evaluation["source"] == HERE]
    return beside_published(pd.concat([here, more], ignore_index=True), settings, test_images)


def check_same_judging(table: pd.DataFrame, draws: Draws, gan: str) -> None:
    """Refuse to compare with a table of :func:`draw_by_draw` of other draws or of another GAN, by their digests.

    Raises
    ------
    InputError
        Where its draws or its GAN are others.
    """
    if table.attrs.get(GAN) != gan:
        raise InputError(
            f"baselines must be compared with features of the same gan, got evaluation_draws of "
            f"{str(table.attrs.get(GAN))[:8]} and gan {gan[:8]}; run `kedro run --pipelines=features,evaluate` again"
        )
    if table.attrs.get(DRAWS) != draws.digest():
        raise InputError(
            "baselines must be judged on the draws of labels that evaluation is of, and the protocol, the seed or the "
            "labelled images have changed since; run `kedro run --pipeline=evaluate` again"
        )


def draw_by_draw(outcomes: dict[str, Outcome], draws: Draws, gan: str | None) -> pd.DataFrame:
    """List the accuracies of every draw, so that others can be compared on the same.

    Its ``attrs`` have the digests of the draws and of the GAN whose features were judged.
    """
    parts = [
        pd.DataFrame({"features": name, "draw": range(len(found.accuracies)), "accuracy": found.accuracies})
        for name, found in outcomes.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    table.attrs = {DRAWS: draws.digest(), GAN: gan}
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


def measure(outcomes: dict[str, Outcome], stage: str = "evaluate") -> dict[str, float]:
    """The same as flat metrics, in per cent; without what is not there, such as the ``std`` of one draw."""
    metrics = {f"{stage}.labels": float(next(iter(outcomes.values())).labels)}
    for name, outcome in outcomes.items():
        key = f"{stage}.{name.replace(' ', '_')}"
        found = {"accuracy": outcome.mean, "std": outcome.std, "C": math.nan if outcome.C is None else outcome.C}
        metrics |= {f"{key}.{what}": value for what, value in found.items() if not math.isnan(value)}
        metrics[f"{key}.unconverged_fits"] = float(outcome.unconverged)
    return metrics


def confusion_table(outcome: Outcome, classes: list[str]) -> pd.DataFrame:
    """Name the rows (true) and columns (called ...) of the confusion matrix; shares of each true class."""
    table = pd.DataFrame(outcome.confusion, columns=[f"called {name}" for name in classes])
    table.insert(0, "true", classes)  # the prefix keeps a class that is itself called "true" apart
    return table
