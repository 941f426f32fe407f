"""A trained generator as an MLflow model."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dcgan_pipeline.gan.sampling import load_generator
from dcgan_pipeline.weights import Weights

# What the code that a model needs imports, at the versions of here.
_NEEDS = ("mlflow", "numpy", "pydantic", "rich", "safetensors", "torch")
_EXAMPLE = (0, 1, 2, 3)  # seeds


def log_generator(file: Path, name: str) -> str:
    """Log a generator to the active MLflow run; returns the model's URI.

    The model is G's weights in safetensors, the code that draws from them and the versions of what it needs: it loads
    on a machine without this project, and nothing in it is a pickle. D and the optimisers stay in the ``gan``.

    Parameters
    ----------
    file
        What :func:`generator_alone` gave, saved.
    name
        Of the model, in MLflow.
    """
    import mlflow

    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # one file, copied at once
    generator = Weights.load(file)
    with _import_path_kept():
        package = Path(__file__).parent
        logged = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(package / "mlflow_model.py"),
            artifacts={"generator": str(file)},
            code_paths=[str(package)],
            pip_requirements=[f"{needed}=={version(needed).partition('+')[0]}" for needed in _NEEDS],
            signature=_signature(generator.settings["architecture"]),
            input_example=np.array(_EXAMPLE, np.int64),
            model_config={"device": "auto"},
            metadata={"architecture": generator.settings["architecture"], "train": generator.settings["train"]},
            step=generator.settings["step"] or 0,
        )
    return logged.model_uri


@contextmanager
def _import_path_kept() -> Iterator[None]:
    """MLflow tries the model before it keeps it, and leaves its copy of this package first on the path of imports."""
    before = sys.path
    try:
        yield
    finally:
        sys.path = before


def generator_alone(gan: Weights) -> Weights:
    """Leave out of a ``gan`` what drawing samples does not need."""
    network = load_generator(gan, torch.device("cpu"))
    tensors = {f"generator.{name}": tensor for name, tensor in network.state_dict().items()}
    return Weights(tensors, {**gan.settings, "kind": "generator"})


def _signature(architecture: dict[str, Any]) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    side = architecture["image_size"]
    seeds = TensorSpec(np.dtype(np.int64), (-1,))
    images = TensorSpec(np.dtype(np.uint8), (-1, side, side, architecture["channels"]))
    return ModelSignature(Schema([seeds]), Schema([images]))
