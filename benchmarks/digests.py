"""What the code makes, as digests: run it before and after a change that is to leave every value as it is.

    python benchmarks/digests.py > before.txt
    python benchmarks/digests.py > after.txt && diff before.txt after.txt
    python benchmarks/digests.py --cifar10 ../shared/data/cifar10_train.zip

A line a catalog entry: of an array its bytes, of a table its values column by column (names apart), of weights their
tensors by name. Every run is tiny; the same machine gives the same digests. Figures are left out: they name versions.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import logging
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from dcgan_pipeline.arrays import ShardedArray
from dcgan_pipeline.weights import Weights

REPOSITORY = Path(__file__).parents[1]
TRAIN = {
    "architecture": {"width": 4, "latent_dim": 8},
    "steps": 8,
    "batch_size": 16,
    "log_every": 2,
    "sample_every": 4,
    "sample_count": 10,
    "checkpoint_every": 4,
    "quality": {"every": 4, "samples": 20},
}
SEARCH = {"trials": 2, "report": 2, "limits": {"epochs": 2, "evaluate_every": 1}}
TINY: dict[str, Any] = {
    "preprocess": {"image_size": 16},
    "dedup": {"autoencoder": {"steps": 10}, "audit": {"planted": 5}},
    "train": TRAIN,
    "evaluate": {"labels_per_class": 2, "validation": 100, "selection_draws": 2, "report_draws": 3, "C": [0.001, 0.01]},
    "baselines": {
        "pca": {"components": 4, "images": 50},
        "kmeans": {"maps": 4, "patches": 100, "passes": 2},
        "supervised": SEARCH,
        "fine_tuned": SEARCH,
    },
    "attributes": {"model": {"steps": 4, "width": 4}},
    "edits": {"found_annotations": {"samples": 64, "exemplars": 3, "marked": 8}},
}
UNSUPERVISED = "faces,preprocess,dedup,train"
LEARNED = f"{UNSUPERVISED},features,evaluate"
OF_COLOUR = {"epochs": None, "steps": 8, "batch_size": 16, "architecture": {"width": 4}}
CONDITIONAL = {"train": {"architecture": {**TRAIN["architecture"], "labels": 10, "hidden": 8}}}  # type: ignore[dict-item]
IMAGES = ("regions", "images", "thumbnails", "records", "rejected", "hash_encoder", "hash_codes", "duplicates")
MADE = ("gan", "training_history", "training_samples", "train_metrics")
JUDGED = (
    *("labelled_images_train", "labels_train", "features_trained_train", "features_trained_test"),
    *("features_untrained_train", "evaluation", "confusion", "evaluate_metrics"),
)
TOOLS = ("comparison", "baselines_metrics", "label_curve", "label_curve_metrics")
EDITS = ("attribute_model", "attribute_accuracy", "found_annotations", "forgetting_table", "turn_table")


class Project:
    """The repository's configuration in a folder of its own, made tiny, and what its runs make."""

    def __init__(self, folder: Path, env: str | None = None) -> None:
        shutil.copytree(REPOSITORY / "conf/base", folder / "conf/base")
        shutil.copy(REPOSITORY / "conf/logging.yml", folder / "conf")
        local = folder / "conf/local"
        shutil.copytree(REPOSITORY / "conf" / env, local) if env else local.mkdir()
        (folder / "src").mkdir()
        for name in ("pyproject.toml", ".telemetry"):
            shutil.copy(REPOSITORY / name, folder)
        for stage, settings in TINY.items():
            file = local / f"parameters_{stage}.yml"
            there = yaml.safe_load(file.read_text()) if file.exists() else {}
            file.write_text(yaml.safe_dump(merged({stage: settings}, there)))
        self.folder = folder

    def run(self, pipelines: str, params: dict[str, Any] | None = None) -> None:
        """Run some pipelines, quietly."""
        with self._session(params or {}) as session, contextlib.redirect_stdout(io.StringIO()):
            session.run(pipeline_names=pipelines.split(","))

    def digests(self, names: tuple[str, ...]) -> dict[str, str]:
        """Digest the newest version of some entries."""
        with self._session({}) as session:
            catalog = session.load_context().catalog
            return {name: digest(catalog.load(name)) for name in names}

    @contextlib.contextmanager
    def _session(self, params: dict[str, Any]) -> Iterator[KedroSession]:
        with contextlib.chdir(self.folder):
            bootstrap_project(self.folder)
            with KedroSession.create(self.folder, runtime_params=params) as session:
                yield session


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Put settings over others, level by level."""
    both = {key: merged(base[key], over[key]) for key in base.keys() & over.keys() if isinstance(base[key], dict)}
    return {**base, **over, **both}


def digest(data: Any) -> str:
    """Digest the values of an entry, whatever file they are in."""
    found = hashlib.sha256()
    for part in parts_of(data):
        found.update(part)
    return found.hexdigest()[:16]


def parts_of(data: Any) -> Iterator[bytes]:
    """Give what is digested of an entry."""
    if isinstance(data, Weights):
        for name, tensor in sorted(data.tensors.items()):
            yield name.encode()
            yield tensor.contiguous().numpy().tobytes() if tensor.dtype != torch.bfloat16 else tensor.float().numpy()
    elif isinstance(data, pd.DataFrame):
        for name in data.columns:
            column = data[name]
            yield repr(column.astype(object).where(column.notna(), None).tolist()).encode()
    elif isinstance(data, dict):
        yield repr(sorted(data.items())).encode()
    elif isinstance(data, ShardedArray):
        values = np.ascontiguousarray(data[:])
        yield f"{values.shape} {values.dtype}".encode()
        yield values.tobytes()
    else:
        raise TypeError(f"nothing is known of the values of {type(data).__name__}")


def some_of(archive: Path, folder: Path, every: int) -> None:
    """Unpack every so many images of a zip of class folders."""
    with zipfile.ZipFile(archive) as opened:
        names = sorted(name for name in opened.namelist() if not name.endswith("/"))
        for name in names[::every]:
            opened.extract(name, folder)


def show(title: str, found: dict[str, str]) -> None:
    """Print them."""
    for name, value in found.items():
        print(f"{title:12} {name:28} {value}", flush=True)


def main() -> None:
    """Make every run, and print the digests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar10", type=Path, help="a zip of its training images, a folder a class")
    cifar10 = parser.parse_args().cifar10
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as work:
        digits = Project(make(work, "digits"))
        digits.run(LEARNED)
        digits.run("attributes,edits")
        show("digits", digits.digests((*IMAGES, *MADE, *JUDGED, *EDITS)))
        digits.run("baselines,label_curve")
        show("tools", digits.digests(TOOLS))
        digits.run("train", {"train": {"processes": 2}})
        show("processes", digits.digests(MADE))
        digits.run("train", {"train": {"steps": 4}})
        digits.run("train", {"train": {"resume": True}})
        show("resumed", digits.digests(MADE))
        digits.run("train", CONDITIONAL)
        show("conditional", digits.digests(MADE))
        if cifar10:
            pictures = str(make(work, "pictures"))
            some_of(cifar10.resolve(), Path(pictures), every=100)
            colour = Project(make(work, "cifar10"), "cifar10")
            (colour.folder / "conf/local/globals.yml").write_text(yaml.safe_dump({"source": pictures}))
            colour.run(LEARNED, {"threads": 1, "train": OF_COLOUR})
            show("cifar10", colour.digests((*IMAGES, *MADE, *JUDGED)))


def make(work: str, name: str) -> Path:
    """Make a folder."""
    folder = Path(work) / name
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
