"""What the settings are, by the names that parameters files and ``--params`` know them by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Any, Literal

from pydantic import Field, field_validator

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.schema import MISSING, Settings, kinds, plain, split_quoted
from dcgan_pipeline.stages import stage_settings

HOW = (
    "write --params=NAME=VALUE,OTHER=VALUE, several --params, and quotes around a setting with a comma in it: "
    """--params='"source=/a,b"'"""
)


class SharedSettings(Settings):
    """What stages share, beside ``engine``."""

    seed: int = Field(default=0, ge=0, lt=2**63)
    device: str = "auto"
    threads: int | Literal["auto"] = "auto"
    """That layers, matrix products and solvers compute in (:func:`dcgan_pipeline.devices.resolve_threads`)."""

    @field_validator("threads", mode="before")
    @classmethod
    def _auto_or_a_number(cls, value: Any) -> Any:
        if value != "auto" and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ValueError("must be auto or a whole number from 1 on")
        return value


def read_params(texts: Iterable[str]) -> dict[str, Any]:
    """Read the texts of ``--params``: settings parted by commas, each ``name=value``.

    A value is what its setting takes: a number, true or false where it asks for one, its text as it was typed where
    it is a name or a path. ``null`` is none. Places and settings that this project does not know are texts.

    Returns
    -------
    dict
        Nested, as a parameters file.

    Raises
    ------
    InputError
        Where a text is no list of settings, or names one twice or one that there is not.
    """
    given: dict[str, str] = {}
    for text in texts:
        try:
            items = split_quoted(text, ",") if text.strip() else []
        except ValueError as error:
            raise InputError(f"--params: {error}; {HOW}") from None
        for item in items:
            name, equals, value = item.partition("=")
            name = name.strip()
            if not name or not equals:
                raise InputError(f"--params: every item must be a setting and its value, got {item!r}; {HOW}")
            if name in given:
                raise InputError(f"--params: {name} is given twice, as {given[name]!r} and {value!r}; give it once")
            if value == "???":
                raise InputError(f"--params: {name}: {MISSING}")
            given[name] = value
    known = stage_settings()
    values: dict[str, Any] = {}
    for name, text in given.items():
        _put(values, name, _value(name, text, known))
    return values


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give nested settings by their full names: ``train.steps``."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def _value(name: str, text: str, known: Mapping[str, type[Settings]]) -> Any:
    first, *rest = name.split(".")
    if first in SharedSettings.model_fields and not rest:
        return plain(SharedSettings.model_fields[first].annotation, text)
    if first in SharedSettings.model_fields:
        raise InputError(f"{name} is not a setting: {first} has none below it")
    if first not in known:
        return text
    annotation: Any = known[first]
    for k, part in enumerate(rest):
        fields = annotation.model_fields
        if part not in fields:
            where = ".".join([first, *rest[: k + 1]])
            raise InputError(f"{where} is not a setting; the settings here are: {', '.join(fields)}")
        annotation = _nested(fields[part].annotation) or fields[part].annotation
        if k + 1 < len(rest) and not _nested(annotation):
            raise InputError(
                f"{name} is not a setting: {'.'.join([first, *rest[: k + 1]])} has none below it; set that alone"
            )
    if nested := _nested(annotation):
        example = next(iter(nested.model_fields))
        raise InputError(f"{name} has settings below it, and no value of its own; set one, as {name}.{example}=...")
    if text == "null":
        return None
    try:
        value = plain(annotation, text)
    except ValueError as error:
        raise InputError(f"{name}: {error}; the items of a list are joined by +") from None
    return list(value) if isinstance(value, tuple) else value


def _nested(annotation: Any) -> type[Settings] | None:
    """The settings that an annotation is, alone or beside none."""
    found = [kind for kind in kinds(annotation) if kind is not NoneType]
    one = found[0] if len(found) == 1 else None
    return one if isinstance(one, type) and issubclass(one, Settings) else None


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    *above, last = name.split(".")
    for part in above:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise InputError(f"--params: {name} is below a setting that is given a value of its own; give one of them")
    if isinstance(values.get(last), dict):
        raise InputError(f"--params: {name} is given a value, and settings below it too; give one of them")
    values[last] = value
