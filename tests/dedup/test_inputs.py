import numpy as np
import pytest
import torch

from dcgan_pipeline.dedup.inputs import normalise, normalised


def local(picture):
    """The definition for one thumbnail, in whole numbers of Python."""
    padded = np.pad(picture.astype(np.int64), ((0, 0), (7, 7), (7, 7)), mode="edge")
    mean = np.array(
        [[[padded[c, i : i + 15, j : j + 15].sum() // 225 for j in range(32)] for i in range(32)] for c in range(3)]
    )
    v = 10 * picture.astype(np.int64) - 7 * mean
    spread = int(np.sqrt(float(3072 * (v * v).sum() - v.sum() ** 2)))
    return (3072 * v - v.sum()).ravel(), spread + 3072 * 80


def test_plain_pixels_are_parts_of_255(natural):
    values, scale = normalise(torch.from_numpy(natural), "none")
    np.testing.assert_array_equal(values.numpy(), natural.reshape(200, -1))
    assert set(scale.ravel().tolist()) == {255.0}


def test_local_values_are_those_of_whole_number_arithmetic(natural):
    values, scale = normalise(torch.from_numpy(natural[:5]), "local")
    for k in range(5):
        expected, divisor = local(natural[k])
        np.testing.assert_array_equal(values[k].numpy(), expected)
        assert scale[k].item() == divisor
    assert values.abs().max() < 2**24


@pytest.mark.parametrize("extreme", [np.zeros, np.ones])
def test_values_of_extreme_pictures_stay_below_the_bound(extreme):
    picture = (extreme((1, 3, 32, 32)) * 255).astype(np.uint8)
    picture[0, :, ::2, ::2] ^= 255
    values, scale = normalise(torch.from_numpy(picture), "local")
    assert values.abs().max() < 2**24
    assert 0 < scale.max() < 2**24
    assert torch.equal(values, values.round())


def test_local_input_is_blind_to_brightness_and_nearly_to_contrast(natural):
    soft = (natural[:20] // 2 + 40).astype(np.uint8)
    brighter, stronger = soft + 30, (soft.astype(int) * 5 // 4).astype(np.uint8)
    clean = normalised(torch.from_numpy(soft), "local")
    torch.testing.assert_close(normalised(torch.from_numpy(brighter), "local"), clean, atol=0.05, rtol=0)
    change = normalised(torch.from_numpy(stronger), "local") - clean
    assert change.std() < 0.1 * clean.std()


def test_a_flat_picture_has_no_input():
    flat = torch.full((1, 3, 32, 32), 77, dtype=torch.uint8)
    assert not normalised(flat, "local").any()
