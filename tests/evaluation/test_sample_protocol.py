import numpy as np
import pytest
import torch

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.compare import LabelledRows
from dcgan_pipeline.evaluation.sample_protocol import REAL, SAMPLES, judge_references
from dcgan_pipeline.gan.conditional import build_generator
from dcgan_pipeline.gan.networks import initialise
from dcgan_pipeline.gan.sampling import sample
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.weights import Weights

CPU = torch.device("cpu")


def checkpoint(classes=None, **changed):
    shape = {"image_size": 8, "channels": 1, "latent_dim": 5, "width": 2, "kernel": 5, "labels": 3, "hidden": 6}
    architecture = Architecture(**(shape | changed))
    network = build_generator(architecture)
    initialise(network, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(10)  # so that the label is seen
    tensors = {f"generator.{name}": value for name, value in network.state_dict().items()}
    about = {"architecture": architecture.model_dump(mode="json"), "train": {"latent": "uniform"}}
    named = {} if classes is None else {"classes": classes}
    return Weights(tensors, {"kind": "gan", "step": 1, "training_images": 9, "images_id": "one", **about, **named})


@pytest.fixture
def judge(stored):
    """Judge a GAN on its own samples as the test images, called by these names."""

    def run(gan, classes, drawn_as, size=8):
        queries = sample(gan, 30, 0, CPU) if size == 8 else np.zeros((30, 1, size, size), np.uint8)
        labels = np.array([classes.index(drawn_as[k % len(drawn_as)]) for k in range(30)])
        images = stored(queries)
        return judge_references(gan, images, images, LabelledRows(labels, labels, classes), [30], 0, CPU)

    return run


@pytest.mark.parametrize("classes", [["cat", "dog", "ox"], ["ox", "cat", "dog"]])
def test_classes_of_samples_are_found_by_name(judge, classes):
    table = judge(checkpoint(["cat", "dog", "ox"]), classes, ["cat", "dog", "ox"])
    assert table.set_index("features").loc[[SAMPLES, REAL], "accuracy"].tolist() == [100, 100]


def test_another_order_of_the_names_would_be_wrong(judge):
    table = judge(checkpoint(["cat", "dog", "ox"]), ["cat", "dog", "ox"], ["dog", "ox", "cat"])
    assert table.set_index("features").loc[SAMPLES, "accuracy"] == 0


def test_a_gan_of_before_names_were_kept_counts_as_the_images_do(judge):
    table = judge(checkpoint(), ["cat", "dog", "ox"], ["cat", "dog", "ox"])
    assert table.set_index("features").loc[SAMPLES, "accuracy"] == 100


@pytest.mark.parametrize(
    ("known", "classes", "said"),
    [
        (["cat", "dog", "ox"], ["cat", "dog", "pig"], "ox only it; pig only they; use"),
        (["cat", "dog", "ox"], ["cat", "dog"], "ox only it; use"),
        (["cat", "dog"], ["cat", "dog", "ox"], "unnamed 2 only it; ox only they; use"),
        (None, ["cat", "dog"], "0, 1, 2 only it; cat, dog only they; use"),
    ],
)
def test_other_classes_than_the_gan_knows_are_refused(judge, known, classes, said):
    with pytest.raises(InputError, match=f"must know the classes of the labelled images, .*: {said}"):
        judge(checkpoint(known), classes, classes[:2])


def test_a_gan_without_labels_is_refused(judge):
    with pytest.raises(InputError, match="samples with labels need a conditional gan, got one without"):
        judge(checkpoint(labels=0, hidden=0), ["cat", "dog"], ["cat", "dog"])


def test_images_of_another_shape_are_refused(judge):
    with pytest.raises(InputError, match="real images must be 1 x 8 x 8, as the samples are, got 1 x 4 x 4"):
        judge(checkpoint(["cat", "dog", "ox"]), ["cat", "dog", "ox"], ["cat", "dog", "ox"], size=4)
