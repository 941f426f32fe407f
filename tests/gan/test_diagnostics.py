import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dcgan_pipeline.gan.diagnostics import COLUMNS, CollapseMonitor, compare, gradient_norm, look
from dcgan_pipeline.gan.monitor_settings import DiagnosticsSettings

HEALTHY = {
    "accuracy_real": 0.8,
    "accuracy_fake": 0.85,
    "loss_g": 1.5,
    "grad_norm_d": 3.0,
    "grad_norm_g": 2.0,
    "diversity": 0.9,
    "contrast": 0.95,
    "saturation": 0.1,
    "saturation_real": 0.3,
}
BAD = {
    "D wins": {"accuracy_real": 1.0, "accuracy_fake": 0.995, "loss_g": 8.0},
    "G has collapsed": {"diversity": 0.2},
    "G saturates": {"saturation": 0.8},
    "contrast has drifted": {"contrast": 0.3, "diversity": 0.3},
}


def images(seed, count=9, shape=(3, 8, 8)):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def watched(rows, **values):
    """What a watch says of rows 25 steps apart, as (step, first words)."""
    watch = CollapseMonitor(DiagnosticsSettings(**{"warm_up": 0, "patience": 1} | values))
    said = []
    for k, row in enumerate(rows, start=1):
        said += [(k * 25, problem.text.split(":")[0]) for problem in watch.see({"step": k * 25, **row})]
    return said


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 16)])
def test_a_look_is_what_the_formulas_say(shape):
    some = images(0, 7, shape)
    some[0, 0, 0, :4] = [0, 0, 255, 255]
    flat = some.reshape(7, -1).astype(np.float64)
    pairs = [np.sqrt(((flat[i] - flat[j]) ** 2).mean()) for i in range(7) for j in range(i)]
    found = look(some)
    assert found.distance == pytest.approx(np.mean(pairs), rel=1e-5)
    assert found.contrast == pytest.approx(math.sqrt(flat.var(axis=1).mean()), rel=1e-5)
    assert found.saturation == pytest.approx(np.isin(flat, (0, 255)).mean(), rel=1e-12)


def test_images_are_as_varied_as_themselves():
    found = compare(images(0), look(images(0)))
    assert (found["diversity"], found["contrast"]) == (1, 1)
    assert found["saturation"] == found["saturation_real"]


def test_one_picture_again_and_again_has_contrast_and_no_diversity():
    found = compare(np.repeat(images(0)[:1], 9, axis=0), look(images(1)))
    assert found["diversity"] == 0
    assert found["contrast"] == pytest.approx(1, abs=0.1)


@given(st.floats(0.1, 0.9))
@settings(max_examples=20, deadline=None)
def test_samples_of_less_contrast_are_less_varied_by_as_much(scale):
    faded = np.round((images(0, 20).astype(float) - 127.5) * scale + 127.5).astype(np.uint8)
    found = compare(faded, look(images(0, 20)))
    assert found["contrast"] == pytest.approx(scale, abs=0.02)
    assert found["diversity"] == pytest.approx(found["contrast"], rel=0.02)  # so that fading is not taken for collapse


def test_blank_data_give_no_shares():
    blank = np.full((4, 1, 8, 8), 255, np.uint8)
    assert compare(images(0, 4, (1, 8, 8)), look(blank)).keys() == {"saturation", "saturation_real"}
    assert look(blank).saturation == 1


def test_a_gradient_norm_is_over_all_parameters():
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    for k, parameter in enumerate(network.parameters()):
        parameter.grad = torch.full_like(parameter, float(k))
    # 4 weights of 0, 2 biases of 1, 2 weights of 2, 1 bias of 3.
    assert float(gradient_norm(network)) == pytest.approx(math.sqrt(2 * 1 + 2 * 4 + 9))
    network[0].weight.grad = None  # not updated: no part of it
    assert float(gradient_norm(network)) == pytest.approx(math.sqrt(19))


def test_a_healthy_training_is_never_warned_of():
    assert watched([HEALTHY] * 20) == []


@pytest.mark.parametrize("words", BAD)
def test_each_problem_is_told_in_words_and_alone(words):
    assert watched([HEALTHY, HEALTHY | BAD[words]]) == [(50, words)]


@pytest.mark.parametrize("words", BAD)
def test_a_problem_must_last_and_is_told_once(words):
    bad = HEALTHY | BAD[words]
    assert watched([bad, bad, HEALTHY, bad, bad, HEALTHY], patience=3) == []
    assert watched([bad] * 9, patience=3) == [(75, words)]
    assert watched([bad, bad, HEALTHY, bad, bad], patience=2) == [(50, words), (125, words)]


@pytest.mark.parametrize("words", BAD)
def test_nothing_is_judged_in_the_warm_up(words):
    bad = HEALTHY | BAD[words]
    assert watched([bad] * 5, warm_up=100) == [(125, words)]


def test_d_wins_by_its_sureness_or_by_the_loss_of_gs_gradient_and_not_by_accuracy_alone():
    right = HEALTHY | {"accuracy_real": 1.0, "accuracy_fake": 1.0}
    assert watched([right]) == []
    assert watched([right | {"grad_norm_g": 1e-6}]) == [(25, "D wins")]
    assert watched([HEALTHY | {"loss_g": 50.0}]) == []  # as happens when G has just been fooled


def test_blank_samples_have_collapsed_though_they_have_no_contrast_to_compare_at():
    assert (25, "G has collapsed") in watched([HEALTHY | {"diversity": 0.0, "contrast": 0.0}])


def test_saturation_is_beside_that_of_the_data():
    binary = HEALTHY | {"saturation_real": 0.9, "saturation": 0.92}
    assert watched([binary, HEALTHY | {"saturation_real": 1.0, "saturation": 1.0}]) == []


def test_values_that_a_row_lacks_are_the_last_known():
    of_d = {name: HEALTHY[name] for name in ("diversity", "contrast", "saturation", "saturation_real")}
    of_d |= {"accuracy_real": 1.0, "accuracy_fake": 1.0}
    of_g = {name: HEALTHY[name] for name in ("diversity", "contrast", "saturation", "saturation_real")}
    of_g |= {"loss_g": 9.0, "grad_norm_g": 1.0}
    assert watched([of_g, of_d, of_g], patience=2) == [(75, "D wins")]
    assert watched([{"saturation": 0.0, "saturation_real": 0.0}]) == []  # nothing else is known yet


@pytest.mark.parametrize("words", BAD)
@pytest.mark.parametrize("warm_up", [0, 1000])  # what is not judged yet is no place to come back to, either
def test_a_checkpoint_is_good_when_nothing_is_wrong_that_other_numbers_may_mend(words, warm_up):
    watch = CollapseMonitor(DiagnosticsSettings(warm_up=warm_up, patience=3))
    assert watch.healthy
    watch.see({"step": 25, **HEALTHY, **BAD[words]})
    assert watch.healthy == (words == "contrast has drifted")
    watch.see({"step": 50, **HEALTHY})
    assert watch.healthy


def test_the_columns_are_those_that_are_measured():
    measured = {*compare(images(0), look(images(1))), "accuracy_real", "accuracy_fake", "grad_norm_d", "grad_norm_g"}
    assert measured == set(COLUMNS)
