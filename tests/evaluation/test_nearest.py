import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation import nearest
from dcgan_pipeline.evaluation.nearest import nearest_labels, samples_with_labels
from dcgan_pipeline.gan.conditional import build_generator
from dcgan_pipeline.gan.networks import initialise
from dcgan_pipeline.gan.sampling import sample
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.weights import Weights

CPU = torch.device("cpu")


def drawn(count, shape=(1, 4, 4), seed=0, levels=256):
    return np.random.default_rng(seed).integers(0, levels, (count, *shape), dtype=np.uint8)


def stream(images, labels, sizes):
    """Cut a reference set to chunks of such sizes, over and over."""
    start, k = 0, 0
    while start < len(images):
        size = sizes[k % len(sizes)]
        yield images[start : start + size], labels[start : start + size]
        start, k = start + size, k + 1


def brute_force(queries, images, labels):
    """The first of the nearest, in whole numbers."""
    q, x = (a.reshape(len(a), -1).astype(np.int64) for a in (queries, images))
    return labels[((q[:, None] - x) ** 2).sum(2).argmin(1)]


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 5, 2), (1, 33, 32), (3, 32, 32)])
def test_labels_are_those_of_scikit_learn_at_every_milestone(shape):
    queries, images = drawn(20, shape), drawn(90, shape, seed=1)
    labels = np.random.default_rng(2).integers(0, 5, 90)
    found = nearest_labels(queries, stream(images, labels, [13, 1, 40]), [1, 7, 50, 90])
    assert list(found) == [1, 7, 50, 90]
    for count, called in found.items():
        theirs = KNeighborsClassifier(1, algorithm="brute").fit(
            images[:count].reshape(count, -1).astype(np.float64), labels[:count]
        )
        assert called.dtype == np.int64
        np.testing.assert_array_equal(called, theirs.predict(queries.reshape(20, -1).astype(np.float64)))


@given(
    levels=st.sampled_from([2, 3, 256]),
    block=st.integers(1, 9),
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    milestones=st.sets(st.integers(1, 25), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=60)
def test_the_first_of_equals_decides_whatever_the_blocks_and_chunks(levels, block, sizes, milestones, seed):
    # Four pixels of two or three levels: many samples are at the same distance.
    queries, images = drawn(11, (1, 2, 2), seed, levels), drawn(25, (1, 2, 2), seed + 100, levels)
    labels = np.arange(25)  # the label says which sample it was
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "_BLOCK", block)
        found = nearest_labels(queries, stream(images, labels, sizes), sorted(milestones))
    for count, called in found.items():
        np.testing.assert_array_equal(called, brute_force(queries, images[:count], labels))


@pytest.mark.parametrize("pixels", [1024, 1025, 3000, nearest._MOST])
def test_distances_are_exact_where_grey_levels_are_as_far_apart_as_they_can_be(pixels):
    """Distances of about 2^31 that differ by 1, where float32 would be out by a hundred."""
    white, black = np.full(pixels, 255, np.uint8), np.zeros(pixels, np.uint8)
    near, nearer = black.copy(), black.copy()
    near[0], nearer[0], nearer[-1] = 1, 1, 1
    images = np.stack([black, near, nearer, near]).reshape(4, 1, 1, pixels)
    found = nearest_labels(white.reshape(1, 1, 1, pixels), [(images, np.arange(4))], [1, 2, 3, 4])
    assert {count: int(called[0]) for count, called in found.items()} == {1: 0, 2: 1, 3: 2, 4: 2}


@given(pixels=st.integers(1, 2100), seed=st.integers(0, 99), extremes=st.booleans())
@settings(deadline=None, max_examples=25)
def test_products_are_exact(pixels, seed, extremes):
    rng = np.random.default_rng(seed)
    x, y = (rng.choice([-128, 127] if extremes else np.arange(-128, 128), (3, pixels)) for _ in range(2))
    found = nearest._products(*(torch.from_numpy(a.astype(np.float32)) for a in (x, y)))
    np.testing.assert_array_equal(found.numpy(), x @ y.T)


def test_the_stream_is_read_no_further_than_the_last_milestone():
    images, labels = drawn(40), np.zeros(40, np.int64)
    read = []

    def watched():
        for k, chunk in enumerate(stream(images, labels, [10])):
            read.append(k)
            yield chunk

    nearest_labels(drawn(3), watched(), [5, 20])
    assert read == [0, 1]


def test_memory_is_bounded_by_blocks(monkeypatch):
    sizes, found = [], nearest._products

    def watched(x, y):
        sizes.append((len(x), len(y)))
        return found(x, y)

    monkeypatch.setattr(nearest, "_products", watched)
    monkeypatch.setattr(nearest, "_BLOCK", 8)
    nearest_labels(drawn(20), stream(drawn(50), np.zeros(50, np.int64), [3, 30]), [50])
    assert {m for m, _ in sizes} == {8, 4}
    assert {n for _, n in sizes} == {8, 2}  # short chunks are joined, long ones cut


def test_no_queries_no_labels():
    found = nearest_labels(drawn(0), [(drawn(3), np.zeros(3, np.int64))], [3])
    assert found[3].shape == (0,)


def refused(message, queries, reference, milestones):
    with pytest.raises(InputError, match=message) as refusal:
        nearest_labels(queries, reference, milestones)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("milestones", [[], [0, 3], [5, 3], [3, 3]])
def test_milestones_must_ascend(milestones):
    refused("ascending from 1, got", drawn(2), [], milestones)


def test_what_cannot_be_is_refused():
    labels = np.zeros(3, np.int64)
    refused("must have 9 samples, the last milestone, got 3", drawn(2), [(drawn(3), labels)], [3, 9])
    refused("must be 1 x 4 x 4, as the queries, got 1 x 2 x 8", drawn(2), [(drawn(3, (1, 2, 8)), labels)], [3])
    refused("at most 33025 numbers each, got 3 x 200 x 200", drawn(1, (3, 200, 200)), [], [1])


def checkpoint(**changed):
    architecture = Architecture(
        **{
            "image_size": 8,
            "channels": 1,
            "latent_dim": 5,
            "width": 2,
            "kernel": 5,
            "labels": 3,
            "hidden": 6,
            **changed,
        }
    )
    network = build_generator(architecture)
    initialise(network, torch.Generator().manual_seed(0))
    tensors = {f"generator.{name}": value for name, value in network.state_dict().items()}
    about = {"architecture": architecture.model_dump(mode="json"), "train": {"latent": "uniform"}}
    return Weights(tensors, {"kind": "gan", "step": 1, **about})


def test_samples_come_with_the_classes_that_they_were_drawn_for():
    gan = checkpoint()
    called = np.array([10, 0, 5])
    chunks = list(samples_with_labels(gan, 20, 4, CPU, called, batch_size=7))
    assert [len(images) for images, _ in chunks] == [len(labels) for _, labels in chunks] == [7, 7, 6]
    labels = np.concatenate([part for _, part in chunks])
    np.testing.assert_array_equal(labels, called[np.arange(20) % 3])
    expected = sample(gan, 20, 4, CPU, batch_size=7, labels=torch.arange(20) % 3)
    np.testing.assert_array_equal(np.concatenate([part for part, _ in chunks]), expected)
    assert chunks[0][0].dtype == np.uint8


def test_samples_of_networks_without_labels_are_refused_at_once():
    with pytest.raises(InputError, match=r"need a conditional gan, got one without; train with train.preset=mnist28"):
        samples_with_labels(checkpoint(labels=0, hidden=0), 5, 0, CPU, np.array([], np.int64))
