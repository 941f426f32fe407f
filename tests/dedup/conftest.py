import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from dcgan_pipeline.dedup.autoencoder import train_autoencoder
from dcgan_pipeline.dedup.groups import Hashed
from dcgan_pipeline.dedup.settings import AutoencoderSettings


def soft_blobs(count, seed, cells=5):
    """Blobs of colour: like photographs, most of their variance is in low frequencies. uint8 (n, 3, 32, 32)."""
    noise = torch.rand(count, 3, cells, cells, generator=torch.Generator().manual_seed(seed))
    soft = F.interpolate(noise, size=32, mode="bicubic", align_corners=True)
    return (soft * 255).round().clamp(0, 255).to(torch.uint8).numpy()


@pytest.fixture(scope="session")
def natural():
    return soft_blobs(200, 0)


@pytest.fixture(scope="session")
def thumbnails(stored, natural):
    return stored(natural, images_id="0123456789abcdef")


@pytest.fixture
def shuffled():
    return np.random.default_rng(5).permutation(200)


@pytest.fixture(scope="session", params=["none", "local"])
def weights(request, thumbnails):
    """An encoder of 64 bits of each kind of input."""
    settings = AutoencoderSettings(code_bits=64, normalise=request.param, steps=48, batch_size=25)
    return train_autoencoder(thumbnails, settings, 0, torch.device("cpu"), lambda losses, step: None)[0]


@pytest.fixture
def hashed(stored, natural):
    """Make a set of these codes; thumbnails are of the same length, and different pictures where none are given."""

    def make(codes, pictures=None, **records):
        count = len(codes)
        pictures = natural[np.arange(count) % len(natural)] if pictures is None else pictures
        columns = {
            "source": [f"{k:03d}.png" for k in range(count)],
            "width": 32,
            "height": 32,
            "label": -1,
            "class": "",
        }
        columns |= records
        thumbnails = stored(pictures, images_id="i")
        return Hashed(stored(codes, images_id="i"), thumbnails, pd.DataFrame(columns), thumbnails)

    return make
