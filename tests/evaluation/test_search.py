import json

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation import search as module
from dcgan_pipeline.evaluation.classifier import ClassifierTrainer, HyperParameters
from dcgan_pipeline.evaluation.protocol import Draws
from dcgan_pipeline.evaluation.search import (
    SearchSettings,
    best_trial,
    draw_hyper,
    judge_supervised,
    search,
)
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.randomness import numpy_stream
from dcgan_pipeline.weights import Weights

CPU = torch.device("cpu")
TINY = Architecture(image_size=16, channels=1, latent_dim=5, width=4, kernel=3)
ROWS, VALIDATION = np.arange(40), np.arange(40, 80)


def settings(**values):
    given = {
        "trials": 4,
        "learning_rate": [1e-3, 1e-2],
        "batch_size": [8, 16],
        "limits": {"epochs": 4, "evaluate_every": 2},
        "report": 2,
    }
    return SearchSettings.parse(given | values, "evaluate.supervised")


@pytest.fixture(scope="module")
def halves(stored):
    """Bright on the left, or on the right."""
    y = numpy_stream(0).integers(0, 2, 160)
    images = numpy_stream(1).integers(0, 90, (160, 1, 16, 16), dtype=np.uint8)
    for image, label in zip(images, y, strict=True):
        image[:, :, 8 * label : 8 * label + 8] += 60
    return stored(images), y


def gan():
    network = ClassifierTrainer(TINY, 1, HyperParameters(), 7, CPU).network
    tensors = {f"discriminator.{name}": value for name, value in network.state_dict().items()}
    return Weights(tensors, {"kind": "gan", "architecture": TINY.model_dump(mode="json")})


def run(halves, folder, report=lambda _: None, seed=0, start=None, rows=ROWS, **values):
    images, y = halves
    return search(TINY, images, y, rows, VALIDATION, settings(**values), seed, CPU, folder, report, start)


@pytest.fixture(scope="module")
def undisturbed(halves, tmp_path_factory):
    return run(halves, tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def trained(monkeypatch):
    """The seeds of the trainings, in order."""
    seeds = []
    train = module.train_classifier

    def counted(*arguments, **options):
        seeds.append(options["seed"])
        return train(*arguments, **options)

    monkeypatch.setattr(module, "train_classifier", counted)
    return seeds


def test_defaults_are_the_papers_64_trials():
    assert SearchSettings().trials == 64
    assert SearchSettings().flips == (False,)


def test_hyper_parameters_are_spread_over_their_ranges():
    chosen = SearchSettings.parse({"flips": [False, True]}, "s")
    drawn = pd.DataFrame([draw_hyper(chosen, 0, trial).model_dump() for trial in range(400)])
    for name, kind in (
        ("learning_rate", np.log),
        ("weight_decay", np.log),
        ("convolutions", np.log),
        ("dropout", float),
    ):
        low, high = (float(kind(end)) if end or kind is not np.log else 0.0 for end in getattr(chosen, name))
        values = [float(kind(value)) for value in drawn[name]]
        assert stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > 0.01, name
    for name in ("beta1", "batch_size", "shift", "flips"):
        counts = drawn[name].value_counts()
        assert set(counts.index) == set(getattr(chosen, name))
        assert stats.chisquare(counts).pvalue > 0.01, name
    assert (
        (drawn[["learning_rate", "weight_decay", "dropout", "convolutions"]].corr().abs() - np.eye(4) < 0.2).all().all()
    )


def test_a_range_of_one_value_is_that_value():
    chosen = SearchSettings.parse({"learning_rate": [0.001, 0.001], "dropout": [0.5, 0.5], "shift": [3]}, "s")
    found = draw_hyper(chosen, 0, 5)
    assert (found.learning_rate, found.dropout, found.shift) == (0.001, 0.5, 3)


def test_a_trials_draw_depends_on_the_seed_and_not_on_other_ranges():
    one, same, other = (draw_hyper(SearchSettings(), seed, 3) for seed in (0, 0, 1))
    assert one == same != other
    narrow = draw_hyper(SearchSettings(dropout=(0.1, 0.2)), 0, 3)
    assert narrow.model_dump(exclude={"dropout"}) == one.model_dump(exclude={"dropout"})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rate": [1e-2, 1e-4]}, "learning_rate must be the lower and the upper end of a range, got 0.01 and"),
        ({"weight_decay": [0, 1e-4]}, "s.weight_decay.0: input should be greater than 0, got 0"),
        ({"batch_size": []}, "s.batch_size: tuple should have at least 1 item"),
        ({"batch_size": [1]}, "s.batch_size.0: input should be greater than or equal to 2"),
        ({"limits": {"steps": 1}}, "s.limits.steps is not a setting; the settings here are: epochs"),
    ],
)
def test_impossible_ranges_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        SearchSettings.parse(values, "s")


def test_the_table_has_a_row_a_trial_and_reports_come_in_order(halves, tmp_path, undisturbed):
    told = []
    found = run(halves, tmp_path, told.append)
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)
    assert found.columns.tolist() == ["trial", "accuracy", "step", "note", *HyperParameters.model_fields]
    assert [trial.trial for trial in told] == found["trial"].tolist() == [0, 1, 2, 3]
    assert [trial.hyper for trial in told] == [draw_hyper(settings(), 0, trial) for trial in range(4)]
    assert found["accuracy"].max() > 90


@pytest.mark.parametrize("number", [0, 2])
def test_a_trial_does_not_depend_on_the_others(halves, tmp_path, trained, number):
    run(halves, tmp_path)
    (file,) = tmp_path.glob(f"trial-{number:04d}-*")
    among_others = file.read_text()
    file.unlink()
    run(halves, tmp_path)
    assert len(trained) == 5  # all, and this one again, alone
    assert file.read_text() == among_others


class KilledError(Exception):
    pass


@pytest.mark.parametrize("at", [0, 2, 3])
def test_a_killed_search_goes_on_and_equals_an_undisturbed_one(halves, tmp_path, undisturbed, trained, at):
    def kill(trial):
        if trial.trial == at:
            raise KilledError

    with pytest.raises(KilledError):
        run(halves, tmp_path, kill)
    assert len(trained) == at + 1
    told = []
    found = run(halves, tmp_path, lambda trial: told.append(trial.trial))
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)
    assert told == [0, 1, 2, 3]
    assert len(trained) == len(set(trained)) == 4  # none twice


def test_more_trials_go_on_from_those_that_are_there(halves, tmp_path, trained, undisturbed):
    run(halves, tmp_path, trials=2)
    found = run(halves, tmp_path)
    assert len(trained) == 4
    pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)


@pytest.mark.parametrize("broken", ["", "{", "[1]", '{"trial": 1}'])
def test_a_file_that_was_cut_short_is_made_again(halves, tmp_path, undisturbed, trained, broken):
    run(halves, tmp_path)
    next(tmp_path.glob("trial-0001-*")).write_text(broken)
    pd.testing.assert_frame_equal(run(halves, tmp_path), undisturbed, check_exact=True)
    assert len(trained) == 5


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"learning_rate": [1e-3, 2e-2]},
        {"limits": {"epochs": 3, "evaluate_every": 2}},
        {"precision": "bfloat16"},
        {"rows": ROWS[:-1]},
        {"start": gan()},
    ],
)
def test_changed_settings_do_not_reuse_trials(halves, tmp_path, trained, change):
    run(halves, tmp_path, trials=1)
    run(halves, tmp_path, trials=1, **change)
    assert len(trained) == 2
    run(halves, tmp_path, trials=1)
    assert len(trained) == 2  # those of before are there still


@pytest.mark.parametrize("changed", ["pixels", "labels", "validation"])
def test_changed_data_do_not_reuse_trials(halves, stored, tmp_path, trained, changed):
    images, y = halves
    run(halves, tmp_path, trials=1)
    pixels, y = images[:].copy(), y.copy()
    row = 50 if changed == "validation" else 3
    if changed == "labels":
        y[row] = 1 - y[row]
    else:
        pixels[row, 0, 5, 5] += 1
    run((stored(pixels), y), tmp_path, trials=1)
    assert len(trained) == 2


@pytest.mark.parametrize("name", ["_VERSION", "torch.__version__"])
def test_another_version_does_not_reuse_trials(halves, tmp_path, trained, monkeypatch, name):
    run(halves, tmp_path, trials=1)
    monkeypatch.setattr(f"{module.__name__}.{name}", "other")
    run(halves, tmp_path, trials=1)
    assert len(trained) == 2


def test_data_that_the_search_does_not_see_may_change(halves, stored, tmp_path, trained):
    images, y = halves
    run(halves, tmp_path, trials=1)
    run((stored(np.concatenate([images[:80], 255 - images[80:]])), y), tmp_path, trials=1)
    assert len(trained) == 1


def test_failed_trials_have_a_note_and_the_search_goes_on(halves, tmp_path, undisturbed):
    found = run(halves, tmp_path, learning_rate=[1e-3, 1e30], trials=6)
    failed = found["note"] != ""
    assert 0 < failed.sum() < 6
    assert (found["accuracy"][failed] == 0).all()
    assert best_trial(found).note == ""
    read = [json.loads(file.read_text())["note"] for file in sorted(tmp_path.iterdir())]
    assert read == found["note"].tolist()


def test_where_every_trial_failed_there_is_no_best(halves, tmp_path):
    found = run(halves, tmp_path, learning_rate=[1e29, 1e30], trials=2)
    with pytest.raises(
        InputError, match=r"none of 2 did \(the first: the loss was no longer .*\); lower the range"
    ) as no:
        best_trial(found)
    assert "\n" not in str(no.value)


def test_the_best_is_the_first_of_the_highest_and_survives_parquet(undisturbed, tmp_path):
    table = pd.concat([undisturbed, undisturbed.assign(trial=undisturbed["trial"] + 4)], ignore_index=True)
    table.to_parquet(tmp_path / "trials.parquet")
    best = best_trial(pd.read_parquet(tmp_path / "trials.parquet"))
    assert best.accuracy == table["accuracy"].max()
    assert best.trial == int(table["accuracy"].to_numpy().argmax())
    assert best.hyper == draw_hyper(settings(), 0, best.trial)


def test_one_class_is_refused_before_anything_is_trained(halves, tmp_path, trained):
    images, y = halves
    with pytest.raises(InputError, match="at least two classes, got 1"):
        run((images, np.zeros_like(y)), tmp_path)
    assert not trained


def judged(halves, undisturbed, start=None, count=3):
    images, y = halves
    rng = numpy_stream(5)
    report = np.stack([rng.choice(80, 30, replace=False) + 80 for _ in range(count)])
    draws = Draws(VALIDATION, ROWS[None], report)
    best = best_trial(undisturbed)
    return judge_supervised(TINY, images, y, images, y, draws, best, settings(), 0, CPU, start)


def test_the_best_is_trained_on_the_report_draws_and_tested(halves, undisturbed):
    found = judged(halves, undisturbed)
    assert found.best == best_trial(undisturbed)
    assert found.accuracies.shape == (2,)  # of three draws
    assert found.mean > 90
    assert found.std == pytest.approx(abs(found.accuracies[0] - found.accuracies[1]) / np.sqrt(2))
    np.testing.assert_allclose(found.confusion.sum(axis=1), 1)
    assert found.confusion.shape == (2, 2)
    assert found.parameters == 4 * 9 + 4 * 8 * 9 + 2 * 8 + 2 * 8 * 16
    assert found.failed == 0


def test_a_judgement_is_repeatable_and_its_draws_do_not_depend_on_how_many_there_are(halves, undisturbed):
    one, same, more = (judged(halves, undisturbed, count=count) for count in (2, 2, 5))
    assert one.accuracies.tolist() == same.accuracies.tolist() == more.accuracies.tolist()
    assert judged(halves, undisturbed, start=gan()).accuracies.tolist() != one.accuracies.tolist()
