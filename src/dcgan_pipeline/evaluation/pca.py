"""Principal components of raw pixels: the baseline that asks what a linear view of the images gives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.settings import PcaSettings
from dcgan_pipeline.gan.data import to_range
from dcgan_pipeline.progress import track
from dcgan_pipeline.randomness import derived_seed, numpy_stream
from dcgan_pipeline.weights import Weights

PCA_AXES = "pca"  # the attribute by which features say which axes they are of


def learn(images: ShardedArray, rows: NDArray[np.int64], settings: PcaSettings, seed: int) -> Weights:
    """Find the axes of most variance of pixels in [-1, 1].

    Memory holds ``settings.images`` images as float32, and about as much again: 250 MB for the 10 000 of 32 x 32 x 3.

    Parameters
    ----------
    images
        uint8 of shape (N, C, S, S).
    rows
        The training images, int64, of which some are drawn; labels are not needed.

    Returns
    -------
    Weights
        ``mean`` (d,) and ``axes`` (components, d), orthonormal, of most variance first, float32, with d = C x S x S;
        ``settings["explained"]`` is the share of the variance along them.

    Raises
    ------
    InputError
        Where there are fewer images, or pixels in one, than components.
    """
    check(images, rows, settings)
    taken = min(settings.images, len(rows))
    drawn = np.sort(numpy_stream(seed, "images for principal components").choice(rows, taken, replace=False))
    pixels = _flat(images[drawn], torch.device("cpu")).numpy()
    # Exact where that is quick (few pixels), randomised (Halko et al. 2011) elsewhere: scikit-learn's own choice.
    found = PCA(settings.components, random_state=derived_seed(seed, "principal components") % 2**32).fit(pixels)
    tensors = {"mean": torch.from_numpy(found.mean_), "axes": torch.from_numpy(found.components_).contiguous()}
    about = {"shape": list(images.shape[1:]), "explained": float(found.explained_variance_ratio_.sum())}
    return Weights(tensors, {"kind": "pca", **about, **settings.model_dump()})


def check(images: ShardedArray, rows: NDArray[np.int64], settings: PcaSettings) -> None:
    """Refuse settings that do not fit the images."""
    taken, dimensions = min(settings.images, len(rows)), int(np.prod(images.shape[1:]))
    if settings.components > min(taken, dimensions):
        raise InputError(
            f"baselines.pca.components must be at most the {taken} images it is fitted to and their {dimensions} "
            f"numbers, got {settings.components}; lower it"
        )


def pca_features(
    weights: Weights, images: ShardedArray, device: torch.device, batch_size: int, name: str
) -> ArrayChunks:
    """Project pixels in [-1, 1], less their mean, on the axes, lazily.

    Parameters
    ----------
    weights
        From :func:`learn`.
    images
        uint8 of shape (N, C, S, S), as those of training.
    batch_size
        Images at once.
    name
        For the progress bar.

    Returns
    -------
    ArrayChunks
        float32 of shape (N, components).

    Raises
    ------
    InputError
        Where the images are of another shape than those of training.
    """
    expected, got = (" x ".join(map(str, shape)) for shape in (weights.settings["shape"], images.shape[1:]))
    if expected != got:
        raise InputError(
            f"images must be {expected}, as those that the principal components are of, got {got}; set "
            "preprocess.image_size and preprocess.channels as they were then"
        )
    mean, axes = (weights.tensors[part].to(device) for part in ("mean", "axes"))

    def chunks() -> Iterator[NDArray[np.float32]]:
        for batch in track(images.batches(batch_size), f"features: {name}", -(-len(images) // batch_size)):
            yield ((_flat(batch, device) - mean) @ axes.T).cpu().numpy()

    return ArrayChunks(chunks(), {PCA_AXES: weights.digest(), **images.attrs})


def _flat(batch: NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    """uint8 (n, C, S, S) to float32 (n, C * S * S) in [-1, 1]."""
    return to_range(batch, device).flatten(1)
