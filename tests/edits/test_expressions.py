import pytest

from dcgan_pipeline.edits.expressions import (
    Term,
    check_known,
    parse_definitions,
    parse_expression,
    word,
    write_expression,
)
from dcgan_pipeline.edits.settings import EditsSettings
from dcgan_pipeline.errors import InputError


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("a", [(1, "a")]),
        ("smiling_woman - woman+man", [(1, "smiling_woman"), (-1, "woman"), (1, "man")]),
        (" - 3 + no_3 ", [(-1, "3"), (1, "no_3")]),
        ("+größe-a-a", [(1, "größe"), (-1, "a"), (-1, "a")]),
    ],
)
def test_sums_of_concepts_are_read_and_written(text, terms):
    found = parse_expression(text)
    assert found == tuple(Term(*term) for term in terms)
    assert parse_expression(write_expression(found)) == found


@pytest.mark.parametrize("text", ["", "a b", "a -", "a - - b", "+ ", "a * b", "a - (b + c)", "a; b", "a.b", "-a - b"])
def test_what_is_no_sum_is_refused_in_one_line(text):
    with pytest.raises(InputError, match=r"^edits\.vector_arithmetic\.expression: must .*such as .*, got ") as error:
        EditsSettings.parse({"vector_arithmetic": {"expression": text}}, "edits")
    assert "\n" not in str(error.value)


def test_concepts_are_defined_by_others():
    assert parse_definitions(["x = 3", "slanted_3=3 & high_slant"]) == {"x": ("3",), "slanted_3": ("3", "high_slant")}


@pytest.mark.parametrize("text", ["x", "x = ", "x = a b", "x = a && b", "x y = a", "= a", "x = a | b"])
def test_what_is_no_definition_is_refused_in_one_line(text):
    with pytest.raises(InputError, match=r"^edits\.found_annotations\.concepts: must be .*, got ") as error:
        EditsSettings.parse({"found_annotations": {"concepts": [text]}}, "edits")
    assert "\n" not in str(error.value)


def test_a_name_is_defined_once():
    with pytest.raises(ValueError, match="x twice"):
        parse_definitions(["x = a", "x = b"])


def test_a_name_that_there_is_not_is_refused_with_those_that_there_are():
    check_known(["a"], {"a": 1, "b": 2}, "s", "concepts")
    with pytest.raises(InputError, match=r"^s must name concepts, a, b, got c; name another$"):
        check_known(["a", "c"], {"a": 1, "b": 2}, "s", "concepts")


@pytest.mark.parametrize(
    ("name", "expected"), [("T-shirt", "T_shirt"), ("3", "3"), (" my cat's ", "my_cat_s"), ("!", "_")]
)
def test_any_text_becomes_a_word(name, expected):
    assert word(name) == expected
    assert parse_expression(word(name)) == (Term(1, expected),)
