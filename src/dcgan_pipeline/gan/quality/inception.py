"""The space of the Inception network, through torch-fidelity (``pip install torch-fidelity``)."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dcgan_pipeline.errors import InputError, first_line

POOLED = 2048  # numbers of the last pooling layer; the logits come after them
_BATCH = 64


class InceptionSpace:
    """What torch-fidelity's Inception network makes of images: pooled features, then unbiased logits.

    Parameters
    ----------
    weights
        The file ``weights-inception-2015-12-05-6726825d.pth`` of torch-fidelity's releases; nothing is downloaded.

    Raises
    ------
    InputError
        Where torch-fidelity is not installed, or the file is missing or is none of its.
    """

    def __init__(self, weights: str, device: torch.device) -> None:
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError:
            raise InputError(
                "fid, kid and inception_score need torch-fidelity, and it is not installed; "
                "pip install torch-fidelity, or leave them out of train.quality.metrics"
            ) from None
        _check(weights)
        layers = [str(POOLED), "logits_unbiased"]
        try:
            network = FeatureExtractorInceptionV3("inception", layers, feature_extractor_weights_path=weights)
        except (RuntimeError, TypeError, AttributeError) as error:
            raise _no_weights(weights, first_line(error)) from None
        self._network, self._device = network.to(device), device

    @torch.no_grad()
    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn images, uint8 (n, C, S, S), grey or colour, into vectors, float32 (n, 2048 + 1008)."""
        found = []
        for start in range(0, len(images), _BATCH):
            batch = torch.from_numpy(images[start : start + _BATCH]).to(self._device)
            pooled, logits = self._network(batch.expand(-1, 3, -1, -1).contiguous())
            found.append(torch.cat([pooled, logits], dim=1).float().cpu())
        return torch.cat(found).numpy()


def _check(weights: str) -> None:
    """Refuse a file that is missing, or that could run code: torch-fidelity opens it as a pickle without limits.

    A file that opens with ``weights_only`` names nothing but tensors and containers, and then names nothing else
    when it is read without.
    """
    if not Path(weights).is_file():
        raise InputError(
            f"train.quality.inception_weights must be a file, and there is none at {weights}; give the path of "
            "torch-fidelity's weights-inception-2015-12-05-6726825d.pth, or leave fid, kid and inception_score out"
        )
    try:
        torch.load(weights, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise _no_weights(weights, first_line(error)) from None


def _no_weights(weights: str, reason: str) -> InputError:
    return InputError(
        f"train.quality.inception_weights must be torch-fidelity's weights of Inception, and {weights} is not "
        f"({reason}); give the path of weights-inception-2015-12-05-6726825d.pth"
    )


def inception_score(real: Any, generated: NDArray[np.float32]) -> float:
    """Mean Inception score of ten parts (Salimans et al. 2016), of samples alone: (n, 2048 + 1008)."""
    from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric

    logits = torch.from_numpy(generated[:, POOLED:])
    return isc_features_to_metric(logits, splits=min(10, len(logits)))[KEY_METRIC_ISC_MEAN]
