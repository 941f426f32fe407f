"""What training says to MLflow while it runs."""

from __future__ import annotations

import sys


def log_metrics(metrics: dict[str, float], step: int) -> None:
    """Log metrics of a step to the active MLflow run; without one, do nothing."""
    mlflow = sys.modules.get("mlflow")  # nobody has started a run where it was never imported
    if mlflow is not None and mlflow.active_run() is not None:
        mlflow.log_metrics(metrics, step=step)
