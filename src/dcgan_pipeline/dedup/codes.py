"""Binary codes: a bit is on where the code layer's ReLU is (paper 4.1.1, after Srivastava et al. 2014)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray
from dcgan_pipeline.dedup.inputs import normalise
from dcgan_pipeline.engine import EngineSettings, run_tasks
from dcgan_pipeline.progress import track
from dcgan_pipeline.weights import Weights

ENCODER = "hash_encoder"  # the attribute by which codes say which encoder made them
_WEIGHT_LIMIT = 2**15  # 3072 values below 2^24 x 2^15 < 2^51: every sum below is a whole number that float64 holds


class Encoder:
    """Turns thumbnails into codes in exact arithmetic.

    Rounding in float sums depends on the batch's size, the threads and the machine, and a unit near its threshold
    would flip with it: equal images could get unequal codes. So the encoder's weights are rounded to 16-bit fixed
    point, once, and the sums of their products with whole-numbered inputs are whole numbers below 2^53, which float64
    computes exactly in any order. The same pixels get the same code everywhere.
    """

    def __init__(self, weights: Weights, device: torch.device) -> None:
        weight = weights.tensors["encoder.weight"].double()  # (bits, 3072)
        bias = weights.tensors["encoder.bias"].double()  # (bits,)
        mean = weights.tensors["mean"].double()  # (3072,)
        fixed = (_WEIGHT_LIMIT - 1) / float(weight.abs().max())
        self.device, self._kind = device, weights.settings["normalise"]
        self._weight = torch.round(weight * fixed).to(device)
        # W (v / s - mean) + b > 0 is the same as W v > s (W mean - b), and v and s are whole.
        self._threshold = torch.round(((weight * mean).sum(1) - bias) * fixed).to(device)

    def __call__(self, thumbnails: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Encode uint8 (n, 3, 32, 32) into packed bits, uint8 (n, bits / 8)."""
        pixels = torch.from_numpy(np.ascontiguousarray(thumbnails)).to(self.device)
        values, scale = normalise(pixels, self._kind)
        on = values @ self._weight.T > scale * self._threshold  # (n, bits)
        return np.packbits(on.cpu().numpy(), axis=1)


class _EncodeRows:
    """A task of the engine: the codes of a range of rows. The encoder is built once in each worker."""

    def __init__(self, thumbnails: ShardedArray, weights: Weights, device: torch.device) -> None:
        self.thumbnails, self.weights, self.device = thumbnails, weights, device
        self._encoder: Encoder | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_encoder": None}

    def __call__(self, rows: range) -> NDArray[np.uint8]:
        self._encoder = self._encoder or Encoder(self.weights, self.device)
        return self._encoder(self.thumbnails[rows.start : rows.stop])


def compute_codes(
    thumbnails: ShardedArray,
    weights: Weights,
    batch: int,
    device: torch.device,
    engine: EngineSettings | None = None,
) -> ArrayChunks:
    """Encode all thumbnails, lazily, where the engine says.

    Returns
    -------
    ArrayChunks
        uint8 of shape (N, bits / 8); row i is thumbnail i's.
    """
    tasks = [range(start, min(start + batch, len(thumbnails))) for start in range(0, len(thumbnails), batch)]

    def chunks() -> Iterator[NDArray[np.uint8]]:
        done = run_tasks(_EncodeRows(thumbnails, weights, device), tasks, engine or EngineSettings())
        yield from track(done, "dedup: codes", len(tasks))

    return ArrayChunks(chunks(), {**thumbnails.attrs, ENCODER: weights.digest()})
