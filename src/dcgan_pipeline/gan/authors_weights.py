"""The authors' published networks: Theano arrays in, a ``gan`` like any other out.

Their code saves the parameters of each network as a list of arrays in the order of the layers: a weight, then gain
and shift where there is batch norm. Here each array is one ``.npy`` file, whose name ends in the network and the
number: ``200_gen_params.jl_01.npy``, ``200_discrim_params.jl_01.npy``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.arrays import ID, ShardedArray
from dcgan_pipeline.errors import InputError, first_line
from dcgan_pipeline.gan import batch_norm_statistics
from dcgan_pipeline.gan.data import statistics_batches
from dcgan_pipeline.gan.networks import Discriminator, Generator
from dcgan_pipeline.gan.run import LATENT_BATCHES
from dcgan_pipeline.gan.sampling import draw_latent
from dcgan_pipeline.gan.settings import (
    Architecture,
    ArchitectureOverrides,
    TrainSettings,
    presets,
    resolve_architecture,
)
from dcgan_pipeline.progress import track
from dcgan_pipeline.randomness import torch_stream
from dcgan_pipeline.weights import Weights

_FILE = re.compile(r"(gen|discrim)_params(?:\.jl)?_(\d+)$")
PRESET = "svhn32"  # the networks that they published
# What the name of the authors' folder says of the training of their SVHN networks; the paper says 2e-4 and 128.
_TRAINED: dict[str, Any] = {"epochs": 200, "batch_size": 64, "learning_rate": 5e-4}
_Network = TypeVar("_Network", Generator, Discriminator)


@dataclass(frozen=True)
class _Array:
    """One array of the authors': its name, its shape there, its name here, and how it gets there."""

    name: str
    shape: tuple[int, ...]
    tensor: str
    convert: Callable[[NDArray[Any]], NDArray[Any]]


def load_authors_weights(
    source: str | os.PathLike[str] | Mapping[str, NDArray[Any]],
    latent: Literal["uniform", "normal"],
    seed: int,
    device: torch.device,
    images: ShardedArray | None = None,
    rows: NDArray[np.int64] | None = None,
    latent_batches: int = LATENT_BATCHES,
) -> Weights:
    """Make a ``gan`` of the authors' SVHN networks.

    The arrays hold no statistics of batch norm. G's are computed over fresh z, as after a training. D's are those of
    real images where images are given: then the result serves ``features`` and ``visualize``, and carries the id of the
    images. Without images they are those of batches of G's own samples, which the authors' D met in training too
    (real and generated batches are normalised apart): true for judging samples, and not for features of
    photographs, so no id is set and stages that compare with images refuse the result.

    Parameters
    ----------
    source
        A folder of ``.npy`` files, or the arrays by name: ``gen_01``, ``gen_02``, ..., ``discrim_01``, ...
    latent
        What z is drawn from. The name of the authors' folder says Gaussian, the paper uniform. Batch norm after the
        projection of z takes the difference in scale out: samples of both look alike, and the authors' D, with
        the statistics of its batches, gives both the same mean logit within two standard errors (-5.40 +- 0.08 for
        normal, -5.42 +- 0.09 for uniform; 40 batches of 128).
    seed
        Of the z that statistics are computed over, and recorded as the seed of the ``gan``.
    images, rows
        uint8 of shape (N, 3, 32, 32), and those to compute D's statistics over, int64 (all, where None).
    latent_batches
        Batches of 128 z, for the statistics.

    Returns
    -------
    Weights
        As training gives, less the optimisers' state. ``settings["step"]`` is None: the number of minibatches was
        never published. ``settings["imported"]`` says what D's statistics are of.

    Raises
    ------
    InputError
        Where an array is missing, over, of another shape, or not of finite numbers; or where the images do not fit.
    """
    architecture = _architecture(images)
    arrays = source if isinstance(source, Mapping) else read_arrays(source)
    tensors = convert_arrays(arrays, architecture)
    generator = _with_parameters(Generator(architecture), tensors, "generator.", device)
    discriminator = _with_parameters(Discriminator(architecture), tensors, "discriminator.", device)
    z = partial(
        _batches_of_z, (batch_norm_statistics.BATCH, architecture.latent_dim, latent), seed, device, latent_batches
    )
    batch_norm_statistics.recompute(generator, z("G"))
    if images is None:
        with torch.no_grad():
            batch_norm_statistics.recompute(discriminator, map(generator.train(), z("D, over samples")))
    else:
        every = np.arange(len(images)) if rows is None else rows
        batch_norm_statistics.recompute(discriminator, statistics_batches(images, every, seed, device))
    return _as_gan(generator, discriminator, architecture, latent, seed, images)


def _batches_of_z(
    shape: tuple[int, int, Literal["uniform", "normal"]], seed: int, device: torch.device, count: int, network: str
) -> Iterator[Tensor]:
    """The same batches for both networks."""
    noise = torch_stream(seed, "statistics z")
    drawn = (draw_latent(*shape, noise).to(device) for _ in range(count))
    return track(drawn, f"batch-norm statistics of {network}", count)


def _with_parameters(network: _Network, tensors: dict[str, Tensor], prefix: str, device: torch.device) -> _Network:
    """Everything but the statistics, which the arrays do not have."""
    values = dict(network.state_dict())
    values |= {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    network.load_state_dict(values)
    return network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _as_gan(
    generator: Generator,
    discriminator: Discriminator,
    architecture: Architecture,
    latent: Literal["uniform", "normal"],
    seed: int,
    images: ShardedArray | None,
) -> Weights:
    networks = {"generator": generator, "discriminator": discriminator}
    state = {f"{name}.{key}": value for name, net in networks.items() for key, value in net.state_dict().items()}
    settings: dict[str, Any] = {
        "kind": "gan",
        "step": None,
        "seed": seed,
        "architecture": architecture.model_dump(mode="json"),
        "train": TrainSettings(preset=PRESET, latent=latent, **_TRAINED).model_dump(mode="json"),
        "imported": {"from": "authors' arrays", "statistics_of_d": "samples" if images is None else "images"},
    }
    if images is not None:
        settings[ID] = images.attrs.get(ID)
    return Weights({name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}, settings)


def read_arrays(folder: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read the ``.npy`` files of a folder, by ``gen_01`` or ``discrim_01``; other files are passed over.

    Raises
    ------
    InputError
        Where there is no such folder, none of its files is an array of a network, two are the same array, or one is
        no plain array: nothing is unpickled.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"import_weights.folder must be a folder of .npy files, and {folder} is none; check the path")
    arrays: dict[str, NDArray[Any]] = {}
    for file in sorted(folder.glob("*.npy")):
        if not (found := _FILE.search(file.stem)):
            continue
        name = f"{found[1]}_{int(found[2]):02d}"
        if name in arrays:
            raise InputError(
                f"import_weights.folder must hold each array once, and {folder} has {name} twice; take one out"
            )
        try:
            arrays[name] = np.load(file, allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            reason = first_line(error) if str(error) else "empty"
            raise InputError(
                f"{file} must be a whole .npy array of numbers, and is not ({reason}); copy it again"
            ) from None
    if not arrays:
        raise InputError(
            f"import_weights.folder must hold arrays named like 200_gen_params.jl_01.npy, and {folder} holds none; "
            "check the path"
        )
    return arrays


def convert_arrays(arrays: Mapping[str, NDArray[Any]], architecture: Architecture) -> dict[str, Tensor]:
    """Turn the authors' arrays into the parameters of both networks, float32, by their names in a ``gan``.

    Theano convolves where PyTorch correlates, so kernels are flipped along both sides; matrices are (inputs, outputs)
    there and (outputs, inputs) here.

    Raises
    ------
    InputError
        For the first array that is missing, of another shape, or not of finite numbers; and for arrays over.
    """
    layout = list(_layout(architecture))
    tensors = {}
    for entry in layout:
        if entry.name not in arrays:
            raise InputError(
                f"the array {entry.name} must be there, {_by(entry.shape)} for {entry.tensor}, and is missing; "
                "complete the folder"
            )
        array = arrays[entry.name]
        if array.shape != entry.shape:
            raise InputError(
                f"the array {entry.name} must be {_by(entry.shape)} for {entry.tensor}, got {_by(array.shape)}; "
                "check that the folder is of the SVHN networks"
            )
        if not np.issubdtype(array.dtype, np.floating) or not np.isfinite(array).all():
            raise InputError(
                f"the array {entry.name} must be of finite floating-point numbers, got {array.dtype}"
                f"{'' if array.dtype.kind != 'f' else ' with NaN or infinity'}; take the published file"
            )
        tensors[entry.tensor] = torch.from_numpy(np.array(entry.convert(array), np.float32, order="C"))
    if over := sorted(set(arrays) - {entry.name for entry in layout}):
        raise InputError(
            f"the arrays must be {len(layout)} for this architecture, got {len(over)} more: {', '.join(over[:3])}; "
            "check that the folder is of the SVHN networks"
        )
    return tensors


def _layout(architecture: Architecture) -> Iterator[_Array]:
    """The authors' arrays in their order."""
    layers, kernel = architecture.layers(), (architecture.kernel, architecture.kernel)
    top = layers[-1].channels_out * architecture.base**2
    numbers = iter(range(1, 1000))
    yield from _part("gen", numbers, "generator.project.weight", (architecture.latent_dim, top), _transposed)
    yield from _norm("gen", numbers, "generator.project_norm", top)
    for k, layer in enumerate(layers[::-1]):
        shape = (layer.channels_out, layer.channels_in, *kernel)  # as ConvTranspose2d has it
        yield from _part("gen", numbers, f"generator.convs.{k}.weight", shape, _flipped)
        if k < len(layers) - 1:
            yield from _norm("gen", numbers, f"generator.norms.{k}", layer.channels_in)
    numbers = iter(range(1, 1000))
    for k, layer in enumerate(layers):
        shape = (layer.channels_out, layer.channels_in, *kernel)
        yield from _part("discrim", numbers, f"discriminator.convs.{k}.weight", shape, _flipped)
        if k:
            yield from _norm("discrim", numbers, f"discriminator.norms.{k - 1}", layer.channels_out)
    yield from _part("discrim", numbers, "discriminator.logit.weight", (top, 1), _transposed)


def _part(
    network: str,
    numbers: Iterator[int],
    tensor: str,
    shape: tuple[int, ...],
    convert: Callable[[NDArray[Any]], NDArray[Any]],
) -> Iterator[_Array]:
    yield _Array(f"{network}_{next(numbers):02d}", shape, tensor, convert)


def _norm(network: str, numbers: Iterator[int], tensor: str, units: int) -> Iterator[_Array]:
    for name in ("weight", "bias"):  # gain, then shift
        yield from _part(network, numbers, f"{tensor}.{name}", (units,), np.asarray)


def _flipped(kernels: NDArray[Any]) -> NDArray[Any]:
    return kernels[:, :, ::-1, ::-1]


def _transposed(matrix: NDArray[Any]) -> NDArray[Any]:
    return matrix.T


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single number"


def _architecture(images: ShardedArray | None) -> Architecture:
    if images is not None:
        return resolve_architecture(PRESET, ArchitectureOverrides(), images.shape)
    return Architecture.parse(presets()[PRESET], PRESET)
