"""Settings: frozen, complete, and strict about names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import NoneType
from typing import Any, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from dcgan_pipeline.errors import InputError

_JOINED = re.compile(r"(?<!\d[eE])\+")  # and no sign of an exponent, as in 1e+5


class Settings(BaseModel):
    """Base of every settings class: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def parse(cls, values: Mapping[str, Any], name: str) -> Self:
        """Validate plain values, as they come from ``params:<name>``.

        Parameters
        ----------
        values
            The dictionary of the parameters file.
        name
            What the values are called there, for the message.

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

    @model_validator(mode="before")
    @classmethod
    def _lists_of_the_command_line(cls, values: Any) -> Any:
        """Read ``a+b`` as a list, and ``a`` as one of one: commas part the settings there."""
        if not isinstance(values, Mapping):
            return values
        return {name: _listed(value) if _is_list(cls, name) else value for name, value in values.items()}


def _is_list(cls: type[BaseModel], name: str) -> bool:
    """Whether a setting is a list, or one or nothing."""
    field = cls.model_fields.get(name)
    if field is None:
        return False
    kinds = get_args(field.annotation) if get_origin(field.annotation) not in (tuple, list) else (field.annotation,)
    return {get_origin(kind) for kind in kinds if kind is not NoneType} in ({tuple}, {list})


def _listed(value: Any) -> Any:
    if isinstance(value, str):
        return _JOINED.split(value)
    return [value] if isinstance(value, int | float) else value


def _settings_in(annotation: Any) -> type[BaseModel] | None:
    """The settings that an annotation names, be it itself, ``X | None`` or ``tuple[X, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _settings_in(inner))), None)


def _one_line(error: ValidationError, cls: type[BaseModel], name: str) -> str:
    first = error.errors()[0]
    where = ".".join([name, *(str(part) for part in first["loc"])])
    if first["type"] == "extra_forbidden":
        known = cls
        for part in first["loc"][:-1]:  # walk down to the nested settings that refused the key
            if isinstance(part, str):  # numbers are places in a list
                known = _settings_in(known.model_fields[part].annotation) or known
        return f"{where} is not a setting; the settings here are: {', '.join(known.model_fields)}"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"{where} is required, and missing; add it to the settings of {name}"
    if first["type"] == "value_error" and not first["loc"]:
        return f"{name}: {message}"
    return f"{where}: {message[0].lower()}{message[1:]}, got {first['input']!r}"
