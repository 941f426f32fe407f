import numpy as np
import pytest
import torch

from dcgan_pipeline.dedup.alterations import alter
from dcgan_pipeline.dedup.settings import AlterationSettings


def altered(natural, seed=0, **values):
    return alter(torch.from_numpy(natural), AlterationSettings(**values), torch.Generator().manual_seed(seed)).numpy()


def test_nothing_asked_for_changes_nothing(natural):
    np.testing.assert_array_equal(altered(natural), natural)


def test_pixels_stay_whole_numbers_of_a_byte(natural):
    found = altered(natural, shift=3, zoom=0.2, brightness=200, contrast=0.9, blur=0.5)
    assert found.min() >= 0
    assert found.max() <= 255
    np.testing.assert_array_equal(found, found.round())


def test_brightness_adds_one_level_to_a_whole_picture(natural):
    soft = natural // 2 + 64
    step = altered(soft, brightness=20) - soft
    assert np.ptp(step, axis=(1, 2, 3)).max() == 0
    assert step.min() >= -20
    assert step.max() <= 20
    assert len(np.unique(step[:, 0, 0, 0])) > 10


def test_contrast_scales_about_mid_grey(natural):
    soft = natural // 4 + 96
    found = altered(soft, contrast=0.5)
    for before, after in zip(soft[:20], found[:20], strict=True):
        factor = (after.std()) / before.std()
        assert 0.48 < factor < 1.52
        np.testing.assert_allclose(after, (before - 127.5) * factor + 127.5, atol=2)


def test_blur_is_a_mean_of_nine_for_the_share_asked_for(natural):
    found = altered(natural, blur=0.5)
    same = (found == natural).all(axis=(1, 2, 3))
    assert 60 < same.sum() < 140
    inner = sum(natural[:, :, i : i + 30, j : j + 30].astype(float) for i in range(3) for j in range(3)) / 9
    np.testing.assert_allclose(found[~same][:, :, 1:-1, 1:-1], inner[~same], atol=0.501)


def test_shift_moves_by_no_more_than_asked_for():
    line = np.zeros((50, 3, 32, 32), np.uint8)
    line[:, :, :, 16] = 255
    found = altered(line, shift=2.0)
    columns = (found[:, 0, 16] * np.arange(32)).sum(1) / found[:, 0, 16].sum(1)
    assert np.abs(columns - 16).max() <= 2.01
    assert np.abs(columns - 16).max() > 1


@pytest.mark.parametrize("other", [{"seed": 1}, {"blur": 0.1}])
def test_the_generator_decides(natural, other):
    settings = {"shift": 1, "zoom": 0.1, "brightness": 9}
    np.testing.assert_array_equal(altered(natural, **settings), altered(natural, **settings))
    assert not np.array_equal(altered(natural, **settings), altered(natural, **{**settings, **other}))
