import numpy as np
import pytest
import torch

from dcgan_pipeline.evaluation.augmentation import augment
from dcgan_pipeline.randomness import torch_stream


def pictures(count=40, height=6, width=5):
    return torch.arange(count * 2 * height * width, dtype=torch.float32).reshape(count, 2, height, width)


def candidates(x, flips, shift):
    """All that may come out, written with numpy: {(mirrored, down, right): images}."""
    found = {}
    for mirrored in (False, True) if flips else (False,):
        image = x.flip(3).numpy() if mirrored else x.numpy()
        padded = np.pad(image, ((0, 0), (0, 0), (shift, shift), (shift, shift)), mode="edge")
        for i in range(2 * shift + 1):
            for j in range(2 * shift + 1):
                found[mirrored, i, j] = padded[:, :, i : i + x.shape[2], j : j + x.shape[3]]
    return found


@pytest.mark.parametrize(("flips", "shift"), [(False, 1), (True, 0), (True, 2)])
def test_every_image_is_mirrored_or_moved_as_a_whole_and_every_way_occurs(flips, shift):
    x = pictures(1000)
    made = augment(x, flips, shift, torch_stream(0)).numpy()
    ways = candidates(x, flips, shift)
    taken = [{way for way, images in ways.items() if np.array_equal(images[k], made[k])} for k in range(len(x))]
    assert all(taken)
    assert set.union(*taken) == set(ways)


def test_without_flips_and_shifts_images_stay_and_nothing_is_drawn():
    x, stream = pictures(), torch_stream(0)
    assert augment(x, False, 0, stream) is x
    assert torch.equal(stream.get_state(), torch_stream(0).get_state())


def test_the_seed_decides_the_changes():
    one, same, other = (augment(pictures(), True, 2, torch_stream(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
