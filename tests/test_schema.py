import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.schema import Settings


class Inner(Settings):
    depth: int = Field(default=1, ge=1)


class Outer(Settings):
    name: str
    rate: float = Field(default=0.5, gt=0, lt=1)
    inner: Inner = Inner()
    perhaps: Inner | None = None
    many: tuple[Inner, ...] = ()


def refusal(values):
    with pytest.raises(InputError) as info:
        Outer.parse(values, "stage")
    assert "\n" not in str(info.value)
    assert (
        info.value.__context__ is None or info.value.__suppress_context__
    )  # the user sees one line, not two tracebacks
    return str(info.value)


def test_plain_values_become_settings():
    settings = Outer.parse({"name": "a", "inner": {"depth": 3}, "many": [{"depth": 2}, {}]}, "stage")
    assert settings == Outer(name="a", inner=Inner(depth=3), many=(Inner(depth=2), Inner()))


@given(rate=st.floats(0, 1, exclude_min=True, exclude_max=True), depth=st.integers(1, 2**40))
def test_settings_come_back_from_their_own_values(rate, depth):
    settings = Outer(name="a", rate=rate, inner=Inner(depth=depth))
    assert Outer.parse(settings.model_dump(), "stage") == settings


class Lists(Settings):
    names: tuple[str, ...] = ()
    counts: tuple[int, ...] | None = None
    rates: tuple[float, float] = (0.0, 1.0)
    flags: list[bool] | None = None
    mixed: list[str | int] | None = None
    text: str | tuple[str, ...] = ""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"names": "a+b c"}, ("a", "b c")),
        ({"names": "a"}, ("a",)),
        ({"counts": "1+20+300"}, (1, 20, 300)),
        ({"counts": 7}, (7,)),
        ({"rates": "1e-3+2.5e+5"}, (1e-3, 2.5e5)),
        ({"rates": "1E+2+3"}, (100, 3)),
        ({"flags": True}, [True]),
        ({"flags": "true+false"}, [True, False]),
        ({"mixed": "cat+7"}, ["cat", "7"]),
        ({"mixed": None}, None),
        ({"text": "a+b"}, "a+b"),  # a text where one may stand
        ({"names": ["a+b"]}, ("a+b",)),
    ],
)
def test_a_list_can_be_given_on_the_command_line(given, expected):
    (name,) = given
    assert getattr(Lists.parse(given, "stage"), name) == expected


def test_a_wrong_item_of_a_list_is_named():
    with pytest.raises(InputError, match=r"stage\.counts\.1: input should be a valid integer, got 'b'"):
        Lists.parse({"counts": "1+b"}, "stage")


def test_settings_are_frozen():
    settings = Outer(name="a")
    with pytest.raises(ValidationError, match="frozen"):
        settings.rate = 0.1
    with pytest.raises(ValidationError, match="frozen"):
        settings.inner.depth = 2


def test_the_values_are_left_as_they_are():
    values = {"name": "a", "inner": {"depth": 3}}
    Outer.parse(values, "stage")
    assert values == {"name": "a", "inner": {"depth": 3}}


def test_an_unknown_key_is_refused_with_the_keys_there_are():
    message = refusal({"name": "a", "raet": 0.1})
    assert message == "stage.raet is not a setting; the settings here are: name, rate, inner, perhaps, many"


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"inner": {"dept": 1}}, "stage.inner.dept"),
        ({"perhaps": {"dept": 1}}, "stage.perhaps.dept"),
        ({"many": [{}, {"dept": 1}]}, "stage.many.1.dept"),
    ],
)
def test_an_unknown_key_inside_is_refused_with_its_place_and_the_keys_there(values, place):
    assert refusal({"name": "a", **values}) == f"{place} is not a setting; the settings here are: depth"


@pytest.mark.parametrize(
    ("values", "start", "value"),
    [
        ({"rate": 1.5}, "stage.rate: input should be less than 1", "1.5"),
        ({"rate": "fast"}, "stage.rate: input should be a valid number", "'fast'"),
        ({"rate": None}, "stage.rate: input should be a valid number", "None"),
        ({"inner": {"depth": 0}}, "stage.inner.depth: input should be greater than or equal to 1", "0"),
        ({"inner": {"depth": 1.5}}, "stage.inner.depth: input should be a valid integer", "1.5"),
        ({"many": [{"depth": "two\nlines"}]}, "stage.many.0.depth: input should be a valid integer", "'two\\nlines'"),
        ({"inner": 3}, "stage.inner: input should be", "3"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place_the_rule_and_the_value(values, start, value):
    message = refusal({"name": "a", **values})
    assert message.startswith(start)
    assert message.endswith(f", got {value}")


def test_a_missing_key_is_refused():
    assert refusal({}) == "stage.name is required, and missing; add it to the settings of stage"


@pytest.mark.parametrize("values", [None, [], "fast", 3])
def test_what_is_no_mapping_is_refused(values):
    message = refusal(values)
    assert message == f"stage must be a mapping of settings, got {values!r}; write `stage: {{}}` for defaults"
