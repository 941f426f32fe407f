"""Nothing of an unfinished training is deleted without a word that asked for it."""

import shutil

import numpy as np
import pytest
from trainings import StoppedError, check_same, run, samples, stop_at, train, watched

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.weights import Weights


def files(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*.safetensors"))


def stopped(array, folder, at=9, **values):
    """Train until a step, and return the folder of the training."""
    before = set(files(folder)) if folder.exists() else set()
    with pytest.raises(StoppedError):
        run(array, folder, stop_at(at), **values)
    (made,) = set(files(folder)) - before
    return folder / made.parent


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_command_after_ctrl_c_leaves_the_old_training_as_it_is_and_says_so(array, folder, caplog):
    old = stopped(array, folder)
    before = contents(old)
    run(array, folder)
    assert contents(old) == before
    (said,) = [message for message in caplog.messages if str(old) in message]
    assert "step-000000005" in said
    assert "MiB" in said
    assert f"train.resume={old}" in said


def test_a_stopped_training_is_gone_on_from_after_another_has_finished(array, tmp_path, folder):
    old = stopped(array, folder)
    run(array, folder, seed=3)
    check_same(run(array, folder, resume=str(old)), run(array, tmp_path / "whole"))


def test_a_finished_training_is_no_unfinished_work(array, folder, caplog):
    for _ in range(3):  # a day each
        run(array, folder)
    assert len(files(folder)) == 1
    assert len(list(folder.rglob("samples-*"))) == 1
    assert len(list(folder.rglob("history.jsonl"))) == 1
    assert not caplog.messages


def test_every_stopped_training_is_kept(array, folder):
    first, second = stopped(array, folder), stopped(array, folder, at=12)
    assert first != second
    run(array, folder)
    assert {path.parent for path in files(folder)} >= {first.relative_to(folder), second.relative_to(folder)}


def test_a_training_with_a_whole_checkpoint_and_no_result_is_unfinished(array, folder, monkeypatch):
    """Statistics over the training set take their time, too."""
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "recompute_statistics", lambda *_: (_ for _ in ()).throw(StoppedError))
        with pytest.raises(StoppedError):
            run(array, folder)
    (old,) = files(folder)
    run(array, folder)
    assert old in files(folder)
    assert len(files(folder)) == 2


def test_a_training_whose_result_was_not_saved_is_unfinished(array, tmp_path, folder, caplog):
    lost = train(array, folder)  # and then the disk is full
    (old,) = files(folder)
    run(array, folder, seed=3)
    assert str(folder / old.parent) in caplog.text
    assert old in files(folder)
    check_same(run(array, folder, resume=str(folder / old)), lost)
    run(array, folder, seed=4)  # now it is a result
    assert old not in files(folder)


def test_a_result_whose_checkpoints_are_gone_can_be_saved(array, tmp_path, folder):
    gan = train(array, folder).gan
    shutil.rmtree(folder)
    gan.save(tmp_path / "gan.safetensors")
    assert not folder.exists()
    assert Weights.load(tmp_path / "gan.safetensors").settings == gan.settings


def test_what_is_beside_checkpoints_stays(array, folder):
    run(array, folder)
    (old,) = files(folder)
    copies = [folder / old.with_name(name) for name in ("step-best.safetensors", "step-000000014-0.safetensors", "why")]
    for copy in copies:
        copy.write_bytes((folder / old).read_bytes())
    run(array, folder, steps=20, resume=True)  # of one folder: all older checkpoints go
    run(array, folder, seed=3)  # the folder goes
    assert all(copy.exists() for copy in copies)
    assert old not in files(folder)


@pytest.mark.parametrize("name", ["step-000000010.safetensors", "finished"])
def test_what_cannot_be_read_is_kept_and_holds_nothing_up(array, folder, caplog, name):
    stopped(array, folder, at=12)
    (old,) = (folder / path for path in files(folder))
    old.with_name(name).write_bytes(b"")
    run(array, folder)
    assert str(old) in caplog.text
    assert old.exists()


def test_a_damaged_checkpoint_is_named_where_it_is_needed(array, folder):
    old = stopped(array, folder)
    (file,) = old.glob("step-*")
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputError, match=f"{file} must be a whole safetensors file, and is not"):
        run(array, folder, resume=True)


def test_a_finished_training_that_is_lengthened_and_stopped_is_unfinished_again(array, folder):
    run(array, folder)
    with pytest.raises(StoppedError):
        run(array, folder, stop_at(21), steps=30, resume=True)
    (old,) = files(folder)
    run(array, folder)
    assert old in files(folder)


def test_what_was_stopped_before_its_first_checkpoint_leaves_nothing(array, folder):
    run(array, folder)
    for _ in range(2):
        with pytest.raises(StoppedError):
            run(array, folder, stop_at(3))
    assert len(list(folder.rglob("samples-*"))) == 2
    run(array, folder)
    assert len(list(folder.rglob("samples-*"))) == 1


def test_an_earlier_checkpoint_as_the_result_leaves_the_frames_of_the_later_one(array, folder, dying):
    dying(times=1)
    whole = watched(array, folder, "warn")  # checkpoints of 30, the last good one, and of 60
    watched(array, folder, "warn", steps=30, resume=True)
    again = watched(array, folder, "warn", resume=True)
    np.testing.assert_array_equal(samples(again), samples(whole))
    assert again.history.equals(whole.history)


def test_an_earlier_checkpoint_as_the_result_does_not_finish_the_later_one(array, folder, dying):
    dying(times=1)
    with pytest.raises(StoppedError):
        watched(array, folder, "warn", stop_at(51))
    assert len(files(folder)) == 2
    watched(array, folder, "warn", steps=30, resume=True)
    watched(array, folder, "warn", steps=6)
    assert len(files(folder)) == 3


def test_steps_between_two_checkpoints_do_not_cost_the_later_one(array, folder, dying):
    dying(times=1)
    watched(array, folder, "warn")
    before = files(folder)
    with pytest.raises(InputError, match=r"train\.steps must be at least .* got 45 and 60; .*step-000000030"):
        watched(array, folder, "warn", steps=45, resume=True)
    assert files(folder) == before


def test_an_earlier_checkpoint_is_gone_on_from_when_it_is_named(array, tmp_path, folder, dying):
    dying(times=1)
    watched(array, folder, "warn")
    dying(times=0)
    good = folder / files(folder)[0]
    assert good.name == "step-000000030.safetensors"
    check_same(watched(array, folder, "warn", resume=str(good)), watched(array, tmp_path / "other", "warn"))


def test_a_training_that_diverges_costs_no_checkpoint_of_who_wants_to_be_warned(array, folder, dying, monkeypatch):
    dying(times=1)
    update = Trainer.update

    def poisoned(self, *batch):
        found = update(self, *batch)
        return found if self.step < 50 else {name: value * np.nan for name, value in found.items()}

    monkeypatch.setattr(Trainer, "update", poisoned)
    with pytest.raises(InputError, match=r"must be finite, .*step-000000030.*step-000000048"):
        watched(array, folder, "warn")
    assert [path.name for path in files(folder)] == ["step-000000030.safetensors", "step-000000048.safetensors"]


def test_a_checkpoint_that_is_not_there_is_named_with_those_that_are(array, folder):
    run(array, folder)
    with pytest.raises(InputError, match=r"got 'elsewhere'; there are: .*step-000000014") as refusal:
        run(array, folder, resume="elsewhere")
    assert "\n" not in str(refusal.value)


def test_a_history_that_is_gone_is_named(array, folder):
    old = stopped(array, folder)
    (old / "history.jsonl").write_bytes(b"{")
    with pytest.raises(InputError, match=r"history\.jsonl has 1 of its \d+ bytes; put it back"):
        run(array, folder, resume=True)


def test_a_folder_that_was_copied_elsewhere_is_gone_on_from(array, tmp_path, folder):
    old = stopped(array, folder)
    shutil.copytree(old, tmp_path / "moved" / old.name)
    check_same(run(array, tmp_path / "moved", resume=True), run(array, tmp_path / "whole"))
    assert Weights.load(next(old.glob("*.safetensors"))).settings["step"] == 5
