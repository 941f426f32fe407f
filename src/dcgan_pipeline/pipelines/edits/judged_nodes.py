"""Nodes of ``edits`` that judge by an attribute model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from dcgan_pipeline.weights import Weights


def find_annotations(
    gan: Weights, attribute_model: Weights, found_annotations: dict[str, Any], seed: int, device: str
) -> tuple[dict[str, Any], dict[str, float]]:
    """Choose exemplars and draw boxes by what the model says of samples."""
    from dcgan_pipeline.attributes.model import load_attribute_model
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.edits import finding
    from dcgan_pipeline.edits.settings import FoundAnnotationsSettings

    settings = FoundAnnotationsSettings.parse(found_annotations, "edits.found_annotations")
    place = resolve_device(device)
    found, metrics = finding.find_annotations(gan, load_attribute_model(attribute_model, place), settings, seed, place)
    return found.dump(), metrics


def trace_forgetting(
    gan: Weights,
    attribute_model: Weights,
    forgetting_table: pd.DataFrame,
    forgetting_curve: dict[str, Any],
    seed: int,
    device: str,
) -> tuple[Figure, pd.DataFrame, dict[str, float]]:
    """Measure what is left of the object, and of all else, as its maps are dropped."""
    from dcgan_pipeline.attributes.model import load_attribute_model
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.edits import forgetting_curve as domain
    from dcgan_pipeline.edits.forgetting import check_of
    from dcgan_pipeline.edits.forgetting_figures import curve_figure, nothing_to_forget
    from dcgan_pipeline.edits.latents import draw
    from dcgan_pipeline.edits.settings import ForgettingCurveSettings
    from dcgan_pipeline.gan.sampling import load_generator

    settings, place = ForgettingCurveSettings.parse(forgetting_curve, "edits.forgetting_curve"), resolve_device(device)
    check_of(forgetting_table, gan)
    name = forgetting_table.attrs["object"]
    if name is None:
        return nothing_to_forget(), domain.empty_table(), {}
    model = load_attribute_model(attribute_model, place)
    orders = domain.orders_of(forgetting_table, settings.points, settings.draws, seed)
    latents = draw(gan, settings.samples, seed, "forgetting curve")
    layer, number = forgetting_table.attrs["layer"], domain.number_of(model, name)
    left = domain.measure(load_generator(gan, place), model, latents, layer, orders, number)
    table = domain.curve_table(left, orders, model.objects, gan.settings["architecture"]["image_size"] ** 2)
    accuracy = model.object_accuracy.get(name, {}).get("iou")
    return curve_figure(table, forgetting_table, accuracy), table, domain.summarise(table, name)


def judge_arithmetic(
    gan: Weights,
    annotations: dict[str, Any],
    attribute_model: Weights,
    vector_arithmetic: dict[str, Any],
    seed: int,
    device: str,
) -> tuple[Figure, pd.DataFrame, dict[str, float]]:
    """Draw a sum of concepts (paper 6.3.2), and compare what it shows with what was asked for."""
    from dcgan_pipeline.attributes.model import load_attribute_model
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.edits.annotations import Annotations
    from dcgan_pipeline.edits.edits import compare_with_asked, summarise_arithmetic
    from dcgan_pipeline.edits.figures import arithmetic_figure
    from dcgan_pipeline.edits.settings import VectorArithmeticSettings
    from dcgan_pipeline.edits.vectors import calculate, terms_of
    from dcgan_pipeline.gan.sampling import load_generator

    settings = VectorArithmeticSettings.parse(vector_arithmetic, "edits.vector_arithmetic")
    concepts, place = Annotations.parse_for(annotations, gan), resolve_device(device)
    network, model = load_generator(gan, place), load_attribute_model(attribute_model, place)
    found = calculate(network, concepts, terms_of(concepts, settings), settings.noise, seed)
    table = compare_with_asked(model, found)
    return arithmetic_figure(found, table), table, summarise_arithmetic(table)


def judge_turn(
    gan: Weights, annotations: dict[str, Any], attribute_model: Weights, turn: dict[str, Any], seed: int, device: str
) -> tuple[Figure, pd.DataFrame, dict[str, float]]:
    """Draw samples along the vector from one concept to another (paper 6.3.2), and measure what it turns."""
    from dcgan_pipeline.attributes.model import load_attribute_model
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.edits import turn as domain
    from dcgan_pipeline.edits.annotations import Annotations
    from dcgan_pipeline.edits.edits import asked_of
    from dcgan_pipeline.edits.ends import ends_of
    from dcgan_pipeline.edits.expressions import Term
    from dcgan_pipeline.edits.figures import turn_figure
    from dcgan_pipeline.edits.latents import draw, pictures
    from dcgan_pipeline.edits.scores import Judge
    from dcgan_pipeline.edits.settings import TurnSettings
    from dcgan_pipeline.edits.vectors import along, ends_of_turn, steps_along, vector_between
    from dcgan_pipeline.gan.sampling import load_generator

    settings, concepts = TurnSettings.parse(turn, "edits.turn"), Annotations.parse_for(annotations, gan)
    place = resolve_device(device)
    network, model = load_generator(gan, place), load_attribute_model(attribute_model, place)
    start, end = ends_of_turn(concepts, settings, ends_of(model.attributes, model.kinds))
    vector = vector_between(concepts, start, end, "edits.turn")
    latents = draw(gan, max(settings.samples, settings.shown), seed, "turn")
    images = along(network, latents.take(slice(settings.shown)), steps_along(vector, settings.steps, settings.reach))
    measured = latents.take(slice(settings.samples))
    judge = Judge.by(model, pictures(network, measured))
    asked = asked_of(network, judge, concepts, (Term(1, end), Term(-1, start)))
    table = domain.judge_turn(network, judge, measured, vector, asked, settings, seed)
    return turn_figure(images, start, end, settings.reach, table), table, domain.summarise(table)


def judge_edits(
    gan: Weights,
    annotations: dict[str, Any],
    attribute_model: Weights,
    forgetting_table: pd.DataFrame,
    vector_arithmetic: dict[str, Any],
    turn: dict[str, Any],
    edit_scores: dict[str, Any],
    seed: int,
    device: str,
) -> tuple[Figure, pd.DataFrame, dict[str, float]]:
    """Score the result of every edit, and of random ones of the same size."""
    from dcgan_pipeline.attributes.model import load_attribute_model
    from dcgan_pipeline.devices import resolve_device
    from dcgan_pipeline.edits import scores as domain
    from dcgan_pipeline.edits.annotations import Annotations
    from dcgan_pipeline.edits.edits import edits_of
    from dcgan_pipeline.edits.ends import ends_of
    from dcgan_pipeline.edits.figures import said_of, scores_figure
    from dcgan_pipeline.edits.forgetting import check_of
    from dcgan_pipeline.edits.latents import draw, pictures
    from dcgan_pipeline.edits.settings import EditScoresSettings, TurnSettings, VectorArithmeticSettings
    from dcgan_pipeline.edits.vectors import ends_of_turn, terms_of
    from dcgan_pipeline.gan.sampling import load_generator

    settings = EditScoresSettings.parse(edit_scores, "edits.edit_scores")
    concepts, place = Annotations.parse_for(annotations, gan), resolve_device(device)
    check_of(forgetting_table, gan)
    terms = terms_of(concepts, VectorArithmeticSettings.parse(vector_arithmetic, "edits.vector_arithmetic"))
    network, model = load_generator(gan, place), load_attribute_model(attribute_model, place)
    turned = ends_of_turn(concepts, TurnSettings.parse(turn, "edits.turn"), ends_of(model.attributes, model.kinds))
    samples = draw(gan, settings.samples, seed, "edit scores")
    judge = domain.Judge.by(model, pictures(network, samples))
    edits = edits_of(network, judge, concepts, samples, terms, turned, forgetting_table, settings.most)
    table = domain.score_edits(network, judge, edits, settings.draws, seed)
    accuracy = said_of(model.attribute_accuracy, model.object_accuracy)
    return scores_figure(table, accuracy), table, domain.summarise(table)
