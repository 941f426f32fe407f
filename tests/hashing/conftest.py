from itertools import count

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray, write_shards


@pytest.fixture(scope="session")
def stored(tmp_path_factory):
    """Write an array in small shards and open it as a stage would get it."""
    numbers = count()

    def store(array, rows_per_shard=50, **attrs):
        folder = tmp_path_factory.mktemp("arrays") / str(next(numbers))
        write_shards(ArrayChunks([array], attrs), folder, rows_per_shard)
        return ShardedArray(folder)

    return store


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
