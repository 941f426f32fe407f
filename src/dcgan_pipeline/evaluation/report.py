"""Our row, the baselines and the published results in one table: as a frame, as text, and as metrics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.compare import FeatureSets
from dcgan_pipeline.evaluation.features import GAN, TRAINED_ON
from dcgan_pipeline.evaluation.protocol import Draws, Outcome
from dcgan_pipeline.evaluation.settings import EvaluateSettings, PublishedRow

OURS, UNTRAINED = "trained discriminator", "untrained discriminator"
THIS_RUN = "this run"
DRAWS = "draws"  # the attribute by which a table says which draws of labels it is of
NOT_COMPARABLE = "not comparable"  # how the note of a published row begins that cannot be compared with ours
EDGE = "best C is at the edge of the candidates"
TYPES = {"dimensions": "Int64", "C": "float64", "interval": "float64", "gain": "float64"}


def tabulate(
    outcomes: dict[str, Outcome],
    trained_on: dict[str, str],
    ours: NDArray[np.float64] | None = None,
    labels: int | None = None,
) -> pd.DataFrame:
    """Make the table of what was judged here: one row a kind of features.

    Parameters
    ----------
    trained_on
        What each kind was learned from.
    ours, labels
        Accuracies of the trained discriminator by draw and the labels it had, where it is not among the outcomes.

    Returns
    -------
    DataFrame
        features, trained_on, dimensions, labels, C, accuracy and interval (per cent; mean and 1.96 standard deviations
        over draws, none of one draw), gain (mean difference of the trained discriminator to this row on the same
        draws; none where it had other labels), source, note.
    """
    best = outcomes[OURS].accuracies if ours is None else ours
    labels = outcomes[OURS].labels if labels is None else labels
    rows = [
        row_of(name, trained_on[name], outcome.labels, outcome.mean)
        | {
            "dimensions": outcome.dimensions,
            "C": outcome.C,
            "interval": 1.96 * outcome.std,
            "gain": float(np.mean(best[: len(outcome.accuracies)] - outcome.accuracies))
            if outcome.labels == labels
            else None,
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
        "source": THIS_RUN,
        "note": "",
    }


def trained_on_text(kinds: FeatureSets) -> dict[str, str]:
    """Say what each kind of features was learned from, as far as they know: nothing where they do not."""
    return {name: train.attrs.get(TRAINED_ON, "nothing") for name, (train, _) in kinds.items()}


def with_published(table: pd.DataFrame, settings: EvaluateSettings, test_images: int) -> pd.DataFrame:
    """Put published results below the rows of :func:`tabulate`, and say of each why it cannot be compared, if so.

    A row is comparable with ours where it is of the same labelled images, was given as many labels, was tested on as
    many images, a GAN learned from the same images if it is one (``beside``), and it has no ``note`` of its own.
    """
    labels = [int(count) for count in table["labels"].unique()]
    rows = []
    for row in settings.published:
        reasons = _why_apart(row, settings, labels, test_images)
        note = f"{NOT_COMPARABLE}: {'; '.join(reasons)}" if reasons else ""
        shown = row.model_dump(exclude={"beside"})
        rows.append({**shown, "dimensions": None, "C": None, "gain": None, "note": note})
    return pd.DataFrame([*table.to_dict("records"), *rows], columns=table.columns).astype(TYPES)


def _why_apart(row: PublishedRow, settings: EvaluateSettings, labels: list[int], test_images: int) -> list[str]:
    reasons = [row.note] if row.note else []
    if settings.published_of != settings.judged_on:
        reasons.append(f"{settings.published_of}, and evaluate.judged_on is {settings.judged_on or 'not given'}")
    if row.labels not in labels:
        reasons.append(f"{row.labels:,} labels, not {' or '.join(f'{count:,}' for count in labels)}")
    if settings.test_images not in (None, test_images):
        reasons.append(f"{settings.test_images:,} other test images")
    if row.beside not in (None, settings.learned_from):
        reasons.append(f"its GAN learned from {row.beside}")
    return reasons


def joined(evaluation: pd.DataFrame, more: pd.DataFrame, settings: EvaluateSettings, test_images: int) -> pd.DataFrame:
    """Put more rows of :func:`tabulate` between ours and the published ones of :func:`with_published`."""
    here = evaluation[evaluation["source"] == THIS_RUN]
    return with_published(pd.concat([here, more], ignore_index=True), settings, test_images)


def check_same_judging(table: pd.DataFrame, draws: Draws, settings: EvaluateSettings, gan: str) -> None:
    """Refuse to compare with a table of :func:`draw_by_draw` of other draws, candidates or GAN, by their digests.

    Raises
    ------
    InputError
        Where its draws, its candidates for C or its GAN are others.
    """
    if table.attrs.get(GAN) != gan:
        raise InputError(
            f"baselines must be compared with features of the same gan, got evaluation_draws of "
            f"{str(table.attrs.get(GAN))[:8]} and gan {gan[:8]}; run `kedro run --pipelines=features,evaluate` again"
        )
    if table.attrs.get(DRAWS) != _judging(draws, settings):
        raise InputError(
            "baselines must be judged on the draws of labels and the candidates for C that evaluation is of, and the "
            "protocol, the seed or the labelled images have changed since; run `kedro run --pipeline=evaluate` again"
        )


def _judging(draws: Draws, settings: EvaluateSettings) -> str:
    """Tell one judging from another."""
    return f"{draws.digest()} {settings.C}"


def draw_by_draw(
    outcomes: dict[str, Outcome], draws: Draws, settings: EvaluateSettings, gan: str | None
) -> pd.DataFrame:
    """List the accuracies of every draw, so that others can be compared on the same.

    Its ``attrs`` tell the draws and candidates for C, and the GAN whose features were judged, from others.
    """
    parts = [
        pd.DataFrame({"features": name, "draw": range(len(found.accuracies)), "accuracy": found.accuracies})
        for name, found in outcomes.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    table.attrs = {DRAWS: _judging(draws, settings), GAN: gan}
    return table


def to_markdown(table: pd.DataFrame) -> str:
    """Write the table of :func:`with_published` as Markdown."""
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
