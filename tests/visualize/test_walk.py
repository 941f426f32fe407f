import numpy as np
import pytest
import torch
from scipy.stats import kstest

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.figures.canvas import tile
from dcgan_pipeline.gan.sampling import draw_latent, generate, load_generator, sample
from dcgan_pipeline.gan.settings import Architecture, TrainSettings
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.visualize import walk as walks
from dcgan_pipeline.visualize.settings import FilmSettings, WalkSettings
from dcgan_pipeline.visualize.walk import Walk, find_route, interpolate, walk, walk_figure, walk_film

CPU = torch.device("cpu")
FILM = FilmSettings(seconds=0.25, rate=8, side=40)


def images(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def trained(**architecture):
    shape = Architecture(**{"image_size": 16, "channels": 3, "latent_dim": 6, "width": 3, "kernel": 3} | architecture)
    trainer = Trainer(shape, TrainSettings(steps=1, sample_count=2), 0, CPU)
    with torch.no_grad():
        for conv in trainer.generator.convs:
            conv.weight.mul_(30)  # so that images are not all grey
    pictures = torch.rand(8, shape.channels, 16, 16, generator=torch.Generator().manual_seed(0))
    batch = (pictures, torch.arange(8) % shape.labels) if shape.labels else pictures
    trainer.recompute_statistics([batch], 4, np.arange(8) % shape.labels if shape.labels else None)
    return trainer.state()


@pytest.fixture(scope="module")
def gan():
    return trained()


@pytest.fixture(scope="module")
def conditional():
    return trained(labels=3, hidden=5, channels=1)


def annotated(gan, **concepts):
    return {
        "gan": gan.digest(),
        "concepts": {
            name: [{"z": [value] * 6, "label": label} for value, label in each] for name, each in concepts.items()
        },
        "objects": {},
    }


def random_points(count, length, kind="uniform"):
    return draw_latent(count, length, kind, torch.Generator().manual_seed(0))


def test_lines_between_points_have_their_ends_and_middle():
    points = torch.tensor([[0.0, 0.0], [2.0, 4.0], [-2.0, 4.0]])
    expected = [[[0, 0], [1, 2], [2, 4]], [[2, 4], [0, 4], [-2, 4]]]
    torch.testing.assert_close(interpolate(points, 3), torch.tensor(expected).float())


def test_points_of_a_line_are_evenly_spaced():
    points = torch.rand(4, 5, generator=torch.Generator().manual_seed(0))
    lines = interpolate(points, 11)
    assert lines.shape == (3, 11, 5)
    steps = lines.diff(dim=1)
    torch.testing.assert_close(steps, ((points[1:] - points[:-1]) / 10)[:, None].expand_as(steps), atol=1e-6, rtol=0)
    assert torch.equal(lines[:, 0], points[:-1])
    assert torch.equal(lines[:, -1], points[1:])


def test_two_steps_are_the_points_alone():
    points = torch.rand(3, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(interpolate(points, 2), torch.stack([points[:-1], points[1:]], dim=1))


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_a_spherical_path_has_its_ends_and_no_others_than_a_straight_one(kind):
    points = random_points(4, 20, kind)
    lines = interpolate(points, 7, "spherical", kind)
    assert lines.dtype == torch.float32
    assert torch.equal(lines[:, 0], points[:-1])
    assert torch.equal(lines[:, -1], points[1:])


def test_a_great_circle_between_right_angles_is_the_circle():
    lines = interpolate(torch.eye(2), 4, "spherical", "normal")[0]
    angles = torch.tensor([0, 30, 60, 90]).deg2rad()
    torch.testing.assert_close(lines, torch.stack([angles.cos(), angles.sin()], dim=1))


def test_a_great_circle_keeps_the_length_and_a_straight_line_does_not():
    points = random_points(2, 400, "normal")
    points *= 20 / points.norm(dim=1, keepdim=True)
    torch.testing.assert_close(interpolate(points, 9, "spherical", "normal").norm(dim=-1), torch.full((1, 9), 20.0))
    assert interpolate(points, 9)[0, 4].norm() == pytest.approx(20 * 0.5**0.5, rel=0.1)


@pytest.mark.parametrize("points", [torch.ones(2, 5), torch.tensor([[1.0, 2.0], [-1.0, -2.0]])])
def test_ends_that_have_no_circle_of_their_own_are_joined_by_a_line(points):
    torch.testing.assert_close(interpolate(points, 5, "spherical", "normal"), interpolate(points, 5))


def test_the_middle_of_a_spherical_path_is_as_likely_as_its_ends_for_uniform_z():
    points = random_points(400, 100)
    middles = {path: interpolate(points, 3, path)[::2, 1].flatten().numpy() for path in ("straight", "spherical")}
    assert np.abs(middles["spherical"]).max() < 1
    assert kstest(middles["spherical"], "uniform", (-1, 2)).statistic < 0.01
    assert kstest(middles["straight"], "uniform", (-1, 2)).statistic > 0.05


def test_uniform_z_beyond_the_cube_are_walked_to_in_straight_lines_alone():
    with pytest.raises(InputError, match=r"from -1 to 1, as this gan draws them, got 1.5; set .*path to straight"):
        interpolate(torch.tensor([[0.0], [1.5]]), 3, "spherical")


def test_random_points_are_decided_by_the_seed_and_apart_from_the_samples(gan):
    settings = WalkSettings(points=3, steps=2)
    one, same, other = (find_route(gan, settings, seed, None).z for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(one[:1], walks.sample_latents(gan, 0, 0, 1))


def test_seeds_are_their_first_samples(gan):
    route = find_route(gan, WalkSettings(seeds=[5, 2, 5]), 0, None)
    drawn = walk(gan, route, WalkSettings(steps=2), 0, CPU).images
    np.testing.assert_array_equal(drawn[0, 0], sample(gan, 1, 5, CPU)[0])
    np.testing.assert_array_equal(drawn[1, 0], sample(gan, 1, 2, CPU)[0])
    assert "seeds 5, 2, 5" in route.said


def test_concepts_are_their_exemplars_in_turn(gan):
    found = annotated(gan, seven=[(0.1, None), (0.2, None)], three=[(-0.5, None)], one=[])
    route = find_route(gan, WalkSettings(concepts=["three", "seven"]), 0, found)
    torch.testing.assert_close(route.z[:, 0], torch.tensor([-0.5, 0.1, 0.2]))
    assert route.said == "the exemplars of three, seven"


@pytest.mark.parametrize(
    ("concepts", "there", "message"),
    [
        (
            ["nine"],
            True,
            r"must have exemplars, got nine, and the annotations of this gan have seven, one; name others",
        ),
        (["seven", "one"], True, "must have exemplars, got one, and"),
        (["nine"], False, "must have exemplars, got nine, and this gan has no annotations; name others"),
        (["seven"], True, "must have two exemplars or more, got 1 of seven; name another"),
    ],
)
def test_concepts_without_enough_exemplars_are_refused(gan, concepts, there, message):
    found = annotated(gan, seven=[(0.1, None)], one=[]) if there else None
    with pytest.raises(InputError, match=message):
        find_route(gan, WalkSettings(concepts=concepts), 0, found)


def test_seeds_and_concepts_together_are_refused():
    with pytest.raises(InputError, match="give one of seeds and concepts"):
        WalkSettings.parse({"seeds": [1, 2], "concepts": ["a"]}, "visualize.latent_walk")
    assert WalkSettings(seeds=[1, 2]).inert_below("walk") == {"walk.points": "seeds are the points"}
    assert WalkSettings().inert_below("walk") == {}


def test_a_walk_goes_on_where_the_row_before_ended(gan):
    settings = WalkSettings(points=5, steps=4)
    drawn = walk(gan, find_route(gan, settings, 0, None), settings, 0, CPU).images
    assert drawn.shape == (4, 4, 3, 16, 16)
    assert drawn.dtype == np.uint8
    np.testing.assert_array_equal(drawn[:-1, -1], drawn[1:, 0])
    assert not np.array_equal(drawn[0, 0], drawn[0, -1])


def test_a_conditional_walk_has_a_label_a_row(conditional):
    route = find_route(conditional, WalkSettings(points=5), 0, None)
    assert route.labels.tolist() == [0, 1, 2, 0]
    drawn = walk(conditional, route, WalkSettings(steps=3), 0, CPU)
    network = load_generator(conditional, CPU)
    expected = generate(network, route.z[2:3], labels=torch.tensor([2]))
    np.testing.assert_array_equal(drawn.images[2, 0], expected[0])
    for space in ("pixels", "features"):
        assert drawn.metrics[f"latent_walk.{space}.largest_step"] >= 1
    assert find_route(conditional, WalkSettings(seeds=[4, 5, 6]), 0, None).labels.tolist() == [1, 2]
    found = annotated(conditional, a=[(0.1, 2), (0.2, 0), (0.3, 1)])
    assert find_route(conditional, WalkSettings(concepts=["a"]), 0, found).labels.tolist() == [2, 0]


def line(*places):
    """Vectors of a line that is cut at these places."""
    return torch.tensor(places)[:, None] * torch.ones(1, 3)


@pytest.mark.parametrize(
    ("vectors", "largest", "mean", "jump"),
    [
        (line(0, 0.5, 1, 1.5, 2, 2.5, 3), 1, 1, 0.5),  # a straight line in pixels
        (line(0.0, 0, 0, 0, 7, 7, 7), 3, 7 / 3, 1),  # one jump alone: as much as there are steps
        (line(0, 0.5, 1, 2.5, 4, 4.5, 5), 3 / (5 / 3), 5 / 3, 0.5),  # fast, but even
        (line(0, 0.5, 1, 4, 5, 5.5, 6), 4 / 2, 2, 0.75),
    ],
)
def test_steps_of_known_lines(vectors, largest, mean, jump):
    found = walks._smoothness(vectors)
    assert found == pytest.approx({"largest_step": largest, "mean_step": mean, "jump": jump})


def test_a_line_on_which_nothing_changes_has_no_steps():
    assert walks._smoothness(torch.ones(5, 3)) is None


def test_numbers_are_those_of_the_images(gan):
    settings = WalkSettings(points=3, steps=4)
    found = walk(gan, find_route(gan, settings, 0, None), settings, 0, CPU)
    steps = np.sqrt(np.square(np.diff(found.images.astype(float), axis=1)).mean((2, 3, 4)))
    ratios = steps.max(1) / steps.mean(1)
    numbers = found.metrics
    assert numbers["latent_walk.pixels.largest_step"] == pytest.approx(ratios.mean(), rel=0.02)  # but for the rounding
    assert numbers["latent_walk.pixels.mean_step"] == pytest.approx(steps.mean(), rel=0.02)
    assert 0.5 <= numbers["latent_walk.features.jump"] <= 1
    assert numbers["latent_walk.features.cross_fade"] >= 1


def test_the_control_is_a_g_of_fresh_weights_and_the_same_z(gan, conditional):
    settings = WalkSettings(points=3, steps=4)
    for each in (gan, conditional):
        route = find_route(each, settings, 0, None)
        one, same, other = (walk(each, route, settings, seed, CPU).metrics for seed in (0, 0, 1))
        assert one == same
        assert one["latent_walk.untrained.largest_step"] != other["latent_walk.untrained.largest_step"]
        assert one["latent_walk.untrained.mean_step"] < one["latent_walk.pixels.mean_step"]  # its images are pale
        assert one["latent_walk.pixels.jump"] == other["latent_walk.pixels.jump"]


def test_the_walk_of_a_g_that_draws_one_image_alone_has_no_numbers(gan, rendered):
    still = type(gan)(
        {k: torch.zeros_like(v) if k.endswith("project.weight") else v for k, v in gan.tensors.items()}, gan.settings
    )
    settings = WalkSettings(points=3, steps=4)
    found = walk(still, find_route(still, settings, 0, None), settings, 0, CPU)
    assert {name.split(".")[1] for name in found.metrics} == {"untrained"}
    figure = walk_figure(found, "drawn at random", settings)
    rendered(figure)
    assert figure.texts[0].get_text() == "A walk that changes nothing"


NUMBERS = {
    f"latent_walk.{space}.{name}": value
    for space in ("pixels", "features", "untrained")
    for name, value in {"largest_step": 1.5, "largest_step_std": 0.1, "mean_step": 6.0, "jump": 0.55}.items()
} | {"latent_walk.features.cross_fade": 1.2}


@pytest.mark.parametrize("shape", [(8, 10, 3, 16, 16), (1, 2, 1, 8, 8), (2, 30, 1, 8, 8), (1, 10, 3, 8, 8)])
def test_a_walk_is_drawn_a_row_a_line(rendered, shape):
    drawn = images(*shape)
    figure = walk_figure(Walk(drawn, NUMBERS), "the first samples of the seeds 1, 2", WalkSettings())
    rendered(figure)
    pixels = figure.axes[0].get_images()[0].get_array()
    np.testing.assert_array_equal(pixels, tile(drawn.reshape(-1, *shape[2:]), shape[1]))
    caption = figure.texts[1].get_text().replace("\n", " ")
    assert f"{shape[0] + 1} points in all (paper, figure 4), the first samples of the seeds 1, 2." in caption
    assert "1.50 ± 0.10 in pixels (a cross-fade: 1.00; an untrained G: 1.50 ± 0.10; one jump alone: " in caption
    assert "1.50 ± 0.10 in D's features (a cross-fade: 1.20)" in caption


@pytest.mark.parametrize(("jump", "said"), [(0.55, "without a jump"), (0.99, "that jumps")])
def test_the_title_names_the_result(rendered, jump, said):
    numbers = NUMBERS | {"latent_walk.pixels.jump": jump}
    figure = walk_figure(Walk(images(2, 5, 1, 8, 8), numbers), "drawn at random", WalkSettings(path="spherical"))
    rendered(figure)
    assert figure.texts[0].get_text() == f"A walk {said}: largest step 1.5 x the mean"
    assert "on a great circle" in figure.texts[1].get_text().replace("\n", " ")


def test_a_film_is_the_walk_in_a_loop(gan):
    settings = WalkSettings(points=3)
    route = find_route(gan, settings, 0, None)
    frames = list(walk_film(gan, route, settings, FILM, CPU).frames())
    assert len(frames) == 3 * 2  # from each point to the next, and back to the first
    assert {frame.shape for frame in frames} == {(32, 32, 3)}  # 16 pixels by a whole factor
    network = load_generator(gan, CPU)
    expected = generate(network, torch.stack([route.z[0], (route.z[2] + route.z[0]) / 2]))
    for frame, image in zip((frames[0], frames[5]), expected, strict=True):
        np.testing.assert_array_equal(frame[::2, ::2], image.transpose(1, 2, 0))


def test_a_film_of_a_conditional_g_shows_its_classes_of_the_same_z(conditional):
    settings = WalkSettings(points=2)
    route = find_route(conditional, settings, 0, None)
    first = next(iter(walk_film(conditional, route, settings, FILM, CPU).frames()))
    network = load_generator(conditional, CPU)
    expected = generate(network, route.z[:1].repeat(3, 1), labels=torch.arange(3))
    np.testing.assert_array_equal(first[:33, :33], tile(expected, 2))
    assert first.shape == (34, 34, 3)  # 33 pixels, made even
