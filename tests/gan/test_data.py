import threading
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.data import TrainingImages, row_batches, statistics_batches, to_pixels, to_range

CPU = torch.device("cpu")


@st.composite
def trainings(draw):
    """Rows that are kept, a batch size that fits, and a seed."""
    rows = draw(st.lists(st.integers(0, 10**9), min_size=1, max_size=40, unique=True))
    return np.array(rows, np.int64), draw(st.integers(1, len(rows))), draw(st.integers(0, 2**31))


def test_every_pixel_value_survives_the_way_there_and_back():
    values = np.arange(256, dtype=np.uint8).reshape(4, 1, 8, 8)
    there = to_range(values, CPU)
    assert there.dtype == torch.float32
    assert (float(there.min()), float(there.max())) == (-1, 1)
    np.testing.assert_allclose(there.numpy(), values / 127.5 - 1, atol=1e-6)
    back = to_pixels(there)
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, values)


def test_values_beyond_the_range_become_black_and_white():
    np.testing.assert_array_equal(
        to_pixels(torch.tensor([-3.0, -1.0, 1.0, 3.0]).reshape(1, 1, 2, 2)).ravel(), [0, 0, 255, 255]
    )


def test_pixels_are_rounded_to_the_nearest_level():
    levels = torch.tensor([9.6, 10.4]) / 127.5 - 1
    np.testing.assert_array_equal(to_pixels(levels.reshape(1, 1, 1, 2)).ravel(), [10, 10])


def test_pixels_of_half_precision_are_the_same_images():
    values = np.arange(0, 256, 15, dtype=np.uint8).reshape(1, 1, 1, 18)
    # bfloat16 keeps 8 bits: its steps below 1 are up to 1/256, half a level of 127.5 steps.
    off = to_pixels(to_range(values, CPU).bfloat16()).astype(int) - values
    assert np.abs(off).max() <= 1


@given(trainings())
def test_an_epoch_is_the_whole_batches_of_a_permutation(training):
    rows, size, seed = training
    epoch = list(islice(row_batches(rows, size, seed, 0), len(rows) // size))
    seen = np.concatenate(epoch)
    assert {len(batch) for batch in epoch} == {size}
    assert len(set(seen.tolist())) == len(seen)
    assert set(seen.tolist()) <= set(rows.tolist())


@given(trainings())
def test_a_batch_reads_its_rows_forwards(training):
    rows, size, seed = training
    for batch in islice(row_batches(rows, size, seed, 0), 5):
        assert batch.dtype == np.int64
        assert np.all(np.diff(batch) > 0)


@settings(max_examples=60)
@given(trainings(), st.integers(0, 100))
def test_a_restart_at_any_step_goes_on_as_before(training, start):
    rows, size, seed = training
    whole = list(islice(row_batches(rows, size, seed, 0), start + 7))
    rest = list(islice(row_batches(rows, size, seed, start), 7))
    np.testing.assert_array_equal(np.stack(rest), np.stack(whole[start:]))


def test_epochs_and_seeds_have_orders_of_their_own():
    rows = np.arange(100)
    first, second = (np.stack(list(islice(row_batches(rows, 10, 0, 10 * epoch), 10))) for epoch in (0, 1))
    other = np.stack(list(islice(row_batches(rows, 10, 1, 0), 10)))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_the_images_left_out_of_an_epoch_change_from_epoch_to_epoch():
    seen = np.concatenate(list(islice(row_batches(np.arange(10), 4, 0, 0), 2 * 30)))
    # Each epoch leaves 2 of 10 out; that one row is out of all 30 has a chance of 10 * 0.2^30.
    assert set(seen.tolist()) == set(range(10))


def test_statistics_see_whole_batches_of_128_in_a_random_order(stored):
    images = np.random.default_rng(0).integers(0, 256, (300, 1, 2, 2), dtype=np.uint8)
    rows = np.delete(np.arange(300), [0, 7])
    found = list(statistics_batches(stored(images, 100), rows, 0, CPU))
    assert [len(batch) for batch in found] == [128, 128]
    seen = {image.tobytes() for image in to_pixels(torch.cat(found))}
    assert len(seen) == 256  # random images: none is another's twin
    assert seen < {image.tobytes() for image in images[rows]}
    again = torch.cat(list(statistics_batches(stored(images, 100), rows, 0, CPU)))
    assert torch.equal(again, torch.cat(found))


def test_batches_of_statistics_mix_what_lies_sorted(stored):
    images = np.repeat(np.array([0, 255], np.uint8), 256)[:, None, None, None] * np.ones((1, 1, 2, 2), np.uint8)
    for batch in statistics_batches(stored(images), np.arange(512), 0, CPU):
        assert abs(float(batch.mean())) < 0.5  # of 128 coins: six standard errors


def test_statistics_of_a_small_set_see_all_of_it_at_once(stored):
    images = np.random.default_rng(0).integers(0, 256, (5, 1, 2, 2), dtype=np.uint8)
    (batch,) = statistics_batches(stored(images), np.arange(5), 0, CPU)
    np.testing.assert_array_equal(to_pixels(batch), images)


@given(start=st.integers(0, 30), seed=st.integers(0, 3))
def test_batches_are_the_same_from_the_device_and_from_shards(pile, start, seed):
    images, rows, labels = pile
    expected = list(islice(row_batches(rows, 5, seed, start), 9))
    for where in ("device", "stream"):
        batches = TrainingImages(images, rows, labels, CPU, where).batches(5, seed, start)
        for batch, (pixels, classes) in zip(expected, batches, strict=False):
            assert torch.equal(pixels, to_range(images[batch], CPU))
            assert classes.tolist() == labels[batch].tolist()


@pytest.fixture(scope="module")
def pile(stored):
    images = np.random.default_rng(0).integers(0, 256, (41, 1, 4, 4), dtype=np.uint8)
    return stored(images, 7), np.arange(0, 41, 2), np.arange(41) % 10


def test_reading_ahead_ends_with_its_reader(pile):
    images, rows, _ = pile
    before = threading.active_count()
    batches = TrainingImages(images, rows, None, CPU).batches(5, 0, 0)
    assert len(next(batches)) == 1  # images without labels
    batches.close()
    assert threading.active_count() == before


def test_images_that_do_not_fit_on_the_device_are_one_line_or_stream(pile):
    images, rows, _ = pile
    with pytest.raises(InputError, match=r"train.data: device needs 0.0 GiB .* set train.data to stream"):
        TrainingImages(images, rows, None, CPU, "device", share=1e-15)
    assert not TrainingImages(images, rows, None, CPU, "auto").on_device  # memory is where a CPU's shards are, anyway


def test_an_error_while_reading_ahead_is_raised_in_the_step(pile):
    images, rows, _ = pile
    batches = TrainingImages(images, rows + 1000, None, CPU).batches(5, 0, 0)
    with pytest.raises(IndexError):
        next(batches)


def test_a_system_that_does_not_tell_its_memory_trains_all_the_same(pile, monkeypatch):
    def unknown(name):
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr("os.sysconf", unknown)
    images, rows, _ = pile
    for where in ("auto", "stream", "device"):
        assert TrainingImages(images, rows, None, CPU, where).on_device == (where == "device")
