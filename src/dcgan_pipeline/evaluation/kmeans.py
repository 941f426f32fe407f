"""Features learned by k-means: the single-layer baseline of the paper's table 1 (Coates, Lee & Ng 2011).

Patches of training images, normalised for contrast and whitened, are clustered; an image's features are how much
nearer than usual its patches are to each centroid, summed over the cells of a grid. "Authors" are Coates & Ng here.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor
from torch.nn import functional as F

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.settings import KMeansSettings
from dcgan_pipeline.progress import track
from dcgan_pipeline.randomness import derived_seed, numpy_stream
from dcgan_pipeline.weights import Weights

KMEANS = "kmeans"  # the attribute by which features say which centroids they are of
_READ = 1024  # patches, and so images at most, that are read at once
_BATCH = 4096  # patches of a step of k-means
_NUMBERS = 2**22  # of patches, or of their distances to centroids, in memory at once: 16 MiB, a few times over


def learn(images: ShardedArray, rows: NDArray[np.int64], settings: KMeansSettings, seed: int) -> Weights:
    """Find the centroids of random patches.

    Memory holds the patches twice, as float32: 350 MB for the 400 000 of 6 x 6 x 3 that are the default.

    Parameters
    ----------
    images
        uint8 of shape (N, C, H, W).
    rows
        The training images, int64; labels are not needed.

    Returns
    -------
    Weights
        ``mean`` (d,), ``whitening`` (d, d) and ``centroids`` (maps, d), float32, with d = C x patch x patch in that
        order: a patch x, normalised, becomes (x - mean) @ whitening.

    Raises
    ------
    InputError
        Where a patch is larger than the images, the grid is finer than their patches, or there is no image.
    """
    check(images, rows, settings)
    patches = _random_patches(images, rows, settings, seed)
    mean, whitening = zca(patches, settings.whitening_floor)
    patches = patches.sub_(mean) @ whitening
    # Plain k-means, as the authors' published code does it, not the spherical one of their later text: the triangle
    # activation is of Euclidean distances, and features of the two are as good (measured: CIFAR-10, 200 maps). In
    # minibatches (Sculley 2010), which come as near to the patches as the authors' batches in as many passes, leave no
    # centroid with a patch of its own, and give the same bits with any number of threads: scikit-learn's Lloyd adds up
    # what threads found in the order in which they end.
    clusters = MiniBatchKMeans(
        settings.maps,
        init="random",
        n_init=1,
        max_iter=settings.passes,
        batch_size=_BATCH,
        max_no_improvement=None,
        random_state=derived_seed(seed, "k-means") % 2**32,
    ).fit(patches.numpy())
    tensors = {"mean": mean, "whitening": whitening, "centroids": torch.from_numpy(clusters.cluster_centers_)}
    return Weights(tensors, {"kind": "kmeans", "channels": images.shape[1], **settings.model_dump()})


def check(images: ShardedArray, rows: NDArray[np.int64], settings: KMeansSettings) -> None:
    """Refuse settings that do not fit the images, and no images."""
    _, _, height, width = images.shape
    if not len(rows):
        raise InputError("k-means needs at least one training image, got none")
    if settings.patch > min(height, width):
        raise InputError(
            f"baselines.kmeans.patch must be at most the images' side, got {settings.patch} for {height} x {width} "
            "images"
        )
    _check_grid(height, width, settings.grid, settings.patch)


def _check_grid(height: int, width: int, grid: int, patch: int) -> None:
    least = grid + patch - 1
    if min(height, width) < least:
        raise InputError(
            f"images must be {least} x {least} or more for patches of {patch} and a grid of {grid}, got {height} x "
            f"{width}; lower baselines.kmeans.grid"
        )


def _random_patches(images: ShardedArray, rows: NDArray[np.int64], settings: KMeansSettings, seed: int) -> Tensor:
    """Draw an image and a place in it, again and again: normalised, float32 (patches, C * patch * patch)."""
    _, channels, height, width = images.shape
    side, count = settings.patch, settings.patches
    rng = numpy_stream(seed, "patches")
    chosen = np.sort(rng.choice(rows, count))  # sorted, so that each shard is read once
    top, left = rng.integers(0, height - side + 1, count), rng.integers(0, width - side + 1, count)
    patches = torch.empty(count, channels * side * side)
    starts = range(0, count, _READ)
    for start in track(starts, "k-means: patches", len(starts)):
        part = slice(start, start + _READ)
        here, place = np.unique(chosen[part], return_inverse=True)
        windows = np.lib.stride_tricks.sliding_window_view(images[here], (side, side), axis=(2, 3))
        drawn = torch.from_numpy(windows[place, :, top[part], left[part]])  # (n, C, patch, patch)
        patches[part] = normalised(drawn.flatten(1).float(), settings.contrast_floor)
    return patches


def normalised(patches: Tensor, floor: float) -> Tensor:
    """Take brightness and contrast out of patches (..., d) of grey levels: (x - mean) / sqrt(variance + floor)."""
    centred = patches - patches.mean(-1, keepdim=True)
    # Twice as quick as torch.var; unbiased (authors' code).
    variance = centred.square().sum(-1, keepdim=True) / (patches.shape[-1] - 1)
    return centred / torch.sqrt(variance + floor)


def zca(patches: Tensor, floor: float) -> tuple[Tensor, Tensor]:
    """Fit the whitening that moves patches least (Bell & Sejnowski 1997).

    Returns
    -------
    mean, whitening
        float32 (d,) and (d, d): the mean m of the patches, and (C + floor I)^(-1/2) for their unbiased covariance C.
    """
    blocks = patches.split(_READ)  # so that no copy in float64 is larger
    mean = torch.stack([block.sum(0, dtype=torch.float64) for block in blocks]).sum(0) / len(patches)
    covariance = torch.zeros(len(mean), len(mean), dtype=torch.float64)
    for block in blocks:
        centred = block - mean
        covariance += centred.T @ centred
    variances, axes = torch.linalg.eigh(covariance / (len(patches) - 1))
    whitening = axes / torch.sqrt(variances.clamp(min=0) + floor) @ axes.T  # rounding may leave -1e-17
    return mean.float(), whitening.float()


def kmeans_features(
    weights: Weights, images: ShardedArray, device: torch.device, batch_size: int, name: str
) -> ArrayChunks:
    """Sum the triangle activations of all patches, one pixel apart, over each cell of a grid, lazily.

    The activation of centroid k is max(0, mean of z - z_k), z being the distances of a whitened patch from all
    centroids. Where patches cannot be shared out evenly, the first of two cells gets more (authors' code). Squared
    distances are sums of products in float32, so that one near 0 is known to about 1e-6 of the squares of its ends;
    a feature is the sum of many.

    Parameters
    ----------
    weights
        From :func:`learn`.
    images
        uint8 of shape (N, C, H, W), of any size from a patch a cell on.
    batch_size
        Images read at once. Patches and distances take a few times 16 MiB, whatever it is and however large the images
        are: a row of patches of one image is the least that is computed at once.
    name
        For the progress bar.

    Returns
    -------
    ArrayChunks
        float32 of shape (N, maps x grid x grid).

    Raises
    ------
    InputError
        Where the images have other channels than those of training, or fewer patches than cells.
    """
    settings = weights.settings
    _, channels, height, width = images.shape
    if channels != settings["channels"]:
        raise InputError(
            f"images must have the {settings['channels']} channels that k-means was trained on, got {channels}; set "
            "preprocess.channels as it was then"
        )
    _check_grid(height, width, settings["grid"], settings["patch"])
    encoder = _Encoder(weights, device)

    def chunks() -> Iterator[NDArray[np.float32]]:
        for batch in track(images.batches(batch_size), f"features: {name}", -(-len(images) // batch_size)):
            yield encoder(torch.from_numpy(batch).to(device).float()).cpu().numpy()

    return ArrayChunks(chunks(), {KMEANS: weights.digest(), **images.attrs})


class _Encoder:
    """Turns images into features."""

    def __init__(self, weights: Weights, device: torch.device) -> None:
        self._grid, self._side = weights.settings["grid"], weights.settings["patch"]
        self._floor = weights.settings["contrast_floor"]
        self._mean, self._whitening, self._centroids = (
            weights.tensors[name].to(device) for name in ("mean", "whitening", "centroids")
        )

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """Encode grey levels, float32 (n, C, H, W): (n, maps * grid * grid)."""
        more = self._side - 1  # pixels that the last patch reaches beyond its own place
        edges = [_edges(side - more, self._grid) for side in x.shape[2:]]
        cells = [
            self._summed(x[:, :, top : bottom + more, left : right + more])
            for top, bottom in pairwise(edges[0])
            for left, right in pairwise(edges[1])
        ]
        return torch.stack(cells, dim=2).flatten(1)  # maps first, as the discriminator's features

    def _summed(self, x: Tensor) -> Tensor:
        """Sum activations over a cell (n, C, h, w): (n, maps). So many images, or rows of them, as memory may hold."""
        more = self._side - 1
        height, width = (side - more for side in x.shape[2:])  # in patches
        row = width * max(self._centroids.shape)  # numbers: a distance for each map, and the patch itself
        band = min(height, max(1, _NUMBERS // row))
        together = max(1, _NUMBERS // (band * row))
        found = x.new_zeros(len(x), len(self._centroids))
        for total, part in zip(found.split(together), x.split(together), strict=True):
            for top in range(0, height, band):
                total += self._activations(part[:, :, top : top + band + more]).sum(1)
        return found

    def _activations(self, x: Tensor) -> Tensor:
        """Triangle activations of all patches of (n, C, h, w): (n, patches, maps)."""
        patches = F.unfold(x, self._side).transpose(1, 2).reshape(-1, len(self._mean))  # (n * patches, d)
        whitened = (normalised(patches, self._floor) - self._mean) @ self._whitening
        z = torch.cdist(whitened, self._centroids, compute_mode="use_mm_for_euclid_dist")  # (n * patches, maps)
        return z.neg_().sub_(z.mean(1, keepdim=True)).clamp_(min=0).view(len(x), -1, z.shape[1])


def _edges(patches: int, cells: int) -> list[int]:
    """Where cells begin and the last ends: 0, 14, 27 for 27 patches and 2 cells (authors' code)."""
    return [(2 * k * patches + cells) // (2 * cells) for k in range(cells + 1)]
