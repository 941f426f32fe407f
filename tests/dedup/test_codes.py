import numpy as np
import pytest
import torch

from dcgan_pipeline.dedup.codes import Encoder, compute_codes
from dcgan_pipeline.dedup.inputs import normalise
from dcgan_pipeline.weights import Weights

CPU = torch.device("cpu")


def codes_of(array, weights, batch):
    return np.concatenate(list(compute_codes(array, weights, batch, CPU).chunks))


def as_numpy(weights):
    return [weights.tensors[name].double().numpy() for name in ("encoder.weight", "encoder.bias", "mean")]


@pytest.fixture(scope="session")
def codes(thumbnails, weights):
    return codes_of(thumbnails, weights, 4096)


def test_codes_are_packed_bits_a_row_an_image(codes):
    assert codes.dtype == np.uint8
    assert codes.shape == (200, 64 // 8)


@pytest.mark.parametrize("batch", [1, 7, 64, 200])
def test_codes_do_not_depend_on_the_batch(thumbnails, weights, codes, batch):
    np.testing.assert_array_equal(codes_of(thumbnails, weights, batch), codes)


def test_codes_do_not_depend_on_the_order(stored, natural, weights, codes, shuffled):
    np.testing.assert_array_equal(codes_of(stored(natural[shuffled]), weights, 33), codes[shuffled])


@pytest.mark.parametrize("near_threshold", [False, True])
def test_codes_are_those_of_whole_number_arithmetic(natural, weights, near_threshold):
    values, scale = (part.numpy() for part in normalise(torch.from_numpy(natural), weights.settings["normalise"]))
    if near_threshold:  # all units of the first image at 0, within rounding: float32 sums would decide by chance
        W, _, mean = as_numpy(weights)
        bias = -W @ (values[0] / scale[0] - mean)
        weights = Weights({**weights.tensors, "encoder.bias": torch.from_numpy(bias)}, weights.settings)
    W, b, mean = as_numpy(weights)
    fixed = (2**15 - 1) / np.abs(W).max()
    whole = np.round(W * fixed).astype(np.int64)
    threshold = np.round(((W * mean).sum(1) - b) * fixed).astype(np.int64)
    units = values.astype(np.int64) @ whole.T - scale.astype(np.int64) * threshold
    np.testing.assert_array_equal(Encoder(weights, CPU)(natural), np.packbits(units > 0, axis=1))


def test_a_bit_is_on_where_the_relu_is(natural, weights, codes):
    W, b, mean = as_numpy(weights)
    values, scale = (part.numpy() for part in normalise(torch.from_numpy(natural), weights.settings["normalise"]))
    units = (values / scale - mean) @ W.T + b
    # Rounding the weights to 16 bits moves a unit by at most half a step times each input, and half one for the bias.
    error = (np.abs(values / scale).sum(1, keepdims=True) + 1) * 0.5 * np.abs(W).max() / (2**15 - 1)
    sure = np.abs(units) > error
    bits = np.unpackbits(codes, axis=1).astype(bool)
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(bits[sure], units[sure] > 0)


def test_exact_copies_get_equal_codes_wherever_they_lie(stored, natural, weights):
    copies = np.concatenate([natural[:20], natural[100:160], natural[:20]])
    found = codes_of(stored(copies), weights, 13)
    np.testing.assert_array_equal(found[:20], found[-20:])


def test_codes_tell_different_images_apart(codes):
    assert len(np.unique(codes, axis=0)) == len(codes)


def test_bits_of_natural_images_are_used(codes):
    shares = np.unpackbits(codes, axis=1).mean(axis=0)
    assert np.mean((shares > 0) & (shares < 1)) > 0.95
    assert 0.3 < shares.mean() < 0.7  # a code that is nearly all off, or on, would call everything a duplicate


def test_codes_are_made_lazily_and_keep_the_attributes(thumbnails, weights):
    found = compute_codes(thumbnails, weights, 50, CPU)
    assert found.attrs == {"images_id": "0123456789abcdef", "hash_encoder": weights.digest()}
    assert next(iter(found.chunks)).shape == (50, 8)
