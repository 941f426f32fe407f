"""The generator as MLflow loads and serves it: seeds in, images out.

MLflow keeps this file, and runs it to load the model, in place of a pickle; the weights are a safetensors file beside
it. :mod:`dcgan_pipeline.serving` logs both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

WEIGHTS = "generator"  # the name of the artifact


class GeneratorModel(PythonModel):
    """Turns seeds into images; ``model_config={"device": "cpu"}`` says where."""

    def load_context(self, context: Any) -> None:
        """Build the network."""
        from dcgan_pipeline.devices import resolve_device
        from dcgan_pipeline.gan.sampling import load_generator
        from dcgan_pipeline.weights import Weights

        weights = Weights.load(context.artifacts[WEIGHTS])
        self._latent = weights.settings["train"]["latent"]
        self._network = load_generator(weights, resolve_device(context.model_config["device"]))

    # MLflow reads signatures from type hints, but not from this one; the model brings its own.
    def predict(self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None) -> np.ndarray:
        """Draw the first sample of each seed.

        Parameters
        ----------
        model_input
            int64 of shape (n,).

        Returns
        -------
        uint8 of shape (n, S, S, C)
        """
        from dcgan_pipeline.gan.sampling import sample_seeds

        images = sample_seeds(self._network, self._latent, np.asarray(model_input, np.int64).reshape(-1))
        return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


set_model(GeneratorModel())
