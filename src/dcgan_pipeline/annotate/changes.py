"""What a person can change of annotations. A change makes new annotations of old ones, and keeps nothing itself."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field

from dcgan_pipeline.edits.annotations import Annotations, Box, Exemplar, MarkedSample
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.schema import Settings

Kind = Literal["concepts", "objects"]
LONGEST_NAME = 40  # characters


def _name(text: str) -> str:
    if not re.fullmatch(r"\w+", text) or len(text) > LONGEST_NAME:
        raise ValueError(f"a name must be letters, digits and _, at most {LONGEST_NAME}, as expressions take it")
    return text


def as_float32(z: tuple[float, ...]) -> tuple[float, ...]:
    """Round to float32, which networks take, and give each number the fewest digits that tell it from others."""
    with np.errstate(over="ignore"):
        rounded = np.asarray(z, np.float32)
    if not np.isfinite(rounded).all():
        raise ValueError("z must be numbers that float32 holds")
    return tuple(float(str(number)) for number in rounded)


Name = Annotated[str, AfterValidator(_name)]


class Sample(Settings):
    """The sample that a change is of."""

    z: Annotated[tuple[float, ...], Field(min_length=1), AfterValidator(as_float32)]
    label: int | None = Field(default=None, ge=0)

    def is_that_of(self, exemplar: Exemplar) -> bool:
        """Whether an exemplar, or a marked sample, is drawn from the same."""
        return self.label == exemplar.label and self.z == as_float32(exemplar.z)


class AddName(Settings):
    """Name a concept, or an object."""

    kind: Kind
    name: Name

    def on(self, had: Annotations) -> Annotations:
        """Raise InputError where the name is there."""
        return _with(had, self.kind, {**getattr(had, self.kind), _new(had, self.kind, self.name): ()})


class Rename(Settings):
    """Call a concept, or an object, otherwise; it keeps its place among the others."""

    kind: Kind
    name: str
    to: Name

    def on(self, had: Annotations) -> Annotations:
        """Raise InputError where there is no such name, or where the new one is there."""
        _held(had, self.kind, self.name)
        to = self.to if self.to == self.name else _new(had, self.kind, self.to)
        names = getattr(had, self.kind).items()
        return _with(had, self.kind, {to if name == self.name else name: held for name, held in names})


class Drop(Settings):
    """Remove a concept, or an object, with its exemplars or boxes."""

    kind: Kind
    name: str

    def on(self, had: Annotations) -> Annotations:
        """Raise InputError where there is no such name."""
        _held(had, self.kind, self.name)
        left = {name: held for name, held in getattr(had, self.kind).items() if name != self.name}
        return _with(had, self.kind, left)


class Choose(Settings):
    """Make a sample an exemplar of a concept, or no longer one."""

    name: str
    sample: Sample
    chosen: bool

    def on(self, had: Annotations) -> Annotations:
        """Raise InputError where there is no such concept."""
        held = _held(had, "concepts", self.name)
        others = tuple(exemplar for exemplar in held if not self.sample.is_that_of(exemplar))
        if self.chosen:
            others = held if len(others) < len(held) else (*held, Exemplar(**self.sample.model_dump()))
        return _with(had, "concepts", {**had.concepts, self.name: others})


class Mark(Settings):
    """Say where a sample has an object: boxes, none for a sample without it, or null for one not looked at."""

    name: str
    sample: Sample
    boxes: tuple[Box, ...] | None

    def on(self, had: Annotations) -> Annotations:
        """Raise InputError where there is no such object."""
        held = _held(had, "objects", self.name)
        place = next((k for k, marked in enumerate(held) if self.sample.is_that_of(marked)), len(held))
        marked = () if self.boxes is None else (MarkedSample(**self.sample.model_dump(), boxes=self.boxes),)
        return _with(had, "objects", {**had.objects, self.name: (*held[:place], *marked, *held[place + 1 :])})


_CHANGES: dict[str, type[Settings]] = {"name": AddName, "rename": Rename, "drop": Drop, "choose": Choose, "mark": Mark}


class Change(Settings):
    """A change, and the revision that whoever asks for it has seen."""

    revision: str
    change: dict[str, Any]
    """``do``: which; and the settings of its class."""

    def on(self, had: Annotations) -> Annotations:
        """Make the annotations that follow.

        Raises
        ------
        InputError
            Where it is no change, or does not fit what is there.
        """
        kind = _CHANGES.get(str(self.change.get("do")))
        if kind is None:
            raise InputError(f"do must be one of {', '.join(_CHANGES)}, got {self.change.get('do')!r}")
        change: Any = kind.parse({name: value for name, value in self.change.items() if name != "do"}, "")
        return change.on(had)


class Step(Settings):
    """A step back, or forward again."""

    revision: str
    step: Literal["undo", "redo"]


def _new(had: Annotations, kind: Kind, name: str) -> str:
    if name in getattr(had, kind):
        raise InputError(f"a name must be new, and {name!r} is among the {kind}; choose another")
    return name


def _held(had: Annotations, kind: Kind, name: str) -> Any:
    names = getattr(had, kind)
    if name not in names:
        raise InputError(f"a change must be of {kind} that are there, got {name!r}; name it first")
    return names[name]


def _with(had: Annotations, kind: Kind, names: dict[str, Any]) -> Annotations:
    return had.model_copy(update={kind: names})
