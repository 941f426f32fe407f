"""Settings of the stage ``dedup``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from dcgan_pipeline.schema import Settings, unless


class AlterationSettings(Settings):
    """How a thumbnail is altered before the autoencoder sees it: what near-duplicates really show (our choice).

    Each is the largest change; what a thumbnail gets is drawn between none and it. All zeros are the plain recipe.
    """

    shift: float = Field(default=0.0, ge=0, le=16)
    """Pixels of the thumbnail."""
    zoom: float = Field(default=0.0, ge=0, lt=0.5)
    """Share of the side that is cropped away."""
    brightness: float = Field(default=0.0, ge=0, le=255)
    """Levels added or taken."""
    contrast: float = Field(default=0.0, ge=0, lt=1)
    """Relative change of the contrast."""
    blur: float = Field(default=0.0, ge=0, le=1)
    """Probability of a 3 x 3 mean."""


class AutoencoderSettings(Settings):
    """The 3072-128-3072 denoising, dropout-regularised ReLU autoencoder (paper 4.1.1).

    Its noise, dropout, optimiser and length of training are published nowhere: our choices. ``normalise: none``, no
    alterations, noise 0.3 and dropout 0.5 are what one would write after the paper's one sentence.
    """

    code_bits: int = Field(default=128, ge=8, multiple_of=8)
    """Width of the code layer; 128 in the paper."""
    normalise: Literal["none", "local"] = "local"
    """none: pixels in [0, 1]; local: most of the local mean taken out, then the image's own contrast."""
    noise: float = Field(default=0.5, ge=0)
    """Standard deviation of the Gaussian noise, in units of the normalised pixels."""
    alterations: AlterationSettings = AlterationSettings()
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """Share of the code's units dropped in training."""
    steps: int = Field(default=2000, ge=1)
    """Minibatches. Not epochs: a small pile would teach too little, and a large one take for ever."""
    batch_size: int = Field(default=128, ge=2)
    learning_rate: float = Field(default=1e-3, gt=0)


class AuditSettings(Settings):
    """How much is looked at to say how good the de-duplication is."""

    planted: int = Field(default=200, ge=1)
    """Images of which altered copies are planted, one copy a kind of alteration."""
    pairs: int = Field(default=60, ge=1)
    """Collisions drawn at random for the page."""


class DedupSettings(Settings):
    """``params:dedup``."""

    autoencoder: AutoencoderSettings = AutoencoderSettings()
    encode_batch: int = Field(default=4096, ge=1)
    """Thumbnails encoded at once; codes do not depend on it."""
    radius: int = Field(default=0, ge=0)
    """Hamming distance up to which two codes are candidates; 0, equal codes, is the paper."""
    probes: int = Field(default=2, ge=0, le=3)
    """Bits in which a band of two near codes may differ and still be looked up; more find more of a wide radius."""
    min_similarity: float | None = Field(default=None, ge=0, le=1)
    """Candidates whose thumbnails correlate less are no duplicates; None takes the codes' word for it (the paper)."""
    keep: Literal["largest", "earliest", "sharpest"] = "largest"
    """Which image of a group stays."""
    always_keep: tuple[str, ...] = ()
    """Sources of images that stay whatever group they are in: how a person undoes a removal."""
    memory: str = Field(default="2GB", pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$")
    """What the grouping of codes may take before it spills to disk."""
    audit: AuditSettings = AuditSettings()
    gallery_groups: int = Field(default=12, ge=1)
    """Groups drawn, the largest first."""
    gallery_members: int = Field(default=10, ge=2)
    """Images drawn of each."""

    def inert(self) -> dict[str, str]:
        """Equal codes need no search."""
        return unless(self.radius > 0, "dedup.radius is 0: equal codes are looked for", "probes")

    @model_validator(mode="after")
    def _radius(self) -> Self:
        if self.radius >= self.autoencoder.code_bits:
            raise ValueError(
                f"radius must be less than autoencoder.code_bits, got {self.radius} and {self.autoencoder.code_bits}: "
                "every two codes would be near"
            )
        return self
