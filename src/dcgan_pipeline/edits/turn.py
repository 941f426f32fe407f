"""How an attribute changes along a vector, beside random vectors of the same length."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from dcgan_pipeline.edits.latents import Latents, Network, random_vectors
from dcgan_pipeline.edits.scores import Judge
from dcgan_pipeline.edits.settings import TurnSettings
from dcgan_pipeline.edits.vectors import along, steps_along
from dcgan_pipeline.progress import track
from dcgan_pipeline.randomness import torch_stream

TURN = "turn"


def judge_turn(
    network: Network, judge: Judge, latents: Latents, vector: Tensor, asked: str, settings: TurnSettings, seed: int
) -> pd.DataFrame:
    """Measure an attribute at each step, for the vector and for random ones of its length.

    Returns
    -------
    DataFrame
        A row a vector (``turn``, or ``random 1``, ...) and a step, in times the vector: the ``mean`` over samples, and
        the quartiles ``low`` and ``high``. ``attrs``: what was ``asked``, its ``unit``, the number of ``samples`` and
        ``draws``; the mean ``change`` from the first step to the last and Spearman's rank ``correlation`` of the
        value with the step, the mean over samples; of the random ones the same, ``random_change`` and
        ``random_correlation``, means of what each gives without its sign.
    """
    number = list(judge.model.attributes).index(asked)
    stream = torch_stream(seed, "turn", "random vectors")
    drawn = random_vectors(float(vector.norm()), settings.draws, len(vector), stream)
    names = [TURN, *(f"random {k + 1}" for k in range(settings.draws))]
    rows, summary = [], []
    for name, one in track(zip(names, [vector, *drawn], strict=True), "edits: turn", len(names)):
        moves = steps_along(one, settings.steps, settings.reach)
        images = along(network, latents, moves)
        values = judge.read(images.reshape(-1, *images.shape[2:])).values[:, number].reshape(images.shape[:2])
        low, high = np.quantile(values, (0.25, 0.75), axis=0)
        steps = np.linspace(-settings.reach, settings.reach, settings.steps)
        rows += list(zip([name] * len(steps), steps, values.mean(0), low, high, strict=True))
        summary.append((float((values[:, -1] - values[:, 0]).mean()), correlation(values)))
    table = pd.DataFrame(rows, columns=["vector", "step", "mean", "low", "high"])
    unsigned = np.abs(summary[1:]).mean(0)
    table.attrs = {
        "asked": asked,
        "unit": judge.columns[asked],
        "samples": len(latents),
        "draws": settings.draws,
        "change": summary[0][0],
        "correlation": summary[0][1],
        "random_change": float(unsigned[0]),
        "random_correlation": float(unsigned[1]),
    }
    return table


def correlation(values: NDArray[np.float64]) -> float:
    """Average Spearman's rank correlation of each row, (n, steps), with the number of the step; 0 of a constant row."""
    ranks = rankdata(values, axis=1)
    steps = np.arange(values.shape[1], dtype=float)
    apart, along_steps = ranks - ranks.mean(1, keepdims=True), steps - steps.mean()
    length = np.sqrt((apart**2).sum(1) * (along_steps**2).sum())
    return float(np.mean(np.divide(apart @ along_steps, length, out=np.zeros(len(values)), where=length > 0)))


def summarise(table: pd.DataFrame) -> dict[str, float]:
    """Give the numbers of :func:`judge_turn` for MLflow."""
    names = ("change", "correlation", "random_change", "random_correlation")
    return {f"turn.{name}": float(table.attrs[name]) for name in names}
