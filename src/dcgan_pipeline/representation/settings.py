"""Settings of the stages ``features`` and ``evaluate``."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from dcgan_pipeline.schema import Settings


class FeaturesSettings(Settings):
    """``params:features``."""

    grid: int = Field(default=4, ge=1)
    """Side that every layer is max-pooled to (paper 5.1)."""
    batch_size: int = Field(default=256, ge=1)
    """Images at once; features do not depend on it."""


class ReferenceRow(Settings):
    """A published result to stand beside ours."""

    features: str
    accuracy: float
    """Per cent."""
    interval: float | None = None
    labels: int
    note: str
    """What it was trained on, and whether it can be compared."""


class EvaluateSettings(Settings):
    """``params:evaluate``: the protocol of the paper's SVHN experiment (paper 5.2, authors' code) as data."""

    labels_per_class: int = Field(default=100, ge=1)
    """Labelled images of each class that the SVM is trained on."""
    validation: int = Field(default=10_000, ge=1)
    """Images of ``labelled_train`` held out to choose C."""
    selection_draws: int = Field(default=10, ge=1)
    """Draws of labels for each C, averaged to choose it."""
    report_draws: int = Field(default=100, ge=2)
    """Fresh draws with the chosen C, averaged to report."""
    C: tuple[float, ...] = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)
    """Candidates, ascending; these are the authors'."""
    reference: tuple[ReferenceRow, ...] = ()

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if not self.C or list(self.C) != sorted(set(self.C)) or self.C[0] <= 0:
            raise ValueError(f"C must be positive and ascending, got {list(self.C)}")
        return self
