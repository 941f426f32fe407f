"""What training says to MLflow while it runs."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

_SECONDS = 2.0  # between writes to the database: a call takes some hundredths of a second, however much it brings
_MOST = 900  # metrics a call; MLflow takes 1,000


def log_metrics(metrics: dict[str, float], step: int) -> None:
    """Log metrics of a step to the active MLflow run; without one, do nothing."""
    if run := _active():
        sys.modules["mlflow"].log_metrics(metrics, step=step, run_id=run.info.run_id)


class LiveLog:
    """Metrics by step, and pictures of samples, for the active MLflow run; without one, it does nothing.

    Metrics are written together every two seconds, so that a training of quick steps does not wait for the database,
    and when the block ends, however it does.

    Examples
    --------
    >>> with LiveLog() as live:
    ...     live.metrics({"train.loss_g": 0.7}, step=25)
    """

    def __init__(self) -> None:
        self._waiting: list[Any] = []
        self._written = -float("inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()

    def metrics(self, metrics: dict[str, float], step: int) -> None:
        """Log metrics of a step."""
        if not _active():
            return
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._waiting += [Metric(name, value, now, step) for name, value in metrics.items()]
        if time.monotonic() - self._written > _SECONDS or len(self._waiting) > _MOST // 2:
            self.flush()

    def samples(self, images: NDArray[np.uint8], step: int) -> None:
        """Log samples, uint8 (n, C, S, S), as a picture that MLflow's page shows by step."""
        if not _active():
            return
        from dcgan_pipeline.inspection.canvas import tile

        sheet = tile(images, max(1, int(len(images) ** 0.5)))
        sys.modules["mlflow"].log_image(sheet, key="samples", step=step)

    def flush(self) -> None:
        """Write what has waited."""
        run = _active()
        if run:
            client = sys.modules["mlflow"].MlflowClient()
            while self._waiting:
                client.log_batch(run.info.run_id, metrics=self._waiting[:_MOST])
                del self._waiting[:_MOST]
        self._waiting = []
        self._written = time.monotonic()


def _active() -> Any:
    mlflow = sys.modules.get("mlflow")  # nobody has started a run where it was never imported
    return mlflow.active_run() if mlflow is not None else None
