"""Two processes give what one gives, but for rounding."""

import multiprocessing
import subprocess
import sys

import numpy as np
import pandas as pd
import psutil
import pytest
import torch

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.parallel import Group, _next_to, spawn_group, synchronise_batch_norm
from dcgan_pipeline.gan.settings import TrainSettings

CPU = torch.device("cpu")
SHAPE = {"latent_dim": 5, "width": 3, "kernel": 3}


@pytest.mark.parametrize(
    "values",
    [
        {"schedule": "both"},
        {"schedule": "alternate", "architecture": {**SHAPE, "labels": 3, "hidden": 6}},
    ],
)
def test_with_synchronised_batch_norm_two_processes_are_one(train_together, apart, tmp_path, values):
    one, two = (train_together(tmp_path / str(processes), processes, **values) for processes in (1, 2))
    start = train_together(tmp_path / "start", 1, **(values | {"steps": 1, "learning_rate": 1e-12}))
    assert apart(one, start) > 1e-3
    assert apart(one, two) < 1e-5
    losses = [name for name in one.history if name not in ("step", "event")]
    pd.testing.assert_frame_equal(one.history[losses], two.history[losses], rtol=1e-3, atol=1e-4)
    assert one.history["step"].tolist() == two.history["step"].tolist()


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there are not two GPUs")
@pytest.mark.parametrize("first", ["cuda", "cuda:1"])
def test_two_gpus_are_one(train_together, apart, tmp_path, first):
    one, two = (train_together(tmp_path / str(processes), processes, device=first) for processes in (1, 2))
    assert apart(one, two) < 1e-3


@pytest.mark.parametrize(
    ("first", "places"),
    [("cpu", ["cpu"] * 3), ("cuda", ["cuda:0", "cuda:1", "cuda:2"]), ("cuda:2", ["cuda:2", "cuda:0", "cuda:1"])],
)
def test_processes_have_a_gpu_each(first, places):
    found = [_next_to(torch.device(first), rank, gpus=3) for rank in range(3)]
    assert found == [torch.device(place) for place in places]


def test_batch_norm_of_each_process_is_another_training_but_one_training(train_together, apart, tmp_path):
    one = train_together(tmp_path / "one", 1)
    own = train_together(tmp_path / "own", 2, batch_norm="per_process")
    assert apart(one, own) > 1e-4  # batches of four are normalised apart


def test_a_killed_training_of_two_goes_on_bit_for_bit(train_together, apart, tmp_path):
    def stop(losses, step):
        if step == 6:
            raise KeyboardInterrupt

    whole = train_together(tmp_path / "whole", 2)
    with pytest.raises(KeyboardInterrupt):
        train_together(tmp_path / "killed", 2, log=stop)
    assert not multiprocessing.active_children()
    again = train_together(tmp_path / "killed", 2, resume=True)
    assert apart(whole, again) == 0
    pd.testing.assert_frame_equal(whole.history, again.history, check_exact=True)


def test_a_process_that_dies_ends_the_training_and_leaves_nobody(train_together, tmp_path):
    def kill(losses, step):
        if step == 4:
            for process in multiprocessing.active_children():
                process.kill()

    with pytest.raises(InputError, match=r"and one did not \(SIGKILL\); if memory ran out, lower train.processes"):
        train_together(tmp_path, 2, log=kill)
    assert not multiprocessing.active_children()
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize("values", [{"processes": 3}, {"processes": 8}])
def test_batches_that_cannot_be_shared_are_refused(values):
    with pytest.raises(InputError, match=r"batch_size must be a multiple of processes, two images or more each, got 8"):
        TrainSettings.parse({"steps": 10, "batch_size": 8} | values, "train")


def test_one_process_starts_no_other():
    with spawn_group(1, CPU, lambda group, device: None) as group:
        assert (group.rank, group.size) == (0, 1)
        assert not torch.distributed.is_initialized()
    assert group.broadcast("word") == "word"


def test_outside_a_step_batch_norm_is_pytorchs_own():
    norm, plain = (torch.nn.BatchNorm2d(3, momentum=0.0) for _ in range(2))
    synchronise_batch_norm(norm, Group(0, 2))
    x = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(norm(x), plain(x))


def test_shares_are_the_minibatch():
    whole = np.arange(12)
    assert sorted(np.concatenate([Group(rank, 3).shard(whole) for rank in range(3)])) == list(whole)


ALONE = """
import os, sys, torch
from dcgan_pipeline.gan.parallel import spawn_group

def wait(group, device):
    print(os.getpid(), flush=True)
    group.tell(None)  # for what nobody will say

if __name__ == "__main__":
    with spawn_group(2, torch.device("cpu"), wait):
        sys.stdin.read()
"""


UNGUARDED = ALONE.replace('if __name__ == "__main__":', "if True:")


def test_a_script_that_the_others_cannot_import_is_told_the_lines_that_mend_it(tmp_path):
    (tmp_path / "script.py").write_text(UNGUARDED)
    command = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "train.processes needs a script that its workers can import" in done.stderr
    assert done.stderr.count("Traceback") == 1  # the others are silent


def test_the_others_end_with_a_first_process_that_is_killed(tmp_path):
    (tmp_path / "alone.py").write_text(ALONE)
    command = [sys.executable, str(tmp_path / "alone.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        other = psutil.Process(int(first.stdout.readline()))
        first.kill()
    other.wait(timeout=60)  # or raises
