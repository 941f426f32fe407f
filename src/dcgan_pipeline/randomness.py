"""Random streams: one seed, and a name for each use of it.

Every use draws from a stream of its own, so that none changes when another draws more, and the streams of two seeds,
neighbours or not, have nothing in common.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def derived_seed(seed: int, *names: str | int) -> int:
    """Derive the seed of a named stream: 63 bits of SHA-256 of the seed and the names."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def torch_stream(seed: int, *names: str | int) -> torch.Generator:
    """Return PyTorch's generator for a stream, on the CPU, so that every device draws the same numbers."""
    return torch.Generator().manual_seed(derived_seed(seed, *names))


def numpy_stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return NumPy's generator for a stream."""
    return np.random.default_rng(derived_seed(seed, *names))
