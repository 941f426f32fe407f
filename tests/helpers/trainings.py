"""Tiny trainings, whole or stopped, and what it means that two are the same."""

import numpy as np
import pandas as pd
import torch

from dcgan_pipeline.gan.settings import TrainSettings
from dcgan_pipeline.gan.train import train_gan

CPU = torch.device("cpu")
# Lengths that do not divide one another, so that a resume starts between two rows of the history.
BASE = {
    "architecture": {"latent_dim": 5, "width": 3, "kernel": 3},
    "steps": 14,
    "batch_size": 4,
    "sample_count": 3,
    "log_every": 3,
    "sample_every": 4,
    "checkpoint_every": 5,
}
ROWS = np.delete(np.arange(23), [1, 8])


class StoppedError(Exception):
    """Stands for what kills a run."""


def run(array, folder, log=lambda losses, step: None, rows=ROWS, seed=0, **values):
    trained = train(array, folder, log, rows, seed, **values)
    trained.gan.save(folder.parent / "gan.safetensors")
    return trained


def train(array, folder, log=lambda losses, step: None, rows=ROWS, seed=0, **values):
    """Train, and do not save the result."""
    return train_gan(array, rows, TrainSettings.parse(BASE | values, "train"), seed, CPU, folder, log)


def stop_at(when):
    def log(losses, step):
        if step == when:
            raise StoppedError

    return log


def samples(trained):
    return np.concatenate(list(trained.samples.chunks))


def check_same(one, two):
    assert one.gan.tensors.keys() == two.gan.tensors.keys()
    assert all(torch.equal(value, two.gan.tensors[name]) for name, value in one.gan.tensors.items())
    pd.testing.assert_frame_equal(one.history, two.history, check_exact=True)
    np.testing.assert_array_equal(samples(one), samples(two))
    assert one.samples.attrs == two.samples.attrs
    assert one.gan.settings["rollbacks"] == two.gan.settings["rollbacks"]


WATCHED = {"warm_up": 6, "patience": 3, "min_contrast": 0.0, "min_diversity": 0.05, "max_loss_g": 1e9}
LONG = {
    "steps": 60,
    "schedule": "both",
    "sample_count": 8,
    "log_every": 3,
    "sample_every": 20,
    "checkpoint_every": 6,
}
ALL = np.arange(23)
DEATH = 30  # G draws one grey picture after this minibatch: a row at 33, 36 and 39, and checkpoints at 30 and 36


def watched(array, folder, how, log=lambda losses, step: None, diagnosed=(), **values):
    wanted = WATCHED | {"on_collapse": how} | dict(diagnosed)
    return run(array, folder, log, rows=ALL, diagnostics=wanted, **(LONG | values))
