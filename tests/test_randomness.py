import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from dcgan_pipeline.randomness import derived_seed, numpy_stream, torch_stream

seeds = st.integers(0, 2**63)
names = st.lists(st.one_of(st.text("abc", min_size=1, max_size=3), st.integers(0, 99)), min_size=1, max_size=3)


@given(seeds, names)
def test_a_stream_is_its_seed_and_its_names(seed, parts):
    assert torch.equal(
        torch.rand(3, generator=torch_stream(seed, *parts)), torch.rand(3, generator=torch_stream(seed, *parts))
    )
    assert numpy_stream(seed, *parts).random() == numpy_stream(seed, *parts).random()


@given(seeds, names, names)
def test_other_names_and_other_seeds_give_other_streams(seed, parts, others):
    if [str(part) for part in parts] != [str(part) for part in others]:
        assert derived_seed(seed, *parts) != derived_seed(seed, *others)
    assert derived_seed(seed, *parts) != derived_seed(seed + 1, *parts)


def test_neighbouring_seeds_are_unrelated():
    draws = np.stack([numpy_stream(seed, "epoch", 0).random(1000) for seed in range(20)])
    correlations = np.corrcoef(draws)[np.triu_indices(20, 1)]
    assert np.abs(correlations).max() < 6 / np.sqrt(1000)  # six standard errors, for 190 pairs
