import numpy as np
import pytest
import torch
from torch.nn import functional as F


@pytest.fixture(scope="session")
def natural():
    """Soft blobs of colour: like photographs, most of their variance is in low frequencies. uint8 (200, 3, 32, 32)."""
    noise = torch.rand(200, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    soft = F.interpolate(noise, size=32, mode="bicubic", align_corners=True)
    return (soft * 255).round().clamp(0, 255).to(torch.uint8).numpy()


@pytest.fixture(scope="session")
def thumbnails(stored, natural):
    return stored(natural, images_id="0123456789abcdef")


@pytest.fixture
def shuffled():
    return np.random.default_rng(5).permutation(200)
