import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dcgan_pipeline.gan.losses import discriminator_loss, generator_loss

LOGITS = st.lists(st.floats(-30, 30), min_size=1, max_size=8)


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def minus_log_sigmoid(values):
    return np.log1p(np.exp(-np.asarray(values, dtype=np.float64)))


@given(LOGITS, LOGITS)
def test_loss_of_d_is_the_sum_of_both_cross_entropies(real, fake):
    expected = minus_log_sigmoid(real).mean() + minus_log_sigmoid(-np.asarray(fake)).mean()
    assert float(discriminator_loss(tensor(real), tensor(fake))) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(LOGITS)
def test_loss_of_g_is_the_cross_entropy_of_being_taken_for_real(fake):
    expected = minus_log_sigmoid(fake).mean()
    assert float(generator_loss(tensor(fake))) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_a_d_that_cannot_tell_has_a_loss_of_two_logarithms_of_two():
    assert float(discriminator_loss(tensor([0.0]), tensor([0.0]))) == pytest.approx(2 * math.log(2))
    assert float(generator_loss(tensor([0.0]))) == pytest.approx(math.log(2))


@given(LOGITS)
def test_gradient_of_g_does_not_vanish_where_d_is_sure(values):
    fake = tensor(values).requires_grad_()
    generator_loss(fake).backward()
    expected = (1 / (1 + np.exp(-np.asarray(values))) - 1) / len(values)
    np.testing.assert_allclose(fake.grad.numpy(), expected, rtol=1e-9, atol=1e-14)


def test_huge_logits_give_finite_losses():
    assert float(discriminator_loss(tensor([-1000.0]), tensor([1000.0]))) == 2000
    assert float(generator_loss(tensor([-1000.0]))) == 1000
