"""All edits that annotations make possible, to be judged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dcgan_pipeline.attributes.model import AttributeModel
from dcgan_pipeline.edits.annotations import Annotations
from dcgan_pipeline.edits.ends import ends_of, pairs_of
from dcgan_pipeline.edits.expressions import Term, write_expression
from dcgan_pipeline.edits.latents import Latents, Network, of_exemplars, pictures
from dcgan_pipeline.edits.scores import Dropped, Edit, Judge, Moved, pixels_of
from dcgan_pipeline.edits.vectors import Arithmetic, last_added, vector_between


def edits_of(
    network: Network,
    judge: Judge,
    annotations: Annotations,
    samples: Latents,
    terms: Sequence[Term],
    turn: tuple[str, str] | None,
    maps: pd.DataFrame,
    most: int,
) -> list[Edit]:
    """List the edits.

    From one end of an attribute to the other, for each attribute whose ends both have exemplars; the turn; the
    arithmetic, which changes the exemplars of its last added concept; and the object that is forgotten.

    Parameters
    ----------
    samples
        That all but the arithmetic change.
    terms
        Of the arithmetic; one term is no edit.
    turn
        Concepts that it goes from and to; None: there is no turn.
    maps
        As :func:`~dcgan_pipeline.edits.forgetting.find_maps` found them.
    most
        Attributes at most: the first ones.
    """
    edits: list[Edit] = []
    pairs = list(pairs_of(ends_of(judge.model.attributes, judge.model.kinds), list(annotations.concepts)).items())
    for number, (up, down) in pairs[:most]:
        vector = vector_between(annotations, down, up, "edits.edit_scores")
        edits.append(Moved(f"{down} > {up}", judge.model.attributes[number], samples, vector))
    if turn and (turn[1], turn[0]) not in dict(pairs[:most]).values():
        asked = asked_of(network, judge, annotations, (Term(1, turn[1]), Term(-1, turn[0])))
        vector = vector_between(annotations, *turn, "edits.turn")
        edits.append(Moved(f"{turn[0]} > {turn[1]}", asked, samples, vector))
    if len(terms) > 1:
        edits.append(_arithmetic(network, judge, annotations, terms))
    if maps.attrs["object"] is not None and maps.attrs["object"] in judge.model.objects:
        dropped = maps.loc[maps["dropped"], "map"].to_numpy()
        name = maps.attrs["object"]
        edits.append(Dropped(f"without {name}", pixels_of(name), samples, maps.attrs["layer"], dropped, len(maps)))
    return edits


def asked_of(network: Network, judge: Judge, annotations: Annotations, terms: Sequence[Term]) -> str:
    """Name the attribute that a sum of concepts is to change most, by what the model says of their exemplars."""
    groups = [(term.sign, pictures(network, of_exemplars(annotations.concepts[term.concept]))) for term in terms]
    return judge.largest(judge.sum_of(groups))


def _arithmetic(network: Network, judge: Judge, annotations: Annotations, terms: Sequence[Term]) -> Edit:
    base = last_added(terms)
    others = [term for k, term in enumerate(terms) if k != base]
    means = [term.sign * of_exemplars(annotations.concepts[term.concept]).z.mean(0) for term in others]
    asked = asked_of(network, judge, annotations, others)
    samples = of_exemplars(annotations.concepts[terms[base].concept])
    return Moved(write_expression(terms), asked, samples, sum(means[1:], means[0]))


def compare_with_asked(model: AttributeModel, found: Arithmetic) -> pd.DataFrame:
    """Compare what the model says of a sum with the sum of what it says of the exemplars.

    Returns
    -------
    DataFrame
        A row an attribute (``of``; ``binary`` or not): what was ``asked``, the sum of the means over the exemplars, a
        probability cut off at 0 and 1; what the sum and its neighbours ``got``, their mean and standard deviation
        (``spread``), and what the sum in ``pixels`` got; probabilities, or the attribute's own unit.
    """
    means = [column.term.sign * model.attribute_scores(column.exemplars).mean(0) for column in found.columns]
    asked = np.sum(means, 0)
    binary = np.array([kind == "binary" for kind in model.kinds], bool)
    asked = np.where(binary, asked.clip(0, 1), asked)
    got, pixels = model.attribute_scores(found.results), model.attribute_scores(found.in_pixels[None])[0]
    columns = {"asked": asked, "got": got.mean(0), "spread": got.std(0), "pixels": pixels}
    return pd.DataFrame({"of": list(model.attributes), "binary": binary, **columns})


def summarise_arithmetic(table: pd.DataFrame) -> dict[str, float]:
    """Average how far the sum is from what was asked, in latent space and in pixels."""
    apart = {
        name: (table[column] - table["asked"]).abs().mean() for name, column in (("got", "got"), ("pixels", "pixels"))
    }
    return {f"vector_arithmetic.{name}_apart": float(value) for name, value in apart.items() if np.isfinite(value)}
