"""Settings of ``attributes``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, Strict

from dcgan_pipeline.schema import Settings


class LearningSettings(Settings):
    """``params:attributes.model``."""

    images: int = Field(default=20_000, ge=2)
    """Kept images, drawn by seed, that the model learns from and is measured on; all where there are fewer."""
    held_out: float = Field(default=0.2, gt=0, lt=1)
    """Share of them that it is measured on alone."""
    width: int = Field(default=16, ge=1)
    """Maps of the first convolution."""
    steps: int = Field(default=150, ge=1)
    """Minibatches."""
    batch_size: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=0.005, gt=0)
    """The largest: it rises over the first tenth of the steps, and falls to 0."""
    weight_decay: float = Field(default=0.02, ge=0)
    """Decoupled (AdamW)."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """Share of the deepest maps that are left out."""
    shift: float = Field(default=0.04, ge=0, lt=0.5)
    """Images are moved at random by up to this share of their side."""
    fade: float = Field(default=0.6, ge=0, lt=1)
    """Images are mixed with up to this share of a flat grey level: a DCGAN's samples may have any contrast, since its
    discriminator does not see it."""
    noise: float = Field(default=0.05, ge=0)
    """Standard deviation of the noise added to images in [-1, 1]."""


class AttributesSettings(Settings):
    """``params:attributes``."""

    names: Annotated[tuple[str, ...], Strict(False)] | None = Field(default=None, min_length=1)
    """Of the attributes to learn; none: all that are known."""
    most: int = Field(default=64, ge=1)
    """Attributes, where ``names`` does not say which: those that images have most often."""
    model: LearningSettings = LearningSettings()
