import numpy as np
import pytest
import torch
from lamps import LampModel, Ramp
from torch import nn

from dcgan_pipeline.edits.figures import turn_figure
from dcgan_pipeline.edits.latents import Latents
from dcgan_pipeline.edits.scores import Judge
from dcgan_pipeline.edits.settings import TurnSettings
from dcgan_pipeline.edits.turn import TURN, correlation, judge_turn, summarise
from dcgan_pipeline.edits.vectors import along, steps_along


class Light(nn.Module):
    """Draws a picture as light as z0, and nothing else of z."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.1))

    def forward(self, z):
        return (self.scale * z[:, :1, None, None]).expand(-1, 1, 8, 8)


JUDGE = Judge(LampModel(), np.array([1, 1, 0.1]))
SETTINGS = TurnSettings(steps=5, draws=4)


def test_a_vector_turns_what_it_should_by_its_length():
    latents = Latents(torch.linspace(-1, 1, 6)[:, None].repeat(1, 4))
    table = judge_turn(Light(), JUDGE, latents, torch.tensor([2.0, 0, 0, 0]), "light", SETTINGS, 0)
    turned = table[table["vector"] == TURN]
    assert turned["step"].tolist() == [-1, -0.5, 0, 0.5, 1]
    lightness = 0.5 + 0.05 * 2 * turned["step"]  # z0 is 0 on average; of 255 grey levels
    np.testing.assert_allclose(turned["mean"], lightness / 0.1, atol=0.03)
    assert (turned["low"] < turned["mean"]).all()
    assert (turned["high"] > turned["mean"]).all()
    assert table["vector"].nunique() == 5
    numbers = summarise(table)
    assert numbers["turn.correlation"] == pytest.approx(1)
    assert numbers["turn.change"] == pytest.approx(0.2 / 0.1, abs=0.05)
    assert 0 < numbers["turn.random_change"] < numbers["turn.change"]
    assert 0 < numbers["turn.random_correlation"] <= 1
    assert table.attrs["asked"] == "light"
    assert table.attrs["unit"] == "standard deviations"


def test_a_vector_that_turns_nothing_has_no_correlation():
    table = judge_turn(Light(), JUDGE, Latents(torch.zeros(3, 4)), torch.tensor([0, 2.0, 0, 0]), "light", SETTINGS, 0)
    assert summarise(table)["turn.correlation"] == summarise(table)["turn.change"] == 0


def test_rank_correlation_is_spearmans():
    from scipy.stats import spearmanr

    values = np.random.default_rng(0).normal(size=(6, 7)).round(1)
    expected = np.mean([spearmanr(row, range(7)).statistic for row in values])
    assert correlation(values) == pytest.approx(expected)
    assert correlation(np.array([[1.0, 2, 9], [3, 2, 1], [5, 5, 5]])) == 0


def test_the_figure_names_the_change(rendered):
    latents = Latents(torch.zeros(4, 4))
    vector = torch.tensor([2.0, 0, 0, 0])
    table = judge_turn(Light(), JUDGE, latents, vector, "light", SETTINGS, 0)
    figure = turn_figure(along(Light(), latents, steps_along(vector, 5, 1.0)), "dark", "bright", 1.0, table)
    rendered(figure)
    assert figure.texts[0].get_text() == f"From dark to bright: light {table.attrs['change']:+.2f}"
    assert len(figure.axes[1].get_lines()) == 5
    rendered(turn_figure(along(Ramp(), latents, steps_along(vector, 3, 1.0)), "a" * 50, "b" * 50, 1.0, table))
