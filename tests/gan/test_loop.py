"""The loop stops where the main process says so, at rows of the history alone, and goes on from there."""

from itertools import count

import numpy as np
import torch

from dcgan_pipeline.gan.loop import train
from dcgan_pipeline.gan.parallel import Group
from dcgan_pipeline.gan.plan import make_plan
from dcgan_pipeline.gan.settings import TrainSettings

CPU = torch.device("cpu")
SHAPE = {"width": 2, "latent_dim": 4, "image_size": 16, "channels": 1}


def make_training(stored, folder):
    images = stored(np.random.default_rng(0).integers(0, 256, (20, 1, 16, 16)).astype(np.uint8))
    values = {"architecture": SHAPE, "steps": 7, "batch_size": 4, "log_every": 3, "quality": {"every": None}}
    plan = make_plan(images, np.arange(20), TrainSettings.parse(values, "train"), 0, folder, None)
    trainer = plan.trainer(Group(), CPU)
    return plan, trainer, plan.training_images(trainer)


def test_a_stop_is_heard_at_the_next_row_and_training_goes_on_from_there(stored, tmp_path):
    plan, trainer, images = make_training(stored, tmp_path)
    seen = count()
    assert train(plan, trainer, images, 0, lambda values: next(seen) >= 1)
    assert trainer.step == 3
    assert not train(plan, trainer, images, 0, lambda values: False)
    assert trainer.step == 7


def test_a_worker_and_the_main_process_make_the_same_networks(stored, tmp_path):
    (plan, main, images), (_, worker, others) = (make_training(stored, tmp_path / name) for name in "ab")
    train(plan, main, images, 0, lambda values: False)
    train(plan, worker, others, 0)
    for ours, theirs in zip(main.generator.parameters(), worker.generator.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_each_minibatch_is_passed_on_once(stored, tmp_path):
    plan, trainer, images = make_training(stored, tmp_path)
    values = []
    train(plan, trainer, images, 0, lambda found: values.append(found) or False)
    assert len(values) == 7
    assert all({"loss_d", "loss_g"} & found.keys() for found in values)
