import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcgan_pipeline.dedup.neighbours import as_words, code_tables, cut_into_bands, hamming, sure_radius
from dcgan_pipeline.errors import InputError

EXAMPLES = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def clustered(count, width, seed, flips):
    """Codes around a few centres: many near pairs at every distance."""
    generator = np.random.default_rng(seed)
    centres = generator.integers(0, 256, (5, width), dtype=np.uint8)
    noise = np.packbits(generator.random((count, 8 * width)) < flips, axis=1)
    return centres[generator.integers(0, 5, count)] ^ noise


def all_pairs(left, right, radius, within):
    distance = np.bitwise_count(left[:, None] ^ right[None]).sum(2, dtype=int)
    return {(i, j, int(distance[i, j])) for i, j in np.argwhere(distance <= radius).tolist() if not within or i < j}


def found_pairs(stored, left, right, radius, probes, rows=None):
    with code_tables(left.shape[1], "200MB") as tables:
        tables.add("a", stored(left))
        if right is not None:
            tables.add("b", stored(right))
        parts = list(tables.near_codes("a", "a" if right is None else "b", radius, probes, rows))
    pairs = [tuple(map(int, pair)) for part in parts for pair in zip(*part, strict=True)]
    assert len(pairs) == len(set(pairs))  # each pair once
    return set(pairs)


@pytest.mark.parametrize("code_bytes", [1, 3, 8, 11, 16, 32])
@pytest.mark.parametrize("rows", [1, 2, 1000, 50_000, 10**8])
def test_bands_cover_every_bit_once_and_stay_within_words(code_bytes, rows):
    bits = [
        (band.word, bit)
        for band in cut_into_bands(8 * code_bytes, rows)
        for bit in range(band.shift, band.shift + band.width)
    ]
    assert sorted(bits) == [(bit // 64, bit % 64) for bit in range(8 * code_bytes)]


def test_bands_of_the_papers_code_are_those_of_the_docs():
    assert [band.width for band in cut_into_bands(128, 50_000)] == [16] * 8
    assert [band.width for band in cut_into_bands(128, 10**8)] == [32] * 4
    assert sure_radius(8, 0) == 7
    assert sure_radius(8, 2) == 23
    assert sure_radius(4, 0) == 3


@EXAMPLES
@given(seed=st.integers(0, 999), width=st.sampled_from([2, 5, 8, 16, 20]), probes=st.integers(0, 2))
def test_every_pair_within_the_sure_radius_is_found_and_none_beyond_the_radius(stored, seed, width, probes):
    codes = clustered(60, width, seed, 0.08)
    sure = sure_radius(len(cut_into_bands(8 * width, 60)), probes)
    radius = min(sure, 12)
    assert found_pairs(stored, codes, None, radius, probes) == all_pairs(codes, codes, radius, within=True)


@EXAMPLES
@given(seed=st.integers(0, 999), radius=st.integers(0, 40))
def test_beyond_the_sure_radius_only_true_pairs_come(stored, seed, radius):
    codes = clustered(60, 16, seed, 0.1)
    assert found_pairs(stored, codes, None, radius, 1, rows=50_000) <= all_pairs(codes, codes, radius, within=True)


def test_most_pairs_beyond_the_sure_radius_are_found_too(stored):
    codes = clustered(400, 16, 3, 0.1)  # 23 bits apart on average
    truth = all_pairs(codes, codes, 28, within=True)
    far = {pair for pair in truth if pair[2] > 23}
    found = found_pairs(stored, codes, None, 28, 2, rows=50_000)
    assert found >= truth - far
    assert len(found & far) > 0.8 * len(far)


@EXAMPLES
@given(seed=st.integers(0, 999), radius=st.integers(0, 7))
def test_pairs_of_two_tables(stored, seed, radius):
    left, right = clustered(40, 16, seed, 0.05), clustered(70, 16, seed, 0.05)
    assert found_pairs(stored, left, right, radius, 2) == all_pairs(left, right, radius, within=False)


def test_equal_codes_and_their_first_rows(stored):
    codes = np.array([[1], [2], [1], [3], [2], [1]], np.uint8)
    with code_tables(1, "100MB") as tables:
        tables.add("codes", stored(codes, 2))
        rows, first = tables.equal_codes("codes")
    assert rows.tolist() == [0, 2, 5, 1, 4]
    assert first.tolist() == [0, 0, 0, 1, 1]


def test_words_hold_every_byte():
    codes = np.arange(1, 23, dtype=np.uint8).reshape(2, 11)
    words = as_words(codes)
    assert words.shape == (2, 2)
    assert words[0].tolist() == [
        int.from_bytes(bytes(codes[0, :8]), "little"),
        int.from_bytes(bytes(codes[0, 8:]), "little"),
    ]


@given(st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4))
def test_hamming_counts_bits(one, other):
    arrays = [np.frombuffer(value, np.uint8)[None] for value in (one, other)]
    expected = (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()
    assert hamming(*arrays).tolist() == [expected]


def test_too_little_memory_is_one_clear_line(stored):
    generator = np.random.default_rng(0)
    codes = stored(generator.integers(0, 256, (200_000, 16), dtype=np.uint8), 100_000)
    with pytest.raises(InputError, match=r"dedup\.memory must be enough to group the codes, and 1MB is not"):
        group_in(codes, "1MB")


def group_in(codes, memory):
    with code_tables(16, memory) as tables:
        tables.add("codes", codes)
        tables.equal_codes("codes")


@pytest.mark.parametrize("bits", [8, 64, 72, 128, 192, 256, 320, 512])
def test_distances_of_codes_of_any_size_are_counted_right(stored, bits):
    """DuckDB counts bits in one byte, and two words of complements differ in 128."""
    zeros = np.zeros((1, bits // 8), np.uint8)
    codes = np.concatenate([zeros, ~zeros, clustered(30, bits // 8, 1, 0.1)])
    sure = sure_radius(len(cut_into_bands(bits, len(codes))), 2)
    for radius in (min(sure, bits // 4), bits):
        found = found_pairs(stored, codes, None, radius, 2)
        assert {pair for pair in found if pair[2] <= sure} == all_pairs(codes, codes, min(sure, radius), True)
        assert found <= all_pairs(codes, codes, radius, True)
