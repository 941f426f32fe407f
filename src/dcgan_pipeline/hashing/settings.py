"""Settings of the stage ``dedup``."""

from __future__ import annotations

from pydantic import Field

from dcgan_pipeline.schema import Settings


class AutoencoderSettings(Settings):
    """The 3072-128-3072 denoising, dropout-regularised ReLU autoencoder (paper 4.1.1).

    Its noise, dropout, optimiser and epochs are published nowhere: our choices.
    """

    code_bits: int = Field(default=128, ge=8, multiple_of=8)
    """Width of the code layer; 128 in the paper."""
    noise: float = Field(default=0.3, ge=0)
    """Standard deviation of the Gaussian noise added to thumbnails in [0, 1]."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of the code's units dropped in training."""
    epochs: int = Field(default=6, ge=1)
    batch_size: int = Field(default=128, ge=2)
    learning_rate: float = Field(default=1e-3, gt=0)


class DedupSettings(Settings):
    """``params:dedup``."""

    autoencoder: AutoencoderSettings = AutoencoderSettings()
    encode_batch: int = Field(default=4096, ge=1)
    """Thumbnails encoded at once; codes do not depend on it."""
    gallery_groups: int = Field(default=12, ge=1)
    """Groups drawn, the largest first."""
    gallery_members: int = Field(default=10, ge=2)
    """Images drawn of each."""
