import numpy as np
import pytest
import torch
from lamps import HOLE, LAMP, LampModel, lamps_gan

from dcgan_pipeline.edits.annotations import Annotations, Box, MarkedSample
from dcgan_pipeline.edits.forgetting import (
    check_of,
    choose_layer,
    find_maps,
    inside_boxes,
    summarise,
    with_and_without,
)
from dcgan_pipeline.edits.forgetting_figures import forgetting_figure, nothing_to_forget
from dcgan_pipeline.edits.latents import Latents, draw, pictures
from dcgan_pipeline.edits.settings import ForgettingSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.sampling import load_generator
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.weights import Weights

CPU = torch.device("cpu")
SETTINGS = ForgettingSettings()
SQUARES = {"lamp": Box(left=0, top=0, width=4, height=4), "hole": Box(left=4, top=4, width=4, height=4)}


def marked(gan, count=30):
    """Lamps and holes, where they are."""
    latents = draw(gan, count, 0, "marked")
    masks = LampModel().object_masks(pictures(load_generator(gan, CPU), latents))
    objects = {
        name: tuple(
            MarkedSample(z=tuple(z.tolist()), boxes=(box,) if mask[k].any() else ())
            for z, mask in zip(latents.z, masks, strict=True)
        )
        for k, (name, box) in enumerate(SQUARES.items())
    }
    return Annotations(gan=gan.digest(), objects=objects)


def test_a_position_is_in_a_box_where_its_centre_is():
    whole = inside_boxes((Box(left=0, top=0, width=8, height=8),), 8, 4)
    assert whole.all()
    upper = inside_boxes((Box(left=0, top=0, width=8, height=3),), 8, 4)  # centres of rows are at 1, 3, 5 and 7
    assert upper.sum(1).tolist() == [4, 0, 0, 0]
    two = inside_boxes((Box(left=0, top=0, width=2, height=2), Box(left=5, top=4, width=3, height=4)), 8, 4)
    assert np.argwhere(two).tolist() == [[0, 0], [2, 3], [3, 3]]
    small = inside_boxes((Box(left=4, top=7, width=1, height=1),), 8, 4)  # holds no centre
    assert np.argwhere(small).tolist() == [[3, 2]]


def test_the_layer_with_maps_of_16_is_the_second_highest_at_64_pixels():
    assert choose_layer(Architecture(image_size=64, channels=3), None) == (2, 16)  # of 4, 8, 16 and 32
    assert choose_layer(Architecture(image_size=32, channels=1), None) == (2, 16)  # of 4, 8 and 16
    assert choose_layer(Architecture(image_size=28, channels=1, base=7), None) == (1, 14)  # of 7 and 14
    assert choose_layer(Architecture(image_size=64, channels=3), 3) == (3, 32)
    with pytest.raises(InputError, match=r"from 0 to 3, the layers of this G that make maps, got 4; choose another"):
        choose_layer(Architecture(image_size=64, channels=3), 4)


@pytest.mark.parametrize(("name", "number"), [("lamp", 0), ("hole", 1)])
def test_the_map_that_draws_an_object_is_found_and_without_it_the_object_is_gone(name, number):
    gan = lamps_gan()
    maps = find_maps(gan, marked(gan), ForgettingSettings(object=name), 0, CPU)
    assert maps.attrs["object"] == name
    assert maps.attrs["auc"] > 0.85
    assert maps.attrs["boxes"] == maps.attrs["samples"] == sum(len(s.boxes) for s in marked(gan).objects[name])
    first = maps[maps["order"] == 0]
    assert first["map"].item() == number
    assert first["dropped"].item()
    assert not maps.loc[maps["map"] == 1 - number, "dropped"].item()
    assert maps["dropped"].tolist() == (maps["weight"] > 0).tolist()
    assert summarise(maps)["forgetting.dropped"] == maps["dropped"].sum()
    network, latents = load_generator(gan, CPU), draw(gan, 50, 1, "fresh")
    whole, less = with_and_without(network, latents, 0, maps.loc[maps["dropped"], "map"].to_numpy())
    np.testing.assert_array_equal(whole, pictures(network, latents))
    assert LampModel().object_masks(whole)[:, number].any()
    gone, other = (LAMP, HOLE) if name == "lamp" else (HOLE, LAMP)
    assert (less[:, 0][:, *gone] == 128).all()
    np.testing.assert_array_equal(less[:, 0][:, *other], whole[:, 0][:, *other])


def test_the_first_marked_object_is_forgotten_where_none_is_named():
    gan = lamps_gan()
    both = marked(gan)
    none = {"lamp": tuple(MarkedSample(z=one.z) for one in both.objects["lamp"]), "hole": both.objects["hole"]}
    assert find_maps(gan, Annotations(gan=both.gan, objects=none), SETTINGS, 0, CPU).attrs["object"] == "hole"


def test_without_an_object_there_is_nothing_to_forget(rendered):
    gan = lamps_gan()
    maps = find_maps(gan, Annotations(gan=gan.digest()), SETTINGS, 0, CPU)
    assert len(maps) == 0
    assert maps.attrs["object"] is None
    assert summarise(maps) == {}
    rendered(nothing_to_forget())


def test_objects_that_are_not_marked_and_too_few_boxes_are_refused():
    gan = lamps_gan()
    found = marked(gan)
    with pytest.raises(InputError, match=r"^forgetting door needs boxes on 2 samples or .*got 0; .*\(lamp, hole\)$"):
        find_maps(gan, found, ForgettingSettings(object="door"), 0, CPU)
    lamp = next(one for one in found.objects["lamp"] if one.boxes)
    whole = MarkedSample(z=lamp.z, boxes=(Box(left=0, top=0, width=8, height=8),))  # leaves nothing to tell it from
    one = Annotations(gan=gan.digest(), objects={"lamp": (lamp, whole)})
    with pytest.raises(InputError, match=r"^forgetting lamp needs boxes on 2 samples or more, .*got 1; mark more"):
        find_maps(gan, one, ForgettingSettings(object="lamp"), 0, CPU)
    assert find_maps(gan, one, SETTINGS, 0, CPU).attrs["object"] is None


def test_maps_of_another_gan_are_refused():
    gan = lamps_gan()
    maps = find_maps(gan, marked(gan), SETTINGS, 0, CPU)
    check_of(maps, gan)
    with pytest.raises(InputError, match=r"forgetting_table must be of the gan that is drawn from"):
        check_of(maps, Weights({"x": torch.zeros(1)}, gan.settings))


def test_the_figure_shows_samples_with_without_and_the_control(rendered):
    gan = lamps_gan()
    maps = find_maps(gan, marked(gan), SETTINGS, 0, CPU)
    rows = with_and_without(load_generator(gan, CPU), Latents(torch.rand(5, 4)), 0, np.array([0]))
    figure = forgetting_figure([*rows, rows[1]], maps)
    rendered(figure)
    assert "lamp" in figure.texts[0].get_text()
    assert [axes.get_images()[0].get_array().shape[0] for axes in figure.axes] == [8, 8, 8]
