"""Settings of what training says of itself: diagnostics of collapse, and the quality of samples."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from dcgan_pipeline.schema import Settings, UserPath, unless

_INCEPTION = ("fid", "kid", "inception_score")
METRICS = ("nearest", "frechet_untrained", "kernel_untrained", *_INCEPTION)  # of gan.quality.metrics.REGISTRY


class DiagnosticsSettings(Settings):
    """``params:train.diagnostics``: what counts as a training that fails, and what happens then.

    The thresholds were chosen on runs that went well and runs that were spoilt (docs/training.md has the numbers).
    """

    on_collapse: Literal["warn", "stop", "rollback"] = "warn"
    """warn: say so and go on; stop: end at the last good checkpoint; rollback: go on from it with other random
    numbers, and every setting as it was."""
    max_rollbacks: int = Field(default=3, ge=1)
    """After as many, the training stops."""
    warm_up: int = Field(default=300, ge=0)
    """Minibatches in which nothing is judged: an untrained G draws grey."""
    patience: int = Field(default=4, ge=1)
    """Rows of the history in a row, ``log_every`` minibatches each, before a warning."""
    min_diversity: float = Field(default=0.5, ge=0, le=1)
    """Collapse: mean distance between samples, at the contrast of the data, as a share of that between images."""
    min_contrast: float = Field(default=0.4, ge=0)
    max_contrast: float = Field(default=1.6, gt=0)
    """Drift: contrast of samples as a share of the data's; nothing in D's loss holds it (docs/architecture.md)."""
    max_saturation: float = Field(default=0.5, ge=0, le=1)
    """Saturation: pixels at the ends of tanh, as a share of those that are not at the ends in the data."""
    min_accuracy: float = Field(default=0.99, ge=0, le=1)
    """D wins: it tells as large a share of real and of generated images, and one of the following holds."""
    max_loss_g: float = Field(default=4.0, gt=0)
    """Nats: D gives a sample a chance of less than one in fifty."""
    min_gradient_g: float = Field(default=1e-4, ge=0)
    """Norm of G's gradient, over all parameters."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_contrast >= self.max_contrast:
            raise ValueError(
                f"min_contrast must be below max_contrast, got {self.min_contrast} and {self.max_contrast}"
            )
        return self

    def inert(self) -> dict[str, str]:
        """Only one answer to a collapse goes back."""
        back = self.on_collapse == "rollback"
        return unless(back, f"train.diagnostics.on_collapse is {self.on_collapse}", "max_rollbacks")


class QualitySettings(Settings):
    """``params:train.quality``: how good the samples are, while training runs."""

    every: int | None = Field(default=None, ge=1)
    """Minibatches, rounded up to the next row of the history; the end is always measured. None: never."""
    metrics: tuple[str, ...] = ("nearest", "frechet_untrained", "kernel_untrained")
    samples: int = Field(default=1000, ge=2)
    """Samples, and at most as many images beside them."""
    held_out: int = Field(default=0, ge=0)
    """Images that are not trained on and that samples are compared with; 0: with images of the training set."""
    inception_weights: UserPath | None = None
    """File of torch-fidelity's Inception weights, for fid, kid and inception_score; nothing is downloaded."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if unknown := [name for name in self.metrics if name not in METRICS]:
            raise ValueError(f"metrics must be among {', '.join(METRICS)}, got {unknown[0]!r}")
        if len(set(self.metrics)) != len(self.metrics):
            raise ValueError(f"metrics must be named once each, got {', '.join(self.metrics)}")
        if self.held_out == 1:
            raise ValueError("held_out must be 0, or 2 or more, got 1")
        if needing := [
            name for name in self.metrics if name in _INCEPTION and self.every and not self.inception_weights
        ]:
            raise ValueError(
                f"{needing[0]} needs inception_weights, the path of torch-fidelity's weights file "
                "(weights-inception-2015-12-05-6726825d.pth), got none; give it, or leave the metric out"
            )
        return self

    def inert(self) -> dict[str, str]:
        """Nothing is measured without times for it, and some metrics need no file."""
        inception = any(name in _INCEPTION for name in self.metrics)
        found = unless(inception, f"no metric of {', '.join(_INCEPTION)} is asked for", "inception_weights")
        never = unless(self.every is not None, "train.quality.every is null", "metrics", "samples", "inception_weights")
        return found | never
