"""Pictures of samples: z as a page asks for them, and PNGs of many at once."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from dcgan_pipeline.annotate.changes import as_float32
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.conditional import class_names
from dcgan_pipeline.gan.sampling import draw_latent, generate, load_generator, sample_latents
from dcgan_pipeline.randomness import torch_stream
from dcgan_pipeline.schema import Settings
from dcgan_pipeline.weights import Weights

PAGE = 256  # samples at once
MOST = 16  # pictures at once: requests are answered one after the other, and a click is not to wait for many pictures


class Wanted(Settings):
    """``samples``: samples ``start`` and those that follow, and the class of all, or of each in turn."""

    start: int = Field(ge=0, lt=10**6)  # the stream is drawn from its beginning
    count: int = Field(ge=1, le=PAGE)
    label: int | None = Field(default=None, ge=0)


class Plane(Settings):
    """``plane``: a random plane of z, by number."""

    number: int = Field(ge=0)


class Drawn(Settings):
    """``draw``: what pictures are drawn from."""

    z: tuple[tuple[float, ...], ...] = Field(min_length=1, max_length=MOST)
    labels: tuple[int, ...] | None = None


class Studio:
    """Draws for a page, from one ``gan``.

    Parameters
    ----------
    seed
        Samples are those that ``kedro run --pipeline=sample`` draws with this seed.
    """

    def __init__(self, gan: Weights, seed: int, device: torch.device) -> None:
        self._gan, self._seed = gan, seed
        self._network = load_generator(gan, device)
        self.shape = gan.settings["architecture"]
        self.classes = class_names(gan.settings)

    def facts(self) -> dict[str, Any]:
        """Say what a page must know of the ``gan``."""
        return {
            "side": self.shape["image_size"],
            "latent": self.shape["latent_dim"],
            "classes": self.classes,
            "seed": self._seed,
            "most": MOST,
        }

    def samples(self, wanted: Wanted) -> dict[str, Any]:
        """Give z of samples, and their labels."""
        self._known([] if wanted.label is None else [wanted.label])
        z = sample_latents(self._gan, self._seed, wanted.start, wanted.count)
        numbers = range(wanted.start, wanted.start + wanted.count)
        count = len(self.classes)
        labels = [(k % count if wanted.label is None else wanted.label) if count else None for k in numbers]
        return {"z": [_plain(row) for row in z], "labels": labels}

    def plane(self, wanted: Plane) -> dict[str, Any]:
        """Give two directions at right angles, each as long as z mostly are: (2, latent_dim)."""
        kind, length = self._gan.settings["train"]["latent"], self.shape["latent_dim"]
        generator = torch_stream(self._seed, "annotate", "plane", wanted.number)
        across, _ = torch.linalg.qr(torch.randn((length, min(2, length)), generator=generator, dtype=torch.float64))
        usual = draw_latent(1024, length, kind, generator).norm(dim=1).mean()
        rows = (across.T * usual).float()
        return {"directions": [_plain(row) for row in (rows[0], rows[-1])]}

    def draw(self, wanted: Drawn) -> bytes:
        """Draw pictures side by side, a PNG.

        Raises
        ------
        InputError
            Where z or labels do not fit the networks.
        """
        length, count = self.shape["latent_dim"], len(wanted.z)
        if wrong := next((len(z) for z in wanted.z if len(z) != length), 0):
            raise InputError(
                f"z must have {length} numbers, as the gan takes them, got {wrong}; draw samples of this gan"
            )
        labels = wanted.labels
        if (len(labels) if labels is not None else 0) != (count if self.classes else 0):
            rule = "a label for each z" if self.classes else "no labels for a gan without"
            raise InputError(f"pictures need {rule}, got {labels}; correct them")
        self._known(labels or ())
        z = torch.tensor(wanted.z, dtype=torch.float32)
        return _row(generate(self._network, z, labels=None if labels is None else torch.tensor(labels)))

    def _known(self, labels: Any) -> None:
        for label in labels:
            if not 0 <= label < len(self.classes):
                rule = f"a class number from 0 to {len(self.classes) - 1}" if self.classes else "null: the gan has none"
                raise InputError(f"label must be {rule}, got {label}; correct it")


def _plain(row: torch.Tensor) -> tuple[float, ...]:
    return as_float32(tuple(row.tolist()))


def _row(images: NDArray[np.uint8]) -> bytes:
    """Lay images (n, C, S, S) side by side."""
    count, channels, side, _ = images.shape
    pixels = images.transpose(2, 0, 3, 1).reshape(side, count * side, channels)
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()
