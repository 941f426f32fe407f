"""A resume may change what a minibatch reads anew, and the result says so."""

import pytest
from trainings import StoppedError, check_same, run, samples, stop_at, watched

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.changes import MAY_CHANGE, REPORTING
from dcgan_pipeline.gan.settings import TrainSettings
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.weights import Weights

SLOWER = {"learning_rate": 1e-4}
RATE = {"step": 5, "name": "train.learning_rate", "from": 2e-4, "to": 1e-4}


def killed(array, folder, at=9, **values):
    with pytest.raises(StoppedError):
        run(array, folder, stop_at(at), **values)


def test_a_lower_learning_rate_is_taken_from_the_checkpoint_on_and_recorded(array, tmp_path, folder, caplog):
    killed(array, folder)
    slower = run(array, folder, resume=True, **SLOWER)
    assert slower.gan.settings["changes"] == [RATE]
    (path,) = folder.rglob("*.safetensors")
    assert Weights.load(path).settings["changes"] == [RATE]
    events = slower.history.set_index("step")["event"]
    assert events[events != ""].to_dict() == {6: "changed: train.learning_rate is 0.0001, and was 0.0002"}
    assert "from step 5 on, train.learning_rate is 0.0001, and was 0.0002" in caplog.messages
    fast, slow = run(array, tmp_path / "fast"), run(array, tmp_path / "slow", **SLOWER)
    rows = slower.history.set_index("step")[["loss_d", "loss_g"]]
    assert rows.loc[3].equals(fast.history.set_index("step").loc[3, ["loss_d", "loss_g"]])
    for other in (fast, slow):
        assert not rows.loc[14].equals(other.history.set_index("step").loc[14, ["loss_d", "loss_g"]])


def test_the_next_step_is_adams_with_the_new_rate(array, folder, monkeypatch):
    """The first step after the change is as long as the rate is high: same gradients, same averages."""
    moved = {}
    update = Trainer.update

    def measured(self, *batch):
        before = self.generator.convs[-1].weight.detach().clone()
        found = update(self, *batch)
        if self.step == 7:  # the first minibatch of G after the checkpoint of 5 (it has those of even steps)
            moved[self.settings.learning_rate] = (self.generator.convs[-1].weight.detach() - before).abs().max().item()
        return found

    killed(array, folder)
    monkeypatch.setattr(Trainer, "update", measured)
    killed(array, folder, resume=True)
    killed(array, folder, resume=True, **SLOWER)
    # 5 to 6 trains D alone, at another rate: G's gradient differs a little
    assert moved[1e-4] == pytest.approx(moved[2e-4] / 2, rel=0.05)


def test_a_changed_training_that_was_killed_goes_on_bit_for_bit(array, tmp_path):
    for name in ("whole", "killed"):
        killed(array, tmp_path / name)
    whole = run(array, tmp_path / "whole", resume=True, batch_size=5, **SLOWER)
    killed(array, tmp_path / "killed", 12, resume=True, batch_size=5, **SLOWER)
    again = run(array, tmp_path / "killed", resume=True, batch_size=5, **SLOWER)
    check_same(whole, again)
    assert [change["name"] for change in again.gan.settings["changes"]] == ["train.batch_size", "train.learning_rate"]


def test_a_change_back_is_another_change(array, folder):
    killed(array, folder)
    killed(array, folder, 12, resume=True, **SLOWER)
    back = run(array, folder, resume=True).gan.settings
    assert back["changes"] == [RATE, RATE | {"step": 10, "from": 1e-4, "to": 2e-4}]
    assert back["train"]["learning_rate"] == 2e-4


@pytest.mark.parametrize(
    "change",
    [
        {"beta1": 0.8, "beta2": 0.9, "adam_epsilon": 1e-4, "weight_decay": 0.0},
        {"schedule": "both"},
        {"ema": 0.9},
        {"precision": "bfloat16", "fused_adam": False},
        {"precision": "float16"},
        {"decay_steps": 6},
    ],
)
def test_what_may_change_does_and_goes_on_bit_for_bit(array, tmp_path, change):
    for name in ("whole", "killed"):
        killed(array, tmp_path / name)
    whole = run(array, tmp_path / "whole", resume=True, **change)
    assert {c["name"]: c["to"] for c in whole.gan.settings["changes"]} == {f"train.{k}": v for k, v in change.items()}
    killed(array, tmp_path / "killed", 12, resume=True, **change)
    check_same(whole, run(array, tmp_path / "killed", resume=True, **change))


def test_an_average_that_is_asked_for_no_more_is_left_out(array, folder):
    killed(array, folder, ema=0.9)
    gan = run(array, folder, resume=True).gan
    assert not gan.part("generator_average.")


def test_every_setting_either_may_change_for_a_reason_or_may_not():
    known = {f"train.{name}" for name in TrainSettings.model_fields} | {"threads"}
    assert known >= MAY_CHANGE.keys()
    assert not {f"train.{name}" for name in REPORTING} & MAY_CHANGE.keys()
    refused = known - MAY_CHANGE.keys() - {f"train.{name}" for name in (*REPORTING, "steps", "epochs", "initial_gan")}
    assert refused == {"train.latent", "train.sample_count"}


def test_another_number_of_threads_is_warned_of_and_recorded(array, folder, caplog):
    killed(array, folder)
    (path,) = folder.rglob("*.safetensors")
    saved = Weights.load(path)
    assert saved.settings["threads"] == 1
    saved.settings["threads"] = 2
    saved.save(path)
    gan = run(array, folder, resume=True).gan
    assert gan.settings["threads"] == 1
    assert gan.settings["changes"] == [{"step": 5, "name": "threads", "from": 2, "to": 1}]
    assert any("threads=2 gives them" in message for message in caplog.messages)


def test_the_advice_of_a_stop_works(array, folder, dying):
    """docs/training.md: a lower rate from the last good checkpoint on."""
    dying(times=1)
    with pytest.raises(InputError, match=r"train\.resume=true,train\.learning_rate=0\.0001\)"):
        watched(array, folder, "stop")
    dying(times=0)
    resumed = watched(array, folder, "stop", resume=True, **SLOWER)
    assert resumed.gan.settings["changes"] == [RATE | {"step": 30}]
    assert resumed.gan.settings["step"] == 60


def test_a_rollback_behind_a_change_moves_it_there(array, folder, dying):
    dying(times=1)
    with pytest.raises(StoppedError):
        watched(array, folder, "warn", stop_at(45))  # the newest checkpoint is of 42, the last good one of 30
    resumed = watched(array, folder, "rollback", resume=True, **SLOWER)
    assert [r["to"] for r in resumed.gan.settings["rollbacks"]] == [30]
    assert resumed.gan.settings["changes"] == [RATE | {"step": 30}]
    assert len(samples(resumed)) == 4
