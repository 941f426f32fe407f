"""Settings of ``visualize`` and ``sample``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from dcgan_pipeline.schema import Settings, UserPath, unless
from dcgan_pipeline.visualize.view_settings import (
    ActivationMaximisationSettings,
    GuidedBackpropagationSettings,
    NearestImagesSettings,
    ProjectionSettings,
)

LARGEST_GRID = 10_000  # samples: 100 a side


class SampleGridSettings(Settings):
    """``params:visualize.sample_grid``."""

    side: int = Field(default=10, ge=2)
    """Samples a side."""


class AnimationSettings(Settings):
    """``params:visualize.training_animation``."""

    frame_seconds: float = Field(default=0.4, gt=0)
    """Time a frame is shown."""
    most_frames: int = Field(default=300, ge=2)
    """Of more times, so many are taken, evenly, the first and the last among them."""


class WalkSettings(Settings):
    """``params:visualize.latent_walk``: for the grid and for the film."""

    path: Literal["straight", "spherical"] = "straight"
    """From one point to the next: see :func:`dcgan_pipeline.visualize.walk.interpolate`."""
    points: int = Field(default=9, ge=2)
    """Random points of z that the walk visits (paper, figure 4)."""
    steps: int = Field(default=10, ge=2)
    """Images from one point to the next, both ends included."""
    seeds: list[int] | None = Field(default=None, min_length=2)
    """In place of random points: the first sample of each of these seeds."""
    concepts: list[str] | None = Field(default=None, min_length=1)
    """In place of random points: the exemplars of these concepts, in the annotations of this ``gan``."""

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if self.seeds is not None and self.concepts is not None:
            raise ValueError(f"give one of seeds and concepts, got seeds {self.seeds} and concepts {self.concepts}")
        return self

    def inert(self) -> dict[str, str]:
        """Points are counted where they are drawn."""
        chosen = "seeds" if self.seeds is not None else "concepts"
        return unless(self.seeds is None and self.concepts is None, f"{chosen} are the points", "points")


class FilmSettings(Settings):
    """``params:visualize.latent_walk_film``."""

    seconds: float = Field(default=2.0, gt=0)
    """From one point to the next."""
    rate: int = Field(default=24, ge=1, le=120)
    """Frames a second."""
    side: int = Field(default=384, ge=16, le=4096)
    """Pixels: a smaller image is enlarged by a whole factor, to this at most."""


class ReportSettings(Settings):
    """``params:visualize.gan_report``."""

    megabytes: float = Field(default=20.0, gt=0)
    """Of pictures and films in the page; what does not fit is named with its place."""
    table_rows: int = Field(default=40, ge=0)
    """A longer table is named, and not shown."""


class VisualizeSettings(Settings):
    """``params:visualize``: for each figure, under the name of its entry, what it is drawn by."""

    sample_grid: SampleGridSettings = SampleGridSettings()
    training_animation: AnimationSettings = AnimationSettings()
    latent_walk: WalkSettings = WalkSettings()
    latent_walk_film: FilmSettings = FilmSettings()
    held_out: UserPath | None = None
    """Images that the GAN was not trained on, for nearest_images and projection: a source, as ``--params=source`` takes
    them. None: those that the training itself held out (``train.quality.held_out``)."""
    nearest_images: NearestImagesSettings = NearestImagesSettings()
    guided_backpropagation: GuidedBackpropagationSettings = GuidedBackpropagationSettings()
    activation_maximisation: ActivationMaximisationSettings = ActivationMaximisationSettings()
    projection: ProjectionSettings = ProjectionSettings()
    gan_report: ReportSettings = ReportSettings()


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
