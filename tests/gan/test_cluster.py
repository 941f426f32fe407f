"""A training whose processes are the workers of Ray Train."""

import contextlib
import signal

import pandas as pd
import psutil
import pytest

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.cluster import _cause, _Died

pytestmark = pytest.mark.usefixtures("ray_here")


def workers():
    """The processes below this one that train, found by what they call themselves."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            found += [process] if "RayTrainWorker" in " ".join(process.cmdline()) else []
    return found


def left_after_a_while():
    """Ray ends its workers soon after a training, and does not wait for their end."""
    return psutil.wait_procs(workers(), timeout=60)[1]


def test_workers_of_ray_train_as_processes_of_this_machine_do_and_survive_a_death(
    train_together, apart, tmp_path, caplog
):
    """One test for both, as Ray's workers are slow to start."""
    caplog.set_level("INFO", "dcgan_pipeline")
    shown, logged, killed = [], [], []

    def log(numbers, step):
        logged.append(step)
        if step == 6 and not killed:
            killed.append(workers()[-1])
            killed[0].send_signal(signal.SIGKILL)

    values = {"steps": 200, "sample_every": 100}
    local = train_together(tmp_path / "local", 2, **values)
    there = train_together(
        tmp_path / "ray", 2, log, "ray", lambda images, step: shown.append((images.shape, step)), **values
    )
    assert apart(local, there) == 0
    pd.testing.assert_frame_equal(local.history, there.history, check_exact=True)
    assert "a process of the training died" in caplog.text
    assert "going on from the checkpoint of step" in caplog.text
    assert logged[0] == 2
    assert set(there.history["step"]) <= set(logged)
    assert {((4, 1, 16, 16), step) for step in (0, 100, 200)} == set(shown)
    assert sum(len(chunk) for chunk in there.samples.chunks) == 3
    assert not left_after_a_while()
    assert not list((tmp_path / "ray").rglob(".ray-*"))


def test_what_a_user_can_mend_comes_out_of_a_worker_and_anything_else_is_tried_again():
    from ray.train.v2._internal.exceptions import UserExceptionWithTraceback

    mend, gone = InputError("train.resume needs the settings of the checkpoint"), RuntimeError("\nconnection closed")
    assert _cause({0: UserExceptionWithTraceback(gone, ""), 1: UserExceptionWithTraceback(mend, "")}) is mend
    died = _cause({0: UserExceptionWithTraceback(gone, "")})
    assert type(died) is _Died
    assert str(died) == "connection closed"


def test_more_processes_than_the_cluster_has_cpus_are_refused(train_together, tmp_path):
    with pytest.raises(
        InputError, match=r"train.processes must be at most the number of CPUs of the Ray cluster, 2, got 4"
    ):
        train_together(tmp_path, 4, engine="ray")


def test_an_interrupted_training_leaves_no_worker_and_a_checkpoint(train_together, tmp_path):
    def stop(numbers, step):
        if step == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_together(tmp_path, 2, stop, "ray", steps=200)
    assert not left_after_a_while()
    assert list(tmp_path.rglob("step-*.safetensors"))
