"""Each stage alone, after its predecessors; and sources other than the digits."""

import io
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.pipeline_registry import register_pipelines
from dcgan_pipeline.stages import IN_DEFAULT_RUN

ORDER = ["faces", "preprocess", "dedup", "train", "features", "evaluate", "visualize", "attributes", "edits"]


def photograph(seed, size=(40, 30)):
    """A file of smooth random colours, so that JPEG changes it little."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    file = io.BytesIO()
    small.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=95)
    return file.getvalue()


@pytest.fixture
def pile():
    """Files of two classes: 40 good ones, and one of each kind of trouble."""
    files = {f"{kind}/{k:02d}.jpg": photograph([ord(kind), k]) for kind in "ab" for k in range(20)}
    whole = photograph(0)
    return {**files, "a/cut.jpg": whole[: len(whole) // 2], "b/empty.jpg": b"", "b/notes.txt": b"no image"}


@pytest.fixture
def photographs(tmp_path):
    """Fill a folder with photographs of these seeds, and say how to read it."""

    def write(seeds):
        folder = tmp_path / "photos"
        folder.mkdir()
        for k, seed in enumerate(seeds):
            (folder / f"{k:02d}.jpg").write_bytes(photograph(seed))
        return {"source": str(folder), "preprocess": {"channels": 3}}

    return write


def test_the_stages_are_those_of_the_design_and_the_default_is_all_of_them():
    pipelines = register_pipelines()
    assert list(IN_DEFAULT_RUN) == ORDER
    tools = {
        "annotated_edits",
        "judged_annotated_edits",
        "gan_report",
        "dedup_apart",
        "dedup_new",
        "baselines",
        "evaluate_samples",
        "label_curve",
        "sample",
        "import_weights",
        "import_weights_with_images",
    }
    assert set(pipelines) == {*ORDER, *tools, "unsupervised", "__default__"}
    nodes = {node.name for name in ORDER for node in pipelines[name].nodes}
    assert {node.name for node in pipelines["__default__"].nodes} == nodes


def test_each_stage_runs_alone_after_the_ones_before(project):
    outputs = ["regions", "images", "duplicates", "gan", "features_trained_test", "evaluation", "latent_walk"]
    outputs += ["attribute_model", "edit_scores"]
    for stage, output in zip(ORDER, outputs, strict=True):
        project.run(stage)
        assert len(project.versions(output)) == 1
    project.run("dedup")  # again: a new version, and nothing else has changed
    assert [len(project.versions(name)) for name in outputs] == [1, 1, 2, 1, 1, 1, 1, 1, 1]
    assert [run.info.run_name for run in project.mlflow_runs()] == ["dedup", *reversed(ORDER)]
    project.run("evaluate", params={"evaluate": {"labels_per_class": "all"}})  # one draw, which has no spread
    assert project.load("evaluation")["labels"].iloc[0] == 1257


def test_an_older_version_is_read_when_asked_for(project):
    project.run("unsupervised")
    project.run("train", params={"seed": 1})
    new, old = project.versions("gan")
    project.run("visualize")
    with project.session() as session:
        session.run(pipeline_names=["visualize"], load_versions={"gan": old})
    by_old, by_new = project.mlflow_runs()[:2]
    assert (by_old.data.tags["load.gan"], by_new.data.tags["load.gan"]) == (old, new)


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_a_pile_with_labels_and_broken_files_goes_through_every_stage(project, pile, tmp_path, kind):
    source = tmp_path / f"pile.{kind}"
    if kind == "folder":
        for name, data in pile.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(data)
    elif kind == "zip":
        with zipfile.ZipFile(source, "w") as archive:
            for name, data in pile.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(source, "w") as archive:
            for name, data in pile.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    params = {"source": str(source), "preprocess": {"channels": 3}, "evaluate": {"validation": 8}}
    project.run(params=params)
    rejected = project.load("rejected").set_index("source")
    assert set(rejected.index) == {"a/cut.jpg", "b/empty.jpg", "b/notes.txt"}
    assert rejected.loc["b/notes.txt", "reason"] == "not an image"
    assert rejected.loc["b/empty.jpg", "reason"] == "empty file"
    assert rejected.loc["a/cut.jpg", "reason"].startswith("cut short")
    records = project.load("records")
    assert set(records["source"]) | set(rejected.index) == set(pile)
    row = int(records.index[records["source"] == "a/03.jpg"][0])
    expected = Image.open(io.BytesIO(pile["a/03.jpg"])).resize((16, 16), Image.Resampling.BICUBIC, box=(5, 0, 35, 30))
    np.testing.assert_array_equal(project.load("images")[row], np.asarray(expected).transpose(2, 0, 1))
    labels = [*project.load("labels_train")["class"], *project.load("labels_test")["class"]]
    assert (labels.count("a"), labels.count("b")) == (20, 20)
    refused = [*project.load("labelled_rejected_train")["source"], *project.load("labelled_rejected_test")["source"]]
    assert set(refused) == set(rejected.index)


def test_a_pile_without_labels_runs_unsupervised_and_says_why_not_more(project, photographs):
    params = photographs(range(20))
    project.run("unsupervised", params=params)
    assert project.load("gan").settings["architecture"]["channels"] == 3
    with pytest.raises(Exception, match=r"pipeline=unsupervised"):
        project.run("features", params=params)


def test_exact_copies_are_removed_and_never_trained_on(project, photographs):
    project.run("unsupervised", params=photographs([*range(20), 0, 1, 2, 3]))
    duplicates = project.load("duplicates")
    removed = duplicates[~duplicates["kept"]].set_index("row")
    assert removed["representative"].to_dict() == {20: 0, 21: 1, 22: 2, 23: 3}
    assert project.load("train_metrics")["train.images"] == 20
    report = project.load("dedup_report").set_index("kept")
    assert "20.jpg" in report.loc["00.jpg", "removed"]


def test_new_images_are_compared_with_all_that_the_encoder_has_hashed(project, photographs, tmp_path):
    first = photographs(range(20))
    project.run("faces,preprocess,dedup", params=first)
    with pytest.raises(InputError, match=r"there is none; run `kedro run --pipeline=dedup` on the first set"):
        project.run("dedup_new")

    def add(name, seeds):
        (tmp_path / name).mkdir()
        for k, seed in enumerate(seeds):
            (tmp_path / name / f"{k}.jpg").write_bytes(photograph(seed))
        project.run("faces,preprocess,dedup_new", params={**first, "source": str(tmp_path / name)})
        table = project.load("duplicates")
        return {row: text.split(": ")[1] for row, text in zip(table["row"], table["known"], strict=True) if text}

    assert add("second", [30, 3, 31, 31]) == {1: "03.jpg"}
    assert project.load("dedup_metrics")["dedup.removed"] == 2
    first["dedup"] = {"always_keep": ["03.jpg"]}  # of the first set: no error in a later one
    assert add("third", [40, 31, 5]) == {1: "2.jpg", 2: "05.jpg"}  # of the second set and of the first
    assert len(project.versions("hash_encoder")) == 1


def test_inputs_of_two_preprocessing_runs_are_never_mixed(project):
    project.run("unsupervised")
    project.run("preprocess", params={"preprocess": {"image_size": 8}})  # images are new, duplicates are old
    with pytest.raises(InputError, match=r"images and records and duplicates must come from the same"):
        project.run("train")


def test_the_authors_schedule_trains_through_the_graph(project):
    for stage in ("faces", "preprocess", "dedup"):
        project.run(stage)
    project.run("train", params={"train": {"schedule": "alternate", "log_every": 1, "steps": 3}})
    history = project.load("training_history")
    assert history["loss_g"].notna().tolist() == [True, False, True]  # G first, then in turn
    assert history["loss_d"].notna().tolist() == [False, True, False]
    metrics = project.load("train_metrics")
    assert metrics["train.final_loss_d"] == history["loss_d"][1]
    assert metrics["train.final_loss_g"] == history["loss_g"][2]


def test_a_gan_of_other_images_is_never_shown_beside_these(project):
    project.run("unsupervised")
    project.run("faces,preprocess,dedup", params={"preprocess": {"resample": "box"}})
    with pytest.raises(
        InputError, match=r"gan and images and (records and )?duplicates must come from the same preprocessing run"
    ):
        project.run("visualize")


def test_photographs_that_changed_since_their_regions_are_refused(project, photographs, tmp_path):
    params = photographs(range(3))
    project.run("faces", params={"source": params["source"]})
    (tmp_path / "photos/01.jpg").write_bytes(photograph(1, size=(8, 8)))
    with pytest.raises(InputError, match=r"regions must be of the images of .* as they are now"):
        project.run("preprocess", params=params)


def test_a_stray_file_beside_the_classes_is_rejected_and_stops_nothing(project, pile, tmp_path):
    source = tmp_path / "pile"
    for name, data in {**pile, "README.txt": b"about these images"}.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(data)
    project.run(params={"source": str(source), "preprocess": {"channels": 3}, "evaluate": {"validation": 8}})
    rejected = project.load("labelled_rejected_train").set_index("source")
    assert rejected.loc["README.txt", "reason"] == "no label"
