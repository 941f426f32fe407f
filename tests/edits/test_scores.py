import numpy as np
import pandas as pd
import pytest
import torch
from lamps import LampModel, lamps_gan

from dcgan_pipeline.edits.annotations import Annotations, Exemplar
from dcgan_pipeline.edits.edits import compare_with_asked, edits_of, summarise_arithmetic
from dcgan_pipeline.edits.expressions import parse_expression
from dcgan_pipeline.edits.figures import arithmetic_figure, said_of, scores_figure
from dcgan_pipeline.edits.latents import Latents, draw, pictures
from dcgan_pipeline.edits.scores import COLUMNS, Dropped, Judge, Moved, score_edits, summarise
from dcgan_pipeline.edits.vectors import calculate
from dcgan_pipeline.gan.sampling import load_generator

COLUMNS_OF = ["lamp", "hole", "light", "lamp pixels", "hole pixels"]
CPU = torch.device("cpu")
GAN = lamps_gan()
NETWORK = load_generator(GAN, CPU)
DARK, BOTH = (-0.5, -0.5, 0.0, 0.0), (0.5, 0.5, 0.0, 0.0)
LAMP, HOLE = (0.5, -0.5, 0.0, 0.0), (-0.5, 0.5, 0.0, 0.0)


def judge():
    return Judge.by(LampModel(), pictures(NETWORK, draw(GAN, 64, 0, "units")))


def annotations(**of):
    return Annotations(gan="", concepts={name: (Exemplar(z=z),) * 3 for name, z in of.items()})


def nothing_marked():
    table = pd.DataFrame({"map": [], "dropped": []})
    table.attrs = {"object": None}
    return table


def found_maps():
    table = pd.DataFrame({"map": [0, 1, 2, 3], "dropped": [True, False, True, False]})
    table.attrs = {"object": "lamp", "layer": 0}
    return table


def test_units_are_probabilities_and_standard_deviations():
    images = pictures(NETWORK, draw(GAN, 64, 0, "units"))
    found = judge()
    units = ["probability", "probability", "standard deviations", "share of pixels", "share of pixels"]
    assert list(found.columns.items()) == list(zip(COLUMNS_OF, units, strict=True))
    assert found.units[:2].tolist() == [1, 1]
    assert found.units[2] == pytest.approx(LampModel().attribute_scores(images)[:, 2].std())
    assert Judge.by(LampModel(), images[:1]).units.tolist() == [1, 1, 1]  # no spread


def test_an_edit_changes_what_it_asks_for_and_nothing_else():
    samples = Latents(torch.tensor([DARK] * 3 + [LAMP]))
    table = score_edits(NETWORK, judge(), [Moved("on", "lamp", samples, torch.tensor([1.0, 0, 0, 0]))], 2, 0)
    assert tuple(table.columns) == COLUMNS
    rows = table.set_index("of")
    assert list(rows.index) == COLUMNS_OF
    measures = ["before", "after", "change", "low", "high"]
    assert rows.loc["lamp", measures].tolist() == [0.25, 1, 0.75, 0.75, 1]
    assert rows.loc["hole", measures].tolist() == [0] * 5
    assert rows.loc["lamp pixels", measures].tolist() == [
        0.0625,
        0.25,
        3,
        0,
        0,
    ]  # four times as many; in one sample as many
    assert np.isnan(rows.loc["hole pixels", "change"])  # of no pixels at first
    light = (255 - 128) / 255 / judge().units[2]
    assert rows.loc["light", "change"] == pytest.approx(0.75 * light)
    assert table["pixels"].unique().tolist() == [
        pytest.approx(127 * 0.25 * 0.75)
    ]  # a quarter of three of four pictures
    assert (table["samples"] == 4).all()


def test_random_edits_have_the_same_length_and_their_signs_do_not_cancel():
    samples = Latents(torch.zeros(50, 4))
    edit = Moved("long", "lamp", samples, torch.tensor([3.0, 4.0, 0, 0]))
    after = [edit.control(NETWORK, 0, number) for number in range(20)]
    lamps = [LampModel().attribute_scores(images)[0, 0] for images in after]
    assert 0 < np.mean(lamps) < 1
    rows = score_edits(NETWORK, judge(), [edit], 20, 0).set_index("of")
    assert rows.loc["lamp", "random"] == pytest.approx(np.mean(lamps))
    assert rows.loc["lamp", "random_spread"] == pytest.approx(np.sqrt(np.mean(lamps)))  # each changes all, or none
    none = score_edits(NETWORK, judge(), [Moved("none", "lamp", samples, torch.zeros(4))], 3, 0)
    numbers = none.loc[
        none["unit"] != "share of pixels", ["change", "random", "random_spread", "pixels", "random_pixels"]
    ]
    assert (numbers == 0).all(axis=None)


def test_dropping_the_map_of_an_object_takes_its_pixels_alone():
    samples = Latents(torch.tensor([BOTH, LAMP, HOLE, DARK]))
    edit = Dropped("without lamp", "lamp pixels", samples, 0, np.array([0, 2]), 4)
    table = score_edits(NETWORK, judge(), [edit], 30, 0).set_index("of")
    assert table.loc["lamp pixels", ["change", "low", "high"]].tolist() == [-1, -1, -1]
    assert table.loc["hole pixels", "change"] == 0
    assert table.loc["lamp", "change"] == -0.5
    assert (table["pixels"] == 0).all()  # beside the lamp itself
    assert -0.7 < table.loc["lamp pixels", "random"] < -0.3  # half of the pairs of maps have map 0
    assert table.loc["lamp", "random_pixels"] > 0


def test_numbers_are_of_what_edits_ask_for():
    samples = Latents(torch.tensor([DARK] * 4))
    on = Moved("on", "lamp", samples, torch.tensor([1.0, 0, 0, 0]))
    both = Moved("both", "hole", samples, torch.tensor([1.0, 1.0, 0, 0]))
    table = score_edits(NETWORK, judge(), [on, both], 2, 0)
    numbers = summarise(table)
    light = 127 / 255 / judge().units[2]
    assert numbers["edit_scores.asked"] == 1
    assert numbers["edit_scores.others"] == pytest.approx((0 + light + 1 + light) / 4)
    assert numbers["edit_scores.pixels"] == pytest.approx((127 / 4 + (127 + 128) / 4) / 2)


def test_edits_of_annotations_are_the_ends_of_attributes_the_turn_the_arithmetic_and_forgetting():
    found = annotations(lamp=LAMP, no_lamp=DARK, hole=HOLE, no_hole=DARK, both=BOTH)
    samples = draw(GAN, 5, 0, "samples")
    terms = parse_expression("both - lamp + no_hole")
    edits = edits_of(NETWORK, judge(), found, samples, terms, ("hole", "both"), found_maps(), 9)
    said = [(edit.name, edit.asked) for edit in edits]
    assert said == [
        ("no_lamp > lamp", "lamp"),
        ("no_hole > hole", "hole"),
        ("hole > both", "light"),  # in standard deviations more than the probability of a lamp
        ("both - lamp + no_hole", "hole"),
        ("without lamp", "lamp pixels"),
    ]
    assert edits[0].vector.tolist() == [1, 0, 0, 0]
    assert edits[2].vector.tolist() == [1, 0, 0, 0]
    assert edits[3].vector.tolist() == [0, 1, 0, 0]
    assert edits[3].latents.z.tolist() == [list(DARK)] * 3
    assert edits[4].maps.tolist() == [0, 2]
    few = edits_of(NETWORK, judge(), found, samples, terms[:1], ("no_lamp", "lamp"), nothing_marked(), 1)
    assert [edit.name for edit in few] == ["no_lamp > lamp"]  # which is the turn; and one term is no edit


def test_a_sum_is_compared_with_what_its_exemplars_ask_for(rendered):
    found = calculate(NETWORK, annotations(b=BOTH, l=LAMP, d=DARK), parse_expression("b - l + d"), 0.1, 0)
    table = compare_with_asked(LampModel(), found).set_index("of")
    assert table.loc["lamp", ["asked", "got", "spread", "pixels"]].tolist() == [0, 0, 0, 0]
    assert table.loc["hole", ["asked", "got", "spread", "pixels"]].tolist() == [1, 1, 0, 1]
    assert table.loc["light", "asked"] == pytest.approx(table.loc["light", "got"], abs=0.01)
    assert summarise_arithmetic(table.reset_index())["vector_arithmetic.got_apart"] < 0.01
    figure = arithmetic_figure(found, table.reset_index())
    rendered(figure)
    assert figure.texts[0].get_text() == "Sum: b - l + d: hole at 1.00, got 1.00"
    assert "hole 1.00, got 1.00 ± 0.00" in figure.texts[1].get_text().replace("\n", " ")
    assert "lamp" not in figure.texts[1].get_text()  # which is neither asked for nor got


def test_the_figure_shows_every_edit_beside_random_ones(rendered):
    samples = draw(GAN, 20, 0, "samples")
    on = Moved("no_lamp > lamp", "lamp", samples, torch.tensor([1.0, 0, 0, 0]))
    table = score_edits(
        NETWORK, judge(), [on, Dropped("without lamp", "lamp pixels", samples, 0, np.array([0]), 4)], 3, 0
    )
    figure = scores_figure(table, said_of(LampModel.attribute_accuracy, LampModel.object_accuracy))
    rendered(figure)
    share = table.loc[(table["edit"] == "no_lamp > lamp") & (table["of"] == "lamp"), "change"].item()
    assert figure.texts[0].get_text().startswith(f"Edits change what they ask for by {share:+.2f}, random")
    caption = figure.texts[1].get_text().replace("\n", " ")
    assert "R² 0.50 (least 0.50), intersection over union 0.75" in caption
    assert "nan" not in caption
    np.testing.assert_allclose(figure.axes[0].get_images()[0].get_array()[0], table["change"][:5], atol=1e-6)
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == COLUMNS_OF


def test_many_attributes_fit(rendered):
    row = {"asked": "a0", "unit": "probability", "before": 0.1, "after": 0.4, "change": 0.3, "low": 0, "high": 1}
    row |= {"random": 0, "random_spread": 0.1, "samples": 3, "pixels": 4.0, "random_pixels": 3.0}
    names = [f"a{k}" for k in range(40)]
    table = pd.DataFrame([{**row, "edit": f"no_{e} > {e}", "asked": e, "of": of} for e in names[:24] for of in names])
    rendered(scores_figure(table, said_of({})))
