"""Attributes as concepts: the two ends of each, what is made of several, and the samples that show them best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcgan_pipeline.edits.expressions import check_known, parse_definitions, word

CERTAIN = 0.5  # the probability from which a binary attribute is there
_POOL = 3  # times as many candidates as exemplars: what is balanced is chosen of them
Scores = NDArray[np.float32]


@dataclass(frozen=True)
class End:
    """One end of an attribute: there or not, high or low."""

    attribute: int
    up: bool


def ends_of(attributes: Sequence[str], kinds: Sequence[str]) -> dict[str, End]:
    """Name both ends of each attribute, the upper one first.

    ``smiling`` and ``no_smiling`` of a binary attribute, ``high_age`` and ``low_age`` of a continuous one. Where
    two attributes become the same name, the later one has its number at the end.
    """
    found: dict[str, End] = {}
    for k, (name, kind) in enumerate(zip(attributes, kinds, strict=True)):
        for up in (True, False):
            before = ("" if up else "no_") if kind == "binary" else ("high_" if up else "low_")
            text = before + word(name)
            found[text if text not in found else f"{text}_{k}"] = End(k, up)
    return found


def pairs_of(ends: Mapping[str, End], names: Sequence[str]) -> dict[int, tuple[str, str]]:
    """Find the attributes whose two ends are both among some names: upper end and lower end, by attribute."""
    by_end = {end: name for name, end in ends.items() if name in names}
    attributes = dict.fromkeys(end.attribute for end in ends.values())
    both = {k: (by_end.get(End(k, True)), by_end.get(End(k, False))) for k in attributes}
    return {k: (up, down) for k, (up, down) in both.items() if up and down}


def concepts_of(
    ends: Mapping[str, End], kinds: Sequence[str], scores: Scores, texts: Sequence[str] | None, exemplars: int
) -> dict[str, tuple[End, ...]]:
    """Name all concepts that exemplars are to be found of, those that the user defines first.

    Parameters
    ----------
    scores
        Of samples, (n, attributes).
    texts
        Definitions, as :func:`~dcgan_pipeline.edits.expressions.parse_definitions` reads them; None: those of
        :func:`choose_three`.

    Raises
    ------
    InputError
        Where a definition names what is no end of an attribute.
    """
    made = choose_three(ends, kinds, scores, exemplars) if texts is None else parse_definitions(texts)
    for parts in made.values():
        check_known(parts, ends, "edits.found_annotations.concepts", "ends of attributes")
    defined = {name: tuple(ends[part] for part in parts) for name, parts in made.items()}
    return {**defined, **{name: (end,) for name, end in ends.items() if name not in defined}}


def choose_three(
    ends: Mapping[str, End], kinds: Sequence[str], scores: Scores, exemplars: int
) -> dict[str, tuple[str, ...]]:
    """Define three concepts of which first - second + third is an arithmetic with a known answer.

    ``high_slant_3``, ``low_slant_3`` and ``low_slant_7``, say: the answer is a 7 of high slant. The two binary
    attributes are those that most samples have for certain; the other is the first continuous one, else the next binary
    one. Nothing where there are not enough attributes, or not enough samples that show them together.
    """
    binary = [k for k, kind in enumerate(kinds) if kind == "binary"]
    often = sorted(binary, key=lambda k: -int((scores[:, k] > CERTAIN).sum()))
    others = [k for k, kind in enumerate(kinds) if kind == "continuous"] or often[2:3]
    if len(often) < 2 or not others:
        return {}
    names = {end: name for name, end in ends.items()}
    first, second = End(often[0], True), End(often[1], True)
    up, down = End(others[0], True), End(others[0], False)
    chosen = [(first, up), (first, down), (second, down)]
    if min(int(_has_binary(scores, kinds, parts).sum()) for parts in chosen) < 2 * exemplars:
        return {}
    return {"_".join(names[part] for part in reversed(parts)): tuple(names[part] for part in parts) for parts in chosen}


def certainty(scores: Scores, kinds: Sequence[str], parts: Sequence[End]) -> NDArray[np.float64]:
    """Say how surely samples show all of some ends: (n,), 0 to 1.

    The least of them: of a binary attribute the probability, of a continuous one the share of samples that it exceeds,
    among those that have the binary ones: a 3 that leans far for a 3.
    """
    sure = np.min(
        [_towards(scores, part) for part in parts if kinds[part.attribute] == "binary"] or [np.ones(len(scores))], 0
    )
    among = np.flatnonzero(_has_binary(scores, kinds, parts))
    if not len(among):
        among = np.arange(len(scores))
    for part in parts:
        if kinds[part.attribute] == "continuous":
            values = _towards(scores, part)
            share = np.searchsorted(np.sort(values[among]), values) / len(among)
            sure = np.minimum(sure, share)
    return sure


def choose(scores: Scores, kinds: Sequence[str], parts: Sequence[End], count: int) -> NDArray[np.int64]:
    """Choose exemplars of some ends, rows of the scores, (n, attributes): the surest, with the others balanced.

    Of the ``3 * count`` surest samples those are taken, one after the other, that bring the means of all other
    attributes nearest to what they are over all samples. A vector from one end to the other is then of that
    attribute, and of others as little as may be.
    """
    surest = np.argsort(-certainty(scores, kinds, parts), kind="stable")[: _POOL * count]
    others = [k for k in range(scores.shape[1]) if k not in {part.attribute for part in parts}]
    spread = np.where([kinds[k] == "binary" for k in others], 1, scores[:, others].std(0) + 1e-12)
    apart = (scores[:, others] - scores[:, others].mean(0)) / spread  # (n, others)
    taken: list[int] = []
    while len(taken) < min(count, len(surest)):
        left = [row for row in surest.tolist() if row not in taken]
        sums = apart[taken].sum(0) + apart[left]  # (left, others)
        taken.append(left[int(np.argmin((sums**2).sum(1)))])
    return np.array(taken)


def _towards(scores: Scores, end: End) -> NDArray[np.float64]:
    """Larger the nearer to the end; of a binary attribute its probability."""
    values = scores[:, end.attribute].astype(np.float64)
    return values if end.up else 1 - values


def _has_binary(scores: Scores, kinds: Sequence[str], parts: Sequence[End]) -> NDArray[np.bool_]:
    binary = [_towards(scores, part) >= CERTAIN for part in parts if kinds[part.attribute] == "binary"]
    return np.all(binary, 0) if binary else np.ones(len(scores), bool)
