import pytest
import torch

from dcgan_pipeline.visualize.matching import matching


def test_samples_get_the_mean_and_the_spread_of_images():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((9, 1, 8, 8), generator=generator) * 2 - 1
    samples = torch.rand((5, 1, 8, 8), generator=generator) * 0.3 + 0.2
    found = matching(samples, images)(samples)
    assert float(found.mean()) == pytest.approx(float(images.mean()), abs=1e-5)
    assert float(found.std()) == pytest.approx(float(images.std()), rel=1e-5)


def test_a_paler_copy_is_the_image_again():
    images = torch.rand((9, 1, 8, 8)) * 2 - 1
    samples = 0.4 * images - 0.1
    torch.testing.assert_close(matching(samples, images)(samples), images)


def test_samples_without_contrast_keep_none():
    plain = torch.zeros(3, 1, 8, 8)
    assert matching(plain, torch.rand(3, 1, 8, 8)).gain == 1
