"""Numbers of YAML 1.1 that nobody means."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dcgan_pipeline.misread import misread


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {b: [1, 064]}", "YAML reads 064 in line 1 as 52; write 64, or '064' where it is a text"),
        ("a: 1\nseed: -010", "YAML reads -010 in line 2 as -8; write -10, or '-010' where it is a text"),
        ("010: 3", "YAML reads 010 in line 1 as 8; write 10, or '010' where it is a text"),
        ("a: 1:30", "YAML reads 1:30 in line 1 as 90; write '1:30' where it is a text"),
        ("a: 1:30.5", "YAML reads 1:30.5 in line 1 as 90.5; write '1:30.5' where it is a text"),
    ],
)
def test_a_number_that_is_read_as_another_is_named(text, message):
    assert misread(text) == message


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a: '064'",
            "a: 64 # 064",
            "a: 0",
            "a: 0.5",
            "a: -0.25",
            "a: 1e05",
            "a: 1_000",
            "a: 0x10",
            "a: 089",
            "a: b:05",
        ),
        *("a: sqlite:///x:05", "", "a: 2026-01-31T12.00.00.000Z", "a: {b: 127.0.0.1:5001}"),
    ],
)
def test_what_is_read_as_it_is_written_passes(text):
    assert misread(text) is None


@given(st.integers(-(10**6), 10**6), st.integers(0, 3))
def test_a_number_is_named_where_it_is_not_the_one_that_is_written(number, zeros):
    written = f"{'-' * (number < 0)}{'0' * zeros}{abs(number)}"
    read = yaml.safe_load(f"a: {written}")["a"]
    assert (misread(f"a: {written}") is None) >= (read == number and not zeros)
    if isinstance(read, int) and read != number:
        assert misread(f"a: {written}")
