import numpy as np
import pytest
import torch

from dcgan_pipeline.gan.data import to_pixels
from dcgan_pipeline.visualize.projecting import FRAMES, Source, project
from dcgan_pipeline.visualize.training_images import Pictures
from dcgan_pipeline.visualize.view_settings import ProjectionSettings

CPU = torch.device("cpu")
SETTINGS = ProjectionSettings(steps=300, candidates=20, learning_rate=0.05)
AXES = torch.linalg.qr(torch.randn((64, 3), generator=torch.Generator().manual_seed(0))).Q * 2  # of a linear G


def linear(z, *labels):
    x = (z @ AXES.T).view(-1, 1, 8, 8)
    return x if not labels else x + 0.3 * labels[0][:, None, None, None]


def pixels(x, *labels):
    return x.flatten(1) * 127.5


def run(targets, latent="uniform", draw=linear, **settings):
    source = Source(draw, 3, latent)
    noise = torch.Generator().manual_seed(0)
    return project(source, pixels, targets, SETTINGS.model_copy(update=settings), noise, CPU, "test")


def test_the_nearest_image_of_a_linear_generator_is_the_least_squares_one():
    rng = torch.Generator().manual_seed(1)
    inside = torch.rand((5, 3), generator=rng) * 1.6 - 0.8
    x = linear(inside) + 0.1 * torch.randn((5, 1, 8, 8), generator=rng)
    given = to_pixels(x)
    exact = torch.from_numpy(given).double().flatten(1) / 127.5 - 1
    best = exact @ AXES.double() / 4  # the axes are orthogonal, of length 2
    found = run(Pictures(given))
    torch.testing.assert_close(found.z.double(), best, rtol=0, atol=2e-3)
    left = (exact - best @ AXES.double().T).square().mean(1).sqrt() * 127.5
    np.testing.assert_allclose(found.last, left.numpy(), rtol=1e-3)
    assert (found.first > found.last).all()
    assert found.frames.shape == (len(FRAMES), 5, 1, 8, 8)
    np.testing.assert_array_equal(found.frames[-1], to_pixels(linear(found.z)))


def test_z_stays_where_it_is_drawn_from():
    far = to_pixels(linear(torch.tensor([[3.0, 0, 0], [0.5, 3, -3]])))
    cube, ball = run(Pictures(far)), run(Pictures(far), latent="normal")
    assert cube.z.abs().max() <= 1
    assert float(cube.z[0, 0]) == pytest.approx(1)
    assert (ball.z.norm(dim=1) <= 3**0.5 + 1e-5).all()
    assert float(ball.z[1].norm()) == pytest.approx(3**0.5, abs=1e-3)


def test_the_descent_begins_at_the_nearest_of_the_random_z_and_their_number_alone_changes_it():
    target = to_pixels(linear(torch.tensor([[0.2, -0.4, 0.6]])))
    few, many = (run(Pictures(target), candidates=count, steps=1) for count in (1, 500))
    assert many.first < few.first
    np.testing.assert_array_equal(run(Pictures(target), candidates=500, steps=1).first, many.first)


def test_labels_of_a_conditional_generator_are_told_to_it():
    z = torch.tensor([[0.1, 0.2, 0.3], [-0.4, 0.2, 0.1], [0.3, 0.3, 0.3]])
    labels = torch.tensor([0, 2, 0])
    found = run(Pictures(to_pixels(linear(z, labels)), labels.numpy()))
    torch.testing.assert_close(found.z, z, rtol=0, atol=1e-2)
