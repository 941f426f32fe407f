"""What a user writes of concepts: sums of them, and new ones made of the ends of attributes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dcgan_pipeline.errors import InputError, shortened

_NAME = r"\w+"
_SUM = re.compile(rf"\s*[+-]?\s*{_NAME}(\s*[+-]\s*{_NAME})*\s*")
_TERM = re.compile(rf"([+-]?)\s*({_NAME})")
_DEFINITION = re.compile(rf"\s*({_NAME})\s*=\s*({_NAME}(?:\s*&\s*{_NAME})*)\s*")


@dataclass(frozen=True)
class Term:
    """A concept that is added, or taken away."""

    sign: int
    concept: str


def parse_expression(text: str) -> tuple[Term, ...]:
    """Read a sum of concepts: ``smiling_woman - neutral_woman + neutral_man``.

    Raises
    ------
    ValueError
        Where it is none, or only takes away.
    """
    if not _SUM.fullmatch(text):
        raise ValueError("must be names of concepts joined by + and -, such as 'smiling_woman - woman + man'")
    terms = tuple(Term(-1 if sign == "-" else 1, name) for sign, name in _TERM.findall(text))
    if all(term.sign < 0 for term in terms):
        raise ValueError("must add a concept or more, such as the last one of 'smiling_woman - woman + man'")
    return terms


def write_expression(terms: Sequence[Term]) -> str:
    """Write terms as :func:`parse_expression` reads them."""
    text = "".join(f" {'-' if term.sign < 0 else '+'} {term.concept}" for term in terms)
    return text.removeprefix(" + ").strip()


def parse_definitions(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Read concepts that are made of others: ``slanted_3 = 3 & high_slant``.

    Returns
    -------
    dict
        The names that each one is made of.

    Raises
    ------
    ValueError
        Where one is no such line, or a name is given twice.
    """
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        parts = _DEFINITION.fullmatch(text)
        if not parts:
            raise ValueError(
                f"must be a name and what it is made of, such as 'tall_man = man & high_height', got {text!r}"
            )
        if parts[1] in found:
            raise ValueError(f"must give a name once, got {parts[1]} twice")
        found[parts[1]] = tuple(re.findall(_NAME, parts[2]))
    return found


def check_known(wanted: Iterable[str], known: Iterable[str], setting: str, what: str) -> None:
    """Refuse a name that there is not.

    Parameters
    ----------
    what
        What the names are of, as the message says it.
    """
    known = list(known)
    for name in wanted:
        if name not in known:
            raise InputError(f"{setting} must name {what}, {shortened(known, 30)}, got {name}; name another")


def word(name: str) -> str:
    """Make a name of letters, digits and _ of any text, as expressions take it."""
    return re.sub(r"\W+", "_", name).strip("_") or "_"
