import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from dcgan_pipeline.arrays import ArrayChunks
from dcgan_pipeline.figures.canvas import new_figure
from dcgan_pipeline.hooks.lineage import LineageHooks
from dcgan_pipeline.visualize.film import Film
from dcgan_pipeline.weights import Weights

ONE, TWO = (Weights({"w": torch.full((2,), value)}, {"kind": "gan"}) for value in (1.0, 2.0))


def marked(inputs, **outputs):
    LineageHooks().after_node_run(inputs=inputs, outputs=outputs)
    return {name: getattr(data, "attrs", {}).get("gan") for name, data in outputs.items()}


def table(gan=None):
    frame = pd.DataFrame({"a": [1]})
    frame.attrs = {"gan": gan.digest()} if gan else {}
    return frame


def test_figures_films_tables_and_arrays_are_marked_with_the_gan_they_are_of():
    made = {
        "figure": new_figure("Title", "Caption", 1, 1),
        "film": Film(list, 24),
        "table": table(),
        "array": ArrayChunks([np.zeros(3)]),
    }
    assert set(marked({"gan": ONE, "images": table()}, **made).values()) == {ONE.digest()}


def test_what_comes_of_marked_things_is_marked_and_a_training_marks_what_it_makes():
    assert marked({"history": table(ONE)}, curve=new_figure("Title", "Caption", 1, 1)) == {"curve": ONE.digest()}
    assert marked({"images": table()}, gan=ONE, history=table())["history"] == ONE.digest()


def test_what_is_of_two_gans_or_of_none_bears_no_mark():
    assert marked({"one": table(ONE), "two": TWO}, figure=table()) == {"figure": None}
    assert marked({"images": table()}, figure=table()) == {"figure": None}
    encoder = Weights({"w": torch.ones(1)}, {"kind": "hash_encoder"})
    assert marked({"encoder": encoder}, codes=table()) == {"codes": None}


def test_other_weights_and_what_has_no_attributes_stay_as_they_are():
    untrained = Weights({"w": torch.ones(1)}, {"kind": "untrained_discriminator"})
    marked({"gan": ONE}, weights=untrained, metrics={"a": 1.0}, text="text", plain=Figure())
    assert untrained.settings == {"kind": "untrained_discriminator"}


def test_a_mark_that_is_there_stays():
    made = table(TWO)
    marked({"gan": ONE}, made=made)
    assert made.attrs == {"gan": TWO.digest()}
