import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.svm import LinearSVC

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation import protocol
from dcgan_pipeline.evaluation.protocol import Chosen, Outcome, draw_labels, evaluate, most_labels
from dcgan_pipeline.evaluation.settings import EvaluateSettings


def settings(**values):
    given = {"labels_per_class": 5, "validation": 40, "selection_draws": 3, "report_draws": 4, "C": [1e-3, 1e-1, 10]}
    return EvaluateSettings.parse(given | values, "evaluate")


def outcome(C=0.1, candidates=(0.01, 0.1, 1.0), accuracies=(50.0, 60.0)):
    return Outcome(C, dict.fromkeys(candidates, 1.0), np.array(accuracies), np.eye(2), 3, 0, 10)


def run(X, y, test, y_test, chosen, seed=0):
    calls = []
    draws = draw_labels(y, chosen, seed)
    found = evaluate(X, y, test, y_test, draws, chosen.C, lambda: calls.append(1))
    return found, draws, len(calls)


def test_defaults_are_the_authors_protocol():
    found = EvaluateSettings()
    assert found.C == (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)
    assert (found.labels_per_class, found.validation) == (100, 10_000)
    assert (found.selection_draws, found.report_draws) == (10, 100)


@pytest.mark.parametrize("C", [[], [1, 1], [2, 1], [0, 1], [-1, 1]])
def test_candidates_that_are_not_positive_and_ascending_are_refused(C):
    with pytest.raises(InputError, match="C must be positive and ascending"):
        settings(C=C)


@given(st.integers(2, 5), st.integers(1, 4), st.integers(1, 30), st.integers(0, 2**31))
def test_draws_are_balanced_without_repeats_and_apart_from_validation(classes, per_class, validation, seed):
    # So many of each class that enough stay whatever falls into the validation set.
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(classes), per_class + validation))
    chosen = settings(labels_per_class=per_class, validation=validation)
    draws = draw_labels(y, chosen, seed)
    assert len(set(draws.validation.tolist())) == validation
    assert draws.selection.shape == (3, classes * per_class)
    assert draws.report.shape == (4, classes * per_class)
    for rows in (*draws.selection, *draws.report):
        assert len(set(rows.tolist())) == len(rows)
        assert not set(rows.tolist()) & set(draws.validation.tolist())
        assert np.bincount(y[rows]).tolist() == [per_class] * classes


def test_every_draw_is_fresh_and_the_seed_decides_them_all():
    y = np.arange(300) % 3
    one, same, other = (draw_labels(y, settings(), seed) for seed in (0, 0, 1))
    every = [tuple(sorted(rows)) for rows in (*one.selection, *one.report)]
    assert len(set(every)) == len(every)
    for name in ("validation", "selection", "report"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
        assert not np.array_equal(getattr(one, name), getattr(other, name))


def test_more_report_draws_leave_the_validation_set_and_the_selection_as_they_were():
    y = np.arange(300) % 3
    few, many = draw_labels(y, settings(), 0), draw_labels(y, settings(report_draws=50), 0)
    np.testing.assert_array_equal(few.validation, many.validation)
    np.testing.assert_array_equal(few.selection, many.selection)


@pytest.mark.parametrize(
    ("y", "values", "rule"),
    [
        (
            np.repeat([0, 1], [100, 3]),
            {"validation": 1, "labels_per_class": 5},
            "at most what a class has .* of class 1",
        ),
        (np.arange(100) % 2, {"validation": 100}, "evaluate.validation must be less than .* got 100 of 100"),
        (np.arange(100) % 2, {"validation": 5000}, "evaluate.validation must be less than .* got 5000 of 100"),
        (np.zeros(100, np.int64), {}, "at least two classes, got 1"),
    ],
)
def test_too_few_labels_are_refused_in_one_line(y, values, rule):
    with pytest.raises(InputError, match=rule) as refusal:
        draw_labels(y, settings(**values), 0)
    assert "\n" not in str(refusal.value)


def test_a_class_with_just_enough_labels_is_enough():
    draws = draw_labels(np.arange(20) % 2, settings(validation=1, labels_per_class=9), 0)
    assert draws.report.shape == (4, 18)


def test_every_number_is_that_of_the_protocol_written_out(blobs):
    X, y = blobs(300, 4, apart=1.5)
    test, y_test = blobs(200, 4, apart=1.5, seed=1)
    chosen = settings()
    found, draws, calls = run(X, y, test, y_test, chosen)

    def accuracy(rows, C, points, truth):
        svm = LinearSVC(C=C, dual="auto", max_iter=10_000, random_state=0).fit(X[rows], y[rows])
        return float(np.mean(svm.predict(points) == truth) * 100)

    held = X[draws.validation], y[draws.validation]
    for C in chosen.C:
        assert found.validation[C] == pytest.approx(np.mean([accuracy(rows, C, *held) for rows in draws.selection]))
    assert max(found.validation, key=found.validation.get) == found.C
    np.testing.assert_allclose(found.accuracies, [accuracy(rows, found.C, test, y_test) for rows in draws.report])
    assert found.dimensions == X.shape[1]
    assert calls == len(chosen.C) * 3 + 4


def test_the_confusion_matrix_has_shares_of_each_true_class(blobs):
    X, y = blobs(300, 4, apart=1.5)
    test, y_test = blobs(201, 4, apart=1.5, seed=1)
    found, *_ = run(X, y, test, y_test, settings())
    assert found.confusion.shape == (4, 4)
    np.testing.assert_allclose(found.confusion.sum(axis=1), 1)
    # Correct shares, weighted by how common their class is, make the mean accuracy.
    weights = np.bincount(y_test) / len(y_test)
    assert found.mean == pytest.approx(100 * float(np.diag(found.confusion) @ weights))


def test_classes_that_are_mixed_up_stand_in_the_row_of_the_true_one(blobs):
    X, y = blobs(300, 3, apart=20)
    test, truth = blobs(90, 3, apart=20, seed=1)
    found, *_ = run(X, y, test, np.where(truth == 2, 0, truth), settings())
    share = float(np.mean(truth[truth != 1] == 2))
    np.testing.assert_allclose(found.confusion, [[1 - share, 0, share], [0, 1, 0], [0, 0, 0]])


def test_separable_classes_are_told_apart_without_error(blobs):
    X, y = blobs(300, 4, apart=20)
    test, y_test = blobs(200, 4, apart=20, seed=1)
    found, *_ = run(X, y, test, y_test, settings())
    assert found.accuracies.tolist() == [100.0] * 4
    np.testing.assert_array_equal(found.confusion, np.eye(4))
    assert found.std == 0


def test_of_equally_good_candidates_the_most_regularised_is_chosen(blobs):
    X, y = blobs(300, 2, apart=20)
    found, *_ = run(X, y, X, y, settings(C=[0.1, 1.0, 10.0]))
    assert set(found.validation.values()) == {100.0}
    assert found.C == 0.1


def test_labels_without_meaning_give_chance(blobs):
    rng = np.random.default_rng(0)
    X, test = rng.normal(size=(400, 8)).astype(np.float32), rng.normal(size=(2000, 8)).astype(np.float32)
    found, *_ = run(X, rng.integers(0, 4, 400), test, rng.integers(0, 4, 2000), settings())
    # Whatever is predicted, each hit has a chance of 1/4: five standard deviations of a binomial share of 2 000.
    bound = 5 * 100 * (0.25 * 0.75 / 2000) ** 0.5
    assert np.abs(found.accuracies - 25).max() < bound


def test_features_on_disk_are_judged_as_those_in_memory(blobs, stored):
    X, y = blobs(300, 3, apart=1.5)
    test, y_test = blobs(100, 3, apart=1.5, seed=1)
    memory, *_ = run(X, y, test, y_test, settings())
    disk, *_ = run(stored(X), y, stored(test), y_test, settings())
    assert memory.validation == disk.validation
    np.testing.assert_array_equal(memory.accuracies, disk.accuracies)


def test_a_test_set_larger_than_a_batch_is_judged_whole(blobs):
    X, y = blobs(100, 2, apart=20)
    test, y_test = blobs(4100, 2, apart=20, seed=1)  # batches hold 4 096 rows
    y_test[4096:] = 1 - y_test[4096:]
    found, *_ = run(X, y, test, y_test, settings())
    np.testing.assert_allclose(found.accuracies, 100 * 4096 / 4100)


def test_mean_and_spread_are_over_draws():
    found = outcome(accuracies=(50.0, 60.0, 70.0))
    assert (found.mean, found.std) == (60.0, 10.0)


@pytest.mark.parametrize(
    ("C", "candidates", "edge"),
    [
        (0.01, (0.01, 0.1, 1.0), True),
        (0.1, (0.01, 0.1, 1.0), False),
        (1.0, (0.01, 0.1, 1.0), True),
        (1.0, (1.0,), False),
    ],
)
def test_a_choice_at_the_edge_of_the_candidates_is_seen(C, candidates, edge):
    assert outcome(C, candidates).at_edge is edge


def test_a_refusal_says_what_to_change():
    with pytest.raises(InputError, match=re.escape("lower labels_per_class or validation, or add images")):
        draw_labels(np.arange(50) % 2, settings(labels_per_class=20), 0)


def test_all_labels_are_one_draw_which_at_the_end_has_the_validation_set_too():
    y = np.random.default_rng(0).integers(0, 3, 200)
    draws = draw_labels(y, settings(labels_per_class="all"), 0)
    assert draws.selection.shape == (1, 160)
    assert draws.report.shape == (1, 200)
    assert not set(draws.selection[0]) & set(draws.validation)
    assert sorted([*draws.selection[0], *draws.validation]) == list(range(200)) == draws.report[0].tolist()


def test_a_validation_set_of_everything_is_refused():
    with pytest.raises(
        InputError, match=r"evaluate.validation must be less than the number of labelled images, got 40"
    ):
        draw_labels(np.arange(40) % 3, settings(), 0)


def test_the_rarest_class_says_how_many_labels_can_be_drawn():
    y = np.repeat(np.arange(3), [50, 60, 70])
    most = most_labels(y, settings(), 5)
    draw_labels(y, settings(labels_per_class=most), 5)
    with pytest.raises(InputError, match="labels_per_class must be at most"):
        draw_labels(y, settings(labels_per_class=most + 1), 5)


PROTOCOLS = {"few": {"labels_per_class": 3, "C": [1.0]}, "near": {"classifier": "nearest"}}


def test_what_is_set_lies_over_the_protocol_and_null_is_as_it_is_there():
    completed = EvaluateSettings.laid_over({"protocol": "few", "labels_per_class": None, "C": [2.0]}, PROTOCOLS)
    found = EvaluateSettings.parse(completed, "evaluate")
    assert (found.protocol, found.labels_per_class, found.C) == ("few", 3, (2.0,))


def test_an_unknown_protocol_is_refused_with_those_that_exist():
    with pytest.raises(InputError, match=r"evaluate.protocol must be one of few, near, got 'many'"):
        EvaluateSettings.laid_over({"protocol": "many"}, PROTOCOLS)


def test_a_protocol_of_another_classifier_names_its_pipeline():
    near = EvaluateSettings.parse(EvaluateSettings.laid_over({"protocol": "near"}, PROTOCOLS), "evaluate")
    near.require_classifier("nearest")
    with pytest.raises(InputError, match=r"got near with nearest; .*--pipeline=evaluate_samples"):
        near.require_classifier("svm")


def test_chosen_rows_are_read_when_they_are_sliced(stored):
    features = np.arange(60, dtype=np.float16).reshape(20, 3)
    rows = np.array([4, 2, 9, 17])
    view = Chosen(stored(features), rows)
    assert (len(view), view.shape) == (4, (4, 3))
    assert view[1:3].dtype == np.float32
    np.testing.assert_array_equal(view[1:3], features[[2, 9]])
    np.testing.assert_array_equal(view[np.array([3, 0])], features[[17, 4]])


def test_a_draw_too_large_for_memory_is_judged_in_its_shards_with_the_same_result(blobs, stored, monkeypatch):
    (X, y), (test, y_test) = blobs(200, 3, apart=1.5, dimensions=40), blobs(90, 3, apart=1.5, dimensions=40, seed=1)
    there = stored(X), y, stored(test), y_test
    at_once, _, _ = run(*there, settings())
    monkeypatch.setattr(protocol, "_MEMORY", 10)
    read = []
    monkeypatch.setattr(Chosen, "__getitem__", _watched(Chosen.__getitem__, read))
    in_parts, _, _ = run(*there, settings())
    assert read
    assert in_parts.validation == at_once.validation
    np.testing.assert_array_equal(in_parts.accuracies, at_once.accuracies)


def _watched(function, read):
    def call(view, rows):
        read.append(rows)
        return function(view, rows)

    return call


@given(st.integers(0, 2**31), st.integers(1, 60))
def test_copies_are_never_both_in_the_validation_set_and_among_what_is_drawn(seed, validation):
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 60, 240)
    y = pictures % 2  # copies have one label
    pictures[rng.random(240) < 0.1] = -1
    usable = pictures >= 0
    draws = draw_labels(y, settings(validation=validation, labels_per_class=2), seed, pictures=pictures)
    used = np.concatenate([draws.validation, draws.selection.ravel(), draws.report.ravel()])
    assert usable[used].all()
    assert len(draws.validation) == validation
    drawn = np.concatenate([draws.selection.ravel(), draws.report.ravel()])
    assert not set(pictures[draws.validation]) & set(pictures[drawn])
    every = draw_labels(y, settings(validation=validation, labels_per_class="all"), seed, pictures=pictures)
    assert not set(pictures[every.validation]) & set(pictures[every.selection[0]])
    np.testing.assert_array_equal(every.report[0], np.flatnonzero(usable))


def test_draws_are_the_same_where_no_picture_comes_twice():
    y = np.arange(300) % 3
    for per_class in (5, "all"):
        chosen = settings(labels_per_class=per_class)
        assert draw_labels(y, chosen, 0).digest() == draw_labels(y, chosen, 0, pictures=np.arange(300)[::-1]).digest()
    assert most_labels(y, settings(), 0) == most_labels(y, settings(), 0, np.arange(300))


def test_labels_that_are_too_few_without_copies_are_refused_with_their_numbers():
    y, pictures = np.arange(60) % 2, np.arange(60) // 4 * 2 + np.arange(60) % 2
    pictures[:10] = -1
    said = r"\(60 labelled images, 10 held out as copies of test images, 2\d copies of others, 9 held for validation\)"
    with pytest.raises(InputError, match=said):
        draw_labels(y, settings(validation=9, labels_per_class=22), 0, pictures=pictures)
    with pytest.raises(InputError, match=r"validation must be less than .* got 50 of 50"):
        draw_labels(y, settings(validation=50), 0, pictures=pictures)
