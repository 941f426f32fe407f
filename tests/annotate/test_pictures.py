import io

import numpy as np
import pytest
import torch
from PIL import Image

from dcgan_pipeline.annotate.pictures import Drawn, Plane, Studio, Wanted
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.sampling import sample

CPU = torch.device("cpu")


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def drawn(studio, samples):
    labels = samples["labels"] if studio.classes else None
    return pixels(studio.draw(Drawn.parse({"z": samples["z"], "labels": labels}, "drawn")))


@pytest.mark.parametrize("channels", [1, 3])
def test_samples_are_those_of_the_pipeline_sample(make_gan, channels):
    gan = make_gan(channels=channels)
    studio = Studio(gan, 5, CPU)
    found = studio.samples(Wanted(start=130, count=16))
    assert found["labels"] == [None] * 16
    row, expected = drawn(studio, found), sample(gan, 146, 5, CPU)[130:]
    assert len(np.unique(expected, axis=0)) == 16
    np.testing.assert_array_equal(
        row, np.concatenate([image[0] if channels == 1 else image.transpose(1, 2, 0) for image in expected], axis=1)
    )


def test_samples_of_a_conditional_gan_are_of_all_classes_in_turn_or_of_one(make_gan):
    gan = make_gan(labels=2)
    studio = Studio(gan, 5, CPU)
    assert studio.facts()["classes"] == ["cat", "dog"]
    turns = studio.samples(Wanted(start=1, count=3))
    assert turns["labels"] == [1, 0, 1]
    np.testing.assert_array_equal(drawn(studio, turns), np.concatenate(list(sample(gan, 4, 5, CPU)[1:, 0]), axis=1))
    dogs = studio.samples(Wanted(start=1, count=3, label=1))
    assert dogs["labels"] == [1, 1, 1]
    assert dogs["z"] == turns["z"]


def test_a_plane_has_two_directions_as_long_as_z_at_right_angles(gan):
    studio = Studio(gan, 5, CPU)
    across, up = np.array(studio.plane(Plane(number=0))["directions"])
    lengths = np.linalg.norm(np.array(studio.samples(Wanted(start=0, count=256))["z"]), axis=1)
    assert abs(across @ up) < 1e-5
    for direction in (across, up):
        assert abs(np.linalg.norm(direction) - lengths.mean()) < 0.1
    assert studio.plane(Plane(number=1)) != studio.plane(Plane(number=0))
    assert Studio(gan, 5, CPU).plane(Plane(number=0)) == studio.plane(Plane(number=0))


@pytest.mark.parametrize(
    ("labels", "asked", "message"),
    [
        (0, {"z": [[1, 2]]}, "z must have 4 numbers, as the gan takes them, got 2"),
        (0, {"z": [[1, 2, 3, 4]], "labels": [0]}, "no labels for a gan without"),
        (2, {"z": [[1, 2, 3, 4]]}, "a label for each z"),
        (2, {"z": [[1, 2, 3, 4]], "labels": [2]}, "a class number from 0 to 1, got 2"),
        (2, {"z": [[1, 2, 3, 4]], "labels": [-1]}, "a class number from 0 to 1, got -1"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(make_gan, labels, asked, message):
    with pytest.raises(InputError, match=message):
        Studio(make_gan(labels=labels), 5, CPU).draw(Drawn.parse(asked, "drawn"))


def test_a_class_that_is_not_there_is_refused(make_gan):
    with pytest.raises(InputError, match="null: the gan has none, got 0"):
        Studio(make_gan(), 5, CPU).samples(Wanted(start=0, count=1, label=0))
