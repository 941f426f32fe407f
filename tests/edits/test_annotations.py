import pytest
import torch

from dcgan_pipeline.edits.annotations import Annotations, labels_of, latent_of
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.weights import Weights


def gan(labels=0):
    return Weights({"x": torch.zeros(1)}, {"architecture": {"latent_dim": 2, "image_size": 8, "labels": labels}})


def annotated(exemplar, boxes=None):
    values = {"gan": gan().digest(), "concepts": {}, "objects": {}}
    if boxes is None:
        values["concepts"] = {"seven": [exemplar]}
    else:
        values["objects"] = {"loop": [{**exemplar, "boxes": boxes}]}
    return values


def test_a_dump_reads_as_what_it_was():
    box = {"left": 1, "top": 2, "width": 7, "height": 6}
    found = Annotations.parse_for(annotated({"z": [0.5, -1.0]}, [box]), gan())
    assert Annotations.parse_for(found.dump(), gan()) == found
    assert torch.equal(latent_of(found.objects["loop"]), torch.tensor([[0.5, -1.0]]))
    assert labels_of(found.objects["loop"]) is None
    conditional = Annotations.parse_for(annotated({"z": [0, 0], "label": 3}), gan(labels=4))
    assert labels_of(conditional.concepts["seven"]).tolist() == [3]


@pytest.mark.parametrize(
    ("values", "labels", "message"),
    [
        (annotated({"z": [0.5]}), 0, "z must have 2 numbers"),
        (annotated({"z": [0.5, 1], "label": 0}), 0, "null for a gan without labels"),
        (annotated({"z": [0.5, 1]}), 3, "a class number from 0 to 2, got None"),
        (annotated({"z": [0.5, 1], "label": 3}), 3, "a class number from 0 to 2, got 3"),
        (annotated({"z": [0, 1]}, [{"left": 2, "top": 0, "width": 7, "height": 8}]), 0, "within 8 x 8 pixels"),
        ({**annotated({"z": [0, 1]}), "gan": "another"}, 0, "got those of another"),
    ],
)
def test_what_does_not_fit_the_gan_is_refused(values, labels, message):
    with pytest.raises(InputError, match=message):
        Annotations.parse_for(values, gan(labels))
