"""Settings of ``visualize`` and ``sample``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from dcgan_pipeline.inspection.view_settings import (
    ActivationMaximisationSettings,
    GuidedBackpropagationSettings,
    NearestImagesSettings,
    ProjectionSettings,
)
from dcgan_pipeline.schema import Settings, UserPath

LARGEST_GRID = 10_000  # samples: 100 a side


class SampleGridSettings(Settings):
    """``params:visualize.sample_grid``."""

    side: int = Field(default=10, ge=2)
    """Samples a side."""


class AnimationSettings(Settings):
    """``params:visualize.training_animation``."""

    frame_seconds: float = Field(default=0.4, gt=0)
    """Time a frame is shown."""


class WalkSettings(Settings):
    """``params:visualize.latent_walk``."""

    points: int = Field(default=9, ge=2)
    """Random points of z that the walk visits (paper, figure 4)."""
    steps: int = Field(default=10, ge=2)
    """Images from one point to the next, both ends included."""


class VisualizeSettings(Settings):
    """``params:visualize``: for each figure, under the name of its entry, what it is drawn by."""

    sample_grid: SampleGridSettings = SampleGridSettings()
    training_animation: AnimationSettings = AnimationSettings()
    latent_walk: WalkSettings = WalkSettings()
    held_out: UserPath | None = None
    """Images that the GAN was not trained on, for nearest_images and projection: a source, as ``--params=source`` takes
    them. None: those that the training itself held out (``train.quality.held_out``)."""
    nearest_images: NearestImagesSettings = NearestImagesSettings()
    guided_backpropagation: GuidedBackpropagationSettings = GuidedBackpropagationSettings()
    activation_maximisation: ActivationMaximisationSettings = ActivationMaximisationSettings()
    projection: ProjectionSettings = ProjectionSettings()


class SampleSettings(Settings):
    """``params:sample``."""

    count: int = Field(default=64, ge=1)
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    """None: the seed that all stages share."""
    classes: list[str] | None = Field(default=None, min_length=1)
    """Of a conditional gan, by name, or by number where no class has that name, one or several in turn; none: all."""
    format: Literal["grid", "folder", "zip"] = "grid"
    """grid: one PNG; folder: a PNG a sample, in folders of 10 000; zip: the same PNGs, in zips of 10 000."""
    batch_norm: Literal["recomputed", "batch"] = "recomputed"
    """recomputed: a sample depends on its own z alone; batch: on its batch-mates too, as in training."""
    batch_size: int = Field(default=256, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.format == "grid" and self.count > LARGEST_GRID:
            raise ValueError(
                f"count must be at most {LARGEST_GRID} in a grid, got {self.count}; set format to folder or zip"
            )
        if self.batch_norm == "batch" and self.batch_size == 1:
            raise ValueError("batch_size must be 2 or more where batch_norm is batch, got 1; raise it")
        return self
