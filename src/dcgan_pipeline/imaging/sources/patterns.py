"""Wildcards and braces in the location of a source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.imaging.sources.sieve import Sieve

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


class Glob(NamedTuple):
    """The fixed part of a location, and the pattern that names below it must match."""

    root: str
    pattern: str

    @property
    def depth(self) -> int | None:
        """How far down a match can lie; None for any depth."""
        return None if "**" in self.pattern else self.pattern.count("/") + 1

    def sieve(self) -> Sieve:
        """Return what keeps the names below the root that match, and counts the others."""
        return Sieve(self.matcher(), self.matcher(re.IGNORECASE))

    def matcher(self, flags: re.RegexFlag = re.NOFLAG) -> Callable[[str], object]:
        """Return a function that says whether a name below the root matches.

        ``*``, ``?`` and ``[ab]`` stay inside one part of a path; ``**`` is any number of parts.
        """
        from fsspec.utils import glob_translate

        try:
            return re.compile(glob_translate(self.pattern), flags).match
        except ValueError:
            raise InputError(
                f"** must be a whole part of a path, as in photos/**/*.jpg, got {self.pattern}; write **/* there"
            ) from None


def split_glob(location: str) -> Glob | None:
    """Split a location at its first part with a wildcard; None where it has none."""
    # In an address of the web a ? begins the query.
    wild = "*[" if location.startswith(("http://", "https://")) else "*?["
    parts = location.split("/")
    for k, part in enumerate(parts):
        if any(character in part for character in wild):
            return Glob("/".join(parts[:k]) or ("/" if k else "."), "/".join(parts[k:]))
    return None


def has_braces(location: str) -> bool:
    """Say whether a location has ``{000..146}`` or ``{a,b}`` in it."""
    return bool(_BRACES.search(location))


def expand_braces(location: str) -> Iterator[str]:
    """Write out ``{000..146}`` and ``{a,b}``, one location at a time and in their order.

    Numbers keep the width of the first where that begins with a zero, as in a shell.
    """
    braces = _BRACES.search(location)
    if not braces:
        yield location
        return
    for choice in _choices(braces[1], location):
        yield from expand_braces(location[: braces.start()] + choice + location[braces.end() :])


def _choices(inside: str, location: str) -> Iterator[str]:
    numbers = _RANGE.fullmatch(inside)
    if numbers:
        first, last = int(numbers[1]), int(numbers[2])
        width = len(numbers[1]) if numbers[1].startswith("0") else 1
        step = 1 if last >= first else -1
        yield from (f"{number:0{width}d}" for number in range(first, last + step, step))
    elif "," in inside:
        yield from inside.split(",")
    else:
        raise InputError(f"braces must hold a range {{000..146}} or a list {{a,b}}, got {{{inside}}} in {location}")
