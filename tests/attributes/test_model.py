import numpy as np
import pytest
import torch

from dcgan_pipeline.attributes.model import AttributeNetwork, Judged, load_attribute_model
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.weights import Weights

CPU = torch.device("cpu")


def weights_of(channels=1, size=12, objects=("square", "dot"), **settings):
    torch.manual_seed(0)
    judged = Judged(
        channels=channels,
        image_size=size,
        width=3,
        attributes=("there", "place"),
        kinds=("binary", "continuous"),
        means=(0.0, 5.0),
        spreads=(1.0, 2.0),
        objects=objects,
    )
    network = AttributeNetwork(judged)
    network(torch.rand(8, channels, size, size))  # statistics of batch norm that are not 0 and 1
    tensors = {f"network.{name}": value.clone() for name, value in network.state_dict().items()}
    settings = {"kind": "attribute_model", "judged": judged.model_dump(mode="json"), **settings}
    return Weights(tensors, settings), network.eval()


def pictures(count, channels=1, size=12):
    return np.random.default_rng(0).integers(0, 256, (count, channels, size, size), np.uint8)


@pytest.mark.parametrize(("channels", "size"), [(1, 4), (1, 28), (3, 33), (3, 64)])
def test_images_of_every_size_are_judged(channels, size):
    model = load_attribute_model(weights_of(channels, size)[0], CPU)
    images = pictures(3, channels, size)
    scores, masks = model.attribute_scores(images), model.object_masks(images)
    assert (scores.shape, scores.dtype) == ((3, 2), np.float32)
    assert (masks.shape, masks.dtype) == ((3, 2, size, size), bool)
    assert masks.sum(1).max() <= 1


def test_scores_are_probabilities_and_values_in_their_own_units():
    weights, network = weights_of()
    images = pictures(5)
    scores = load_attribute_model(weights, CPU).attribute_scores(images)
    with torch.no_grad():
        values, pixels = network(torch.from_numpy(images).float() / 127.5 - 1)
    np.testing.assert_allclose(scores[:, 0], torch.sigmoid(values[:, 0]), rtol=1e-5)
    np.testing.assert_allclose(scores[:, 1], values[:, 1] * 2 + 5, rtol=1e-5)
    masks = load_attribute_model(weights, CPU).object_masks(images)
    for k in range(2):
        np.testing.assert_array_equal(masks[:, k], pixels.argmax(1) == k + 1)


def test_an_answer_depends_on_its_image_alone():
    model = load_attribute_model(weights_of()[0], CPU)
    images = pictures(300)  # more than a batch
    np.testing.assert_allclose(
        model.attribute_scores(images)[290:292], model.attribute_scores(images[290:292]), atol=1e-5
    )
    np.testing.assert_array_equal(model.object_masks(images)[7], model.object_masks(images[7:8])[0])


def test_no_images_have_no_answers():
    model = load_attribute_model(weights_of()[0], CPU)
    assert model.attribute_scores(pictures(0)).shape == (0, 2)
    assert model.object_masks(pictures(0)).shape == (0, 2, 12, 12)


def test_a_model_without_objects_finds_none():
    model = load_attribute_model(weights_of(objects=())[0], CPU)
    assert model.object_masks(pictures(2)).shape == (2, 0, 12, 12)
    assert model.attribute_scores(pictures(2)).shape == (2, 2)


def test_a_model_says_how_good_it_is():
    held_out = {"attributes": {"there": {"auc": 0.9}}, "objects": {"dot": {"iou": 0.5}}}
    model = load_attribute_model(weights_of(held_out=held_out)[0], CPU)
    assert model.attribute_accuracy["there"]["auc"] == 0.9
    assert model.object_accuracy["dot"]["iou"] == 0.5
    assert (model.attributes, model.kinds, model.objects) == (
        ("there", "place"),
        ("binary", "continuous"),
        ("square", "dot"),
    )


def test_other_weights_and_other_images_are_one_line():
    with pytest.raises(InputError, match="weights must be of an attribute model, got 'gan'"):
        load_attribute_model(Weights({}, {"kind": "gan"}), CPU)
    model = load_attribute_model(weights_of()[0], CPU)
    with pytest.raises(InputError, match="judges images of 1 x 12 x 12, as it learned from, got 3 x 12 x 12"):
        model.attribute_scores(pictures(2, channels=3))
