import numpy as np
import pandas as pd
import pytest
import torch

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.features import untrained_discriminator
from dcgan_pipeline.gan.data import to_range
from dcgan_pipeline.gan.sampling import load_discriminator
from dcgan_pipeline.visualize import training_images as piles
from dcgan_pipeline.visualize.exciting import Exciting, both_discriminators, most_exciting, purity, resolve_layer

CPU = torch.device("cpu")


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("classes", [0, 3])
def test_the_most_exciting_images_are_those_of_a_search_over_all(tiny_gan, pile, monkeypatch, layer, classes):
    monkeypatch.setattr(piles, "BATCH", 7)  # several batches
    gan = tiny_gan(labels=classes, hidden=5 if classes else 0)
    images = pile(20, classes=classes)
    network = load_discriminator(gan, CPU)
    found = most_exciting(network, layer, images, 4, CPU, "test")
    told = (torch.from_numpy(images.labels),) if classes else ()
    with torch.no_grad():
        maps = network.activations(to_range(images.images[:], CPU), *told)[layer]
    responses = maps.amax((2, 3)).numpy().T.astype(np.float64)  # (features, images)
    np.testing.assert_array_equal(found.rows, np.argsort(-responses, axis=1, kind="stable")[:, :4])
    np.testing.assert_allclose(found.responses, -np.sort(-responses, axis=1)[:, :4], rtol=1e-5)
    np.testing.assert_allclose(found.mean, responses.mean(1), rtol=1e-5)
    np.testing.assert_allclose(found.spread, responses.std(1), rtol=1e-4)
    expected = (found.responses.mean(1) - responses.mean(1)) / responses.std(1)
    np.testing.assert_allclose(found.selectivity, expected, rtol=1e-3)


def test_features_are_chosen_by_number_or_by_selectivity():
    found = Exciting(
        np.zeros((4, 1), np.int64), np.array([[1.0], [9], [5], [5]]), np.zeros(4), np.array([1.0, 3, 1, 0])
    )
    assert found.selectivity.tolist() == [1, 3, 5, 0]  # one that is the same for all images has none
    assert found.choose("first", 2).tolist() == [0, 1]
    assert found.choose("selectivity", 2).tolist() == [2, 1]
    assert found.choose("selectivity", 9).tolist() == [2, 1, 0, 3]


@pytest.mark.parametrize("classes", [0, 3])
def test_the_untrained_network_is_that_of_the_features(tiny_gan, pile, classes):
    gan, images = tiny_gan(labels=classes, hidden=5 if classes else 0), pile(20, classes=classes)
    found = both_discriminators(gan, images, 0, CPU)
    made = untrained_discriminator(gan, images.images, images.rows, 0, CPU, images.labels)
    for name, tensor in found["untrained"].state_dict().items():
        torch.testing.assert_close(tensor, made.tensors[f"discriminator.{name}"], rtol=0, atol=0)
    torch.testing.assert_close(found["trained"].convs[0].weight, gan.tensors["discriminator.convs.0.weight"])


def test_a_convolution_that_is_not_there_is_refused(tiny_gan):
    gan = tiny_gan()
    assert resolve_layer(None, gan, "guided_backpropagation") == 1
    assert resolve_layer(0, gan, "guided_backpropagation") == 0
    with pytest.raises(
        InputError, match=r"visualize.guided_backpropagation.layer must be from 0 to 1, .* got 2;"
    ) as info:
        resolve_layer(2, gan, "guided_backpropagation")
    assert "\n" not in str(info.value)


def test_purity_is_the_share_of_the_most_common_class():
    records = pd.DataFrame({"label": [0, 1, 1, 2, 1, -1]})
    assert purity(np.array([0, 1, 2, 3]), records) == 0.5
    assert purity(np.array([1, 2, 4]), records) == 1
    assert purity(np.array([1, 5]), records) is None
    assert purity(np.array([0]), pd.DataFrame({"label": [-1, -1]})) is None
