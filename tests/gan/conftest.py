import numpy as np
import pytest
import torch
from trainings import DEATH

from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.gan.settings import Architecture, TrainSettings
from dcgan_pipeline.gan.train import train_gan
from dcgan_pipeline.gan.trainer import Trainer


@pytest.fixture
def tiny():
    """Networks of two convolutions, so that both have a batch norm between convolutions."""
    return Architecture(image_size=16, channels=1, latent_dim=5, width=3, kernel=3)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (23, 1, 16, 16), dtype=np.uint8)


# A large epsilon in Adam: with the paper's, a parameter whose gradient is rounding alone takes a whole step by it.
SHARED = {
    "architecture": {"latent_dim": 5, "width": 3, "kernel": 3},
    "steps": 10,
    "batch_size": 8,
    "sample_count": 4,
    "log_every": 2,
    "sample_every": 5,
    "checkpoint_every": 4,
    "adam_epsilon": 1e-3,
    "learning_rate": 1e-3,
    "quality": {"every": None},
}


@pytest.fixture
def train_together(stored):
    """Train on 40 images, labelled in turn with three classes, in some processes of an engine."""
    array = stored(np.random.default_rng(0).integers(0, 256, (40, 1, 16, 16), dtype=np.uint8))

    def run(folder, processes, log=lambda losses, step: None, engine="local", show=None, device="cpu", **values):
        settings = TrainSettings.parse(SHARED | {"processes": processes} | values, "train")
        rows, labels, where = np.arange(40), np.arange(40) % 3, EngineSettings(name=engine, workers=2)
        return train_gan(array, rows, settings, 0, torch.device(device), folder, log, labels, show, where)

    return run


@pytest.fixture
def apart():
    """The largest difference of a weight between two trained GANs."""

    def measure(one, two):
        return max(
            float((value - two.gan.tensors[name]).abs().max())
            for name, value in one.gan.tensors.items()
            if name.startswith(("generator.", "discriminator.")) and "running" not in name and "batches" not in name
        )

    return measure


@pytest.fixture
def array(stored, pixels):
    return stored(pixels, images_id="0123456789abcdef")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints"


@pytest.fixture
def dying(monkeypatch):
    """Let G die after ``DEATH`` minibatches, until training has gone back as often as ``dying(times)`` says."""
    state = {"times": 0, "now": 0}
    update, reseed_noise = Trainer.update, Trainer.reseed_noise

    def updated(self, *batch):
        found = update(self, *batch)
        if self.step > DEATH and state["now"] < state["times"]:
            with torch.no_grad():
                self.generator.convs[-1].weight.zero_()
        return found

    def counted(self, number):
        state["now"] = number
        reseed_noise(self, number)

    monkeypatch.setattr(Trainer, "update", updated)
    monkeypatch.setattr(Trainer, "reseed_noise", counted)
    return lambda times: state.update(times=times, now=0)
