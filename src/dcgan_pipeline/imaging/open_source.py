"""From what a user writes in the catalog to an :class:`ImageSource`."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.settings import Limits
from dcgan_pipeline.imaging.sources import (
    NO_LABEL,
    ArraySource,
    FolderSource,
    ImageSource,
    SubsetSource,
    TarSource,
    ZipSource,
)
from dcgan_pipeline.schema import Settings

TORCHVISION_SETS = ("CIFAR10", "MNIST", "SVHN", "STL10")


class Split(Settings):
    """One part of a labelled source, drawn by a fixed seed and stratified by class."""

    part: Literal["train", "test"]
    test_fraction: float = Field(default=0.3, gt=0, lt=1)
    seed: int = 0


def open_source(
    location: str, limits: Limits | None = None, split: Split | None = None, download_to: Path | None = None
) -> ImageSource:
    """Open a pile of images.

    Parameters
    ----------
    location
        A folder, a ``.zip`` or a ``.tar``; ``sklearn://digits`` (1 797 handwritten digits of 8 x 8, bundled with
        scikit-learn); or ``torchvision://<set>/<split>``, such as ``torchvision://CIFAR10/train``.
    limits
        What one file may ask of this machine.
    split
        Keep only the training or the test part.
    download_to
        Where torchvision's sets are, or are downloaded to.

    Raises
    ------
    InputError
        Where there is nothing at the location, or it is of another kind.
    """
    source = _open(location, limits or Limits(), download_to)
    return source if split is None else SubsetSource(source, _split_rows(source, split))


def _open(location: str, limits: Limits, download_to: Path | None) -> ImageSource:
    if location == "sklearn://digits":
        return _digits(limits)
    if location.startswith("torchvision://"):
        return _torchvision_set(location, limits, download_to)
    path = Path(location).expanduser()
    if not path.exists():
        raise InputError(
            f"a source must be a folder, a .zip, a .tar, sklearn://digits or torchvision://<set>/<split>, "
            f"and there is nothing at {location}; put your images there or change the entry in the catalog"
        )
    if path.is_dir():
        return FolderSource(str(path), limits)
    if _is_tar(path):  # first: a tar whose last file is a zip looks like a zip too
        return TarSource(str(path), limits)
    if zipfile.is_zipfile(path):
        return ZipSource(str(path), limits)
    raise InputError(
        f"a source that is a file must be a whole .zip or .tar, and {location} is neither (cut short, perhaps); "
        "make the archive again, or give the folder"
    )


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except EOFError:  # a compressed file that is cut short
        return False


def _split_rows(source: ImageSource, split: Split) -> NDArray[np.int64]:
    from sklearn.model_selection import train_test_split

    if not source.classes:
        raise InputError(
            f"a split needs labels, and the images of {source.location} are not in two or more folders of classes; "
            "put each class in a folder of its own, or run `kedro run --pipeline=unsupervised`"
        )
    labelled, unlabelled = np.flatnonzero(source.labels != NO_LABEL), np.flatnonzero(source.labels == NO_LABEL)
    try:
        train, test = train_test_split(
            labelled,
            test_size=split.test_fraction,
            random_state=split.seed,
            stratify=source.labels[labelled],
        )
    except ValueError as error:
        raise InputError(
            f"a split needs at least two images a class in {source.location}: {error}; add images, or remove the class"
        ) from None
    # What has no label is listed as rejected with the training part.
    return np.sort(np.concatenate([train, unlabelled]) if split.part == "train" else test)


def _digits(limits: Limits) -> ArraySource:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)  # 17 levels of grey to 256
    return ArraySource("sklearn://digits", images, digits.target, [str(k) for k in range(10)], limits)


def _torchvision_set(location: str, limits: Limits, root: Path | None) -> ArraySource:
    from torchvision import datasets

    name, _, part = location.removeprefix("torchvision://").partition("/")
    if name not in TORCHVISION_SETS or part not in ("train", "test"):
        sets = ", ".join(TORCHVISION_SETS)
        raise InputError(f"a torchvision source must be <set>/train or <set>/test with a set of {sets}, got {location}")
    where = str(root or Path("data/01_raw"))
    choice = {"train": part == "train"} if name in ("CIFAR10", "MNIST") else {"split": part}
    try:
        data = getattr(datasets, name)(where, download=True, **choice)
    except Exception as error:  # the network's errors are of many kinds
        raise InputError(
            f"{location} must be in {where} or within reach of the network, and is neither "
            f"({type(error).__name__}: {str(error).splitlines()[0]}); download it elsewhere and copy it there"
        ) from None
    images = np.asarray(data.data)
    if images.ndim == 4 and images.shape[1] == 3:  # SVHN and STL-10 keep channels first
        images = images.transpose(0, 2, 3, 1)
    labels = np.asarray(data.targets if hasattr(data, "targets") else data.labels, dtype=np.int64)
    classes = getattr(data, "classes", [str(k) for k in range(int(labels.max()) + 1)])
    return ArraySource(location, images, labels, classes, limits)
