"""The labelled sets of torchvision: read where they are on disk, and downloaded where they are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError, first_line
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import NO_LABEL, ArraySource, FolderSource, ImageSource, Names
from dcgan_pipeline.imaging.sources.attributes import KnownAttributes, MatrixAttributes

SCHEME = "torchvision://"
PARTS = {
    "CIFAR10": ("train", "test"),
    "MNIST": ("train", "test"),
    "SVHN": ("train", "test", "extra"),
    "STL10": ("train", "test", "unlabeled", "train+unlabeled"),
    "CelebA": ("train", "valid", "test", "all"),
}


class CelebaSource(FolderSource):
    """CelebA's aligned images, read file by file, with their 40 attributes.

    Attributes
    ----------
    attributes
        int8 of shape (rows, 40): 1 where an image has the attribute, else 0.
    attribute_names
        Their names, such as ``Smiling``.
    """

    def __init__(self, location: str, data: Any, attribute: str, limits: Limits) -> None:
        self.attribute_names = tuple(name for name in data.attr_names if name)
        self.attributes: NDArray[np.int8] = data.attr.numpy().astype(np.int8)
        names = Names(data.filename)
        labels: NDArray[np.int64] = np.full(len(names), NO_LABEL)
        classes: tuple[str, ...] = ()
        if attribute:
            if attribute not in self.attribute_names:
                raise InputError(
                    f"{location} must name an attribute of CelebA, got {attribute!r}; they are "
                    f"{', '.join(self.attribute_names)}"
                )
            labels = self.attributes[:, self.attribute_names.index(attribute)].astype(np.int64)
            classes = (f"not {attribute}", attribute)
        folder = Path(data.root) / data.base_folder / "img_align_celeba"
        super().__init__(str(folder), limits, names=names, labelled=(labels, classes))
        self.location = location

    def known_attributes(self) -> KnownAttributes:
        """Give all 40."""
        return MatrixAttributes(self.attributes, self.attribute_names)


class _Choice(NamedTuple):
    name: str
    part: str
    attribute: str


def open_torchvision_set(location: str, limits: Limits, root: Path | None) -> ImageSource:
    """Open ``torchvision://<set>/<part>``, or ``torchvision://CelebA/<part>/<attribute>`` with an attribute as class.

    Parameters
    ----------
    root
        Where torchvision's files are, or are downloaded to.

    Raises
    ------
    InputError
        Where there is no such set, or it is neither on disk nor within reach of the network.
    """
    choice = _parse(location)
    data = _load(choice, location, str(root or Path("data/01_raw")))
    if choice.name == "CelebA":
        return CelebaSource(location, data, choice.attribute, limits)
    images = np.asarray(data.data)
    if images.ndim == 4 and images.shape[1] == 3:  # SVHN and STL-10 keep channels first
        images = images.transpose(0, 2, 3, 1)
    labels = np.asarray(data.targets if hasattr(data, "targets") else data.labels, dtype=np.int64)
    classes = getattr(data, "classes", [str(k) for k in range(int(labels.max()) + 1)])
    if labels.max() == NO_LABEL:  # STL-10's unlabelled part knows the classes of the others
        classes = []
    return ArraySource(location, images, labels, classes, limits)


def _parse(location: str) -> _Choice:
    name, _, rest = location.removeprefix(SCHEME).partition("/")
    part, _, attribute = rest.partition("/")
    if part not in PARTS.get(name, ()) or (attribute and name != "CelebA"):
        known = "; ".join(f"{name} ({', '.join(parts)})" for name, parts in PARTS.items())
        raise InputError(
            f"a torchvision source must be {SCHEME}<set>/<part>, or {SCHEME}CelebA/<part>/<attribute>, of the sets "
            f"{known}; got {location}"
        )
    return _Choice(name, part, attribute)


def _load(choice: _Choice, location: str, where: str) -> Any:
    from torchvision import datasets

    kind = getattr(datasets, choice.name)
    arguments = {"train": choice.part == "train"} if choice.name in ("CIFAR10", "MNIST") else {"split": choice.part}
    try:
        try:
            return kind(where, download=False, **arguments)
        except RuntimeError:  # not on disk, or not unpacked
            return kind(where, download=True, **arguments)
    except Exception as error:  # the network's errors are of many kinds
        raise InputError(
            f"{location} must be in {where} or within reach of the network, and is neither "
            f"({type(error).__name__}: {first_line(error)}); download it elsewhere and copy it there"
        ) from None
