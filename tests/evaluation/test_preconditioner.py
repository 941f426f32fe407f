"""The preconditioner is H's inverse with few columns, and with many a close and safe stand-in."""

import numpy as np
import pytest
import torch

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.preconditioner import make_preconditioner

CPU = torch.device("cpu")


def make(X, parts=3):
    return make_preconditioner(lambda: iter(X.tensor_split(parts)), *X.shape, X.dtype, CPU)


def rows(count, columns, *, decay, dtype=torch.float64):
    """Rows whose columns shrink from 1 to ``decay``, turned so that no direction is an axis."""
    generator = torch.Generator().manual_seed(1)
    X = torch.randn(count, columns, generator=generator, dtype=torch.float64) * torch.logspace(
        0, np.log10(decay), columns, dtype=torch.float64
    )
    turn = torch.linalg.qr(torch.randn(columns, columns, generator=generator, dtype=torch.float64))[0]
    return (3 + X @ turn).to(dtype)


def hessian(X, weights):
    A = torch.cat([X, torch.ones(len(X), 1, dtype=X.dtype)], 1).double()
    return torch.eye(A.shape[1], dtype=torch.float64) + (A.T * weights) @ A


def some_weights(classes, count):
    weights = torch.rand(classes, count, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return torch.where(weights > 0.4, weights, 0)


@pytest.mark.parametrize("columns", [1, 5, 63])
def test_with_few_columns_it_is_the_inverse(columns):
    X, weights = rows(200, columns, decay=1e-3), some_weights(3, 200)
    v = torch.randn(3, columns + 1, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    found = make(X).inverse(weights, torch.ones(3, dtype=torch.bool))(v)
    for k in range(3):
        torch.testing.assert_close(found[k], torch.linalg.solve(hessian(X, weights[k]), v[k]), rtol=1e-5, atol=1e-8)


def test_it_finds_the_strongest_directions_of_the_rows():
    X = rows(400, 300, decay=1e-4)
    found = make(X)
    A = torch.cat([X, torch.ones(400, 1, dtype=X.dtype)], 1)
    q = found.directions.shape[1]
    assert q == 64
    torch.testing.assert_close(found.directions.T @ found.directions, torch.eye(q, dtype=X.dtype), rtol=0, atol=1e-12)
    torch.testing.assert_close(found.coordinates, A @ found.directions)
    strongest = torch.linalg.eigvalsh(A.T @ A).flip(0)[:q]
    energy = found.coordinates.square().sum(0).flip(0)
    torch.testing.assert_close(energy[:32], strongest[:32], rtol=1e-3, atol=0)
    assert 0.2 * strongest[-1] < found.weakest <= strongest[-1] * (1 + 1e-9)


def test_with_many_columns_it_is_positive_definite_and_a_hundred_times_better_than_none():
    X, weights = rows(500, 300, decay=1e-4), 0.2 * some_weights(1, 500)
    apply = make(X).inverse(weights, torch.tensor([True]))
    eye = torch.eye(301, dtype=torch.float64)
    P = torch.cat([apply(axis[None]) for axis in eye])
    torch.testing.assert_close(P, P.T, rtol=0, atol=1e-10)
    H = hessian(X, weights[0])
    root = torch.linalg.cholesky(P)  # fails where it is not positive definite
    with_it, without = (torch.linalg.cond(m) for m in (root.T @ H @ root, H))
    assert with_it < without / 100
    assert with_it < 10


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_short_floats_of_any_scale_have_factors(scale):
    X = scale * rows(300, 2100, decay=1e-6, dtype=torch.float32)
    v = torch.ones(1, 2101, dtype=torch.float64)
    for weight in (1e-6, 1.0, 1e6):
        weights = weight * some_weights(1, 300)
        found = make(X).inverse(weights, torch.tensor([True]))(v)
        assert torch.isfinite(found).all()
        assert (found * v).sum() > 0


def test_equal_and_empty_rows_are_no_trouble():
    for X in (torch.zeros(100, 300), torch.ones(100, 300)):
        apply = make(X).inverse(torch.ones(1, 100, dtype=torch.float64), torch.tensor([True]))
        assert torch.isfinite(apply(torch.ones(1, 301, dtype=torch.float64))).all()


def test_how_the_rows_are_cut_changes_no_more_than_rounding():
    X = rows(300, 200, decay=1e-2)
    one, two = make(X, 1), make(X, 7)
    live, weights = torch.tensor([True]), some_weights(1, 300)
    v = torch.randn(1, 201, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    torch.testing.assert_close(one.inverse(weights, live)(v), two.inverse(weights, live)(v), rtol=1e-6, atol=1e-9)


def test_numbers_that_are_not_finite_are_refused():
    X = rows(100, 300, decay=0.1)
    X[7, 7] = torch.nan
    with pytest.raises(InputError, match="features must be finite numbers"):
        make(X)
