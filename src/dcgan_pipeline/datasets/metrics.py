"""Flat metrics in JSON."""

from __future__ import annotations

import math
from typing import Any

from kedro_datasets.json import JSONDataset

from dcgan_pipeline.datasets.atomic_save import AtomicSave


class MetricsDataset(AtomicSave, JSONDataset):
    """A flat ``dict[str, float]`` in a JSON file, written whole.

    The tracking hook logs what is saved here as MLflow metrics of the same names.

    Examples
    --------
    .. code-block:: yaml

        train_metrics:
          type: dcgan_pipeline.datasets.metrics.MetricsDataset
          filepath: data/08_reporting/train_metrics.json
          versioned: true

    >>> dataset = MetricsDataset(filepath=tmp_path / "metrics.json")
    >>> dataset.save({"train.loss_g": 1.5})
    >>> dataset.load()
    {'train.loss_g': 1.5}
    """

    def save(self, data: dict[str, float]) -> None:
        """Save, after a check that the values are finite numbers: JSON and MLflow know no others."""
        wrong: dict[str, Any] = {
            name: value
            for name, value in data.items()
            if not isinstance(value, int | float) or not math.isfinite(value)
        }
        if wrong:
            raise ValueError(f"metrics must be finite numbers, got {wrong}")
        super().save(data)
