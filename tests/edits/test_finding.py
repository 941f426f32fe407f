import numpy as np
import torch
from lamps import LampModel, lamps_gan

from dcgan_pipeline.edits.annotations import Annotations, Box, latent_of
from dcgan_pipeline.edits.finding import boxes_around, find_annotations
from dcgan_pipeline.edits.latents import Latents, draw, pictures
from dcgan_pipeline.edits.settings import FoundAnnotationsSettings
from dcgan_pipeline.gan.sampling import load_generator
from dcgan_pipeline.gan.settings import Architecture, TrainSettings
from dcgan_pipeline.gan.trainer import Trainer

CPU = torch.device("cpu")


def test_every_piece_of_a_mask_has_a_box():
    mask = np.zeros((8, 8), bool)
    mask[0:3, 1:5] = mask[6, 7] = mask[5:8, 0] = True
    assert set(boxes_around(mask, 0.0)) == {
        Box(left=1, top=0, width=4, height=3),
        Box(left=7, top=6, width=1, height=1),
        Box(left=0, top=5, width=1, height=3),
    }
    assert len(boxes_around(mask, 3 / 64)) == 2
    assert boxes_around(np.zeros((8, 8), bool), 0.0) == ()


def test_exemplars_show_their_concept_and_boxes_lie_on_objects():
    gan = lamps_gan()
    settings = FoundAnnotationsSettings(samples=200, exemplars=4, marked=20, concepts=["only_lamp = lamp & no_hole"])
    found, metrics = find_annotations(gan, LampModel(), settings, 0, CPU)
    assert Annotations.parse_for(found.dump(), gan) == found
    names = ["only_lamp", "lamp", "no_lamp", "hole", "no_hole", "high_light", "low_light"]
    assert list(found.concepts) == names
    network = load_generator(gan, CPU)
    for name, expected in {"only_lamp": (1, 0), "no_lamp": (0, None), "high_light": (1, None)}.items():
        assert len(found.concepts[name]) == 4
        scores = LampModel().attribute_scores(pictures(network, Latents(latent_of(found.concepts[name]))))
        for k, value in enumerate(expected):
            assert value is None or (scores[:, k] == value).all()
    z = draw(gan, 200, 0, "found annotations").z
    with_lamp = torch.nonzero(z[:, 0] > 0.001)[:20, 0]
    torch.testing.assert_close(latent_of(found.objects["lamp"]), z[with_lamp])
    assert {sample.boxes for sample in found.objects["lamp"]} == {(Box(left=0, top=0, width=4, height=4),)}
    assert {sample.boxes for sample in found.objects["hole"]} == {(Box(left=4, top=4, width=4, height=4),)}
    assert metrics["found_annotations.marked.lamp"] == 20
    assert 0.4 < metrics["found_annotations.least_certainty"] <= metrics["found_annotations.certainty"] <= 1


def test_the_same_seed_finds_the_same():
    gan, settings = lamps_gan(), FoundAnnotationsSettings(samples=50)
    assert find_annotations(gan, LampModel(), settings, 3, CPU) == find_annotations(gan, LampModel(), settings, 3, CPU)
    first, second = (find_annotations(gan, LampModel(), settings, seed, CPU)[0] for seed in (3, 4))
    assert first.concepts["lamp"] != second.concepts["lamp"]


def test_exemplars_of_a_conditional_gan_keep_their_labels():
    architecture = Architecture(image_size=8, channels=1, latent_dim=4, width=2, labels=3, hidden=4)
    gan = Trainer(architecture, TrainSettings(steps=1, sample_count=2), 0, CPU).state()
    found, _ = find_annotations(gan, LampModel(), FoundAnnotationsSettings(samples=30, exemplars=3), 0, CPU)
    assert Annotations.parse_for(found.dump(), gan) == found
    labels = {
        tuple(z.tolist()): int(label) for z, label in zip(*draw(gan, 30, 0, "found annotations").on(CPU), strict=True)
    }
    for exemplars in found.concepts.values():
        assert all(labels[exemplar.z] == exemplar.label for exemplar in exemplars)
