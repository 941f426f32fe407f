from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan_pipeline.imaging.formats import depth


@pytest.mark.parametrize("bits", range(1, 17))
def test_each_sample_becomes_its_nearest_level(bits):
    greatest = 2**bits - 1
    found = depth.table(greatest)
    assert found.dtype == np.uint8
    assert (found[0], found[-1]) == (0, 255)
    for value in range(0, greatest + 1, max(1, greatest // 500)):
        assert abs(Fraction(255 * value, greatest) - int(found[value])) <= Fraction(1, 2)


def test_all_16_bit_samples_are_the_same_by_their_halves():
    samples = np.arange(65536).reshape(512, 128)
    halves = depth.from_halves((samples >> 8).astype(np.uint8), (samples & 255).astype(np.uint8))
    np.testing.assert_array_equal(halves, depth.table(65535)[samples])
    assert np.mean(halves != samples >> 8) == pytest.approx(0.25, abs=0.01)  # what cutting off would make of them


@given(level=st.integers(0, 255), bits=st.sampled_from([8, 16]))
def test_an_8_bit_level_comes_back_from_more_bits(level, bits):
    assert depth.levels(np.array(level * (2**bits - 1) // 255), 2**bits - 1) == level
