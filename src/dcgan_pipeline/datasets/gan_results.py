"""What earlier nodes and runs made of a ``gan``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pyarrow.parquet as pq
from kedro.io.core import AbstractDataset, DatasetError

from dcgan_pipeline.visualize.film import read_attrs
from dcgan_pipeline.visualize.report import Result, Results
from dcgan_pipeline.weights import Weights, read_settings

GAN = "gan"  # the attribute that says which one something is of: the digest of its weights
_PICTURES = (".png", ".gif", ".mp4")
# Stages whose metrics have not the name of a figure.
_METRICS = {"loss_curves": "train", "accuracies": "evaluate", "comparison": "baselines"}
_PANDAS = b"PANDAS_ATTRS"


class _OfGan(AbstractDataset[NoReturn, Callable[[Weights], Any]]):
    """A read-only entry that loads as a function of a ``gan``."""

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: the entries that these are of are saved to."""
        raise DatasetError("what belongs to a gan is found here, and saved by the entries that it is of")

    def _exists(self) -> bool:
        return True


class GanResultsDataset(_OfGan):
    """The newest version of every figure, film and table in a folder that is of the same ``gan``.

    ``hooks.lineage`` marks them; what bears no mark, or another gan's, is left out. Loads a function that takes the
    weights of a gan and gives :class:`~dcgan_pipeline.visualize.report.Results`. Metrics ``x_metrics`` go with the
    figure ``x`` of the same version, since one run made both.

    Examples
    --------
    .. code-block:: yaml

        gan_results:
          type: dcgan_pipeline.datasets.gan_results.GanResultsDataset
          folder: data/08_reporting
          gan: data/06_models/gan.safetensors

    >>> find = GanResultsDataset(folder=tmp_path, gan=tmp_path / "gan.safetensors").load()
    >>> find(Weights({}, {"kind": "gan"})).found
    ()
    """

    def __init__(
        self, *, folder: str | os.PathLike[str], gan: str | os.PathLike[str], metadata: dict[str, Any] | None = None
    ) -> None:
        self._folder, self._gan, self.metadata = Path(folder), Path(gan), metadata

    def _describe(self) -> dict[str, Any]:
        return {"folder": str(self._folder), "gan": str(self._gan)}

    def load(self) -> Callable[[Weights], Results]:
        """Return the function; nothing is read yet."""
        return self._find

    def _find(self, gan: Weights) -> Results:
        digest = gan.digest()
        entries = sorted(path for path in self._folder.glob("*.*") if path.is_dir())
        found = tuple(result for entry in entries if (result := self._newest(entry, digest)))
        return Results(found, self._version_of(gan, digest))

    def _newest(self, entry: Path, digest: str) -> Result | None:
        for file in _versions(entry):
            attrs = _attrs_of(file)
            if attrs.get(GAN) != digest:
                continue
            name, version = entry.stem, file.parent.name
            if file.suffix == ".parquet":
                rows = pq.read_metadata(file).num_rows
                return Result(name, version, file, rows=rows, read=partial(pd.read_parquet, file))
            title, caption = (str(attrs.get(key, "")) for key in ("Title", "Description"))
            return Result(name, version, file, title, caption, self._metrics(name, version))
        return None

    def _metrics(self, name: str, version: str) -> dict[str, float]:
        name = _METRICS.get(name, name)
        file = self._folder / f"{name}_metrics.json" / version / f"{name}_metrics.json"
        return json.loads(file.read_text()) if file.is_file() else {}

    def _version_of(self, gan: Weights, digest: str) -> str | None:
        """Name the newest version whose weights are these; settings are compared first, which are quickly read."""
        for file in _versions(self._gan):
            if read_settings(file) == json.loads(json.dumps(gan.settings)) and Weights.load(file).digest() == digest:
                return file.parent.name
        return None


class GanAnnotationsDataset(_OfGan):
    """The newest annotations that are of a ``gan``, of those in several places; the first place counts most.

    Loads a function that takes the weights of a gan, and gives what ``edits.annotations.Annotations`` parses, or
    None.

    Examples
    --------
    .. code-block:: yaml

        gan_annotations:
          type: dcgan_pipeline.datasets.gan_results.GanAnnotationsDataset
          places: [data/05_model_input/annotations.json, data/05_model_input/found_annotations.json]

    >>> GanAnnotationsDataset(places=[tmp_path / "annotations.json"]).load()(Weights({}, {"kind": "gan"})) is None
    True
    """

    def __init__(self, *, places: list[str], metadata: dict[str, Any] | None = None) -> None:
        self._places, self.metadata = [Path(place) for place in places], metadata

    def _describe(self) -> dict[str, Any]:
        return {"places": list(map(str, self._places))}

    def load(self) -> Callable[[Weights], dict[str, Any] | None]:
        """Return the function; nothing is read yet."""
        return self._find

    def _find(self, gan: Weights) -> dict[str, Any] | None:
        digest = gan.digest()
        found = [values for place in self._places if (values := _newest_annotations(place, digest))]
        if not found:
            return None
        merged = {part: {k: v for values in reversed(found) for k, v in values[part].items()} for part in _PARTS}
        return {"gan": digest, **merged}


_PARTS = ("concepts", "objects")


def _newest_annotations(place: Path, digest: str) -> dict[str, Any] | None:
    read = (json.loads(file.read_text()) for file in _versions(place))
    return next((values for values in read if values.get("gan") == digest), None)


def _versions(entry: Path) -> Iterator[Path]:
    """The files of an entry's whole versions, the newest first: <entry>/<version>/<name>."""
    return iter(sorted(entry.glob(f"*/{entry.name}"), reverse=True))


def _attrs_of(file: Path) -> dict[str, Any]:
    if file.suffix in _PICTURES:
        return read_attrs(file)
    if file.suffix == ".parquet":
        return json.loads((pq.read_schema(file).metadata or {}).get(_PANDAS, b"{}"))
    return {}
