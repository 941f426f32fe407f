import numpy as np
import pandas as pd
import pytest
import torch

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan import statistics
from dcgan_pipeline.gan.data import statistics_batches
from dcgan_pipeline.gan.sampling import load_discriminator
from dcgan_pipeline.gan.settings import TrainSettings
from dcgan_pipeline.gan.train import train_gan
from dcgan_pipeline.weights import Weights

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
    return train_gan(array, rows, TrainSettings.parse(BASE | values, "train"), seed, CPU, folder, log)


def stop_at(when):
    def log(losses, step):
        if step == when:
            raise StoppedError

    return log


def samples(trained):
    (chunk,) = trained.samples.chunks
    return chunk


def check_same(one, two):
    assert one.gan.tensors.keys() == two.gan.tensors.keys()
    assert all(torch.equal(value, two.gan.tensors[name]) for name, value in one.gan.tensors.items())
    pd.testing.assert_frame_equal(one.history, two.history, check_exact=True)
    np.testing.assert_array_equal(samples(one), samples(two))
    assert one.samples.attrs == two.samples.attrs


@pytest.fixture
def array(stored, pixels):
    return stored(pixels, images_id="0123456789abcdef")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints"


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
        ({"batch_size": 5}, "train.batch_size was 4 and is 5"),
        ({"learning_rate": 1e-3}, "train.learning_rate was 0.0002 and is 0.001"),
        ({"schedule": "both"}, "train.schedule was 'alternate' and is 'both'"),
        ({"architecture": BASE["architecture"] | {"width": 4}}, "architecture.width was 3 and is 4"),
        ({"seed": 1}, "seed was 0 and is 1"),
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
    for images, rows in ((others, ROWS), (array, np.arange(23)), (array, np.delete(np.arange(23), [1, 9]))):
        with pytest.raises(InputError, match=r"train\.resume needs a checkpoint of this training set"):
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
        assert losses == {f"train.{name}": value for name, value in row.items() if name != "step"}


def test_only_the_newest_checkpoint_is_kept(array, folder):
    run(array, folder)
    (path,) = folder.rglob("*.safetensors")
    assert path.name == "step-000000014.safetensors"
    assert Weights.load(path).settings["step"] == 14


def test_a_row_of_the_history_is_the_mean_since_the_row_before(array, tmp_path):
    every = run(array, tmp_path / "1", log_every=1, schedule="both").history
    rows = run(array, tmp_path / "3", schedule="both").history
    assert list(rows.columns) == ["step", "loss_d", "loss_g", "d_real", "d_fake"]
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
    assert list(history.columns) == ["step", "loss_d", "loss_g", "d_real", "d_fake"]
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
    statistics.recompute(network, statistics_batches(array, ROWS, 0, CPU))
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
    with pytest.raises(InputError, match=r"train\.decay_steps was 7 and is 6"):
        run(array, folder, resume=True, decay_steps=6)
