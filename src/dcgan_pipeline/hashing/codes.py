"""Binary codes: a bit is on where the code layer's ReLU is (paper 4.1.1, after Srivastava et al. 2014)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray
from dcgan_pipeline.hashing.autoencoder import PIXELS
from dcgan_pipeline.progress import track
from dcgan_pipeline.weights import Weights

_WEIGHT_LIMIT = 2**15  # 3072 pixels x 255 x 2^15 < 2^35: every sum below is a whole number that float64 holds


class Encoder:
    """Turns thumbnails into codes in exact arithmetic.

    Rounding in float sums depends on the batch's size, the threads and the machine, and a unit near its threshold
    would flip with it: equal images could get unequal codes. So the encoder's weights are rounded to 16-bit fixed
    point, once, and the sums of their products with 8-bit pixels are whole numbers below 2^53, which float64 computes
    exactly in any order. The same pixels get the same code everywhere.
    """

    def __init__(self, weights: Weights, device: torch.device) -> None:
        weight = weights.tensors["encoder.weight"].double()  # (bits, 3072)
        bias = weights.tensors["encoder.bias"].double()  # (bits,)
        mean = weights.tensors["mean"].double()  # (3072,)
        scale = (_WEIGHT_LIMIT - 1) / float(weight.abs().max())
        self._weight = torch.round(weight * scale).to(device)
        # W (x / 255 - mean) + b > 0 is the same as W x + 255 (b - W mean) > 0, and x is then whole.
        self._bias = torch.round((bias - (weight * mean).sum(1)) * scale * 255).to(device)

    def __call__(self, thumbnails: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Encode uint8 (n, 3, 32, 32) into packed bits, uint8 (n, bits / 8)."""
        pixels = torch.from_numpy(np.ascontiguousarray(thumbnails).reshape(len(thumbnails), PIXELS))
        units = pixels.to(self._weight) @ self._weight.T + self._bias  # (n, bits)
        return np.packbits((units > 0).cpu().numpy(), axis=1)


def compute_codes(thumbnails: ShardedArray, weights: Weights, batch: int, device: torch.device) -> ArrayChunks:
    """Encode all thumbnails, lazily.

    Returns
    -------
    ArrayChunks
        uint8 of shape (N, bits / 8); row i is thumbnail i's.
    """
    encoder = Encoder(weights, device)

    def chunks() -> Iterator[NDArray[np.uint8]]:
        batches = thumbnails.batches(batch)
        for pixels in track(batches, "dedup: codes", -(-len(thumbnails) // batch)):
            yield encoder(pixels)

    return ArrayChunks(chunks(), dict(thumbnails.attrs))
