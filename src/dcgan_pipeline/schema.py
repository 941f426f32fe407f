"""Settings: frozen, complete, and strict about names and kinds of values."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator

from dcgan_pipeline.errors import InputError

_JOINED = re.compile(r"(?<!\d[eE])\+")  # and no sign of an exponent, as in 1e+5
_NUMBER = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")

QUOTE_IT = "YAML reads a text without quotes as a number, or as true or false: put it in quotes"

MISSING = "a value must not be ??? alone, which stands for a missing one; write ./??? where it is a pattern"

UserPath = Annotated[str, AfterValidator(os.path.expanduser)]
"""A path: a text, in which ``~`` at the start is the home folder."""


class Settings(BaseModel):
    """Base of every settings class: immutable, and an unknown key or a value of another kind is an error.

    A text is never taken for true or false but for ``true`` and ``false``, a true or false is no number, a number is
    no name. A number that is whole may be written as 1e3, and a list as ``a+b``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, values: Mapping[str, Any], name: str) -> Self:
        """Validate plain values, as they come from ``params:<name>``.

        Parameters
        ----------
        values
            The dictionary of the parameters file.
        name
            What the values are called there, for the message; empty at the top of a file.

        Raises
        ------
        InputError
            On the first wrong value: where it is, the rule, and the value.
        """
        if not isinstance(values, Mapping):
            raise InputError(f"{name} must be a mapping of settings, got {values!r}; write `{name}: {{}}` for defaults")
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise InputError(_one_line(error, cls, name)) from None

    def inert(self) -> dict[str, str]:
        """Name the settings that the values of others switch off, each with the reason; a name stands for all below."""
        return {}

    def inert_below(self, name: str) -> dict[str, str]:
        """Name those of nested settings too, by their full names.

        Parameters
        ----------
        name
            What these settings are called.
        """
        found = {f"{name}.{field}": reason for field, reason in self.inert().items()}
        for field in type(self).model_fields:
            if isinstance(value := getattr(self, field), Settings):
                found = value.inert_below(f"{name}.{field}") | found
        return found

    @model_validator(mode="before")
    @classmethod
    def _plain_values(cls, values: Any) -> Any:
        """Bring what files and the command line can say into the kinds of the fields."""
        if not isinstance(values, Mapping):
            return values
        fields = cls.model_fields
        return {k: plain(fields[k].annotation, value) if k in fields else value for k, value in values.items()}


def unless(needed: bool, reason: str, *names: str) -> dict[str, str]:
    """Give settings a reason for :meth:`Settings.inert` where what they need is not so."""
    return {} if needed else dict.fromkeys(names, reason)


def plain(annotation: Any, value: Any) -> Any:
    """Bring a value into the kind that an annotation asks for, where there is no doubt; leave it as it is elsewhere.

    A list may be written as its items joined by ``+``, or as its one item. A text that is a number, ``true`` or
    ``false`` is one where no text may stand; a text stays as it is where one may.

    Raises
    ------
    ValueError
        Where the quotes of a list do not match.
    """
    found = list(kinds(annotation))
    for kind in found:
        if get_origin(kind) in (tuple, list) and str not in found:
            return _listed(kind, value)
    if isinstance(value, float) and int in found and float not in found and value.is_integer():
        return int(value)
    return _scalar(found, value) if isinstance(value, str) and str not in found else value


def kinds(annotation: Any) -> Iterator[Any]:
    """Take an annotation apart: ``int | None`` are ``int`` and ``NoneType``."""
    if get_origin(annotation) in (Union, UnionType):
        for inner in get_args(annotation):
            yield from kinds(inner)
    elif get_origin(annotation) is Annotated:
        yield from kinds(get_args(annotation)[0])
    else:
        yield annotation


def _listed(kind: Any, value: Any) -> Any:
    of = [item for item in get_args(kind) if item is not Ellipsis]
    if isinstance(value, str):
        words = str in kinds(of[0])
        value = [] if not value else split_quoted(value, "+") if words else _JOINED.split(value)
    elif isinstance(value, int | float):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    each = [of[min(k, len(of) - 1)] for k in range(len(value))]
    return get_origin(kind)(plain(item, given) for item, given in zip(each, value, strict=True))


def _scalar(found: list[Any], text: str) -> Any:
    for kind in found:
        if get_origin(kind) is Literal:
            for choice in get_args(kind):
                if text == str(choice):
                    return choice
    if bool in found and text.lower() in ("true", "false"):  # Python writes True
        return text.lower() == "true"
    if (int in found or float in found) and _NUMBER.fullmatch(text.strip()):
        return _number(text.strip(), float in found)
    return text


def _number(text: str, real: bool) -> int | float:
    number = float(text)
    if re.fullmatch(r"[+-]?[0-9]+", text) and not real:
        return int(text)  # exactly, however long
    return int(number) if number.is_integer() and not real else number


def split_quoted(text: str, separator: str) -> list[str]:
    """Cut a text at its separators, as CSV is: an item in double quotes may hold them, and ``""`` in it is a quote.

    Raises
    ------
    ValueError
        Where a quote does not close, or something follows one that does.
    """
    try:
        return next(csv.reader([text], delimiter=separator, strict=True))
    except csv.Error:
        raise ValueError(f"quotes must be around a whole item, and doubled inside of it, got {text}") from None


def joined(items: Iterable[str], separator: str) -> str:
    """Join items so that :func:`split_quoted` gives them back."""
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="").writerow(items)
    return text.getvalue()


def _settings_in(annotation: Any) -> type[BaseModel] | None:
    """The settings that an annotation names, be it itself, ``X | None`` or ``tuple[X, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _settings_in(inner))), None)


def _one_line(error: ValidationError, cls: type[BaseModel], name: str) -> str:
    first = error.errors()[0]
    where = ".".join([*filter(None, [name]), *(str(part) for part in first["loc"])])
    if first["type"] == "extra_forbidden":
        known = cls
        for part in first["loc"][:-1]:  # walk down to the nested settings that refused the key
            if isinstance(part, str):  # numbers are places in a list
                known = _settings_in(known.model_fields[part].annotation) or known
        return f"{where} is not a setting; the settings here are: {', '.join(known.model_fields)}"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "bool_type":
        message = "input should be true or false"
    if first["type"] == "missing":
        return f"{where} is required, and missing; add it to the settings of {name}"
    if first["type"] == "value_error" and not first["loc"]:
        return f"{name}: {message}"
    line = f"{where}: {message[0].lower()}{message[1:]}, got {first['input']!r}"
    if first["type"] == "string_type" and isinstance(first["input"], bool | int | float):
        line += f"; {QUOTE_IT}"
    return line
