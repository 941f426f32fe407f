import numpy as np
import pytest
import torch
from lamps import Ramp

from dcgan_pipeline.edits.annotations import Annotations, Exemplar
from dcgan_pipeline.edits.ends import ends_of
from dcgan_pipeline.edits.expressions import parse_expression
from dcgan_pipeline.edits.figures import arithmetic_figure, turn_figure
from dcgan_pipeline.edits.latents import Latents
from dcgan_pipeline.edits.settings import TurnSettings, VectorArithmeticSettings
from dcgan_pipeline.edits.vectors import (
    along,
    calculate,
    ends_of_turn,
    last_added,
    steps_along,
    terms_of,
    vector_between,
)
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.conditional import build_generator
from dcgan_pipeline.gan.settings import Architecture


def concepts(**of):
    """Three exemplars of each, about a z of their own."""
    around = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    around -= around.mean(0)
    found = {
        name: tuple(Exemplar(z=tuple((torch.tensor(z) + noise).tolist())) for noise in around) for name, z in of.items()
    }
    return Annotations(gan="", concepts=found)


FOUR = concepts(a=[4.0, 0, 0, 0], b=[1.0, 2, 0, 0], c=[0.0, 0, 5, 0], d=[0.0, 0, 0, 1])


def test_arithmetic_on_a_linear_generator_is_exact_in_both_spaces():
    terms = parse_expression("a - b + c")
    found = calculate(Ramp(), FOUR, terms, 0.25, 0)
    np.testing.assert_allclose(found.latents.z[4], [3, -2, 5, 0], atol=1e-6)
    expected = np.rint(127.5 * (1 + 0.1 * np.array([3, -2, 5, 0]))).reshape(1, 2, 2)
    np.testing.assert_array_equal(found.results[4], expected)
    assert np.abs(found.in_pixels - expected).max() <= 1  # mean pictures are of whole grey levels
    assert [column.term for column in found.columns] == list(terms)
    for column, z in zip(found.columns, ([4, 0, 0, 0], [1, 2, 0, 0], [0, 0, 5, 0]), strict=True):
        drawn = 127.5 * (1 + 0.1 * np.array(z)).reshape(1, 2, 2)
        assert np.abs(column.of_mean - drawn).max() <= 0.51
        assert np.abs(column.mean - drawn).max() <= 1
        assert column.exemplars.shape == (3, 1, 2, 2)


def test_neighbours_have_uniform_noise_of_the_width_asked_for():
    z = torch.cat([calculate(Ramp(), FOUR, parse_expression("a"), 0.25, seed).latents.z for seed in range(50)])
    apart = z.view(50, 9, 4) - torch.tensor([4.0, 0, 0, 0])
    assert apart[:, 4].abs().max() < 1e-6
    noise = torch.cat([apart[:, :4], apart[:, 5:]], 1)
    assert 0.24 < noise.max() < 0.2501
    assert -0.2501 < noise.min() < -0.24
    assert noise.std().item() == pytest.approx(0.25 / 3**0.5, rel=0.05)


def test_a_conditional_generator_draws_the_sum_with_the_label_of_the_last_added_concept():
    network = build_generator(Architecture(image_size=8, channels=1, latent_dim=2, width=2, labels=3, hidden=4)).eval()
    of = {"a": (0, 0, 1), "b": (2, 1, 1), "c": (1, 0, 2)}
    named = {
        name: tuple(Exemplar(z=(0.1, k), label=label) for k, label in enumerate(labels)) for name, labels in of.items()
    }
    found = calculate(network, Annotations(gan="", concepts=named), parse_expression("a + b - c"), 0.1, 0)
    assert found.latents.labels.tolist() == [1] * 9
    assert found.results.shape == (9, 1, 8, 8)


def test_the_first_three_concepts_make_the_arithmetic_where_none_is_asked_for():
    def signs(names):
        made = Annotations(gan="", concepts={name: FOUR.concepts[name] for name in names})
        return [(term.sign, term.concept) for term in terms_of(made, VectorArithmeticSettings())]

    assert signs("abcd") == [(1, "a"), (-1, "b"), (1, "c")]
    assert signs("da") == [(1, "d")]
    with pytest.raises(InputError, match=r"^edits\.vector_arithmetic\.expression needs concepts, and .* have none; "):
        signs("")


def test_concepts_that_there_are_not_and_too_few_exemplars_are_refused():
    with pytest.raises(InputError, match=r"must name a concept of the annotations, a, b, c, d, got x; name another$"):
        terms_of(FOUR, VectorArithmeticSettings(expression="a - x"))
    two = Annotations(gan="", concepts={"a": FOUR.concepts["a"][:2]})
    with pytest.raises(InputError, match=r"^a concept needs 3 exemplars or more, .*, got 2 of a; choose more, or set "):
        terms_of(two, VectorArithmeticSettings())


def test_the_last_added_concept_is_what_the_others_change():
    assert last_added(parse_expression("a - b + c - d")) == 2
    assert last_added(parse_expression("a - b")) == 0


def test_a_turn_goes_along_a_continuous_attribute_first():
    ends = ends_of(("cat", "size"), ("binary", "continuous"))
    named = concepts(x=[0.0] * 4, cat=[0.0] * 4, no_cat=[0.0] * 4, low_size=[0.0] * 4, high_size=[0.0] * 4)
    assert ends_of_turn(named, TurnSettings(), ends) == ("low_size", "high_size")
    assert ends_of_turn(named, TurnSettings(start="x"), ends) == ("x", "high_size")
    assert ends_of_turn(named, TurnSettings(start="x", end="cat"), None) == ("x", "cat")
    binary = Annotations(gan="", concepts={name: named.concepts[name] for name in ("x", "no_cat", "cat")})
    assert ends_of_turn(binary, TurnSettings(), ends) == ("no_cat", "cat")
    assert ends_of_turn(FOUR, TurnSettings(), ends) == ends_of_turn(FOUR, TurnSettings(), None) == ("b", "a")
    one = Annotations(gan="", concepts={"a": FOUR.concepts["a"]})
    with pytest.raises(InputError, match=r"^edits\.turn needs two concepts, and the annotations have 1; choose"):
        ends_of_turn(one, TurnSettings(), ends)


def test_steps_go_from_one_end_of_the_vector_to_the_other():
    vector = vector_between(FOUR, "b", "a", "edits.turn")
    np.testing.assert_allclose(vector, [3, -2, 0, 0], atol=1e-6)
    moves = steps_along(vector, 5, 2.0)
    np.testing.assert_allclose(moves[:, 0], [-6, -3, 0, 3, 6], atol=1e-6)
    images = along(Ramp(), Latents(torch.zeros(2, 4)), moves)
    assert images.shape == (2, 5, 1, 2, 2)
    np.testing.assert_array_equal(images[1, :, 0, 0, 0], np.rint(127.5 * (1 + 0.1 * np.array([-6, -3, 0, 3, 6]))))


def test_figures_without_a_model(rendered):
    figure = arithmetic_figure(calculate(Ramp(), FOUR, parse_expression("a - b + c"), 0.25, 0))
    rendered(figure)
    assert figure.texts[0].get_text() == "Sum: a - b + c"
    rendered(arithmetic_figure(calculate(Ramp(), FOUR, parse_expression("a"), 0.25, 0)))
    rendered(arithmetic_figure(calculate(Ramp(), FOUR, parse_expression("a-b+c-d+a"), 0.25, 0)))
    images = along(Ramp(), Latents(torch.zeros(3, 4)), steps_along(torch.ones(4), 7, 1.0))
    rendered(turn_figure(images, "b" * 40, "a" * 40, 1.0, None))
