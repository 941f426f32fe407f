"""The training loop. Every process of a training runs it; the main process looks in after each step."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from torch import Tensor

from dcgan_pipeline.gan.data import TrainingImages
from dcgan_pipeline.gan.plan import Plan
from dcgan_pipeline.gan.trainer import Trainer

AfterStep = Callable[[dict[str, Tensor]], bool]
"""Called with what :meth:`~dcgan_pipeline.gan.trainer.Trainer.update` gave; whether training must stop here."""


def train(
    plan: Plan, trainer: Trainer, images: TrainingImages, rollbacks: int, after_step: AfterStep | None = None
) -> bool:
    """Train from the trainer's step to the last one, or until the main process says to stop.

    The main process may stop at rows of the history alone: there it tells the workers.

    Parameters
    ----------
    rollbacks
        Number of rollbacks so far. Each one changes the order of the images.
    after_step
        Of the main process; None in a worker.

    Returns
    -------
    bool
        Whether it was stopped.
    """
    left = max(0, plan.total - trainer.step)
    for batch in islice(plan.batches(images, trainer, rollbacks), left):
        trainer.set_learning_rate(plan.learning_rate_at(trainer.step))
        values = trainer.update(*batch)
        stop = after_step(values) if after_step else None
        if plan.is_row(trainer.step) and trainer.group.broadcast(stop):
            return True
    return False
