"""The paper's training: two networks, two optimisers, one step."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dcgan_pipeline.gan import batch_norm_statistics
from dcgan_pipeline.gan.acceleration import begin_step, compiled, resolve_precision
from dcgan_pipeline.gan.conditional import build_discriminator, build_generator, labels_in_turn
from dcgan_pipeline.gan.data import labels_of, to_device, to_pixels
from dcgan_pipeline.gan.losses import discriminator_loss, generator_loss, to_float32
from dcgan_pipeline.gan.networks import initialise
from dcgan_pipeline.gan.parallel import Group, synchronise_batch_norm
from dcgan_pipeline.gan.sampling import AVERAGE, draw_latent
from dcgan_pipeline.gan.settings import Architecture, TrainSettings
from dcgan_pipeline.progress import track
from dcgan_pipeline.randomness import numpy_stream, torch_stream
from dcgan_pipeline.weights import Weights


class Trainer:
    """Everything that training changes, and the step that changes it.

    Attributes
    ----------
    step
        Minibatches seen.
    generator, discriminator
        The networks, in training mode.
    average
        G with the exponential moving average of its weights, or none (``ema``).
    fixed_z
        (sample_count, latent_dim): what the samples through training are drawn from.
    """

    def __init__(
        self,
        architecture: Architecture,
        settings: TrainSettings,
        seed: int,
        device: torch.device,
        group: Group | None = None,
    ) -> None:
        self.architecture, self.settings, self.seed, self.device = architecture, settings, seed, device
        self.group = group or Group()
        self.step = 0
        weights = torch_stream(seed, "initial weights")
        self.generator, self.discriminator = build_generator(architecture), build_discriminator(architecture)
        for network in (self.generator, self.discriminator):
            initialise(network, weights)
            network.to(device).to(memory_format=torch.channels_last).train()
        self.average = copy.deepcopy(self.generator).requires_grad_(False) if settings.ema else None
        self._optimizers = {
            "generator": self._adam(self.generator),
            "discriminator": self._adam(self.discriminator),
        }
        self._dtype = resolve_precision(settings.precision, device)
        # Gradients in float16 would vanish: the loss is scaled up, and the gradients down again in float32.
        self._scalers = {
            name: torch.amp.GradScaler(device.type, init_scale=1024.0, enabled=self._dtype == torch.float16)
            for name in self._optimizers
        }
        if settings.batch_norm == "synchronised" and self.group.size > 1:
            for network in (self.generator, self.discriminator):
                synchronise_batch_norm(network, self.group)
        self._generate = compiled(self.generator, settings.compile, device)
        self._discriminate = compiled(self.discriminator, settings.compile, device)
        self._noise = torch_stream(seed, "training z")
        fixed = torch_stream(seed, "fixed z")
        self.fixed_z = draw_latent(settings.sample_count, architecture.latent_dim, settings.latent, fixed)

    def reseed_noise(self, number: int) -> None:
        """Draw z for training from another stream from here on: the ``number``-th, 0 being the first that was."""
        names = ("training z", number) if number else ("training z",)
        self._noise.set_state(torch_stream(self.seed, *names).get_state())

    def _adam(self, network: nn.Module) -> torch.optim.Adam:
        s = self.settings
        return torch.optim.Adam(
            network.parameters(),
            lr=s.learning_rate,
            betas=(s.beta1, s.beta2),
            eps=s.adam_epsilon,
            weight_decay=s.weight_decay,  # coupled: added to the gradient
            fused=s.fused_adam,
        )

    def set_learning_rate(self, rate: float) -> None:
        """Let the next updates of both networks have this rate."""
        for optimizer in self._optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate

    def begin_with(self, networks: Weights) -> None:
        """Take both networks of another training; the optimisers, and the step, stay at their beginning."""
        self.generator.load_state_dict(networks.part("generator."))
        self.discriminator.load_state_dict(networks.part("discriminator."))
        self._restore_average(networks)

    def update(self, real: Tensor, *labels: Tensor) -> dict[str, Tensor]:
        """Learn from one minibatch of images in [-1, 1], of shape (batch, C, S, S).

        Parameters
        ----------
        *labels
            For conditional networks: the images' class numbers, int64 (batch,). Generated images get the same ones
            (authors' code).

        Returns
        -------
        dict
            loss_d, loss_g, the mean probability that D gives to real (d_real) and generated (d_fake) images, and the
            shares of both that it tells right (accuracy_real, accuracy_fake); only those of the network that the
            schedule updates.
        """
        begin_step(self.settings.compile, self.device)
        with self.group.step():
            found = self._step(real, *labels)
        self.step += 1
        return self.group.mean(found)

    def _step(self, real: Tensor, *labels: Tensor) -> dict[str, Tensor]:
        if self.settings.schedule == "both":
            return self._update_discriminator(real, *labels) | self._update_generator(len(real), *labels)
        if self.step % 2 == 0:  # G first (authors' code)
            return self._update_generator(len(real), *labels)
        return self._update_discriminator(real, *labels)

    def _update_discriminator(self, real: Tensor, *labels: Tensor) -> dict[str, Tensor]:
        self._optimizers["discriminator"].zero_grad()  # before the networks run: graphs reuse the gradients' memory
        with torch.no_grad(), self._autocast():
            fake = self._generate(self._draw_z(len(real)), *labels)
        with self._autocast():
            # Real and generated images are normalised apart (authors' code), so D sees them one after the other.
            on_real = to_float32(self._discriminate(real, *labels))
            on_fake = to_float32(self._discriminate(fake, *labels))
        loss = discriminator_loss(on_real, on_fake)
        self._descend("discriminator", loss)
        probabilities = {
            "d_real": on_real.detach().sigmoid().mean(),
            "d_fake": on_fake.detach().sigmoid().mean(),
            "accuracy_real": (on_real.detach() > 0).float().mean(),
            "accuracy_fake": (on_fake.detach() <= 0).float().mean(),
        }
        return {"loss_d": loss.detach(), **probabilities}

    def _update_generator(self, batch: int, *labels: Tensor) -> dict[str, Tensor]:
        self._optimizers["generator"].zero_grad()
        self.discriminator.requires_grad_(False)  # gradients flow through D, and are not kept for it
        with self._autocast():
            on_fake = to_float32(self._discriminate(self._generate(self._draw_z(batch), *labels), *labels))
        loss = generator_loss(on_fake)
        self._descend("generator", loss)
        self.discriminator.requires_grad_(True)
        self._update_average()
        return {"loss_g": loss.detach()}

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the average of G's weights towards them."""
        if self.average is not None:
            for there, here in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                there.lerp_(here, 1 - (self.settings.ema or 0))

    def _descend(self, name: str, loss: Tensor) -> None:
        optimizer, scaler = self._optimizers[name], self._scalers[name]
        scaler.scale(loss).backward()
        self.group.average_gradients(getattr(self, name).parameters())
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()

    def _draw_z(self, count: int) -> Tensor:
        # On the CPU, so that the same seed gives the same z on every device.
        # Every process of a group draws all, and takes its share.
        z = draw_latent(count * self.group.size, self.architecture.latent_dim, self.settings.latent, self._noise)
        return to_device(self.group.shard(z), self.device)

    def _autocast(self) -> torch.autocast:
        mixed = self._dtype != torch.float32
        return torch.autocast(self.device.type, self._dtype if mixed else None, enabled=mixed)

    @torch.no_grad()
    def draw_fixed(self) -> NDArray[np.uint8]:
        """Draw from the fixed z, normalised by its own batch as in training: uint8 (sample_count, C, S, S).

        Conditional networks draw the classes in turn.
        """
        inputs = [self.fixed_z.to(self.device)]
        if classes := self.architecture.labels:
            inputs.append(labels_in_turn(len(self.fixed_z), classes).to(self.device))
        return to_pixels((self.average or self.generator)(*inputs))

    def recompute_statistics(self, real: Any, latent_batches: int, labels: NDArray[np.int64] | None = None) -> None:
        """Make both networks ready for use: D's statistics over real images, G's over fresh z.

        Conditional networks need ``labels``, those of the training images, int64: each z gets one of them at random,
        so that classes are as frequent as in training.
        """
        batch_norm_statistics.recompute(self.discriminator, real)
        noise = torch_stream(self.seed, "statistics z")
        shape = (batch_norm_statistics.BATCH, self.architecture.latent_dim, self.settings.latent)
        drawn: list[Any] = [draw_latent(*shape, noise).to(self.device) for _ in range(latent_batches)]
        if labels is not None:
            numbers = numpy_stream(self.seed, "statistics labels")
            drawn = [(z, *labels_of(labels, numbers.integers(0, len(labels), len(z)), self.device)) for z in drawn]
        for network in filter(None, (self.generator, self.average)):
            batch_norm_statistics.recompute(network, track(drawn, "batch-norm statistics of G", latent_batches))

    def state(self, **extra: Any) -> Weights:
        """Return everything as named tensors and settings; ``extra`` joins the settings."""
        tensors = {f"generator.{k}": v for k, v in self.generator.state_dict().items()}
        tensors |= {f"discriminator.{k}": v for k, v in self.discriminator.state_dict().items()}
        if self.average is not None:
            tensors |= {f"{AVERAGE}{k}": v for k, v in self.average.state_dict().items()}
        for name, optimizer in self._optimizers.items():
            for k, moments in optimizer.state_dict()["state"].items():
                tensors |= {f"adam.{name}.{k}.{key}": value for key, value in moments.items()}
        tensors |= {"fixed_z": self.fixed_z, "noise_state": self._noise.get_state()}
        settings = {
            "kind": "gan",
            "step": self.step,
            "seed": self.seed,
            "architecture": self.architecture.model_dump(mode="json"),
            "train": self.settings.model_dump(mode="json"),
            "threads": torch.get_num_threads() if self.device.type == "cpu" else None,
            "scalers": {name: scaler.state_dict() for name, scaler in self._scalers.items()},
        }
        return Weights({name: tensor.clone() for name, tensor in tensors.items()}, settings | extra)

    def restore(self, weights: Weights) -> None:
        """Go back to a state, so that the next update is the one that would have followed it."""
        self.step = weights.settings["step"]
        self.begin_with(weights)
        for name, network in (("generator", self.generator), ("discriminator", self.discriminator)):
            self._restore_adam(name, network, weights.part(f"adam.{name}."))
            if scaler := weights.settings["scalers"][name]:  # none where another device had another precision
                self._scalers[name].load_state_dict(scaler)
        self.fixed_z = weights.tensors["fixed_z"]
        self._noise.set_state(weights.tensors["noise_state"])

    def _restore_average(self, weights: Weights) -> None:
        if self.average is not None:  # one that was not kept begins at G's weights
            self.average.load_state_dict(weights.part(AVERAGE) or weights.part("generator."))

    def _restore_adam(self, name: str, network: nn.Module, saved: dict[str, Tensor]) -> None:
        state: dict[int, dict[str, Tensor]] = {}
        parameters = list(network.parameters())
        for key, value in saved.items():
            number, moment = key.split(".")
            parameter = parameters[int(number)]
            # In the parameter's own memory format, which a file does not keep.
            like = torch.empty_like(parameter).copy_(value) if value.ndim else value
            state.setdefault(int(number), {})[moment] = like
        optimizer = self._optimizers[name]
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
