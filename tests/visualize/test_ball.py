import pytest
import torch

from dcgan_pipeline.visualize.ball import ball_of, norm_of


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn((40, 3, 16, 16), generator=generator)
    smooth = torch.nn.functional.avg_pool2d(noise, 5, 1, 2)
    smooth[:, 1] = 0.7 * smooth[:, 0] + 0.3 * smooth[:, 1]  # two channels go together
    return (0.1 + smooth).clamp(-1, 1)


@pytest.mark.parametrize("norm", ["spectrum", "l2"])
def test_white_noise_becomes_as_strong_as_the_images(images, norm):
    ball = ball_of(images, norm, 1)
    noise = torch.randn((400, 3, 16, 16), generator=torch.Generator().manual_seed(1))
    about = images.mean((0, 2, 3))[:, None, None]
    made, given = ((x - about).square().mean() for x in (ball.input(0.3 * noise), images))
    assert float(made) == pytest.approx(0.3**2 * float(given), rel=0.05)


def test_white_noise_gets_the_spectrum_and_the_channels_of_the_images(images):
    ball, about = ball_of(images, "spectrum", 1), images.mean((0, 2, 3))[:, None, None]
    noise = torch.randn((4000, 3, 16, 16), generator=torch.Generator().manual_seed(1)) * 0.3
    made, given = ball.input(noise) - about, images - about
    powers = [torch.fft.rfft2(x).abs().square().mean((0, 1)) for x in (made, given)]
    torch.testing.assert_close(powers[0] / 0.3**2, powers[1], rtol=0.15, atol=0)
    covariances = [torch.einsum("nchw,ndhw->cd", x, x) / len(x) for x in (made, given)]
    torch.testing.assert_close(covariances[0] / 0.3**2, covariances[1], rtol=0.05, atol=0.5)


def test_the_middle_of_the_ball_is_the_mean_colour(images):
    ball = ball_of(images, "spectrum", 1)
    middle = ball.input(torch.zeros(1, 3, 16, 16))[0]
    torch.testing.assert_close(middle, images.mean((0, 2, 3))[:, None, None].expand(3, 16, 16))


def test_what_is_outside_comes_to_the_surface_and_what_is_inside_stays(images):
    ball = ball_of(images, "l2", 0.5)
    inside, outside = torch.full((1, 3, 4, 4), 0.2), torch.full((1, 3, 4, 4), 3.0)
    torch.testing.assert_close(ball.within(inside), inside)
    assert float(norm_of(ball.within(outside))) == pytest.approx(0.5)
