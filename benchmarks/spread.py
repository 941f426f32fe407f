"""Whether what was found of one GAN holds for others: metrics of several runs, with their mean and spread.

    kedro run --env=scenes --params=seed=0            # and 1, and 2
    python benchmarks/spread.py --env=scenes --runs=3
    python benchmarks/spread.py --env=scenes --runs=3 turn forgetting_curve

Run it in the project where the runs were made. It reads the newest versions that every metrics entry has; ± is one
standard deviation over the runs, with n - 1. Of edits it shows more than their metrics: how much each changes what it
asks for, beside random edits, and what is left of every object after few and after all maps are dropped.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import Version

from dcgan_pipeline.datasets.metrics import MetricsDataset

FIGURES = (
    *("train", "evaluate", "attributes", "found_annotations", "latent_walk", "nearest_images"),
    *("guided_backpropagation", "activation_maximisation", "projection"),
    *("forgetting", "forgetting_curve", "vector_arithmetic", "turn", "edit_scores"),
)


def metrics_of(entry: MetricsDataset, version: str) -> dict[str, float]:
    """Load one version of an entry."""
    return MetricsDataset(filepath=str(entry._filepath), version=Version(version, None)).load()


def of_edits(scores: pd.DataFrame) -> dict[str, float]:
    """Give the change that each edit asks for, and the random one; sums of concepts differ from run to run in name."""
    asked = scores[scores["of"] == scores["asked"]]
    found = {}
    for edit, unit, change, random in asked[["edit", "unit", "change", "random_spread"]].itertuples(index=False):
        name = f"the arithmetic, {unit}" if " - " in edit else f"{edit}, {unit}"
        found |= {f"edit: {name}": abs(change) if " - " in edit else change, f"random: {name}": random}
    return found


def of_forgetting(curve: pd.DataFrame, few: int) -> dict[str, float]:
    """Give the share of every object that is left after ``few`` maps, or the next number drawn, and after all."""
    kind = curve["maps"].where(curve["maps"] == "found", "random")
    counts = np.unique(curve["dropped"])
    ends = {f"{few} maps": int(counts[counts >= few].min()), "all maps": int(counts.max())}
    return {
        f"forgetting, {said}: {thing} left, {how}": float(part["share"].mean())
        for said, count in ends.items()
        for (how, thing), part in curve[curve["dropped"] == count].groupby([kind, "object"], sort=False)
    }


def table_of(entry: Any, version: str) -> pd.DataFrame:
    """Load one version of a table."""
    return pd.read_parquet(entry._get_versioned_path(version))


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="*", default=FIGURES)
    parser.add_argument("--env", default=None)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--maps", type=int, default=5, help="dropped, where not all are")
    arguments = parser.parse_args()
    bootstrap_project(Path.cwd())
    with KedroSession.create(env=arguments.env) as session:
        catalog = session.load_context().catalog
        entries = [catalog.get(f"{figure}_metrics") for figure in arguments.figures]
        scores, curve = catalog.get("edit_scores_table"), catalog.get("forgetting_curve_table")
    shared = set.intersection(*(set(entry.list_versions(full_path=False)) for entry in entries))
    versions = sorted(shared)[-arguments.runs :]
    rows = {v: {k: x for entry in entries for k, x in metrics_of(entry, v).items()} for v in versions}
    for version, found in rows.items():
        if "edit_scores" in arguments.figures:
            found |= of_edits(table_of(scores, version))
        if "forgetting_curve" in arguments.figures:
            found |= of_forgetting(table_of(curve, version), arguments.maps)
    table = pd.DataFrame(rows)
    print(f"| metric | {' | '.join(versions)} | mean ± spread |\n|{'---|' * (len(versions) + 2)}")
    for name, values in zip(table.index, table.to_numpy(np.float64), strict=True):
        each = " | ".join(f"{value:.4g}" for value in values)
        print(f"| `{name}` | {each} | {np.nanmean(values):.3g} ± {np.nanstd(values, ddof=1):.2g} |")


if __name__ == "__main__":
    main()
