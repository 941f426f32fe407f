"""What is measured of a training as it runs, beside its losses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dcgan_pipeline.gan import diagnostics
from dcgan_pipeline.gan.batch_norm_statistics import BATCH
from dcgan_pipeline.gan.conditional import labels_in_turn
from dcgan_pipeline.gan.data import to_pixels
from dcgan_pipeline.gan.plan import Plan
from dcgan_pipeline.gan.quality.metrics import make_quality_metrics
from dcgan_pipeline.gan.sampling import draw_latent
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.randomness import numpy_stream, torch_stream


class Measurements:
    """Looks at the networks of a trainer and at what G draws, and leaves no trace in either.

    Raises
    ------
    InputError
        Where a metric of quality lacks what it needs.
    """

    def __init__(self, plan: Plan, trainer: Trainer) -> None:
        self._plan, self._trainer = plan, trainer
        quality = plan.settings.quality
        reference = plan.images[plan.reference] if quality.every else None
        self._quality = None
        if reference is not None:
            self._quality = make_quality_metrics(quality, plan.architecture, reference, trainer.device)
        some = min(diagnostics.REFERENCE_IMAGES, len(plan.rows))
        chosen = numpy_stream(0, "diagnostics images").choice(plan.rows, some, replace=False)
        self._data = diagnostics.look(plan.images[chosen])

    def gradients(self, found: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the norms of the gradients of the networks that were updated just now."""
        networks = {"g": self._trainer.generator, "d": self._trainer.discriminator}
        updated = {name: network for name, network in networks.items() if f"loss_{name}" in found}
        return {f"grad_norm_{name}": diagnostics.gradient_norm(network) for name, network in updated.items()}

    def samples(self) -> dict[str, float]:
        """Compare samples from the fixed z with the data."""
        return diagnostics.compare(self._pixels(self._trainer.generator, self._trainer.fixed_z, None), self._data)

    def quality(self) -> dict[str, float]:
        """Judge samples from z that stay the same through training, in whole batches as it does."""
        if self._quality is None:
            return {}
        trainer, settings = self._trainer, self._plan.settings
        count = settings.quality.samples
        whole = -(-count // BATCH) * BATCH
        noise = torch_stream(trainer.seed, "quality z")
        z = draw_latent(whole, trainer.architecture.latent_dim, settings.latent, noise)
        return self._quality(self._pixels(trainer.average or trainer.generator, z, BATCH)[:count])

    @torch.no_grad()
    def _pixels(self, network: nn.Module, z: Tensor, batch: int | None) -> NDArray[np.uint8]:
        """Draw from z (n, latent_dim), normalised batch by batch, or all as one; conditional classes are in turn."""
        inputs = [z]
        if classes := self._plan.architecture.labels:
            inputs.append(labels_in_turn(len(z), classes))
        device = self._trainer.device
        parts = zip(*(whole.split(batch or len(z)) for whole in inputs), strict=True)
        with uncounted(network):
            return np.concatenate([to_pixels(network(*(x.to(device) for x in part))) for part in parts])


@contextmanager
def uncounted(network: nn.Module) -> Iterator[None]:
    """Let a network in training mode draw without batch norm counting it: checkpoints do not depend on reporting."""
    counts = {name: value.clone() for name, value in network.named_buffers() if name.endswith("num_batches_tracked")}
    yield
    for name, value in counts.items():
        network.get_buffer(name).copy_(value)
