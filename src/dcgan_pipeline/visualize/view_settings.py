"""Settings of the figures that look at training images and into D: under ``params:visualize``, by their entries."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dcgan_pipeline.schema import Settings, UserPath


class NearestImagesSettings(Settings):
    """``params:visualize.nearest_images``."""

    images: int = Field(default=10_000, ge=2)
    """Training images that are compared with; of more, so many are drawn."""
    samples: int = Field(default=200, ge=2)
    """Samples that are measured, and at most as many images beside them."""
    shown: int = Field(default=10, ge=1)
    """Samples in a row of the figure."""


class FeatureSettings(Settings):
    """What a figure of D's features has in common with the others."""

    layer: int | None = Field(default=None, ge=0)
    """The convolution of D, 0 the first; None: the last (paper, figure 5)."""
    features: int = Field(default=6, ge=1)
    """Maps of that convolution that are shown (paper, figure 5)."""
    choose: Literal["first", "selectivity"] = "first"
    """first: the first ones (paper, figure 5); selectivity: those whose largest responses stand out most."""
    images: int = Field(default=10_000, ge=2)
    """Training images that are looked through; of more, so many are drawn."""


class GuidedBackpropagationSettings(FeatureSettings):
    """``params:visualize.guided_backpropagation``."""

    shown: int = Field(default=6, ge=1)
    """Images a feature."""
    rule: Literal["guided", "gradient"] = "guided"
    """Of the backward pass; gradient: the plain derivative (:mod:`dcgan_pipeline.visualize.guided`)."""
    measured: int = Field(default=32, ge=1)
    """Features that the removal of pixels is measured on."""
    removed: float = Field(default=0.1, gt=0, lt=1)
    """Share of an image's pixels that are removed."""


class ActivationMaximisationSettings(FeatureSettings):
    """``params:visualize.activation_maximisation``."""

    features: int = Field(default=12, ge=1)
    """Maps of that convolution that are shown."""
    images: int = Field(default=2_000, ge=2)
    """Training images that are looked through for the best one; of more, so many are drawn."""
    norm: Literal["spectrum", "l2"] = "spectrum"
    """Of the input: each frequency by its strength in the images, or all alike
    (:mod:`dcgan_pipeline.visualize.ball`)."""
    contrast: float = Field(default=0.25, gt=0)
    """The norm of the input, at most; 1 is that of the average image."""
    steps: int = Field(default=60, ge=1)
    """Of gradient ascent."""


class ProjectionSettings(Settings):
    """``params:visualize.projection``."""

    images: int = Field(default=8, ge=0)
    """Drawn of each kind: samples, training images, held-out ones."""
    rows: tuple[int, ...] | None = None
    """Rows of ``images`` to project, too."""
    files: tuple[UserPath, ...] | None = None
    """Files of images to project, too."""
    steps: int = Field(default=200, ge=1)
    """Of gradient descent on z."""
    candidates: int = Field(default=256, ge=1)
    """Random z, of which the descent begins at the one whose sample is nearest."""
    learning_rate: float = Field(default=0.05, gt=0)
    """Of Adam, falling to 0 along a half cosine."""
    compared: int = Field(default=10_000, ge=2)
    """Training images among which the nearest one is looked for; of more, so many are drawn."""
