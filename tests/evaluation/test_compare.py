import logging

import numpy as np
import pytest

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.compare import check_kinds, compare_features
from dcgan_pipeline.evaluation.features import extraction_settings
from dcgan_pipeline.evaluation.settings import EvaluateSettings, FeaturesSettings

NAMES = ["cat", "dog", "emu"]
SETTINGS = EvaluateSettings(labels_per_class=5, validation=40, selection_draws=3, report_draws=4, C=(1e-3, 1e-2, 0.1))


@pytest.fixture
def sets(blobs):
    return blobs(200, 3, apart=1.5), blobs(90, 3, apart=1.5, seed=1)


@pytest.fixture
def compare(stored, labelled, sets):
    (X, y), (test, y_test) = sets

    def run(kinds=None, names=(NAMES, NAMES), ids=("i", "i"), settings=SETTINGS, labels=(y, y_test)):
        arrays = kinds or {"ours": (X, test)}
        opened = {name: (stored(a, images_id="i"), stored(b, images_id="i")) for name, (a, b) in arrays.items()}
        tables = [labelled(*part) for part in zip(labels, names, ids, strict=True)]
        return compare_features(opened, *tables, settings, seed=0)

    return run


def test_every_kind_is_judged_on_the_same_draws(compare, sets):
    (X, _), (test, _) = sets
    noise = np.random.default_rng(0).normal(size=X.shape).astype(np.float32)
    outcomes, classes, draws = compare({"ours": (X, test), "noise": (noise, test), "ours again": (X, test)})
    assert list(outcomes) == ["ours", "noise", "ours again"]
    assert classes == NAMES
    np.testing.assert_array_equal(outcomes["ours"].accuracies, outcomes["ours again"].accuracies)
    assert outcomes["ours"].mean > outcomes["noise"].mean
    assert draws.digest() == compare({"ours": (X, test)}).draws.digest()
    assert draws.digest() != compare(settings=SETTINGS.model_copy(update={"labels_per_class": 4})).draws.digest()


def test_bytes_are_judged_as_pixels_between_minus_one_and_one(compare, sets):
    rng = np.random.default_rng(0)
    (_, y), (_, y_test) = sets
    images = [
        (rng.integers(0, 256, (len(k), 3, 4, 4)) // 2 + 50 * k[:, None, None, None]).clip(0, 255) for k in (y, y_test)
    ]
    pixels = tuple(x.astype(np.uint8) for x in images)
    scaled = tuple((x.reshape(len(x), -1).astype(np.float32) / 127.5 - 1).astype(np.float32) for x in pixels)
    outcomes = compare({"raw pixels": pixels, "scaled": scaled}).outcomes
    assert outcomes["raw pixels"].dimensions == 48
    assert outcomes["raw pixels"].validation == outcomes["scaled"].validation
    np.testing.assert_array_equal(outcomes["raw pixels"].accuracies, outcomes["scaled"].accuracies)


def test_classes_are_joined_by_name_and_not_by_number(compare, sets):
    (_, y), (_, y_test) = sets
    expected = compare().outcomes
    # The test set counts its classes in another order; the names say the same.
    renumbered, classes, _ = compare(names=(NAMES, NAMES[::-1]), labels=(y, 2 - y_test))
    assert classes == NAMES
    np.testing.assert_array_equal(renumbered["ours"].accuracies, expected["ours"].accuracies)


@pytest.mark.parametrize("ids", [("other", "i"), ("i", "other")])
def test_labels_of_other_images_are_refused(compare, ids):
    which = "train" if ids[0] == "other" else "test"
    message = rf"ours \({which}\) and labels_{which} must come from the same preprocessing run"
    with pytest.raises(InputError, match=message) as refusal:
        compare(ids=ids)
    assert "\n" not in str(refusal.value)


def test_sets_of_different_classes_are_refused_and_the_difference_is_named(compare):
    with pytest.raises(InputError, match=r"only in train: \['emu'\]; only in test: \['fox'\]"):
        compare(names=(NAMES, ["cat", "dog", "fox"]))


def test_a_best_candidate_at_the_edge_is_warned_of(compare, sets, caplog):
    with caplog.at_level(logging.WARNING):
        outcomes, _, _ = compare(settings=SETTINGS.model_copy(update={"C": (1e-9, 1e-8)}))
    assert outcomes["ours"].at_edge
    assert any("edge of evaluate.C" in message and "ours" in message for message in caplog.messages)


def test_features_of_two_gans_are_refused(stored, labelled, sets):
    (X, y), (test, y_test) = sets
    ours, baseline = ("a" * 64, "b" * 64)
    kinds = {
        "trained": (stored(X, images_id="i", gan=ours), stored(test, images_id="i", gan=ours)),
        "untrained": (stored(X, images_id="i", gan=baseline), stored(test, images_id="i", gan=ours)),
    }
    with pytest.raises(InputError, match=r"same gan, got trained \(train\) aaaaaaaa, .*untrained \(train\) bbbbbbbb"):
        compare_features(kinds, labelled(y, NAMES, "i"), labelled(y_test, NAMES, "i"), SETTINGS, seed=0)


def test_classes_keep_the_order_of_their_numbers(compare):
    names = ["2", "10", "a"]  # as text, 10 would come first, and a conditional G draws by number
    assert compare(names=(names, names)).classes == names


@pytest.mark.parametrize("part", ["train", "test"])
def test_features_that_are_not_finite_are_refused_before_any_fit(compare, sets, part, monkeypatch):
    monkeypatch.setattr("dcgan_pipeline.evaluation.compare.evaluate", None)
    pair = {"train": sets[0][0].copy(), "test": sets[1][0].copy()}
    pair[part][17, 0] = np.nan
    with pytest.raises(InputError, match=rf"got NaN or infinity in row 17 of second \({part}\)"):
        compare({"first": (sets[0][0], sets[1][0]), "second": tuple(pair.values())})


def test_features_of_other_settings_than_the_run_has_are_refused(stored, labelled, sets):
    (X, y), (test, y_test) = sets
    tables = labelled(y, NAMES, "i"), labelled(y_test, NAMES, "i")
    here = FeaturesSettings(layers=(0, 1), batch_size=7)
    made = extraction_settings(here)
    pair = tuple(stored(part, images_id="i", features=made) for part in (X, test))
    check_kinds({"ours": pair}, *tables, here.model_copy(update={"batch_size": 9}))
    older = tuple(stored(part, images_id="i") for part in (X, test))  # from before settings were kept
    check_kinds({"ours": older}, *tables, here)
    with pytest.raises(InputError, match=r"got features.layers \[0, 1\] for None in ours \(train\)") as refusal:
        check_kinds({"ours": pair}, *tables, FeaturesSettings())
    assert "\n" not in str(refusal.value)


def test_labels_of_before_copies_were_marked_and_of_another_setting_are_refused(stored, labelled, sets):
    (X, y), (test, y_test) = sets
    kinds = {"ours": (stored(X, images_id="i"), stored(test, images_id="i"))}
    tables = labelled(y, NAMES, "i"), labelled(y_test, NAMES, "i")
    assert check_kinds(kinds, *tables).pictures.tolist() == list(range(200))
    held = tables[0].assign(held_out=np.arange(200) < 5)
    assert (check_kinds(kinds, held, tables[1]).pictures < 0).sum() == 5
    with pytest.raises(InputError, match="must say which images are copies of test images"):
        check_kinds(kinds, tables[0].drop(columns="picture"), tables[1])
    tables[0].attrs["copies"] = "keep"
    with pytest.raises(InputError, match=r"got features\.copies keep for hold_out in labels_train; run"):
        check_kinds(kinds, *tables, FeaturesSettings())
