import numpy as np
import pytest

from dcgan_pipeline.gan.settings import Architecture


@pytest.fixture
def tiny():
    """Networks of two convolutions, so that both have a batch norm between convolutions."""
    return Architecture(image_size=16, channels=1, latent_dim=5, width=3, kernel=3)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (23, 1, 16, 16), dtype=np.uint8)
