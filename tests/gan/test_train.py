import multiprocessing

import numpy as np
import pandas as pd
import pytest
import torch
from trainings import (
    BASE,
    CPU,
    ROWS,
    StoppedError,
    check_same,
    run,
    samples,
    stop_at,
    watched,
)

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan import batch_norm_statistics, diagnostics
from dcgan_pipeline.gan.data import statistics_batches
from dcgan_pipeline.gan.monitor_settings import QualitySettings
from dcgan_pipeline.gan.plan import hold_out
from dcgan_pipeline.gan.sampling import load_discriminator
from dcgan_pipeline.gan.settings import TrainSettings
from dcgan_pipeline.gan.train import train_gan
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.weights import Weights

COLUMNS = [
    *("step", "loss_d", "loss_g", "d_real", "d_fake", "accuracy_real", "accuracy_fake", "grad_norm_d", "grad_norm_g"),
    *("diversity", "contrast", "saturation", "saturation_real", "event"),
]


@pytest.mark.parametrize("schedule", ["alternate", "both"])
@pytest.mark.parametrize("stop", [6, 9, 12])  # after the checkpoints at 5, 5 and 10
def test_a_run_that_was_killed_goes_on_bit_for_bit(array, tmp_path, schedule, stop):
    whole = run(array, tmp_path / "whole", schedule=schedule)
    with pytest.raises(StoppedError):
        run(array, tmp_path / "killed", stop_at(stop), schedule=schedule)
    resumed = run(array, tmp_path / "killed", schedule=schedule, resume=True)
    check_same(whole, resumed)


def test_a_finished_run_can_be_lengthened(array, tmp_path):
    # 12 is a multiple of log_every and sample_every: the shorter run has no row or sample that the longer has not.
    run(array, tmp_path / "a", steps=12)
    check_same(run(array, tmp_path / "b", steps=17), run(array, tmp_path / "a", steps=17, resume=True))


def test_resuming_a_finished_run_changes_nothing(array, folder):
    check_same(run(array, folder), run(array, folder, resume=True))


def test_the_losses_of_a_resumed_run_are_logged_from_where_it_goes_on(array, folder):
    with pytest.raises(StoppedError):
        run(array, folder, stop_at(9))
    steps = []
    run(array, folder, lambda losses, step: steps.append(step), resume=True)
    assert steps == [6, 9, 12, 14]


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"latent": "normal"}, "train.latent was 'uniform' and is 'normal'"),
        ({"sample_count": 4}, "train.sample_count was 3 and is 4"),
        ({"initial_gan": "latest"}, "train.initial_gan was None and is 'latest'"),
        ({"architecture": BASE["architecture"] | {"width": 4}}, "architecture.width was 3 and is 4"),
        ({"seed": 1, "learning_rate": 1e-3}, "seed was 0 and is 1"),
    ],
)
def test_a_resume_under_changed_settings_is_refused_and_names_the_difference(array, folder, change, difference):
    run(array, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*.safetensors")}
    with pytest.raises(InputError, match=difference) as refusal:
        run(array, folder, resume=True, **change)
    assert "\n" not in str(refusal.value)
    assert ";" not in str(refusal.value).split(": ")[1].split("; change")[0]  # that difference and no other
    assert before == {path: path.read_bytes() for path in folder.rglob("*.safetensors")}


def test_a_resume_with_other_images_is_refused(array, stored, pixels, folder):
    run(array, folder)
    others = stored(pixels, images_id="fedcba")
    choice = rf"of another choice of the same images \({len(ROWS)}; .*--load-versions=duplicates"
    for images, rows, said in (
        (others, ROWS, rf"safetensors is of {len(ROWS)} other images .*--load-versions"),
        (array, np.arange(23), choice),
        (array, np.delete(np.arange(23), [1, 9]), choice),
    ):
        with pytest.raises(InputError, match=rf"train\.resume needs a checkpoint of this training set.*{said}"):
            run(images, folder, rows=rows, resume=True)


def test_length_and_reporting_may_change_on_a_resume(array, folder):
    run(array, folder)
    resumed = run(array, folder, resume=True, steps=None, epochs=4, log_every=1, sample_every=2, checkpoint_every=7)
    assert resumed.gan.settings["step"] == 4 * (21 // 4)


def test_a_resume_without_a_checkpoint_is_refused(array, folder):
    with pytest.raises(InputError, match=r"train\.resume needs a checkpoint of this training set"):
        run(array, folder, resume=True)


def test_a_batch_larger_than_the_set_is_refused_and_leaves_checkpoints_alone(array, folder):
    run(array, folder)
    before = set(folder.rglob("*.safetensors"))
    with pytest.raises(InputError, match=r"train\.batch_size must be at most .*got 22 for 21 images"):
        run(array, folder, batch_size=22)
    assert before == set(folder.rglob("*.safetensors"))


def test_networks_that_do_not_fit_leave_checkpoints_alone(array, folder):
    run(array, folder)
    before = set(folder.rglob("*.safetensors"))
    with pytest.raises(InputError, match="the networks must fit the images"):
        run(array, folder, preset="svhn32", architecture={})
    assert before == set(folder.rglob("*.safetensors"))


def test_a_fresh_start_replaces_the_checkpoint_of_the_same_training_set_and_no_other(array, stored, pixels, folder):
    run(stored(pixels, images_id="fedcba"), folder, steps=5)
    run(array, folder, steps=30)
    run(array, folder)
    assert {path.name for path in folder.rglob("*.safetensors")} == {
        "step-000000005.safetensors",
        "step-000000014.safetensors",
    }


def test_a_start_that_is_stopped_early_leaves_the_old_checkpoint(array, folder):
    run(array, folder)
    with pytest.raises(StoppedError):
        run(array, folder, stop_at(3))
    check_same(run(array, folder, resume=True), run(array, folder / "other"))


def test_a_training_that_diverges_stops_and_leaves_no_checkpoint_of_it(array, folder):
    values = {"steps": 300, "learning_rate": 1e30, "schedule": "both", "log_every": 50, "checkpoint_every": 1}
    with pytest.raises(InputError, match=r"losses must be finite, and by step \d+ .*lower train.learning_rate"):
        run(array, folder, **values)
    for path in folder.rglob("*.safetensors"):
        assert all(np.isfinite(value) for losses in Weights.load(path).settings["since"] for value in losses.values())


def test_the_same_seed_gives_the_same_run(array, tmp_path):
    one, two, other = (run(array, tmp_path / str(k), seed=seed) for k, seed in enumerate((3, 3, 4)))
    check_same(one, two)
    assert not np.array_equal(samples(one), samples(other))


def test_losses_are_logged_while_training_runs(array, folder):
    found = []

    def log(losses, step):
        found.append((step, dict(losses), {int(path.stem[5:]) for path in folder.rglob("*.safetensors")}))

    history = run(array, folder, log).history
    # Only the newest checkpoint is there, and at 14 it is not yet written.
    assert [(step, kept) for step, _, kept in found] == [(3, set()), (6, {5}), (9, {5}), (12, {10}), (14, {10})]
    assert list(history["step"]) == [step for step, _, _ in found]
    for (_, losses, _), row in zip(found, history.to_dict("records"), strict=True):
        assert losses.pop("train.images_per_second") > 0
        assert losses == {f"train.{name}": value for name, value in row.items() if name not in ("step", "event")}


def test_only_the_newest_checkpoint_is_kept(array, folder):
    run(array, folder)
    (path,) = folder.rglob("*.safetensors")
    assert path.name == "step-000000014.safetensors"
    assert Weights.load(path).settings["step"] == 14


def test_two_processes_do_not_keep_checkpoints_in_one_folder(array, folder, monkeypatch):
    monkeypatch.setattr("dcgan_pipeline.imaging.work_folder._CLEARING", 0.1)
    context = multiprocessing.get_context("fork")
    ready, end = context.Event(), context.Event()
    process = context.Process(target=train_and_wait, args=(array, folder, ready, end))
    process.start()
    try:
        while not ready.wait(0.2):
            assert process.is_alive()
        with pytest.raises(InputError, match=r"one training at a time may keep its checkpoints in .* --params=check"):
            run(array, folder)
        run(array, folder / "other")
        run(array, folder, rows=ROWS[1:])  # another training set has a folder of its own
    finally:
        end.set()
        process.join()
    run(array, folder)


def train_and_wait(array, folder, ready, end):
    """Train, and keep the samples unread until the end."""
    trained = run(array, folder)
    ready.set()
    end.wait()
    assert len(samples(trained)) == 5


def test_a_row_of_the_history_is_the_mean_since_the_row_before(array, tmp_path):
    every = run(array, tmp_path / "1", log_every=1, schedule="both").history
    rows = run(array, tmp_path / "3", schedule="both").history
    assert list(rows.columns) == COLUMNS
    for before, (_, row) in zip([0, 3, 6, 9, 12], rows.iterrows(), strict=True):
        part = every[(every["step"] > before) & (every["step"] <= row["step"])]
        assert row["loss_d"] == pytest.approx(part["loss_d"].mean(), rel=1e-6)
        assert row["loss_g"] == pytest.approx(part["loss_g"].mean(), rel=1e-6)


def test_a_schedule_that_updates_one_network_leaves_gaps_for_the_other(array, folder):
    history = run(array, folder, steps=2, log_every=1).history
    assert history["loss_g"].notna().tolist() == [True, False]
    assert history["loss_d"].notna().tolist() == [False, True]


def test_a_history_has_all_columns_even_where_one_network_was_never_updated(array, folder):
    history = run(array, folder, steps=1).history
    assert list(history.columns) == COLUMNS
    assert history["loss_d"].isna().all()


def test_samples_show_the_untrained_generator_first_and_the_trained_one_last(array, folder):
    trained = run(array, folder)
    assert trained.samples.attrs["steps"] == [0, 4, 8, 12, 14]
    assert samples(trained).shape == (5, 3, 1, 16, 16)
    assert samples(trained).dtype == np.uint8


def test_the_result_has_statistics_of_the_images_that_it_was_trained_on(array, folder):
    gan = run(array, folder).gan
    network = load_discriminator(gan, CPU)
    found = {name: value.clone() for name, value in network.named_buffers() if "running" in name}
    assert found
    batch_norm_statistics.recompute(network, statistics_batches(array, ROWS, 0, CPU))
    assert all(torch.equal(value, network.get_buffer(name)) for name, value in found.items())


def test_epochs_count_whole_batches(array, folder):
    assert run(array, folder, steps=None, epochs=2).gan.settings["step"] == 2 * (21 // 4)


def test_images_that_were_removed_are_never_seen(stored, tmp_path):
    rng = np.random.default_rng(0)
    clean = rng.integers(0, 256, (12, 1, 16, 16), dtype=np.uint8)
    spoilt = clean.copy()
    spoilt[[2, 5]] = 255
    rows = np.delete(np.arange(12), [2, 5])
    one, two = (run(stored(x, images_id="i"), tmp_path / str(k), rows=rows) for k, x in enumerate((clean, spoilt)))
    check_same(one, two)


def test_d_learns_to_tell_white_images_from_an_untrained_generators(stored, folder):
    white = stored(np.full((16, 1, 16, 16), 255, np.uint8), images_id="white")
    history = run(white, folder, rows=np.arange(16), steps=30, schedule="both", learning_rate=2e-3, log_every=5).history
    first, last = history.iloc[0], history.iloc[-1]
    assert last["loss_d"] < first["loss_d"]
    assert last["d_real"] - last["d_fake"] > max(0.2, first["d_real"] - first["d_fake"])


def test_a_resume_to_fewer_steps_than_were_made_is_refused(array, folder):
    run(array, folder)
    with pytest.raises(InputError, match=r"train\.steps must be at least the step of the checkpoint .* got 1 and"):
        run(array, folder, resume=True, steps=1)


# ---- samples through training are files


def test_frames_lie_beside_the_checkpoint_and_not_in_it(array, folder):
    run(array, folder)
    (path,) = folder.rglob("*.safetensors")
    saved = Weights.load(path)
    assert saved.settings["samples"]["steps"] == [0, 4, 8, 12, 14]
    assert "samples" not in saved.tensors
    assert len(list((path.parent / saved.settings["samples"]["folder"]).iterdir())) == 5


def test_a_checkpoint_is_as_large_however_many_samples_were_drawn(array, tmp_path):
    sizes = []
    for name, every in (("few", 14), ("many", 1)):
        run(array, tmp_path / name, sample_every=every, sample_count=50)
        (path,) = (tmp_path / name).rglob("*.safetensors")
        sizes.append(path.stat().st_size)
    assert abs(sizes[1] - sizes[0]) < 50 * 16 * 16  # less than one more frame


def test_a_start_that_is_stopped_early_leaves_the_frames_of_the_old_checkpoint(array, folder):
    old = run(array, folder)
    before = samples(old)
    with pytest.raises(StoppedError):  # other settings: frames that must not be mixed with the old ones
        run(array, folder, stop_at(3), learning_rate=0.1)
    resumed = run(array, folder, resume=True)
    np.testing.assert_array_equal(samples(resumed), before)


def test_a_fresh_training_removes_the_frames_of_the_one_that_it_replaces(array, folder):
    run(array, folder)
    run(array, folder)
    assert len(list(folder.glob("*/samples-*"))) == 1


def test_a_resume_without_one_of_its_frames_is_refused(array, folder):
    run(array, folder)
    missing = next(iter(folder.glob("*/samples-*/step-000000008.npy")))
    missing.unlink()
    with pytest.raises(InputError, match=r"step-000000008\.npy is missing; put it back"):
        run(array, folder, resume=True, steps=20)


def test_samples_are_shown_when_they_are_drawn(array, folder):
    shown = []
    settings = TrainSettings.parse(BASE, "train")
    trained = train_gan(
        array, ROWS, settings, 0, CPU, folder, lambda m, s: None, show=lambda images, step: shown.append((step, images))
    )
    assert [step for step, _ in shown] == trained.samples.attrs["steps"]
    np.testing.assert_array_equal(np.stack([images for _, images in shown]), samples(trained))


# ---- diagnostics


@pytest.mark.parametrize("schedule", ["alternate", "both"])
def test_gradient_norms_are_those_that_the_last_updates_left(array, folder, schedule, monkeypatch):
    norms = {}
    original = Trainer._descend

    def descend(self, name, loss):
        original(self, name, loss)
        parameters = getattr(self, name).parameters()
        norms[self.step + 1, name[0]] = float(torch.cat([p.grad.flatten() for p in parameters]).double().norm())

    monkeypatch.setattr(Trainer, "_descend", descend)
    history = run(array, folder, schedule=schedule, log_every=4, steps=8).history.set_index("step")
    for step in (4, 8):
        of_g, of_d = (step - 1, step) if schedule == "alternate" else (np.nan, np.nan)
        if schedule == "alternate":
            assert history.loc[step, "grad_norm_g"] == pytest.approx(norms[of_g, "g"], rel=1e-5)
            assert history.loc[step, "grad_norm_d"] == pytest.approx(norms[of_d, "d"], rel=1e-5)
        else:  # both minibatches updated both: the mean of two
            for name in "gd":
                expected = (norms[step - 1, name] + norms[step, name]) / 2
                assert history.loc[step, f"grad_norm_{name}"] == pytest.approx(expected, rel=1e-5)


def test_diversity_is_that_of_the_samples_from_the_fixed_z(array, folder):
    trained = run(array, folder, log_every=4, steps=12)
    data = diagnostics.look(array[ROWS])
    for k, step in enumerate(trained.samples.attrs["steps"][1:], start=1):
        row = trained.history.set_index("step").loc[step]
        expected = diagnostics.compare(samples(trained)[k], data)
        assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-5)


def test_a_collapse_is_warned_of_once_with_its_step_and_the_training_goes_on(array, folder, dying, caplog):
    dying(times=1)
    trained = watched(array, folder, "warn")
    events = trained.history[trained.history["event"] != ""]
    text = "G has collapsed: at the same contrast, the distance between its samples is 0.00 times the images'"
    assert list(zip(events["step"], events["event"], strict=True)) == [(39, text)]
    assert f"step 39: {text}; see docs/training.md" in caplog.messages
    assert trained.gan.settings["step"] == 60
    assert (trained.history.set_index("step").loc[33:, "diversity"] == 0).all()


def test_a_training_that_is_not_spoilt_is_not_warned_of(array, folder, caplog):
    trained = watched(array, folder, "stop")
    assert (trained.history["event"] == "").all()
    assert trained.gan.settings["rollbacks"] == []
    assert not caplog.messages


def test_a_learning_rate_that_is_far_too_high_is_noticed(array, folder):
    """No planted death: tiny networks that their own steps throw about."""
    trained = watched(array, folder, "warn", learning_rate=3.0, diagnosed={"min_diversity": 0.5, "max_loss_g": 4.0})
    assert (trained.history["event"] != "").any()


def test_stop_ends_at_the_last_good_checkpoint_in_one_line(array, folder, dying):
    dying(times=1)
    with pytest.raises(InputError, match=r"must not collapse, and by step 39 G has collapsed: .*; lower train") as no:
        watched(array, folder, "stop")
    assert "\n" not in str(no.value)
    (path,) = folder.rglob("*.safetensors")  # that of step 36 showed a dead G
    assert path.name == "step-000000030.safetensors"
    assert f"the last good checkpoint is {path}" in str(no.value)
    assert "train.steps=30" in str(no.value)
    # What the line promises: the good checkpoint becomes the result.
    made = watched(array, folder, "warn", steps=30, resume=True)
    asked = watched(array, folder / "other", "warn", steps=30)
    assert all(torch.equal(tensor, asked.gan.tensors[name]) for name, tensor in made.gan.tensors.items())


def test_a_training_that_was_stopped_by_a_collapse_goes_on_with_a_rollback(array, folder, dying):
    dying(times=1)
    with pytest.raises(InputError, match="G has collapsed"):
        watched(array, folder, "stop")
    resumed = watched(array, folder, "rollback", resume=True)
    dying(times=1)
    check_same(resumed, watched(array, folder / "other", "rollback"))


def test_a_rollback_goes_on_with_other_numbers_and_says_so(array, tmp_path, dying, caplog):
    without = watched(array, tmp_path / "a", "warn")
    dying(times=1)
    trained = watched(array, tmp_path / "b", "rollback")
    (rollback,) = trained.gan.settings["rollbacks"]
    assert (rollback["at"], rollback["to"]) == (39, 30)
    assert rollback["because"].startswith("G has collapsed")
    ours, theirs = trained.history.set_index("step"), without.history.set_index("step")
    assert list(ours.index) == list(theirs.index) == list(range(3, 61, 3))  # each step once
    columns = ["loss_d", "loss_g", "diversity"]
    pd.testing.assert_frame_equal(ours.loc[:30, columns], theirs.loc[:30, columns], check_exact=True)
    assert (ours.loc[33:, columns] != theirs.loc[33:, columns]).all(axis=None)
    assert ours.loc[ours["event"] != "", "event"].to_dict() == {33: "back from step 39"}
    assert trained.samples.attrs["steps"] == without.samples.attrs["steps"]
    assert "going back from step 39 to the checkpoint of step 30, with other random numbers" in caplog.messages
    # Every setting is as it was.
    one, two = (dict(found.gan.settings["train"], diagnostics=None) for found in (trained, without))
    assert one == two


def test_two_rollbacks_to_the_same_checkpoint_go_on_differently(array, tmp_path, dying):
    dying(times=1)
    once = watched(array, tmp_path / "a", "rollback")
    dying(times=2)
    twice = watched(array, tmp_path / "b", "rollback")
    assert [r["to"] for r in twice.gan.settings["rollbacks"]] == [30, 30]
    ours, theirs = (found.history.set_index("step").loc[33:, "loss_d"] for found in (once, twice))
    assert (ours != theirs).all()


@pytest.mark.parametrize("stop", [1, 2])  # at the first row after the first or the second rollback
def test_a_run_with_rollbacks_that_was_killed_goes_on_bit_for_bit(array, tmp_path, dying, stop):
    dying(times=2)
    whole = watched(array, tmp_path / "whole", "rollback")
    seen = []

    def kill(numbers, step):
        seen.append("train.loss_d" in numbers and step)
        if seen.count(33) == stop + 1:
            raise StoppedError

    dying(times=2)
    with pytest.raises(StoppedError):
        watched(array, tmp_path / "killed", "rollback", kill)
    check_same(whole, watched(array, tmp_path / "killed", "rollback", resume=True))


def test_after_as_many_rollbacks_the_training_stops(array, folder, dying):
    dying(times=9)
    with pytest.raises(InputError, match=r"by step 39, after 1 rollback, G has collapsed") as refusal:
        watched(array, folder, "rollback", diagnosed={"max_rollbacks": 1})
    assert "on_collapse" not in str(refusal.value)  # which is rollback already


def test_a_collapse_before_the_first_good_checkpoint_cannot_be_rolled_back(array, folder, dying):
    dying(times=1)
    with pytest.raises(InputError, match=r"by step 39 G has collapsed.*there is no checkpoint from before"):
        watched(array, folder, "rollback", checkpoint_every=36)


def test_a_training_that_diverges_names_the_checkpoint_from_before(array, folder):
    values = {"steps": 300, "schedule": "both", "log_every": 50, "checkpoint_every": 1}
    with pytest.raises(InputError, match=r"must be finite") as refusal:
        run(array, folder, **values, learning_rate=1e30)
    files = list(folder.rglob("*.safetensors"))
    assert all(str(file) in str(refusal.value) for file in files)
    for file in files:
        assert all(bool(tensor.isfinite().all()) for tensor in Weights.load(file).tensors.values())


# ---- quality

QUALITY = {"every": 5, "samples": 10, "metrics": ["nearest", "frechet_untrained"]}


def test_quality_is_measured_at_the_next_row_and_at_the_end(array, folder):
    logged = {}
    history = run(array, folder, lambda m, step: logged.update({step: m}), quality=QUALITY).history
    assert list(history.columns) == [*COLUMNS[:-1], "nearest", "frechet_untrained", "event"]
    measured = history.set_index("step")["nearest"].notna()
    assert measured.to_dict() == {3: False, 6: True, 9: False, 12: True, 14: True}
    assert {step for step, numbers in logged.items() if "train.nearest" in numbers} == {6, 12, 14}


def test_quality_changes_nothing_of_the_training_and_is_the_same_after_a_resume(array, tmp_path):
    without, measured = run(array, tmp_path / "a"), run(array, tmp_path / "b", quality=QUALITY)
    for name, tensor in without.gan.tensors.items():
        assert torch.equal(tensor, measured.gan.tensors[name]), name
    with pytest.raises(StoppedError):
        run(array, tmp_path / "c", stop_at(9), quality=QUALITY)
    check_same(measured, run(array, tmp_path / "c", quality=QUALITY, resume=True))


def test_images_held_out_are_never_trained_on_and_the_same_for_every_seed(stored, pixels, tmp_path):
    chosen = {tuple(hold_out(ROWS, QualitySettings(held_out=5))[1]) for _ in range(2)}
    assert len(chosen) == 1
    held = list(chosen.pop())
    spoiled = pixels.copy()
    spoiled[held] = 255 - spoiled[held]
    one, two = (
        run(stored(x, images_id="i"), tmp_path / str(k), quality=QUALITY | {"held_out": 5})
        for k, x in enumerate((pixels, spoiled))
    )
    assert one.gan.settings["training_images"] == len(ROWS) - 5
    assert all(torch.equal(tensor, two.gan.tensors[name]) for name, tensor in one.gan.tensors.items())
    assert (one.history["nearest"].dropna() != two.history["nearest"].dropna()).all()  # they are what it looks at


def test_rows_are_parted_without_loss():
    train, held = hold_out(ROWS, QualitySettings(held_out=5))
    assert sorted([*train, *held]) == sorted(ROWS)
    train, beside = hold_out(ROWS, QualitySettings(samples=7))
    np.testing.assert_array_equal(train, ROWS)
    assert len(beside) == 7
    assert set(beside) <= set(ROWS)


@pytest.mark.parametrize("length", [{"decay_steps": 7}, {"steps": None, "epochs": 3, "decay_epochs": 2}])
def test_a_decaying_rate_goes_on_bit_for_bit(array, tmp_path, length):
    whole = run(array, tmp_path / "whole", **length)
    with pytest.raises(StoppedError):
        run(array, tmp_path / "killed", stop_at(12), **length)
    check_same(whole, run(array, tmp_path / "killed", resume=True, **length))
    constant = run(array, tmp_path / "constant", steps=whole.gan.settings["step"])
    before = int(whole.history["step"].searchsorted(6))  # rows of before the decay
    pd.testing.assert_frame_equal(whole.history[:before], constant.history[:before], check_exact=True)
    name = "generator.project.weight"
    assert not torch.equal(whole.gan.tensors[name], constant.gan.tensors[name])


def test_the_length_of_a_decaying_training_is_not_changed_on_a_resume(array, folder):
    run(array, folder, decay_steps=7)
    with pytest.raises(InputError, match=r"train\.steps was 14 and is 20"):
        run(array, folder, resume=True, decay_steps=7, steps=20)
    resumed = run(array, folder, resume=True, decay_steps=3, steps=20)  # set anew with its length
    assert resumed.gan.settings["step"] == 20


def test_a_collapse_that_was_warned_of_before_is_acted_on_after_a_resume(array, folder, dying):
    dying(times=1)
    with pytest.raises(StoppedError):
        watched(array, folder, "warn", log=stop_at(48))  # the warning was at 39
    resumed = watched(array, folder, "rollback", resume=True)
    (rollback,) = resumed.gan.settings["rollbacks"]
    assert (rollback["at"], rollback["to"]) == (45, 30)  # the first row after the checkpoint of 42
    assert resumed.gan.settings["step"] == 60
    assert resumed.history["diversity"].iloc[-1] > 0


def test_an_earlier_checkpoint_becomes_the_result_beside_a_later_one(array, folder, dying):
    dying(times=1)
    watched(array, folder, "warn")  # checkpoints of 30, the last good one, and of 60
    made = watched(array, folder, "warn", steps=30, resume=True)
    dying(times=0)
    check_same(made, watched(array, folder / "other", "warn", steps=30))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, r"train.resume=true makes the result with train.steps=30, or goes on from with"),
        ({"steps": None, "epochs": 12}, r"makes the result with train.steps=30,train.epochs=null, or goes on from"),
        ({"decay_steps": 5}, r"train.resume=true goes on from with train.diagnostics.on_collapse=rollback$"),
    ],
)
def test_a_stop_says_only_what_will_work(array, folder, dying, given, said):
    dying(times=1)
    with pytest.raises(InputError, match=said):
        watched(array, folder, "stop", **given)


def test_weights_that_are_not_finite_leave_the_good_checkpoint(array, folder, monkeypatch):
    update = Trainer.update

    def poisoned(self, *batch):
        found = update(self, *batch)
        if self.step == 10:
            self.generator.project_norm.bias.data[0] = torch.nan
        return found

    monkeypatch.setattr(Trainer, "update", poisoned)
    with pytest.raises(InputError, match=r"weights must be finite, and after step 10.*checkpoint is .*step-000000005"):
        run(array, folder, log_every=100)
    assert [path.name for path in folder.rglob("*.safetensors")] == ["step-000000005.safetensors"]


def test_a_run_that_is_shortened_to_its_checkpoint_has_a_last_row_and_frame(array, folder):
    with pytest.raises(StoppedError):
        run(array, folder, stop_at(12), log_every=12)
    short = run(array, folder, steps=10, log_every=12, resume=True)
    assert list(short.history["step"]) == [10]
    assert short.samples.attrs["steps"][-1] == 10


def test_a_checkpoint_of_an_earlier_version_is_refused_in_one_line(array, folder):
    run(array, folder)
    (path,) = folder.rglob("*.safetensors")
    saved = Weights.load(path)
    for name in ("samples", "scalers"):
        del saved.settings[name]
    saved.save(path)
    with pytest.raises(InputError, match=r"needs a checkpoint of this version, and step-000000014"):
        run(array, folder, resume=True)


def test_too_many_held_out_images_are_named(array, folder):
    with pytest.raises(InputError, match=r"got 4 for 0 images, 30 held out \(train.quality.held_out\)"):
        run(array, folder, quality={"held_out": 30})


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_losses_are_float32_whatever_the_convolutions_are(array, folder, precision, monkeypatch):
    found = []
    update = Trainer.update
    monkeypatch.setattr(Trainer, "update", lambda self, *batch: found.append(update(self, *batch)) or found[-1])
    run(array, folder, precision=precision, steps=4)
    assert {value.dtype for losses in found for name, value in losses.items() if "loss" in name} == {torch.float32}
