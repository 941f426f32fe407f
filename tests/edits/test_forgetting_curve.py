import numpy as np
import pandas as pd
import pytest
import torch
from lamps import LampModel, lamps_gan

from dcgan_pipeline.edits.forgetting import with_and_without
from dcgan_pipeline.edits.forgetting_curve import (
    FOUND,
    Dropping,
    counts_of,
    curve_table,
    empty_table,
    measure,
    number_of,
    orders_of,
    pictures_without,
    summarise,
)
from dcgan_pipeline.edits.forgetting_figures import curve_figure
from dcgan_pipeline.edits.latents import Latents, draw
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.conditional import build_generator
from dcgan_pipeline.gan.networks import initialise
from dcgan_pipeline.gan.sampling import load_generator
from dcgan_pipeline.gan.settings import Architecture

CPU = torch.device("cpu")


def maps_of(weights):
    weights = np.array(weights, float)
    order = np.argsort(np.argsort(-weights))
    table = pd.DataFrame({"map": np.arange(len(weights)), "weight": weights, "order": order, "dropped": weights > 0})
    table.attrs = {"object": "lamp", "layer": 0}
    return table


def measured(order, samples=60):
    gan = lamps_gan()
    network, latents = load_generator(gan, CPU), draw(gan, samples, 0, "curve")
    orders = [Dropping(np.array(maps), np.arange(len(maps) + 1)) for maps in order]
    left = measure(network, LampModel(), latents, 0, orders, 0, batch=7)
    return left, curve_table(left, orders, LampModel.objects, 64), latents


@pytest.mark.parametrize("labels", [0, 3])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_pictures_without_maps_are_those_of_masked_maps(labels, layer):
    architecture = Architecture(
        image_size=32, channels=2 + 1, latent_dim=5, width=4, labels=labels, hidden=6 * bool(labels)
    )
    network = build_generator(architecture)
    initialise(network, torch.Generator().manual_seed(0))
    network.eval()
    with torch.no_grad():
        for conv in network.convs:
            conv.weight.mul_(20)
    given = Latents(torch.randn(3, 5), torch.tensor([0, 2, 1]) if labels else None)
    z, *rest = given.on(CPU)
    with torch.no_grad():
        h = network.activations(z, *rest)[layer]
        maps = np.random.default_rng(0).permutation(h.shape[1])[:3]
        found = dict(pictures_without(network, h, layer, Dropping(maps, np.array([0, 1, 3])), rest))
    assert list(found) == [2, 1, 0]
    for point, count in enumerate((0, 1, 3)):
        whole, less = with_and_without(network, given, layer, maps[:count])
        assert np.abs(found[point].astype(int) - less).max() <= 1  # another order of adding up
        assert whole.std() > 5
    assert (found[2] != found[0]).any()


def test_numbers_of_maps_are_closer_together_where_they_are_few():
    assert counts_of(200, 8).tolist() == [0, 1, 2, 5, 10, 21, 44, 94, 200]
    assert counts_of(3, 10).tolist() == [0, 1, 2, 3]
    assert counts_of(1, 1).tolist() == [0, 1]


def test_found_maps_are_dropped_by_falling_weight_and_random_ones_are_of_all():
    found, *random = orders_of(maps_of([0.1, -1, 3, 2]), 5, 4, 0)
    assert found.maps.tolist() == [2, 3, 0]
    assert found.counts.tolist() == [0, 1, 2, 3]
    assert all(len(set(order.maps.tolist())) == 3 for order in random)
    assert {number for order in random for number in order.maps.tolist()} == {0, 1, 2, 3}
    assert orders_of(maps_of([-1, -2]), 5, 2, 0)[0].counts.tolist() == [0]


def test_the_object_goes_with_its_map_and_nothing_else_changes():
    left, table, latents = measured([[0, 2], [3, 1]])
    lamps, holes = (latents.z[:, k] > 0 for k in (0, 1))
    assert left.pixels[0, 0, :, 0].tolist() == [16 * bool(lamp) for lamp in lamps]
    assert (left.pixels[0, 1:, :, 0] == 0).all()
    np.testing.assert_array_equal(left.pixels[0, :, :, 1], np.broadcast_to(16 * holes.numpy(), (3, 60)))
    assert left.outside[0].max() == 0
    rows = table.set_index(["maps", "dropped", "object"])
    assert rows.loc[(FOUND, 0), "share"].tolist() == [1, 1]
    assert rows.loc[(FOUND, 1), "share"].tolist() == [0, 1]
    assert rows.loc[(FOUND, 1, "lamp"), ["low", "high"]].tolist() == [0, 0]
    assert rows.loc[("random 1", 1), "share"].tolist() == [1, 1]  # map 3 draws nothing
    assert rows.loc[("random 1", 2), "share"].tolist() == [1, 0]
    assert rows.loc[(FOUND, 0, "lamp"), "samples"] == int(lamps.sum())
    # 16 of the 48 pixels outside a lamp (64 without one) went from 0 to 128 where there was a hole
    expected = np.mean([128 * 16 / (48 if lamp else 64) * bool(hole) for lamp, hole in zip(lamps, holes, strict=True)])
    assert rows.loc[("random 1", 2, "lamp"), "outside"] == pytest.approx(expected)
    numbers = summarise(table, "lamp")
    assert numbers["forgetting_curve.left"] == 0
    assert numbers["forgetting_curve.left_random"] == 1
    assert numbers["forgetting_curve.others_left"] == 1
    assert numbers["forgetting_curve.dropped"] == 2


def test_an_object_that_no_sample_has_has_no_share():
    gan = lamps_gan()
    z = torch.tensor([[-1.0, 1, 0, 0]] * 3)
    orders = [Dropping(np.array([0]), np.array([0, 1]))] * 2
    left = measure(load_generator(gan, CPU), LampModel(), Latents(z), 0, orders, 0)
    table = curve_table(left, orders, LampModel.objects, 64)
    assert table.loc[table["object"] == "lamp", "share"].isna().all()
    assert "forgetting_curve.left" not in summarise(table, "lamp")  # MLflow knows no NaN


def test_an_object_that_the_model_does_not_see_is_refused():
    assert number_of(LampModel(), "hole") == 1
    with pytest.raises(InputError, match=r"that the attribute model sees, lamp, hole, got door; set edits\.forgetting"):
        number_of(LampModel(), "door")


def test_the_figure_names_what_is_left(rendered):
    table = measured([[0, 2], [3, 1], [1, 0]])[1]
    figure = curve_figure(table, maps_of([2, -1, 1, -1]), 0.75)
    rendered(figure)
    assert figure.texts[0].get_text() == "Without 2 of 4 maps 0% of lamp is left, without as many random ones 50%"
    assert "0.75" in figure.texts[1].get_text().replace("\n", " ")
    assert {line.get_label() for line in figure.axes[0].get_lines()} == {"lamp", "by random maps", "hole"}


def test_an_empty_table_has_the_same_columns():
    assert list(empty_table().columns) == list(measured([[0], [1]])[1].columns)
