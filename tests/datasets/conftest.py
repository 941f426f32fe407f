"""The datasets that are written whole, each with data that can be told apart."""

import base64
import doctest
import inspect
import io
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pytest
import torch
from kedro.io import Version
from matplotlib.figure import Figure
from PIL import Image

from dcgan_pipeline.arrays import ArrayChunks, ShardFiles
from dcgan_pipeline.datasets.animation import AnimationDataset
from dcgan_pipeline.datasets.figure import FigureDataset
from dcgan_pipeline.datasets.file_folder import FileFolderDataset
from dcgan_pipeline.datasets.film import FilmDataset
from dcgan_pipeline.datasets.metrics import MetricsDataset
from dcgan_pipeline.datasets.sharded_array import ShardedArrayDataset
from dcgan_pipeline.datasets.table import TableDataset
from dcgan_pipeline.datasets.weights import WeightsDataset
from dcgan_pipeline.visualize.film import Film, read_mp4
from dcgan_pipeline.weights import Weights


def grey_frames(count: int) -> Film:
    """A film of so many frames, which another process can unpickle."""
    return Film(partial(list, [np.full((16, 16, 3), 20 * k, np.uint8) for k in range(count)]), 24)


def broken_film() -> Film:
    def frames() -> Iterator[Any]:
        yield from grey_frames(3).frames()
        raise OSError("no space left")

    return Film(frames, 24)


class BrokenAnimation:
    def save(self, file: io.BytesIO, **options: Any) -> None:
        file.write(b"GIF89a, and then the disk is full")
        raise OSError("no space left")


def broken_figure() -> Figure:
    figure = Figure()
    figure.suptitle(r"$\frac$")  # matplotlib parses it when it draws
    return figure


def broken_chunks() -> ArrayChunks:
    def chunks():  # type: ignore[no-untyped-def]
        yield np.zeros((3, 2))
        raise OSError("no space left")

    return ArrayChunks(chunks())


def shared_tensors() -> Weights:
    tensor = torch.ones(3)
    return Weights({"a": tensor, "b": tensor}, {})  # safetensors refuses two names for one memory


def written_files(k: int) -> ShardFiles:
    folder = Path(tempfile.mkdtemp())
    (folder / "part").mkdir()
    for file in (folder / "number.txt", folder / "part/number.txt"):
        file.write_text(str(k))
    return ShardFiles([folder / "number.txt", folder / "part"], {"k": k})


def written_number(place: str) -> int:
    (first, second) = (fsspec.open(f"{place}/{name}").open().read() for name in ("number.txt", "part/number.txt"))
    assert first == second
    return int(first)


def missing_files() -> ShardFiles:
    files = written_files(3)
    return ShardFiles([*files.files, files.files[0].with_name("missing")])


@dataclass(frozen=True)
class Case:
    """A class of datasets: what to save as number k, which number was loaded, and data whose save fails midway."""

    kind: type
    file: str
    data: Callable[[int], Any]
    number: Callable[[Any], int]
    broken: Callable[[], Any]

    @property
    def type_name(self) -> str:
        return f"{self.kind.__module__}.{self.kind.__name__}"

    def dataset(
        self, folder: Path | str, save_version: str | None = None, load_version: str | None = None, **options: Any
    ) -> Any:
        """Make the dataset in a folder, versioned."""
        return self.kind(filepath=f"{folder}/{self.file}", version=Version(load_version, save_version), **options)

    def plain(self, folder: Path | str) -> Any:
        """Make the dataset in a folder, without versions."""
        return self.kind(filepath=f"{folder}/{self.file}")


CASES = {
    "table": Case(
        TableDataset,
        "table.parquet",
        lambda k: pd.DataFrame({"row": [k, k + 1]}),
        lambda table: int(table["row"][0]),
        lambda: pd.DataFrame({"row": ["text", b"bytes", 3]}),
    ),
    "metrics": Case(
        MetricsDataset,
        "metrics.json",
        lambda k: {"loss": float(k)},
        lambda metrics: int(metrics["loss"]),
        lambda: {("no", "name"): 1.0},
    ),
    "figure": Case(
        FigureDataset,
        "figure.png",
        lambda k: Figure(figsize=(k, 1), dpi=50),
        lambda image: image.width // 50,
        broken_figure,
    ),
    "animation": Case(
        AnimationDataset,
        "animation.gif",
        lambda k: Image.new("RGB", (k, 4)),
        lambda image: image.width,
        BrokenAnimation,
    ),
    "film": Case(
        FilmDataset,
        "film.mp4",
        grey_frames,
        lambda data: len(list(read_mp4(data))),
        broken_film,
    ),
    "weights": Case(
        WeightsDataset,
        "weights.safetensors",
        lambda k: Weights({"t": torch.full((3,), k)}, {"k": k}),
        lambda weights: int(weights.tensors["t"][0]),
        shared_tensors,
    ),
    "array": Case(
        ShardedArrayDataset,
        "array",
        lambda k: np.full((5, 2), k),
        lambda array: int(array[4][1]),
        broken_chunks,
    ),
    "files": Case(FileFolderDataset, "files", written_files, written_number, missing_files),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    """Each class that is written whole, in turn."""
    return CASES[request.param]


@pytest.fixture
def run_docstring(tmp_path: Path) -> Callable[[type], int]:
    """Run the examples of a class's docstring; returns how many there were."""

    def run(kind: type) -> int:
        names = {**vars(sys.modules[kind.__module__]), "tmp_path": tmp_path}
        runner = doctest.DocTestRunner()
        for test in doctest.DocTestFinder(recurse=False).find(kind, kind.__name__, globs=names):
            runner.run(test)
        assert runner.failures == 0
        return runner.tries

    return run


@pytest.fixture
def opened_preview() -> Callable[[Any], Image.Image]:
    """Decode the picture that a dataset shows Kedro-Viz."""

    def opened(dataset: Any) -> Image.Image:
        image = Image.open(io.BytesIO(base64.b64decode(dataset.preview(), validate=True)))
        image.load()
        return image

    return opened


@pytest.fixture
def preview_type() -> Callable[[Any], str]:
    """Name the kind of a dataset's preview, as Kedro-Viz finds it."""

    def name(dataset: Any) -> str:
        annotation = inspect.signature(dataset.preview).return_annotation
        return getattr(annotation, "__name__", str(annotation))

    return name
