"""A classifier of the discriminator's architecture, and the step that trains it (paper 5.2)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_pipeline.evaluation.augmentation import augment
from dcgan_pipeline.gan.acceleration import resolve_precision
from dcgan_pipeline.gan.data import to_device
from dcgan_pipeline.gan.losses import to_float32
from dcgan_pipeline.gan.networks import Discriminator, initialise
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.randomness import torch_stream
from dcgan_pipeline.schema import Settings
from dcgan_pipeline.weights import Weights


class HyperParameters(Settings):
    """What the random search chooses. beta2 and epsilon of Adam are the paper's."""

    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-5, ge=0)
    """Coupled L2 on every parameter, as in the training of D (authors' code)."""
    beta1: float = Field(default=0.9, ge=0, lt=1)
    batch_size: int = Field(default=64, ge=2)
    """Labelled images a minibatch; all of them where there are fewer."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the inputs of the last layer that are left out."""
    flips: bool = False
    """Mirror images at random; not for digits or letters."""
    shift: int = Field(default=0, ge=0)
    """Move images at random by up to so many pixels."""
    convolutions: float = Field(default=1.0, ge=0)
    """Learning rate of a trained D's convolutions and batch norms, as a factor of ``learning_rate``; only for
    fine-tuning."""


class Classifier(Discriminator):
    """Images in [-1, 1] -> a score for each class: D with as many outputs as there are classes in its last layer.

    Like D it has no biases: the shift of the last batch norm is one for every class already.
    """

    def __init__(self, architecture: Architecture, classes: int) -> None:
        super().__init__(architecture)
        self.logit = nn.Linear(self.logit.in_features, classes, bias=False)

    def forward(self, x: Tensor, kept: Tensor | None = None) -> Tensor:
        """Score x of shape (batch, C, S, S): logits of shape (batch, classes).

        Parameters
        ----------
        kept
            Factors of the inputs of the last layer, (batch, units), for dropout; none: all are kept.
        """
        h = self.activations(x)[-1].flatten(1)  # (batch, units)
        return self.logit(h if kept is None else h * kept)


class ClassifierTrainer:
    """Cross-entropy and Adam on minibatches.

    Attributes
    ----------
    network
        In training mode: batches are normalised by their own statistics, as in the training of D.
    """

    def __init__(
        self,
        architecture: Architecture,
        classes: int,
        hyper: HyperParameters,
        seed: int,
        device: torch.device,
        start: Weights | None = None,
        precision: str = "float32",
    ) -> None:
        self.hyper, self.device = hyper, device
        network = Classifier(architecture, classes)
        initialise(network, torch_stream(seed, "initial weights"))
        if start is not None:
            _take_convolutions(network, start)
        self.network = network.to(device).to(memory_format=torch.channels_last).train()
        factor = 1.0 if start is None else hyper.convolutions
        others = [*self.network.convs.parameters(), *self.network.norms.parameters()]
        groups: list[dict[str, Any]] = [
            {"params": list(self.network.logit.parameters()), "lr": hyper.learning_rate},
            {"params": others, "lr": factor * hyper.learning_rate},
        ]
        self._optimizer = torch.optim.Adam(
            groups, betas=(hyper.beta1, 0.999), eps=1e-8, weight_decay=hyper.weight_decay, fused=True
        )
        self._dtype = resolve_precision(precision, device)
        # As in the training of D: gradients in float16 would vanish.
        self._scaler = torch.amp.GradScaler(device.type, init_scale=1024.0, enabled=self._dtype == torch.float16)
        self._changes = torch_stream(seed, "augmentation")
        self._drops = torch_stream(seed, "dropout")

    def update(self, x: Tensor, labels: Tensor) -> Tensor:
        """Learn from images in [-1, 1], (batch, C, S, S), and class numbers, int64 (batch,): the mean loss."""
        self._optimizer.zero_grad()
        x = augment(x, self.hyper.flips, self.hyper.shift, self._changes)
        mixed = self._dtype != torch.float32
        with torch.autocast(self.device.type, self._dtype if mixed else None, enabled=mixed):
            logits = self.network(x, self._kept(len(x)))
        loss = F.cross_entropy(to_float32(logits), labels)
        self._scaler.scale(loss).backward()
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return loss.detach()

    def _kept(self, count: int) -> Tensor | None:
        share = 1 - self.hyper.dropout
        if share == 1:
            return None
        kept = torch.empty(count, self.network.logit.in_features).bernoulli_(share, generator=self._drops)
        return to_device(kept / share, self.device)


def _take_convolutions(network: Classifier, start: Weights) -> None:
    found = {name: value for name, value in start.part("discriminator.").items() if not name.startswith("logit.")}
    network.load_state_dict(found | {"logit.weight": network.logit.weight.detach()})
