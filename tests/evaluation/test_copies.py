import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from dcgan_pipeline.dedup.groups import Hashed
from dcgan_pipeline.dedup.settings import DedupSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.copies import Parts, keep_groups_together, mark_copies
from dcgan_pipeline.imaging.crop import place_of
from dcgan_pipeline.imaging.open_source import Split, open_source
from dcgan_pipeline.imaging.sources import NO_LABEL

NAMES = [f"{'ab'[k % 2]}/{k:02d}.png" for k in range(40)] + ["loose.png"]
RULE = DedupSettings(radius=2, min_similarity=0.9, always_keep=("gone.png",))
EXAMPLES = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("copies") / "raw"
    for k, name in enumerate(NAMES):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), k).save(place / name)
    return str(place)


def parts(folder, seed=0):
    return Parts(*(open_source(folder, split=Split(part=part, seed=seed)) for part in ("train", "test")))


def grouped(folder, groups, names=NAMES):
    """Records in the order of ``names``, and duplicates: a group of each set of numbers, the first of which stays."""
    records = pd.DataFrame({"source": names})
    records.attrs["place"] = place_of(open_source(folder))
    rows = [(row, group, k == 0) for group, members in enumerate(groups) for k, row in enumerate(members)]
    return records, pd.DataFrame(rows, columns=["row", "group", "kept"])


@EXAMPLES
@given(st.integers(0, 2**31), st.integers(0, 50))
@example(257608302, 0)  # the one that stays has no label
def test_a_group_lies_on_one_side_and_no_image_is_lost(folder, drawn, seed):
    rng = np.random.default_rng(drawn)
    names = [NAMES[k] for k in rng.permutation(41)]
    groups = [
        list(part) for part in np.split(rng.permutation(41)[:20], np.sort(rng.integers(0, 20, 6))) if len(part) > 1
    ]
    before = parts(folder, seed)
    after = keep_groups_together(before, *grouped(folder, groups, names))
    side = {name: part for part in ("train", "test") for name in getattr(after, part).names}
    was = {name: part for part in ("train", "test") for name in getattr(before, part).names}
    assert side.keys() == was.keys() == set(NAMES)
    for members in groups:
        labelled = [names[k] for k in (members[0], *sorted(members[1:])) if names[k] != "loose.png"]
        assert {side[name] for name in labelled} == {was[labelled[0]]}  # where the one that stays was drawn
    assert after.moved == sum(side[name] != was[name] for name in NAMES)
    alone = set(NAMES) - {names[k] for members in groups for k in members}
    assert all(side[name] == was[name] for name in alone)
    assert side["loose.png"] == "train"
    assert NO_LABEL in after.train.labels
    for part in (after.train, after.test):
        assert [part.classes[k] for k in part.labels if k >= 0] == [n[0] for n in part.names if n != "loose.png"]


def test_an_image_with_two_regions_joins_their_groups(folder):
    names = [*NAMES, NAMES[0]]  # row 41 is another region of the first image
    after = keep_groups_together(parts(folder), *grouped(folder, [[0, 2, 4], [6, 41, 8]], names))
    sides = [any(NAMES[k] in list(part.names) for k in (0, 2, 4, 6, 8)) for part in (after.train, after.test)]
    assert sorted(sides) == [False, True]


def test_sources_that_were_not_grouped_stay_as_they_are(folder, tmp_path):
    split = parts(folder)
    records, duplicates = grouped(folder, [list(range(40))])
    two = Parts(open_source(folder), open_source(folder))
    assert keep_groups_together(two, records, duplicates) is two
    records.attrs["place"] = "elsewhere"
    assert keep_groups_together(split, records, duplicates) is split
    records.attrs.clear()  # of before places were kept
    assert keep_groups_together(split, records, duplicates) is split


def test_a_class_of_one_picture_cannot_be_split(folder):
    with pytest.raises(InputError, match=r"all images of class b in .* are copies of one another") as refusal:
        keep_groups_together(parts(folder), *grouped(folder, [list(range(1, 40, 2))]))
    assert "\n" not in str(refusal.value)


@pytest.fixture
def sets(stored):
    """Training: pictures 0, 1, 2, 2, 3, 4, 4; test: pictures 5, 2, 0; the first class has even numbers."""
    noise = np.random.default_rng(0)
    pictures = noise.integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
    codes = noise.integers(0, 256, (6, 8), dtype=np.uint8)

    def make(numbers, labels):
        names = [f"{'ab'[k]}/{n}{i}" for i, (n, k) in enumerate(zip(numbers, labels, strict=True))]
        records = pd.DataFrame({"row": range(len(numbers)), "source": names, "label": labels})
        records["class"] = pd.Categorical.from_codes(labels, ["a", "b"])
        records.attrs["images_id"] = "i"
        thumbnails = stored(pictures[numbers])
        return Hashed(stored(codes[numbers]), thumbnails, records, thumbnails)

    return make([0, 1, 2, 2, 3, 4, 4], [0, 1, 0, 1, 0, 1, 1]), make([5, 2, 0], [0, 0, 0])


def numbers(metrics):
    return {name.removeprefix("features."): value for name, value in metrics.items()}


def test_what_repeats_a_test_image_is_held_out_and_copies_share_a_picture(sets, caplog):
    train, test, metrics = mark_copies(*sets, RULE, hold_out=True)
    assert train["copy_of"].tolist() == ["a/02", "", "a/21", "a/21", "", "", ""]
    assert train["held_out"].tolist() == [True, False, True, True, False, False, False]
    assert train["picture"].tolist() == [0, 1, 2, 2, 4, 5, 5]
    assert list(test.columns) == ["row", "source", "label", "class"]
    assert train["class"].tolist() == [*"abababb"]
    assert metrics == {
        "features.copies_moved": 0,
        "features.copies": 3,
        "features.copies_held_out": 3,
        "features.label_conflicts": 1,
    }
    assert train.attrs == {"images_id": "i", "copies": "hold_out"}
    assert "1 of them have another label than the test image" in caplog.text


def test_copies_that_are_kept_are_counted_and_change_nothing_else(sets):
    train, _, metrics = mark_copies(*sets, RULE, hold_out=False)
    assert train["copy_of"].tolist() == ["a/02", "", "a/21", "a/21", "", "", ""]
    assert not train["held_out"].any()
    assert train["picture"].tolist() == list(range(7))
    assert metrics == {
        "features.copies_moved": 0,
        "features.copies": 3,
        "features.copies_held_out": 0,
        "features.label_conflicts": 1,
    }


def test_without_copies_every_picture_is_its_own(sets):
    train, test = sets
    alone = Hashed(test.codes, test.thumbnails, test.records, test.images)
    labels, _, metrics = mark_copies(alone, train, RULE.model_copy(update={"min_similarity": 1.0, "radius": 0}), True)
    assert metrics["features.copies"] == 2
    assert labels["held_out"].tolist() == [False, True, True]
