import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.newton import _Streamed, solve_path
from dcgan_pipeline.evaluation.svm import L2SVM, LinearModel, fit_path, predict

CPU = torch.device("cpu")
SHAPES = [(120, 6), (60, 200), (40, 2100)]  # more rows than columns, fewer, and so many that floats are short


def objective(parameters, X, signs, C):
    """Half the squared weights, the intercept's too, plus C times the squared hinges; and its gradient."""
    w, b = parameters[:-1], parameters[-1]
    gap = np.maximum(0, 1 - signs * (X @ w + b))
    slope = -2 * C * gap * signs
    value = 0.5 * (parameters @ parameters) + C * (gap**2).sum()
    return value, parameters + np.append(slope @ X, slope.sum())


def objectives(model, X, y, C):
    X = X.astype(np.float64)
    parameters = np.column_stack([model.weight, model.bias])
    signs = np.where(y == model.classes[:, None], 1.0, -1.0)
    return np.array([objective(p, X, s, C)[0] for p, s in zip(parameters, signs, strict=True)])


def shifted(blobs, count, dimensions, classes, mean=0.0, seed=0):
    X, y = blobs(count, classes, 2, dimensions, seed)
    return X + np.float32(mean), y


@parametrize_with_checks([L2SVM()])
def test_scikit_learn_takes_it_for_one_of_its_own(estimator, check):
    check(estimator)


def test_two_points_have_the_closed_form():
    # By symmetry b = 0; w^2/2 + 2C (1 - w)^2 is least at w = 4C / (1 + 4C).
    X = np.array([[-1.0], [1.0]])
    for C in (0.01, 1.0, 100.0):
        found = L2SVM(C=C, tol=1e-12).fit(X, [0, 1])
        np.testing.assert_allclose(found.coef_, [[4 * C / (1 + 4 * C)]])
        np.testing.assert_allclose(found.intercept_, [0], atol=1e-12)


def test_features_of_zeros_leave_the_intercept():
    # Three against one: b^2/2 + C (3 (1 - b)^2 + (1 + b)^2) is least at b = 4C / (1 + 8C).
    found = L2SVM(C=0.5, tol=1e-12).fit(np.zeros((4, 3)), [1, 1, 1, 0])
    np.testing.assert_allclose(found.intercept_, [2 / 5])
    np.testing.assert_array_equal(found.coef_, np.zeros((1, 3)))


@pytest.mark.parametrize(("count", "dimensions"), SHAPES)
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("C", [1e-4, 1e-2, 1.0, 100.0])
@pytest.mark.parametrize("mean", [0, 10])
def test_the_fit_has_the_minimum_of_a_general_optimiser(blobs, count, dimensions, classes, C, mean):
    X, y = shifted(blobs, count, dimensions, classes, mean)
    model = fit_path(X, y, [C])[0]
    assert model.converged
    assert model.weight.shape == (classes, dimensions)
    found = objectives(model, X, y, C)
    for c in range(classes):
        signs, X64 = np.where(y == c, 1.0, -1.0), X.astype(np.float64)
        start = np.append(model.weight[c], model.bias[c])
        best = minimize(objective, start, (X64, signs, C), jac=True, method="L-BFGS-B", options={"maxiter": 200})
        assert best.fun <= found[c] <= best.fun * (1 + 1e-5)


@pytest.mark.parametrize(("count", "dimensions"), [(200, 6), (60, 200)])
@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("C", [1e-3, 0.1])
def test_objective_and_predictions_are_those_of_linear_svc(blobs, count, dimensions, classes, C):
    X, y = shifted(blobs, count, dimensions, classes)
    test, _ = shifted(blobs, 1000, dimensions, classes, seed=1)
    theirs = LinearSVC(C=C, dual="auto", tol=1e-9, max_iter=1_000_000, random_state=0).fit(X, y)
    ours = L2SVM(C=C).fit(X, y)
    assert ours.coef_.shape == theirs.coef_.shape
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    for found, model in ((ours, fit_path(X, y, [C])[0]),):
        weight = theirs.coef_ if classes > 2 else np.concatenate([-theirs.coef_, theirs.coef_])
        bias = theirs.intercept_ if classes > 2 else np.concatenate([-theirs.intercept_, theirs.intercept_])
        least = objectives(LinearModel(weight, bias, theirs.classes_, True), X, y, C)
        np.testing.assert_allclose(objectives(model, X, y, C), least, rtol=1e-5)
        assert (found.predict(test) == theirs.predict(test)).mean() >= 0.999
        assert (predict([model], test)[0] == theirs.predict(test)).mean() >= 0.999


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 25), st.integers(1, 30), st.floats(-3, 2), st.floats(0, 20), st.booleans(), st.integers(0, 10**6))
def test_the_gap_bounds_what_is_left_to_gain(n, d, exponent, mean, gram, seed):
    rng = np.random.default_rng(seed)
    X, C = rng.normal(mean, 1, (n, d)), 10.0**exponent
    y = np.append([1.0, -1.0], rng.choice([-1.0, 1.0], n - 2))
    rough = next(solve_path(X, y[None], [C], 1e9, 0, CPU, gram=gram))
    some = next(solve_path(X, y[None], [C], 1e-2, 100, CPU, gram=gram))
    best = next(solve_path(X, y[None], [C], 1e-10, 100, CPU, gram=gram))
    least, *values = (
        objective(np.append(s.weight[0].numpy(), s.bias[0].numpy()), X, y, C)[0] for s in (best, rough, some)
    )
    for found, value in zip((rough, some), values, strict=True):
        assert least <= value * (1 + 1e-9)
        assert value - least <= float(found.gaps[0]) * least * (1 + 1e-9) + 1e-9


@pytest.mark.parametrize(("count", "dimensions"), [(120, 6), (60, 200), (100, 100)])
@pytest.mark.parametrize("mean", [0, 10])
def test_the_two_forms_agree(blobs, count, dimensions, mean):
    X, y = shifted(blobs, count, dimensions, 3, mean)
    signs = np.where(y == np.arange(3)[:, None], 1.0, -1.0)
    Cs = (1e-3, 0.1, 10)
    both = (solve_path(X, signs, Cs, 1e-10, 100, CPU, gram=gram) for gram in (True, False))
    for few, many in zip(*both, strict=True):
        assert few.converged
        assert many.converged
        np.testing.assert_allclose(few.weight, many.weight, atol=1e-4 * float(many.weight.abs().max()))
        np.testing.assert_allclose(few.bias, many.bias, atol=1e-4 * float(many.weight.abs().max()))


def test_many_columns_reach_the_minimum_with_short_floats_in_their_directions(blobs):
    X, y = shifted(blobs, 600, 2100, 2, mean=1)
    signs = np.where(y == 1, 1.0, -1.0)[None]
    few, many = (next(solve_path(X, signs, [1e-3], 1e-7, 100, CPU, gram=gram)) for gram in (True, False))
    assert many.converged
    np.testing.assert_allclose(few.weight, many.weight, atol=1e-3 * float(few.weight.abs().max()))


@pytest.mark.parametrize(("count", "dimensions"), [(120, 6), (60, 200)])
def test_a_path_is_its_fits_one_by_one(blobs, count, dimensions):
    X, y = shifted(blobs, count, dimensions, 3)
    Cs = [1e-4, 1e-2, 1.0]
    for C, model in zip(Cs, fit_path(X, y, Cs, tol=1e-9), strict=True):
        alone = fit_path(X, y, [C], tol=1e-9)[0]
        np.testing.assert_allclose(objectives(model, X, y, C), objectives(alone, X, y, C), rtol=1e-8)


@pytest.mark.parametrize("rows_per_shard", [1, 7, 1000])
@pytest.mark.parametrize(("count", "dimensions"), [(120, 6), (60, 200)])
def test_shards_of_any_size_give_the_bits_of_the_array(blobs, stored, monkeypatch, count, dimensions, rows_per_shard):
    monkeypatch.setattr("dcgan_pipeline.evaluation.newton._SHORT", 32 * dimensions)  # several reads
    X, y = shifted(blobs, count, dimensions, 3)
    shards = stored(X, rows_per_shard)
    one, two = fit_path(X, y, [0.1])[0], fit_path(shards, y, [0.1])[0]
    np.testing.assert_array_equal(one.weight, two.weight)
    np.testing.assert_array_equal(one.bias, two.bias)
    whole = L2SVM(C=0.1).fit(shards, y)
    np.testing.assert_array_equal(whole.coef_, one.weight)
    np.testing.assert_array_equal(whole.predict(shards), L2SVM(C=0.1).fit(X, y).predict(X))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float16, np.float32])
def test_shards_of_any_numbers_are_scored_as_the_array_is(blobs, stored, dtype):
    X, y = shifted(blobs, 90, 5, 3)
    X = (10 * (X - X.min())).astype(dtype)
    model = L2SVM(C=0.1).fit(stored(X), y)
    expected = L2SVM(C=0.1).fit(X.astype(np.float32), y)
    np.testing.assert_array_equal(model.predict(stored(X)), expected.predict(X.astype(np.float32)))
    assert model.score(stored(X), y) > 0.6


def test_equal_rows_and_constant_columns_are_no_trouble(blobs):
    X, y = shifted(blobs, 50, 200, 3)
    X = np.concatenate([X, X, X])
    X[:, :20], X[:, 20:30] = 0, 7
    y = np.concatenate([y, y, y])
    model = fit_path(X, y, [100.0], tol=1e-8)[0]
    assert model.converged
    np.testing.assert_array_equal(model.weight[:, :20], np.zeros((3, 20)))
    np.testing.assert_allclose(np.ptp(model.weight[:, 20:30], axis=1), 0, atol=1e-9)
    # Three copies of a row count as three times its C.
    alone = fit_path(X[:50], y[:50], [300.0], tol=1e-8)[0]
    np.testing.assert_allclose(objectives(model, X, y, 100.0), objectives(alone, X[:50], y[:50], 300.0), rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("count", "dimensions"), [(120, 6), (60, 200)])
def test_features_that_are_not_finite_are_refused_in_one_line(blobs, stored, bad, count, dimensions):
    X, y = shifted(blobs, count, dimensions, 3)
    model, estimator = fit_path(X, y, [0.1])[0], L2SVM().fit(X, y)
    X[count // 2, 3] = bad
    with pytest.raises(InputError, match="features must be finite numbers"):
        estimator.predict(stored(X))
    for fit in (lambda: fit_path(X, y, [0.1]), lambda: predict([model], X), lambda: L2SVM().fit(stored(X), y)):
        with pytest.raises(InputError, match="features must be finite numbers") as refusal:
            fit()
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("shape", "labels", "C", "rule"),
    [
        ((4, 3), [1, 1, 1, 1], 1.0, r"two or more classes, got 1 class: \[1\]"),
        ((4, 3), [0, 1, 1], 1.0, r"a label a row, got \(4, 3\) and 3 labels"),
        ((4, 3, 1), [0, 1, 1, 0], 1.0, r"must be \(rows, columns\)"),
        ((4, 3), [0, 1, 1, 0], 0.0, "C must be positive, got 0"),
    ],
)
def test_wrong_input_is_refused_in_one_line(shape, labels, C, rule):
    with pytest.raises(InputError, match=rule) as refusal:
        fit_path(np.ones(shape, np.float32), np.array(labels), [C])
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("count", "dimensions"), [(120, 6), (60, 200)])
def test_a_fit_that_stops_early_is_reported(blobs, count, dimensions, recwarn):
    X, y = shifted(blobs, count, dimensions, 3)
    assert not fit_path(X, y, [100.0], tol=1e-9, max_iter=1)[0].converged
    assert not recwarn.list
    with pytest.warns(ConvergenceWarning, match="relative duality gap of .* after 1 steps, wanted 1.0e-09"):
        L2SVM(C=100.0, tol=1e-9, max_iter=1).fit(X, y)


def test_several_models_predict_in_one_pass_as_each_alone(blobs):
    X, y = blobs(200, 3, apart=1)
    models = [fit_path(X[part], y[part], [C])[0] for part, C in ((slice(0, 80), 0.01), (slice(80, 200), 1.0))]
    together = predict(models, X)
    assert together.shape == (2, 200)
    np.testing.assert_array_equal(together, np.concatenate([predict([model], X) for model in models]))
    assert not np.array_equal(together[0], together[1])


def test_labels_need_not_start_at_zero_or_be_dense_or_numbers(blobs):
    X, y = blobs(200, 3, apart=8)
    for names in (np.array([3, 10, 42]), np.array(["a", "b", "c"])):
        np.testing.assert_array_equal(predict(fit_path(X, names[y], [1.0]), X)[0], names[y])
        np.testing.assert_array_equal(L2SVM().fit(X, names[y]).predict(X), names[y])


@pytest.mark.parametrize(("count", "dimensions"), SHAPES)
def test_the_same_data_give_the_same_bits(blobs, count, dimensions):
    X, y = shifted(blobs, count, dimensions, 3)
    one, two = fit_path(X, y, [1.0])[0], fit_path(X, y, [1.0])[0]
    np.testing.assert_array_equal(one.weight, two.weight)
    np.testing.assert_array_equal(one.bias, two.bias)


def test_rows_on_disk_are_read_in_passes_and_few_of_them(blobs, stored, monkeypatch):
    passes = []
    once = _Streamed._pass
    monkeypatch.setattr(_Streamed, "_pass", lambda *arguments: (passes.append(1), once(*arguments))[1])
    X, y = shifted(blobs, 400, 30, 3)
    assert fit_path(stored(X, 50), y, [1e-3])[0].converged
    assert 1 < len(passes) < 30


WEIGHT = """
import re, sys
from pathlib import Path
import numpy as np
from dcgan_pipeline.arrays import ArrayChunks, ShardedArray, write_shards
from dcgan_pipeline.evaluation.svm import fit_path

def chunks(rows):
    rng = np.random.default_rng(0)
    for _ in range(0, rows, 500):
        yield rng.normal(size=(500, 2100)).astype(np.float32)

def peak(rows):
    folder = Path(sys.argv[1], str(rows))
    write_shards(ArrayChunks(chunks(rows)), folder, 500)
    fit_path(ShardedArray(folder), np.arange(rows) % 2, [1e-5], tol=0.1)
    # MiB, the maps' pages included; getrusage would count the parent's, too
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

import dcgan_pipeline.evaluation.newton as newton, dcgan_pipeline.evaluation.preconditioner as preconditioner
newton._SHORT, newton._LONG, newton.GRAM_ROWS, preconditioner._RANK = 1 << 19, 1 << 19, 100, 64
print(peak(1000), peak(16000))
"""


def test_more_rows_on_disk_need_no_more_memory_than_their_pages(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", WEIGHT, str(tmp_path / "rows")], capture_output=True, text=True, check=True
    )
    few, many = map(float, run.stdout.split())
    pages = 15_000 * 2100 * 4 / 2**20  # of the files, as far as the system keeps them
    assert many - few < 1.5 * pages  # a copy of the rows would make it 2, allocators differ by some MiB
