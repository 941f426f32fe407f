"""What all tests share: arrays in shards, and a whole Kedro project in a temporary folder, made tiny."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

# A developer's own tracking server gets none of the tests' runs; read when the package is imported.
os.environ.pop("MLFLOW_TRACKING_URI", None)

import hypothesis
import pytest
import torch
import yaml
from drawings import pile, rendered, tiny_gan  # noqa: F401  # fixtures

from dcgan_pipeline.arrays import ArrayChunks, ShardedArray, write_shards
from dcgan_pipeline.engine import start_ray

REPOSITORY = Path(__file__).parents[1]

# Training gives the same bits with as many threads: one, as in conf/base. Tiny networks are quickest so, too.
torch.set_num_threads(1)

# No test depends on a clock: on a busy machine an example may take any time.
hypothesis.settings.register_profile("without a clock", deadline=None)
hypothesis.settings.load_profile("without a clock")

# A suite that was started in the background ignores Ctrl-C, and so would the processes that tests send it to.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What makes every stage quick; everything else is as in conf/base.
TINY: dict[str, Any] = {
    "faces": {"sheet_images": 4},
    "preprocess": {"image_size": 16},
    "dedup": {"autoencoder": {"steps": 10}, "gallery_groups": 3, "audit": {"planted": 5}},
    "train": {
        "architecture": {"width": 4, "latent_dim": 8},
        "steps": 8,
        "batch_size": 16,
        "log_every": 2,
        "sample_every": 4,
        "sample_count": 4,
        "checkpoint_every": 4,
        "quality": {"every": 4, "samples": 20},
    },
    "evaluate": {
        "labels_per_class": 2,
        "validation": 100,
        "selection_draws": 2,
        "report_draws": 3,
        "C": [0.001, 0.01],
    },
    "baselines": {
        "pca": {"components": 4, "images": 50},
        "kmeans": {"maps": 4, "patches": 100, "passes": 2},
        "supervised": {"trials": 2, "report": 2, "limits": {"epochs": 2, "evaluate_every": 1}},
        "fine_tuned": {"trials": 1, "report": 2, "limits": {"epochs": 2, "evaluate_every": 1}},
    },
    "attributes": {"model": {"steps": 4, "width": 4}},
    "visualize": {
        "sample_grid": {"side": 3},
        "latent_walk": {"points": 3, "steps": 4},
        "latent_walk_film": {"seconds": 0.2, "side": 32},
        "nearest_images": {"images": 100, "samples": 6, "shown": 3},
        "guided_backpropagation": {"images": 100, "features": 3, "shown": 3, "measured": 4},
        "activation_maximisation": {"images": 100, "features": 3, "steps": 2},
        "projection": {"images": 2, "steps": 3, "candidates": 4, "compared": 100},
    },
    "edits": {
        "found_annotations": {"samples": 64, "exemplars": 3, "marked": 8},
        "forgetting": {"shown": 3},
        "forgetting_curve": {"samples": 8, "points": 2, "draws": 2},
        "turn": {"shown": 2, "steps": 3, "samples": 4, "draws": 2},
        "edit_scores": {"samples": 4},
    },
}


@dataclass(frozen=True)
class Project:
    """A project's folder, and ways to run it and to look at what it made."""

    path: Path

    def run(self, pipeline: str = "__default__", params: dict[str, Any] | None = None, **options: Any) -> None:
        """Run in this process; one pipeline, or several joined by commas."""
        with self.session(params) as session:
            session.run(pipeline_names=pipeline.split(","), **options)

    @contextmanager
    def session(self, params: dict[str, Any] | None = None) -> Iterator[Any]:
        """Open a session, in the project's folder as a user would."""
        from kedro.framework.session import KedroSession
        from kedro.framework.startup import bootstrap_project

        with chdir(self.path):
            bootstrap_project(self.path)
            with KedroSession.create(self.path, runtime_params=params) as session:
                yield session

    def load(self, name: str) -> Any:
        """Load the latest version of a catalog entry."""
        with self.session() as session:
            return session.load_context().catalog.load(name)

    def versions(self, name: str) -> list[str]:
        """List the whole versions of a catalog entry, the latest first."""
        with self.session() as session:
            dataset = session.load_context().catalog.get(name)
            return dataset.list_versions(full_path=False)

    def mlflow_runs(self) -> list[Any]:
        """List the runs of the project's own database, the latest first."""
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{self.path}/mlflow.db")
        experiment = client.get_experiment_by_name("dcgan_pipeline")
        return client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"])

    def kedro(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start the command line in a process of its own."""
        environment = {**os.environ, "COLUMNS": "200"}
        return subprocess.Popen(
            [sys.executable, "-m", "kedro", *arguments],
            cwd=self.path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )


@cache
def mlflow_database() -> bytes:
    """A new database of MLflow: making one takes it seconds, in fifty migrations."""
    from mlflow import MlflowClient

    with TemporaryDirectory() as folder, chdir(folder):
        MlflowClient(f"sqlite:///{folder}/mlflow.db").search_experiments()
        return Path("mlflow.db").read_bytes()


@pytest.fixture(scope="session")
def empty_database() -> bytes:
    """What MLflow's file holds before the first run."""
    return mlflow_database()


def make_project(path: Path, with_database: bool = True) -> Project:
    """Copy the configuration of the repository and make it tiny; ``with_database``: as after a run long ago."""
    (path / "src").mkdir(parents=True)
    shutil.copytree(REPOSITORY / "conf", path / "conf", ignore=shutil.ignore_patterns("local"))
    shutil.copytree(REPOSITORY / "notebooks", path / "notebooks")
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(REPOSITORY / name, path)
    (path / "conf/local").mkdir()
    for stage, settings in TINY.items():
        (path / f"conf/local/parameters_{stage}.yml").write_text(yaml.safe_dump({stage: settings}))
    if with_database:
        (path / "mlflow.db").write_bytes(mlflow_database())
    return Project(path)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh project without results."""
    return make_project(tmp_path / "project")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which every stage has run once; tests read it and leave it as it is."""
    project = make_project(tmp_path_factory.mktemp("finished") / "project", with_database=False)
    project.run()
    return project


@pytest.fixture(scope="session")
def digests() -> Any:
    """SHA-256 of the files of the latest version of catalog entries, by name."""

    def digest(project: Project, names: list[str]) -> dict[str, str]:
        with project.session() as session:
            catalog = session.load_context().catalog
            places = {name: project.path / catalog.get(name)._get_load_path() for name in names}
        found = {}
        for name, place in places.items():
            files = sorted(place.rglob("*")) if place.is_dir() else [place]
            parts = [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]
            found[name] = hashlib.sha256(repr(parts).encode()).hexdigest()
        return found

    return digest


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Write an array in small shards and open it as a stage would get it."""
    numbers = count()

    def store(array: Any, rows_per_shard: int = 7, **attrs: Any) -> ShardedArray:
        folder = tmp_path_factory.mktemp("arrays") / str(next(numbers))
        write_shards(ArrayChunks([array], attrs), folder, rows_per_shard)
        return ShardedArray(folder)

    return store


@pytest.fixture(scope="session")
def tiny_yunet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a network with YuNet's inputs and outputs that sees a face of 24 pixels about every red 8 x 8 cell.

    As in OpenCV's FaceDetectorYN: a head for each of the strides 8, 16 and 32, each of them cls, obj (whose geometric
    mean is the score), bbox (the centre's place in the cell, and the logarithms of the sides in cells) and kps. Here
    the score is the mean of red in the cell, in [0, 1], and the coarser heads see nothing.
    """
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants = [], []

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(name: str, values: Any, dtype: Any = np.float32) -> str:
        constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    weights = {8: [0, 0, 1 / 255], 16: [0, 0, 0], 32: [0, 0, 0]}  # of blue, green and red
    for stride, weight in weights.items():
        size = [stride, stride]
        mean = node("AveragePool", ["input"], f"mean_{stride}", kernel_shape=size, strides=size)
        red = node("Conv", [mean, constant(f"red_{stride}", np.reshape(weight, (1, 3, 1, 1)))], f"score_{stride}")
        places = {"cls": None, "obj": None, "bbox": [0.5, 0.5, *np.log([24 / stride] * 2)], "kps": [0.5] * 10}
        for head, values in places.items():
            count, flat = 1, red
            if values is not None:
                count = len(values)
                zeros = constant(f"zeros_{head}_{stride}", np.zeros((count, 1, 1, 1)))
                maps = node("Conv", [red, zeros, constant(f"{head}_values_{stride}", values)], f"{head}_maps_{stride}")
                flat = node("Transpose", [maps], f"{head}_last_{stride}", perm=[0, 2, 3, 1])
            shape = constant(f"{head}_shape_{stride}", [1, -1, count], np.int64)
            node("Reshape", [flat, shape], f"{head}_{stride}")
    counts = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
    outputs = [
        helper.make_tensor_value_info(f"{head}_{stride}", TensorProto.FLOAT, [1, None, count])
        for head, count in counts.items()
        for stride in weights
    ]
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, None, None])
    graph = helper.make_graph(nodes, "tiny_yunet", [picture], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)
    onnx.checker.check_model(model)
    path = tmp_path_factory.mktemp("yunet") / "tiny.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture(scope="session", params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Each kind of device that results must be the same on."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    return torch.device(request.param)


@pytest.fixture(scope="module")
def ray_here() -> Any:
    """Ray as the engine itself starts it, in this process, with two CPUs."""
    if not importlib.util.find_spec("ray"):
        pytest.skip("the ray extra is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)  # never a cluster that happens to be there
        yield start_ray(2)
        import ray

        ray.shutdown()
