"""Distances against closed forms, literal loops and scipy's matrix root."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan_pipeline.gan.quality import distances
from dcgan_pipeline.gan.quality.distances import frechet, kernel, nearest


def normal(seed, rows, columns, scale=1.0, shift=0.0):
    return np.random.default_rng(seed).normal(shift, scale, (rows, columns))


def exactly(mean, covariance, rows=200, seed=0):
    """Rows whose mean and unbiased covariance are these, but for rounding."""
    d = len(mean)
    x = normal(seed, rows, d)
    x -= x.mean(0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.atleast_2d(np.cov(x, rowvar=False)))).T
    return x @ np.linalg.cholesky(np.asarray(covariance, float)).T + mean


def pixels(seed, rows, columns=48):
    return np.random.default_rng(seed).integers(0, 256, (rows, columns), dtype=np.uint8)


def test_frechet_of_one_dimension_is_that_of_means_and_deviations():
    # |m1 - m2|^2 + (s1 - s2)^2
    assert frechet(exactly([1.0], [[4.0]]), exactly([4.0], [[9.0]], seed=1)) == pytest.approx(9 + 1, rel=1e-10)


def test_frechet_of_covariances_that_commute_is_the_sum_over_axes():
    found = frechet(exactly([0, 0, 0], np.diag([1, 4, 9])), exactly([1, 2, 3], np.diag([4, 4, 1]), seed=1))
    assert found == pytest.approx((1 + 4 + 9) + (1 + 0 + 4), rel=1e-10)


@pytest.mark.parametrize("rows", [(50, 60), (8, 60), (9, 7)])  # of 10 numbers: full rank, one or both singular
def test_frechet_is_that_of_scipys_matrix_root(rows):
    one = normal(0, rows[0], 10) @ normal(1, 10, 10)
    two = normal(2, rows[1], 10) @ normal(3, 10, 10) + 1
    c1, c2 = np.cov(one, rowvar=False), np.cov(two, rowvar=False)
    nudge = 1e-10 * np.eye(10)  # scipy's root needs what the singular values do not
    root = scipy.linalg.sqrtm((c1 + nudge) @ (c2 + nudge))
    expected = np.sum((one.mean(0) - two.mean(0)) ** 2) + np.trace(c1 + c2 - 2 * root.real)
    assert frechet(one, two) == pytest.approx(expected, rel=1e-4)


@given(st.integers(0, 100), st.integers(2, 40), st.integers(1, 30))
@settings(max_examples=25, deadline=None)
def test_frechet_of_a_set_to_itself_is_0_in_any_order_and_never_negative(seed, rows, columns):
    one = normal(seed, rows, columns)
    assert 0 <= frechet(one, one[::-1]) < 1e-9 * columns
    other = normal(seed + 1, rows + 1, columns)
    assert frechet(one, other) == pytest.approx(frechet(other, one), rel=1e-8)
    assert frechet(one, other) >= 0


def test_frechet_of_float32_vectors_is_computed_in_float64():
    one = (normal(0, 100, 5) + 1000).astype(np.float32)
    assert frechet(one, one.copy()) < 1e-6  # in float32 the means alone would be off by more


def literal_kernel(x, y):
    d = x.shape[1]

    def k(a, b):
        return (float(a @ b) / d + 1) ** 3

    within_x = [k(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j]
    within_y = [k(y[i], y[j]) for i in range(len(y)) for j in range(len(y)) if i != j]
    between = [k(a, b) for a in x for b in y]
    return np.mean(within_x) + np.mean(within_y) - 2 * np.mean(between)


@pytest.mark.parametrize("block", [3, 5, 512])
def test_kernel_distance_is_the_literal_double_loop(block, monkeypatch):
    monkeypatch.setattr(distances, "_BLOCK", block)
    x, y = normal(0, 11, 6), normal(1, 14, 6, scale=1.5, shift=0.3)
    assert kernel(x, y) == pytest.approx(literal_kernel(x, y), rel=1e-10)


def test_kernel_distance_is_unbiased():
    """Its mean over pairs of sets of one distribution is 0, and a biased one's would be far from it."""
    found = [kernel(normal(2 * k, 10, 4), normal(2 * k + 1, 15, 4)) for k in range(400)]
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found)) < 4 * error
    x = [normal(2 * k, 10, 4) for k in range(400)]
    bias = np.mean([((np.sum(a * a, 1) / 4 + 1) ** 3).mean() / 10 for a in x])  # what the diagonal would add
    assert bias > 20 * error


def test_kernel_distance_grows_with_the_difference():
    x = normal(0, 60, 8)
    found = [kernel(x, normal(1, 60, 8, shift=shift)) for shift in (0, 0.5, 1, 2)]
    assert found == sorted(found)
    assert abs(found[0]) < 0.1 * found[1]


@pytest.mark.parametrize("block", [4, 512])
def test_nearest_is_the_mean_of_the_smallest_distances(block, monkeypatch):
    monkeypatch.setattr(distances, "_BLOCK", block)
    real, generated = pixels(0, 9), pixels(1, 13)
    expected = [min(np.sqrt(np.sum((a / 127.5 - b / 127.5) ** 2)) for b in generated) for a in real]
    assert nearest(real, generated) == pytest.approx(np.mean(expected), rel=1e-12)


def test_nearest_is_0_exactly_where_every_image_is_among_the_samples():
    real = pixels(0, 20, 12_288)  # squares and products sum to 10^9: float32 would leave some hundreds
    assert nearest(real, np.concatenate([pixels(1, 30, 12_288), real[::-1]])) == 0
    beside = real.copy()
    beside[:, 0] ^= 1  # one grey level in one pixel
    assert nearest(real, beside) == 1 / 127.5


def test_nearest_falls_with_more_samples_and_is_no_symmetric_distance():
    real, generated = pixels(0, 20), pixels(1, 50)
    found = [nearest(real, generated[:n]) for n in (1, 5, 20, 50)]
    assert found == sorted(found, reverse=True)
    assert nearest(real[:1], generated) != nearest(generated, real[:1])
