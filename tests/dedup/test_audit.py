from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import binomtest

from dcgan_pipeline.dedup.audit import ALTERATIONS, measure_recall, sample_collisions, wilson
from dcgan_pipeline.dedup.audit_page import audit_page
from dcgan_pipeline.dedup.codes import compute_codes
from dcgan_pipeline.dedup.groups import Hashed, find_duplicates
from dcgan_pipeline.dedup.settings import DedupSettings

CPU = torch.device("cpu")
WIDE = DedupSettings.model_validate({"radius": 24, "min_similarity": 0.65, "audit": {"planted": 50}})


@pytest.fixture(scope="module")
def blobs(stored, thumbnails, weights):
    codes = np.concatenate(list(compute_codes(thumbnails, weights, 64, CPU).chunks))
    records = pd.DataFrame({"source": [f"{row}.png" for row in range(200)], "width": 32, "height": 32})
    return Hashed(stored(codes, images_id="0123456789abcdef"), thumbnails, records, thumbnails)


def recall(blobs, weights, settings=WIDE, images=None):
    return measure_recall(replace(blobs, images=images or blobs.thumbnails), weights, settings, 0, CPU)


@pytest.mark.parametrize("name", ALTERATIONS)
def test_alterations_change_a_picture_a_little_and_keep_its_size(natural, name):
    image = Image.fromarray(np.ascontiguousarray(natural[0].transpose(1, 2, 0)))
    changed = ALTERATIONS[name][1](image, np.random.default_rng(0))
    assert (changed.size, changed.mode) == (image.size, "RGB")
    change = np.abs(np.asarray(changed, float) - np.asarray(image, float)).mean()
    assert 0.1 < change < 30


def test_recall_has_a_line_a_kind_and_finds_most_with_a_wide_radius(blobs, weights):
    table = recall(blobs, weights)
    assert table["alteration"].tolist() == list(ALTERATIONS)
    assert set(table["planted"]) == {50}
    assert (table["recall"] == table["caught"] / 50).all()
    assert ((table["low"] <= table["recall"]) & (table["recall"] <= table["high"])).all()
    easy = table.set_index("alteration").loc[["re-encoded", "resized", "blurred"], "recall"]
    assert easy.min() > 0.9


def test_recall_counts_what_the_codes_and_the_check_say(blobs, weights):
    equal = recall(blobs, weights, WIDE.model_copy(update={"radius": 0}))["caught"]
    wide = recall(blobs, weights)["caught"]
    strict = recall(blobs, weights, WIDE.model_copy(update={"min_similarity": 1.0}))
    assert (equal <= wide).all()
    assert equal.sum() < wide.sum()
    assert strict.loc[strict["alteration"] != "shifted", "caught"].sum() == 0  # a shift alone leaves the rest equal


def test_recall_draws_the_same_for_the_same_seed(blobs, weights):
    pd.testing.assert_frame_equal(recall(blobs, weights), recall(blobs, weights))


def test_larger_images_are_altered_and_grey_or_small_ones_are_not(stored, natural, blobs, weights):
    large = stored(natural.repeat(2, axis=2).repeat(2, axis=3))  # 64 x 64
    easy = recall(blobs, weights, images=large).set_index("alteration").loc[["re-encoded", "brightened"], "recall"]
    assert easy.min() > 0.9
    for other in (natural[:, :1], natural[:, :, ::2, ::2], natural[:, :1].repeat(2, axis=2).repeat(2, axis=3)):
        pd.testing.assert_frame_equal(recall(blobs, weights, images=stored(other)), recall(blobs, weights))


@given(st.integers(1, 500).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilson_is_scipys(pair):
    count, total = pair
    interval = binomtest(count, total).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(wilson(count, total), interval, atol=1e-4)


def test_nothing_seen_says_nothing():
    assert wilson(0, 0) == (0, 1)


@pytest.fixture
def groups(hashed, natural):
    made = hashed(np.repeat(np.arange(20, dtype=np.uint8), 3)[:, None], natural[np.repeat(np.arange(20), 3)])
    return made, find_duplicates(made, DedupSettings(keep="earliest"))


def test_collisions_are_drawn_among_the_removed(groups):
    _, duplicates = groups
    sample = sample_collisions(duplicates, DedupSettings.model_validate({"audit": {"pairs": 15}}), 0)
    assert len(sample) == 15
    assert sample["row"].is_unique
    assert not sample["kept"].any()
    assert len(sample_collisions(duplicates, DedupSettings(), 0)) == 40  # all there are


def page_of(hashed, duplicates, **records):
    table = pd.DataFrame([("shifted", "by a bit", 9, 8, 8 / 9, 0.5, 1.0, 3.0)])
    table.columns = ["alteration", "what", "planted", "caught", "recall", "low", "high", "median_distance"]
    sample = sample_collisions(duplicates, DedupSettings(), 0)
    return audit_page(table, sample, duplicates, hashed.thumbnails, hashed.records.assign(**records), DedupSettings())


def test_the_page_shows_every_pair_and_names_its_images(groups):
    made, duplicates = groups
    page = page_of(made, duplicates)
    assert page.count("<li>") == 40
    assert page.count("data:image/png;base64,") == 80
    assert "40 of 60 images removed (66.67 %), in\n20 groups" in page
    assert "stays: 000.png" in page
    assert "8 of 9" in page


def test_names_of_files_cannot_break_the_page(groups):
    made, duplicates = groups
    page = page_of(made, duplicates, source='</script><img src=x onerror="alert(1)">')
    assert "<img src=x" not in page
    assert page.count("</script>") == 2


def test_a_page_without_pairs_says_so(hashed):
    made = hashed(np.eye(8, dtype=np.uint8))
    page = page_of(made, find_duplicates(made, DedupSettings()))
    assert page.count("<li>") == 0
    assert "0 of 8 images removed (0.00 %)" in page


def test_pairs_whose_labels_differ_are_marked(groups):
    made, duplicates = groups
    assert "labels differ" not in page_of(made, duplicates)
    labels = np.arange(60) // 3 % 2  # a group has one class, but for the first
    labels[0] = 1
    names = np.array(["<cat>", "dog"])[labels]
    page = page_of(made, duplicates, label=labels, **{"class": names})
    assert page.count("labels differ: &lt;cat&gt;, dog") == 2
    assert "1 groups lie in folders of different classes" in page
