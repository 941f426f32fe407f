"""What a person, or a model in a person's place, says of samples: exemplars of concepts, and boxes around objects."""

from __future__ import annotations

from typing import Annotated, Any, Self

import torch
from pydantic import Field, Strict
from torch import Tensor

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.schema import Settings
from dcgan_pipeline.weights import Weights


class Box(Settings):
    """A rectangle of pixels of a sample, S x S."""

    left: int = Field(ge=0)
    top: int = Field(ge=0)
    width: int = Field(ge=1)
    height: int = Field(ge=1)


class Exemplar(Settings):
    """A sample, by what it is drawn from."""

    z: tuple[float, ...] = Field(min_length=1)
    label: int | None = Field(default=None, ge=0)
    """The class number, of a conditional G."""


class MarkedSample(Exemplar):
    """A sample on which an object was looked for; without boxes it has none."""

    boxes: tuple[Box, ...] = ()


class Annotations(Settings):
    """Concepts with their exemplars, and objects with the samples that they were marked on, of one ``gan``."""

    gan: str
    """The digest of its weights."""
    concepts: dict[str, Annotated[tuple[Exemplar, ...], Strict(False)]] = Field(default_factory=dict)
    objects: dict[str, Annotated[tuple[MarkedSample, ...], Strict(False)]] = Field(default_factory=dict)

    @classmethod
    def parse_for(cls, values: dict[str, Any], gan: Weights) -> Self:
        """Read what the catalog holds, and check that it is of this ``gan``.

        Raises
        ------
        InputError
            Where it is no annotations, or of another ``gan``; or where z, labels or boxes do not fit its networks.
        """
        found = cls.parse(values, "annotations")
        if found.gan != gan.digest():
            raise InputError(
                f"annotations must be of the gan that is drawn from, {gan.digest()[:8]}, got those of {found.gan[:8]}; "
                "annotate samples of this gan, or take the other one with --load-versions=gan:<version>"
            )
        found.must_fit(gan)
        return found

    def must_fit(self, gan: Weights) -> None:
        """Check that z, labels and boxes fit the networks of a ``gan``.

        Raises
        ------
        InputError
            Where they do not.
        """
        shape = gan.settings["architecture"]
        for name, exemplars in (*self.concepts.items(), *self.objects.items()):
            for exemplar in exemplars:
                _check(name, exemplar, shape["latent_dim"], shape["image_size"], shape.get("labels") or 0)

    def dump(self) -> dict[str, Any]:
        """Give plain values, as JSON can hold them and :meth:`parse_for` reads them."""
        return self.model_dump(mode="json")


def latent_of(exemplars: tuple[Exemplar, ...] | tuple[MarkedSample, ...]) -> Tensor:
    """Stack z: float32 (n, latent_dim)."""
    return torch.tensor([exemplar.z for exemplar in exemplars], dtype=torch.float32)


def labels_of(exemplars: tuple[Exemplar, ...] | tuple[MarkedSample, ...]) -> Tensor | None:
    """Stack class numbers: int64 (n,); none for networks without labels."""
    labels = [exemplar.label for exemplar in exemplars]
    return None if None in labels else torch.tensor(labels, dtype=torch.int64)


def _check(name: str, exemplar: Exemplar, latent_dim: int, side: int, labels: int) -> None:
    if len(exemplar.z) != latent_dim:
        raise InputError(
            f"annotations: z must have {latent_dim} numbers, as the gan takes them, got {len(exemplar.z)} in {name!r}; "
            "annotate samples of this gan"
        )
    if (exemplar.label is None) != (labels == 0) or (exemplar.label or 0) >= max(labels, 1):
        rule = f"a class number from 0 to {labels - 1}" if labels else "null for a gan without labels"
        raise InputError(f"annotations: label must be {rule}, got {exemplar.label} in {name!r}; correct it")
    for box in getattr(exemplar, "boxes", ()):
        if box.left + box.width > side or box.top + box.height > side:
            raise InputError(
                f"annotations: a box must lie within {side} x {side} pixels, got left {box.left}, top {box.top}, "
                f"{box.width} x {box.height} in {name!r}; correct it"
            )
