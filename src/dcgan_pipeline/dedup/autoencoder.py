"""The 3072-128-3072 denoising, dropout-regularised ReLU autoencoder (paper 4.1.1)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_pipeline.arrays import ShardedArray
from dcgan_pipeline.dedup.alterations import alter
from dcgan_pipeline.dedup.inputs import PIXELS, normalised
from dcgan_pipeline.dedup.settings import AlterationSettings, AutoencoderSettings
from dcgan_pipeline.progress import progress_bar, track
from dcgan_pipeline.randomness import numpy_stream, torch_stream
from dcgan_pipeline.weights import Weights

LOG_EVERY = 50  # minibatches


class Autoencoder(nn.Module):
    """x -> ReLU(W x + b) -> reconstruction, for normalised pixels less their mean image.

    The input is corrupted by alterations and Gaussian noise, and the code by dropout, all in training only. Without
    the subtraction the mean image, common to all inputs, soon pushes every unit of the code to one side of its
    threshold, and all images get the same code.
    """

    def __init__(self, settings: AutoencoderSettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoder = nn.Linear(PIXELS, settings.code_bits)
        self.decoder = nn.Linear(settings.code_bits, PIXELS)
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(PIXELS))

    def forward(self, x: Tensor, noise: Tensor, mask: Tensor) -> Tensor:
        """Reconstruct.

        Parameters
        ----------
        x, noise
            (batch, 3072); normalised pixels less the mean, altered, and standard normal noise.
        mask
            (batch, code_bits), in {0, 1}: the units that dropout keeps.
        """
        corrupted = x + self.settings.noise * noise
        code = F.relu(self.encoder(corrupted)) * mask / (1 - self.settings.dropout)  # (batch, code_bits)
        return self.decoder(code)


def train_autoencoder(
    thumbnails: ShardedArray,
    settings: AutoencoderSettings,
    seed: int,
    device: torch.device,
    log: Callable[[dict[str, float], int], None],
) -> tuple[Weights, pd.DataFrame]:
    """Fit the autoencoder to thumbnails: minibatches drawn at random, as many for a small pile as for a large one.

    Parameters
    ----------
    thumbnails
        uint8 of shape (N, 3, 32, 32).
    log
        Called with a row's loss and its step.

    Returns
    -------
    Weights
        ``mean`` (3072,), ``encoder.weight`` (128, 3072), ``encoder.bias`` (128,), ``decoder.weight`` and
        ``decoder.bias``, float32.
    DataFrame
        One row every ``LOG_EVERY`` steps: step, loss (the mean since the row before of the squared error a pixel, of
        the corrupted input).
    """
    generator = torch_stream(seed, "autoencoder")
    model = _initialised(Autoencoder(settings), generator)
    model.mean.copy_(_mean_image(thumbnails, settings))
    model.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    order = numpy_stream(seed, "autoencoder batches")
    size = min(settings.batch_size, len(thumbnails))
    history, since = [], []
    with progress_bar("dedup: autoencoder", settings.steps) as advance:
        for step in range(1, settings.steps + 1):
            rows = np.sort(order.choice(len(thumbnails), size, replace=False, shuffle=False))
            since.append(_update(model, optimizer, torch.from_numpy(thumbnails[rows]).to(device), generator))
            note = None
            if step % LOG_EVERY == 0 or step == settings.steps:
                loss = float(np.mean(since))
                note, since = f"loss {loss:.4f}", []
                history.append({"step": step, "loss": loss})
                log({"dedup.autoencoder_loss": loss}, step)
            advance(note=note)
    tensors = {name: value.cpu() for name, value in model.state_dict().items()}
    return Weights(tensors, {"kind": "hash_encoder", **settings.model_dump()}), pd.DataFrame(history)


def _initialised(model: Autoencoder, generator: torch.Generator) -> Autoencoder:
    """Draw weights from U(-1/sqrt(fan_in), 1/sqrt(fan_in)) and set biases to 0 (our choice)."""
    with torch.no_grad():
        for layer in (model.encoder, model.decoder):
            bound = layer.in_features**-0.5
            layer.weight.uniform_(-bound, bound, generator=generator)
            layer.bias.zero_()
    return model


def _mean_image(thumbnails: ShardedArray, settings: AutoencoderSettings) -> Tensor:
    batches = track(thumbnails.batches(4096), "dedup: mean image", -(-len(thumbnails) // 4096))
    total = torch.zeros(PIXELS, dtype=torch.float64)
    for batch in batches:
        total += normalised(torch.from_numpy(batch), settings.normalise).double().sum(0)
    return (total / len(thumbnails)).float()


def _update(model: Autoencoder, optimizer: torch.optim.Optimizer, batch: Tensor, generator: torch.Generator) -> float:
    """Learn from thumbnails, uint8 (n, 3, 32, 32): to see the clean one in the altered one."""
    settings = model.settings
    clean = normalised(batch, settings.normalise) - model.mean
    x = clean
    if settings.alterations != AlterationSettings():
        x = normalised(alter(batch, settings.alterations, generator), settings.normalise) - model.mean
    # Drawn on the CPU, so that the same seed gives the same noise on every device.
    noise = torch.randn(x.shape, generator=generator).to(x.device)
    keep = torch.rand((len(x), settings.code_bits), generator=generator) >= settings.dropout
    loss = F.mse_loss(model(x, noise, keep.to(x)), clean)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.detach())
