"""Arithmetic on points of latent space, and vectors from one group of samples to another (paper 6.3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_pipeline.edits.annotations import Annotations
from dcgan_pipeline.edits.ends import End, pairs_of
from dcgan_pipeline.edits.expressions import Term, check_known, parse_expression
from dcgan_pipeline.edits.latents import Latents, Network, mean_of, of_exemplars, pictures
from dcgan_pipeline.edits.settings import TurnSettings, VectorArithmeticSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.randomness import torch_stream

NEIGHBOURS = 8  # around the result, on a grid of 3 x 3 (paper, figure 7)
_LEAST = 3  # exemplars: fewer were unstable (paper 6.3.2)


@dataclass(frozen=True)
class Column:
    """A term of the arithmetic as pictures, uint8: the exemplars, what their mean z draws, and their mean picture."""

    term: Term
    exemplars: NDArray[np.uint8]  # (n, C, S, S)
    of_mean: NDArray[np.uint8]  # (C, S, S)
    mean: NDArray[np.float64]  # (C, S, S)


@dataclass(frozen=True)
class Arithmetic:
    """The terms as pictures, and their sum: in latent space with its neighbours, and in pixels."""

    columns: tuple[Column, ...]
    latents: Latents
    """Nine: the sum, fifth, and its neighbours."""
    results: NDArray[np.uint8]  # (9, C, S, S)
    in_pixels: NDArray[np.uint8]  # (C, S, S)


def terms_of(annotations: Annotations, settings: VectorArithmeticSettings) -> tuple[Term, ...]:
    """Read the expression, or make one of the first concepts: first - second + third, or the first alone.

    Raises
    ------
    InputError
        Where a concept is none of the annotations', or has fewer than three exemplars.
    """
    name = "edits.vector_arithmetic.expression"
    if settings.expression is None:
        first = list(annotations.concepts)[:3]
        signs = (1, -1, 1) if len(first) == 3 else (1,)
        terms = tuple(Term(sign, concept) for sign, concept in zip(signs, first, strict=False))
    else:
        terms = parse_expression(settings.expression)
    for term in terms:
        exemplars_of(annotations, term.concept, name)
    if not terms:
        raise InputError(f"{name} needs concepts, and the annotations have none; choose exemplars of some")
    return terms


def exemplars_of(annotations: Annotations, concept: str, setting: str) -> Latents:
    """Take the exemplars of a concept, three or more, by the name that a setting gives."""
    check_known([concept], annotations.concepts, setting, "a concept of the annotations")
    exemplars = annotations.concepts[concept]
    if len(exemplars) < _LEAST:
        raise InputError(
            f"a concept needs {_LEAST} exemplars or more, since fewer are unstable (paper 6.3.2), got "
            f"{len(exemplars)} of {concept}; choose more, or set {setting} to other concepts"
        )
    return of_exemplars(exemplars)


def calculate(network: Network, annotations: Annotations, terms: Sequence[Term], noise: float, seed: int) -> Arithmetic:
    """Add and take away the mean z of concepts, and their mean pictures.

    The sum of a conditional G has the label that most exemplars of its last added term have.
    """
    found = [exemplars_of(annotations, term.concept, "edits.vector_arithmetic.expression") for term in terms]
    means = [mean_of(exemplars) for exemplars in found]
    total = torch.stack([term.sign * mean.z[0] for term, mean in zip(terms, means, strict=True)]).sum(0)
    base = means[last_added(terms)]
    around = torch.rand((NEIGHBOURS + 1, len(total)), generator=torch_stream(seed, "vector arithmetic", "noise"))
    around = noise * (2 * around - 1)
    around[NEIGHBOURS // 2] = 0  # the middle of the grid
    labels = None if base.labels is None else base.labels.expand(len(around))
    latents = Latents(total + around, labels)
    columns = []
    for term, exemplars, mean in zip(terms, found, means, strict=True):
        drawn = pictures(network, exemplars)
        columns.append(Column(term, drawn, pictures(network, mean)[0], drawn.mean(0)))
    in_pixels = np.sum([column.term.sign * column.mean for column in columns], 0)
    return Arithmetic(
        tuple(columns), latents, pictures(network, latents), in_pixels.round().clip(0, 255).astype(np.uint8)
    )


def last_added(terms: Sequence[Term]) -> int:
    """Number the term that the others change: the last one that is added."""
    return max(k for k, term in enumerate(terms) if term.sign > 0)


def ends_of_turn(annotations: Annotations, settings: TurnSettings, ends: Mapping[str, End] | None) -> tuple[str, str]:
    """Name the concepts that the turn goes from and to.

    Parameters
    ----------
    ends
        Those that a model knows; None without a model, and then the first two concepts take their place.

    Raises
    ------
    InputError
        Where there are no two concepts to choose.
    """
    names = list(annotations.concepts)
    pairs = list(pairs_of(ends, names).values()) if ends else []
    pairs.sort(key=lambda pair: not pair[0].startswith("high_"))  # those of continuous attributes first
    end, start = [*pairs, (names[0], names[1])][0] if len(names) > 1 else (None, None)
    start, end = settings.start or start, settings.end or end
    if start is None or end is None:
        raise InputError(
            f"edits.turn needs two concepts, and the annotations have {len(names)}; choose exemplars of another one"
        )
    return start, end


def vector_between(annotations: Annotations, start: str, end: str, setting: str) -> Tensor:
    """Subtract the mean z of one concept from that of another: (latent_dim,)."""
    first, last = (exemplars_of(annotations, name, setting).z.mean(0) for name in (start, end))
    return last - first


def steps_along(vector: Tensor, steps: int, reach: float) -> Tensor:
    """Take steps from -reach to +reach times a vector: (steps, latent_dim)."""
    return torch.linspace(-reach, reach, steps)[:, None] * vector


def along(network: Network, latents: Latents, moves: Tensor) -> NDArray[np.uint8]:
    """Draw samples moved by each of some steps, (steps, latent_dim): uint8 (n, steps, C, S, S)."""
    z = latents.z[:, None] + moves  # (n, steps, latent_dim)
    labels = None if latents.labels is None else latents.labels.repeat_interleave(len(moves))
    drawn = pictures(network, Latents(z.flatten(0, 1), labels))
    return drawn.reshape(len(latents), len(moves), *drawn.shape[1:])
