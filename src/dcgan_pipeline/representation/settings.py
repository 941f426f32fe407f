"""Settings of the stages ``features`` and ``evaluate``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from dcgan_pipeline.schema import Settings


class FeaturesSettings(Settings):
    """``params:features``."""

    grid: int = Field(default=4, ge=1)
    """Side that every layer is max-pooled to (paper 5.1)."""
    layers: tuple[int, ...] | None = None
    """Convolutions to take features of, 0 the first; None: all of them (paper 5.1)."""
    batch_size: int = Field(default=256, ge=1)
    """Images at once; features do not depend on it."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of convolutions, under autocast."""
    dtype: Literal["float32", "float16"] = "float32"
    """Of the features on disk; float16 takes half of it, and rounds to 11 bits."""

    @model_validator(mode="after")
    def _layers(self) -> Self:
        if self.layers is not None and (not self.layers or len(set(self.layers)) < len(self.layers)):
            raise ValueError(f"layers must name one convolution or more, each once, got {list(self.layers)}")
        return self


class KMeansSettings(Settings):
    """The baseline of features learned by k-means (Coates, Lee & Ng 2011; Coates & Ng 2012)."""

    maps: int = Field(default=4800, ge=2)
    """Centroids (paper, table 1)."""
    patch: int = Field(default=6, ge=2)
    """Side of a patch in pixels (authors' code)."""
    patches: int = Field(default=400_000, ge=2)
    """Patches drawn from the training images (authors' code)."""
    contrast_floor: float = Field(default=10, gt=0)
    """Added to the variance of a patch's grey levels before it is divided out (authors' code)."""
    whitening_floor: float = Field(default=0.1, gt=0)
    """Added to the variances of the normalised patches along their principal axes (authors' code)."""
    passes: int = Field(default=20, ge=1)
    """Of k-means over the patches (our choice)."""
    grid: int = Field(default=2, ge=1)
    """Cells along a side, over each of which a map is summed (authors' code: quadrants)."""

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.patches < self.maps:
            raise ValueError(f"patches must be at least maps, got {self.patches} and {self.maps}")
        return self


class PcaSettings(Settings):
    """The baseline of principal components of raw pixels."""

    components: int = Field(default=256, ge=1)
    """Of most variance, that are kept."""
    images: int = Field(default=10_000, ge=2)
    """Training images that the axes are fitted to, drawn at random: they are in memory together."""


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
