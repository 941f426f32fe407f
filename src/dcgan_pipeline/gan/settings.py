"""Settings of the stage ``train``: the shape of the networks, and how they are trained."""

from __future__ import annotations

import json
import math
from importlib import resources
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.monitor_settings import DiagnosticsSettings, QualitySettings
from dcgan_pipeline.schema import Settings, UserPath, unless


class ConvLayer(NamedTuple):
    """One strided convolution of D, from ``channels_in`` maps to ``channels_out``."""

    channels_in: int
    channels_out: int
    stride: int


class Architecture(Settings):
    """The shape of both networks: G is the mirror of D (paper 3, figure 1).

    D halves the side of its maps once an octave until it is ``base``, and doubles their number from ``width`` on. An
    octave is one convolution a stride of ``strides``: ``[2]`` in the faces, LSUN and SVHN networks, ``[1, 2]`` in
    the ImageNet network (authors' code). With ``labels`` and ``hidden`` they are conditional, as the authors' MNIST
    networks are (:mod:`dcgan_pipeline.gan.conditional`).
    """

    image_size: int = Field(ge=8, le=1024)
    channels: Literal[1, 3]
    latent_dim: int = Field(default=100, ge=1)
    """Length of z."""
    width: int = Field(default=128, ge=1)
    """Maps of D's first convolution."""
    kernel: int = Field(default=5, ge=2)
    strides: tuple[int, ...] = (2,)
    base: int = Field(default=4, ge=1)
    """Side of the smallest maps."""
    labels: int = Field(default=0, ge=0)
    """Classes that both networks are told; 0: none, the networks see images alone."""
    hidden: int = Field(default=0, ge=0)
    """Units of the fully connected layer that each conditional network has beside its convolutions."""

    @model_validator(mode="after")
    def _conditional(self) -> Self:
        if (self.labels > 0) != (self.hidden > 0):
            raise ValueError(
                "labels and hidden go together: set both (10 and 1024 in mnist28) for conditional networks, or leave "
                f"both at 0, got {self.labels} and {self.hidden}"
            )
        if self.labels == 1:
            raise ValueError("labels must be 2 or more classes, or 0 for networks without labels, got 1")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        octaves = math.log2(self.image_size / self.base)
        if octaves != int(octaves) or octaves < 1:
            raise ValueError(
                f"image_size must be base {self.base} times a power of two "
                f"({', '.join(str(self.base * 2**k) for k in range(1, 7))}, ...), got {self.image_size}; "
                f"set preprocess.image_size to one of these{_base_for(self.image_size)}"
            )
        if self.kernel % 2 == 0 and self.strides != (2,):
            raise ValueError(
                f"an even kernel needs strides [2], got kernel {self.kernel} and strides {list(self.strides)}; the "
                "paper's kernels are 5 and 3"
            )
        if math.prod(self.strides) != 2 or min(self.strides) < 1:
            raise ValueError(f"strides must be positive and multiply to 2, an octave, got {list(self.strides)}")
        return self

    @property
    def padding(self) -> int:
        """Of every convolution: a stride of 1 keeps the side of the maps, and one of 2 halves it."""
        return (self.kernel - 1) // 2

    def output_padding(self, stride: int) -> int:
        """Of G's transposed convolutions, so that they give the sides that D's took."""
        return stride + 2 * self.padding - self.kernel

    def layers(self) -> list[ConvLayer]:
        """List D's convolutions in order; G has the same, mirrored."""
        layers: list[ConvLayer] = []
        maps: int = self.channels
        for octave in range(int(math.log2(self.image_size / self.base))):
            for stride in self.strides:
                layers.append(ConvLayer(maps, self.width * 2**octave, stride))
                maps = layers[-1].channels_out
        return layers


def _base_for(size: int) -> str:
    """Say which side of the smallest maps suits images of a size: the nearest to the paper's 4."""
    fit = [base for base in range(2, 10) if size % base == 0 and (size // base).bit_count() == 1 and size > base]
    return f", or train.architecture.base to {min(fit, key=lambda base: abs(base - 4))}" if fit else ""


class ArchitectureOverrides(Settings):
    """Settings of :class:`Architecture` that depart from a preset; none is as in the preset, or as the images."""

    image_size: int | None = None
    channels: int | None = None
    latent_dim: int | None = None
    width: int | None = None
    kernel: int | None = None
    strides: tuple[int, ...] | None = None
    base: int | None = None
    labels: int | None = None
    hidden: int | None = None


def presets() -> dict[str, dict[str, Any]]:
    """Return the paper's networks by name, as settings of :class:`Architecture`."""
    return json.loads(resources.files("dcgan_pipeline.gan").joinpath("presets.json").read_text())


def resolve_architecture(preset: str | None, overrides: ArchitectureOverrides, images: tuple[int, ...]) -> Architecture:
    """Put a preset and a user's own values together, for images of a given shape.

    Parameters
    ----------
    preset
        A name of :func:`presets`, or none.
    overrides
        They win. Image size and channels come from the images where neither the preset nor the overrides give them.
    images
        Shape of the training images, (N, C, S, S).

    Raises
    ------
    InputError
        For an unknown preset, or where the networks do not fit the images.
    """
    known = presets()
    if preset is not None and preset not in known:
        raise InputError(f"train.preset must be one of {', '.join(known)}, or null, got {preset!r}")
    _, channels, size, _ = images
    given = overrides.model_dump(exclude_none=True)
    values = {"image_size": size, "channels": channels} | (known[preset] if preset else {}) | given
    architecture = Architecture.parse(values, "train.architecture")
    if (architecture.channels, architecture.image_size) != (channels, size):
        raise InputError(
            f"the networks must fit the images, got networks for {architecture.channels} channels of "
            f"{architecture.image_size} pixels and images of {channels} channels of {size} pixels; set "
            "preprocess.image_size and preprocess.channels, or train.architecture"
        )
    return architecture


class TrainSettings(Settings):
    """``params:train``. The defaults are the paper's and its authors'."""

    preset: str | None = None
    architecture: ArchitectureOverrides = ArchitectureOverrides()
    """What departs from the preset."""
    epochs: float | None = Field(default=None, gt=0)
    steps: int | None = Field(default=None, ge=1)
    """Minibatches; one of epochs and steps is set."""
    batch_size: int = Field(default=128, ge=2)
    schedule: Literal["alternate", "both"] = "alternate"
    """alternate: each minibatch updates one network in turn, G first (authors' code); both: each updates both."""
    latent: Literal["uniform", "normal"] = "uniform"
    """z ~ U(-1, 1) (paper 4); normal: N(0, 1)."""
    learning_rate: float = Field(default=2e-4, gt=0)
    decay_epochs: int | None = Field(default=None, ge=1)
    """Last epochs of ``epochs``, in which the learning rate falls to 0, by the same amount after each (authors' MNIST
    code)."""
    decay_steps: int | None = Field(default=None, ge=1)
    """Last minibatches of ``steps``, in which it does so after each minibatch (our choice)."""
    beta1: float = Field(default=0.5, ge=0, lt=1)
    beta2: float = Field(default=0.999, ge=0, lt=1)
    adam_epsilon: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=1e-5, ge=0)
    """Coupled L2 on every parameter (authors' code)."""
    ema: float | None = Field(default=None, gt=0, lt=1)
    """Decay of an exponential moving average of G's weights, from which samples are drawn (not in the paper)."""
    precision: Literal["float32", "bfloat16", "float16", "auto"] = "float32"
    """Of convolutions, under autocast; weights, optimisers and losses stay float32. auto: what the device is quickest
    with (:func:`dcgan_pipeline.gan.acceleration.resolve_precision`)."""
    fused_adam: bool = True
    """Adam in one pass over memory: the same formulas, rounded elsewhere."""
    compile: Literal["none", "default", "graphs", "auto"] = "none"
    """default: the networks through ``torch.compile``; graphs: replayed as CUDA graphs too; auto: default on a GPU, and
    none on a CPU."""
    processes: int = Field(default=1, ge=1)
    """That share every minibatch, on GPUs one each: of this machine (:mod:`dcgan_pipeline.gan.parallel`), or with
    ``engine.name: ray`` of a cluster (:mod:`dcgan_pipeline.gan.cluster`)."""
    batch_norm: Literal["synchronised", "per_process"] = "synchronised"
    """Over the minibatch of all processes, or of each its own."""
    data: Literal["auto", "device", "stream"] = "auto"
    """device: all images on the device, as uint8; stream: read from their shards ahead of the step; auto: device on a
    GPU where they fit."""
    device_memory: float = Field(default=0.5, gt=0, le=1)
    """Share of a GPU's free memory, or of a CPU's memory, that the images may take."""
    log_every: int = Field(default=25, ge=1)
    sample_every: int = Field(default=100, ge=1)
    sample_count: int = Field(default=64, ge=2)
    """Samples from one fixed z, drawn through training."""
    checkpoint_every: int = Field(default=500, ge=1)
    resume: bool | UserPath = False
    """Go on from the last checkpoint of a run that was stopped; a text: from this one, a folder or a file."""
    initial_gan: UserPath | None = None
    """Begin with the networks of a ``gan``: a version of it, ``latest``, or a file."""
    diagnostics: DiagnosticsSettings = DiagnosticsSettings()
    quality: QualitySettings = QualitySettings()

    @field_validator("resume", mode="before")
    @classmethod
    def _true_or_false(cls, value: Any) -> Any:
        """Take the words for what they say: a folder of such a name is ``./true``."""
        return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError(f"set one of epochs and steps, and the other to null, got {self.epochs} and {self.steps}")
        return self

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.batch_size % self.processes or self.batch_size < 2 * self.processes:
            raise ValueError(
                f"batch_size must be a multiple of processes, two images or more each, got {self.batch_size} for "
                f"{self.processes} processes"
            )
        return self

    @model_validator(mode="after")
    def _decay_within_the_length(self) -> Self:
        for unit in ("epochs", "steps"):
            decay, length = getattr(self, f"decay_{unit}"), getattr(self, unit)
            if decay is not None and (length is None or decay > length):
                raise ValueError(
                    f"decay_{unit} is the last part of {unit}, so that {unit} must be set and be at least as many, got "
                    f"decay_{unit} {decay} and {unit} {length}; raise {unit}, or set decay_{unit} to null"
                )
        return self

    def inert(self) -> dict[str, str]:
        """One process shares nothing, and images that are streamed are not on the device."""
        alone = unless(self.processes > 1, "train.processes is 1", "batch_norm")
        return alone | unless(self.data != "stream", "train.data is stream", "device_memory")

    def total_steps(self, images: int) -> int:
        """Minibatches of the whole training; an epoch is the whole batches in the training set."""
        if self.steps is not None:
            return self.steps
        return max(1, round((self.epochs or 0) * (images // self.batch_size)))

    def learning_rate_at(self, step: int, images: int) -> float:
        """Give the learning rate of the minibatch after ``step`` others, for a training set of ``images``.

        With a decay of n epochs (or minibatches), the first of them has the full rate and each has 1 / n of it less
        than the one before, so that the last has 1 / n of it and the next would have none (authors' MNIST code). It
        depends on the step alone, and so is the same in a run that was stopped and goes on.
        """
        decay = self.decay_epochs or self.decay_steps
        if decay is None:
            return self.learning_rate
        unit = images // self.batch_size if self.decay_epochs else 1
        left = -(-self.total_steps(images) // unit) - step // unit  # epochs or minibatches, the one of this step too
        return self.learning_rate * min(1.0, left / decay)


class ImportSettings(Settings):
    """``params:import_weights``: networks that their authors published."""

    folder: UserPath | None = None
    """Of numbered .npy arrays; see :mod:`dcgan_pipeline.gan.authors_weights`."""
    latent: Literal["uniform", "normal"] = "normal"
    """What z is drawn from."""
    latent_batches: int = Field(default=100, ge=1)
    """Batches of 128 z for the statistics of batch norm."""

    @model_validator(mode="after")
    def _given(self) -> Self:
        if self.folder is None:
            raise ValueError(
                f"folder must be where the authors' arrays are, got {self.folder!r}; "
                "add --params=import_weights.folder=<folder>"
            )
        return self
