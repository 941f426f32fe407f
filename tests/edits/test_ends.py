import numpy as np
import pytest

from dcgan_pipeline.edits.ends import End, certainty, choose, choose_three, concepts_of, ends_of, pairs_of
from dcgan_pipeline.errors import InputError

KINDS = ("binary", "binary", "continuous")
ENDS = ends_of(("cat", "dog", "size"), KINDS)


def scores(count=400, seed=0):
    """Cats and dogs that exclude each other, and sizes that dogs have more of."""
    rng = np.random.default_rng(seed)
    cat = rng.uniform(0.9, 1, count) * (rng.random(count) < 0.5)
    dog = np.where(cat > 0, 0.01, rng.uniform(0.9, 1, count))
    return np.stack([cat, dog, 10 * rng.random(count) + 5 * (dog > 0.5)], 1).astype(np.float32)


def test_both_ends_of_an_attribute_have_a_name():
    assert list(ENDS) == ["cat", "no_cat", "dog", "no_dog", "high_size", "low_size"]
    assert ENDS["no_dog"] == End(1, False)
    assert list(ends_of(("a b", "a-b"), ("binary", "binary"))) == ["a_b", "no_a_b", "a_b_1", "no_a_b_1"]


def test_attributes_with_both_ends_are_found():
    assert pairs_of(ENDS, ["low_size", "cat", "x", "high_size"]) == {2: ("high_size", "low_size")}
    assert pairs_of(ENDS, list(ENDS)) == {0: ("cat", "no_cat"), 1: ("dog", "no_dog"), 2: ("high_size", "low_size")}


def test_certainty_is_the_probability_and_the_share_among_those_that_have_the_binary_ones():
    table = np.array([[0.9, 0, 1], [0.8, 0, 2], [0.7, 0, 3], [0.1, 0, 9]], np.float32)
    np.testing.assert_allclose(certainty(table, KINDS, [End(0, False)]), [0.1, 0.2, 0.3, 0.9], atol=1e-6)
    both = certainty(table, KINDS, [End(0, True), End(2, True)])
    np.testing.assert_allclose(both, [0, 1 / 3, 2 / 3, 0.1], atol=1e-6)  # of three cats, the last is no large one


def test_exemplars_have_what_is_asked_for_and_balance_the_rest():
    table = scores()
    for parts in ([End(0, True)], [End(0, False), End(2, True)], [End(2, False)]):
        rows = choose(table, KINDS, parts, 8)
        assert len(set(rows.tolist())) == 8
        assert certainty(table, KINDS, parts)[rows].min() > 0.8
    surest = np.argsort(-certainty(table, KINDS, [End(0, True)]), kind="stable")[:8]
    chosen = choose(table, KINDS, [End(0, True)], 8)

    def apart(rows):
        return abs(table[rows, 2].mean() - table[:, 2].mean())

    assert apart(chosen) < apart(surest)


def test_fewer_samples_than_exemplars_are_all_taken():
    assert sorted(choose(scores(5), KINDS, [End(0, True)], 8)) == [0, 1, 2, 3, 4]


def test_three_concepts_make_an_arithmetic_with_a_known_answer():
    found = choose_three(ENDS, KINDS, scores(), 8)
    assert list(found.values()) in (
        [("cat", "high_size"), ("cat", "low_size"), ("dog", "low_size")],
        [("dog", "high_size"), ("dog", "low_size"), ("cat", "low_size")],
    )
    assert choose_three(ENDS, KINDS, scores(10), 8) == {}  # too few samples
    one = ends_of(("cat", "size"), ("binary", "continuous"))
    assert choose_three(one, ("binary", "continuous"), scores()[:, [0, 2]], 8) == {}


def test_three_binary_attributes_do_without_a_continuous_one():
    kinds = ("binary",) * 3
    ends = ends_of(("a", "b", "c"), kinds)
    table = (np.random.default_rng(0).random((400, 3)) < [0.6, 0.5, 0.4]).astype(np.float32)
    assert list(choose_three(ends, kinds, table, 8)) == ["c_a", "no_c_a", "no_c_b"]


def test_concepts_of_the_user_come_first_and_then_all_ends():
    found = concepts_of(ENDS, KINDS, scores(), ["tall_cat = cat & high_size", "dog = dog & low_size"], 3)
    assert list(found) == ["tall_cat", "dog", "cat", "no_cat", "no_dog", "high_size", "low_size"]
    assert found["tall_cat"] == (End(0, True), End(2, True))
    assert found["dog"] == (End(1, True), End(2, False))
    with pytest.raises(InputError, match=r"must name ends of attributes, cat, no_cat, .*got tall"):
        concepts_of(ENDS, KINDS, scores(), ["x = cat & tall"], 3)
