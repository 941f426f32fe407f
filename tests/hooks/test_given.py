"""What a run is given counts, or the run is refused."""

import shutil
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset, Version
from kedro.pipeline import Node, Pipeline

from dcgan_pipeline.config_loader import ProjectConfigLoader
from dcgan_pipeline.datasets.table import TableDataset
from dcgan_pipeline.dedup.settings import DedupSettings
from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.evaluation.baselines import BaselinesSettings
from dcgan_pipeline.evaluation.settings import EvaluateSettings
from dcgan_pipeline.gan.settings import TrainSettings
from dcgan_pipeline.hooks.given import (
    READ_BY,
    Readers,
    not_made_again,
    refuse_inert,
    refuse_unknown_tags,
    refuse_unread,
)
from dcgan_pipeline.hooks.settings import _refuse_unknown
from dcgan_pipeline.hooks.together import inert_together
from dcgan_pipeline.hooks.versions import check_load_versions
from dcgan_pipeline.imaging.settings import FacesSettings
from dcgan_pipeline.pipeline_registry import register_pipelines
from dcgan_pipeline.settings import CONFIG_LOADER_ARGS
from dcgan_pipeline.stages import stage_settings
from dcgan_pipeline.visualize.settings import SampleSettings

CONF = Path(__file__).parents[2] / "conf"
PIPELINES = register_pipelines()


@cache
def readers(conf=CONF, env="photos", given=()):
    loader = ProjectConfigLoader(str(conf), env=env, runtime_params=dict(given), **CONFIG_LOADER_ARGS)
    return Readers(loader, DataCatalog.from_config(loader["catalog"]))


def refusal(given, *names, found=None, pipeline=None):
    nodes = pipeline or sum((PIPELINES[name] for name in names), Pipeline([]))
    with pytest.raises(InputError) as info:
        refuse_unread({"runtime_params": given, "pipeline_names": list(names)}, nodes, found or readers())
    assert "\n" not in str(info.value)
    return str(info.value)


@pytest.mark.parametrize(
    ("given", "names", "fix"),
    [
        ({"source": "/new"}, ["train"], "faces,preprocess,dedup,train"),
        ({"source": "/new"}, ["evaluate"], "faces,preprocess,dedup,train,features,evaluate"),
        ({"preprocess": {"image_size": 64}}, ["train"], "preprocess,dedup,train"),
        ({"preprocess": {"image_size": 64}}, ["train", "visualize"], "preprocess,dedup,train,visualize"),
        ({"train": {"steps": 5}}, ["sample"], "train,sample"),
        ({"train": {"quality": {"samples": 5}}}, ["dedup"], "train"),
        ({"sample": {"count": 5}}, ["train"], "sample"),
        ({"checkpoints": "/ck"}, ["preprocess"], "train"),
        ({"device": "cpu"}, ["preprocess"], "dedup"),
        ({"dedup": {"autoencoder": {"steps": 5}}}, ["dedup_new"], "dedup_new"),
        ({"evaluate": {"curve": [1]}}, ["evaluate"], "label_curve"),
    ],
)
def test_a_setting_that_nothing_reads_is_refused_with_the_stages_to_run(given, names, fix):
    message = refusal(given, *names)
    if fix != "dedup_new":  # the encoder's stage makes what this one makes
        assert f"; run --pipelines={fix}, or leave it out" in message
    assert f"nothing in this run of {'+'.join(names)} reads " in message


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"source": "/new"}, ["faces"]),
        ({"source": "/new", "checkpoints": "/ck", "seed": 1, "device": "cpu"}, ["__default__"]),
        ({"source": "/new", "preprocess": {"image_size": 64}}, ["features"]),
        ({"checkpoints": "/ck", "train": {"quality": {"samples": 5}}}, ["train"]),
        ({"evaluate": {"curve": [1]}, "baselines": {"kinds": ["pca"]}}, ["label_curve"]),
        ({"dedup": {"keep": "earliest"}}, ["dedup_new"]),
    ],
)
def test_what_is_read_passes(given, names):
    refuse_unread({"runtime_params": given}, sum((PIPELINES[name] for name in names), Pipeline([])), readers())


def test_what_is_not_made_again_is_named(tmp_path):
    entries = {name: TableDataset(filepath=tmp_path / name) for name in ("a", "b")}
    first = Node(lambda dedup: dedup, "params:dedup", "a", name="first")
    nodes = [first, Node(lambda a, train: a, ["a", "params:train"], "b", name="last")]
    catalog, given = DataCatalog(entries), {"dedup": {"radius": 1}, "train": {"steps": 1}}
    for made, unused in [([], []), (["a"], ["dedup.radius"]), (["b"], ["dedup.radius", "train.steps"])]:
        for name in made:
            entries[name].save(pd.DataFrame({"row": [1]}))
        assert not_made_again(given, Pipeline(nodes), catalog, readers()) == unused


def test_an_environment_s_own_catalog_says_what_reads_a_place():
    source = {"source": "/new"}  # of the labelled sets too, or of the GAN's images alone
    refuse_unread({"runtime_params": source}, PIPELINES["features"], readers(env="photos"))
    assert "reads source" in refusal(source, "features", found=readers(env="imagenet"))
    both = {"source": "/new", "labelled_source": "/other"}
    assert "reads source" in refusal(both, "features", found=readers(given=tuple(both.items())))


def test_names_of_a_user_s_own_files_are_found(tmp_path):
    for env in ("base", "photos"):
        shutil.copytree(CONF / env, tmp_path / env)
    own = {
        "_root": "${runtime_params:mine, data}",
        "records": {"type": "dcgan_pipeline.datasets.table.TableDataset", "filepath": "${_root}/records.parquet"},
        "labels_{part}": {"type": "pandas.CSVDataset", "filepath": "${runtime_params:deep.er, x}_{part}.csv"},
    }
    (tmp_path / "photos/catalog_mine.yml").write_text(yaml.safe_dump(own))
    (tmp_path / "photos/parameters_visualize.yml").write_text(
        "visualize: {sample_grid: {side: '${runtime_params:side, 3}'}}"
    )
    found = readers(tmp_path)
    assert {"mine", "deep.er", "side", "source"} <= found.names()
    for name, given in {"train": {"mine": "a"}, "features": {"deep": {"er": "a"}}, "visualize": {"side": 4}}.items():
        refuse_unread({"runtime_params": given}, PIPELINES[name], found)
        refusal(given, "faces", found=found)


def test_a_node_that_a_user_adds_reads_what_it_names():
    def mine(settings, part):
        return 0

    pipeline = Pipeline([Node(mine, ["params:dedup", "params:train.steps"], "x", name="mine")])
    refuse_unread({"runtime_params": {"dedup": {"audit": {"pairs": 3}}, "train": {"steps": 3}}}, pipeline, readers())
    assert "reads train.epochs" in refusal({"train": {"epochs": 3}}, pipeline=pipeline)


def test_what_a_part_of_a_stage_reads_is_named_as_it_is():
    nodes = {node.name.rsplit(".")[-1] for pipeline in PIPELINES.values() for node in pipeline.nodes}
    for name, readers_of_it in READ_BY.items():
        settings = stage_settings()[name.split(".")[0]]
        assert name.split(".")[1] in settings.model_fields
        assert readers_of_it <= nodes


def test_a_parameters_file_gives_no_place():
    with pytest.raises(InputError, match="source must be given for a run, and a parameters file gives it, as '/pics'"):
        _refuse_unknown({"seed": 1, "source": "/pics"}, {}, {"source"})
    _refuse_unknown({"seed": 1, "source": "/pics"}, {"source": "/pics"}, {"source"})
    with pytest.raises(InputError, match=r"sed is not a setting; the settings are: engine, .*, threads, source"):
        _refuse_unknown({"sed": 1}, {}, {"source"})


@pytest.mark.parametrize(
    ("settings", "given", "reason"),
    [
        (DedupSettings(), {"probes": 1}, "dedup.radius is 0"),
        (FacesSettings(detector="haar"), {"yunet": {"model": "/m"}}, "faces.detector is haar"),
        (FacesSettings(), {"haar": {"min_neighbors": 1}}, "faces.detector is none"),
        (FacesSettings(), {"margin": 0.1}, "faces.detector is none"),
        (TrainSettings(steps=1, data="stream"), {"device_memory": 0.1}, "train.data is stream"),
        (TrainSettings(steps=1), {"batch_norm": "per_process"}, "train.processes is 1"),
        (TrainSettings(steps=1), {"diagnostics": {"max_rollbacks": 1}}, "train.diagnostics.on_collapse is warn"),
        (TrainSettings(steps=1), {"quality": {"samples": 9}}, "train.quality.every is null"),
        (EngineSettings(), {"workers": 2}, "engine.name is local"),
        (EvaluateSettings(), {"samples": [1]}, "evaluate.protocol is svhn1000, with classifier svm"),
        (EvaluateSettings(classifier="nearest"), {"C": [1.0]}, "with classifier nearest"),
        (EvaluateSettings(labels_per_class="all"), {"report_draws": 2}, "evaluate.labels_per_class is all"),
        (EvaluateSettings(protocol="linear"), {"judged_on": "digits"}, "evaluate.protocol linear has no published"),
        (BaselinesSettings(kinds=("pca",)), {"kmeans": {"maps": 4}}, "baselines.kinds is pca"),
    ],
)
def test_a_setting_that_another_one_switches_off_is_refused_where_it_is_given(settings, given, reason):
    stage = type(settings).__name__.removesuffix("Settings").lower()
    with pytest.raises(
        InputError, match=rf"^{stage}\.\S+ has no effect, since .*{reason}.*, got .*; change that, or leave"
    ):
        refuse_inert({stage: given}, {stage: settings})
    refuse_inert({}, {stage: settings})  # it may stand in a file


def inert(device="cpu", pipeline="train", **settings):
    parsed = {"train": TrainSettings(steps=1), "engine": EngineSettings(), "sample": SampleSettings()} | settings
    catalog = DataCatalog({"params:device": MemoryDataset(device)})
    return inert_together(parsed, PIPELINES[pipeline], catalog)


def test_the_engine_counts_in_training_alone_for_several_processes_of_a_cluster():
    several, cluster = TrainSettings(steps=1, processes=2), EngineSettings(name="ray", workers=2)
    assert inert(engine=cluster)["engine"] == "training alone runs, and train.processes is 1"
    assert set(inert(train=several)) == {"engine.workers", "train.device_memory"}
    assert set(inert(train=several, engine=cluster)) == {"train.device_memory"}
    assert "engine" not in inert(pipeline="__default__")
    with pytest.raises(InputError, match=r"engine\.workers has no effect, since training alone runs"):
        refuse_inert({"engine": {"workers": 2}}, {}, inert())


def test_the_seed_of_samples_takes_the_place_of_the_seed_of_all():
    own = SampleSettings(seed=4)
    assert inert(pipeline="sample", sample=own)["seed"] == "sample.seed is 4"
    assert "seed" not in inert(pipeline="sample")
    assert "seed" not in inert(pipeline="__default__", sample=own)


def test_memory_for_images_on_the_device_is_none_of_a_cpu_that_streams():
    assert "train.device_memory" not in inert(train=TrainSettings(steps=1, data="device"))
    assert "train.device_memory" in inert()


def test_a_setting_that_is_switched_on_passes():
    refuse_inert({"dedup": {"probes": 1}}, {"dedup": DedupSettings(radius=2)})
    refuse_inert({"faces": {"haar": {"min_neighbors": 1}, "margin": 0.1}}, {"faces": FacesSettings(detector="haar")})


def test_a_tag_that_nothing_has_is_refused():
    refuse_unknown_tags(("train", "dedup"), PIPELINES["__default__"])
    with pytest.raises(InputError, match=r"--tags must be of the stages that run, faces, .*, got trian; correct it"):
        refuse_unknown_tags(("dedup", "trian"), PIPELINES["__default__"])


OLD, NEW = "2026-01-01T00.00.00.000Z", "2026-01-02T00.00.00.000Z"


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("gan", OLD, "this run makes gan itself, got gan:2026"),
        ("known_images", OLD, "must be of entries that this run reads, duplicates, images, records, got known_images"),
        ("checkpoints", OLD, "checkpoints has none, got checkpoints:2026"),
        ("records", "2026-01-01", f"got records:2026-01-01; there are {NEW}, {OLD}"),
        ("duplicates", OLD, "there are none yet"),
    ],
)
def test_a_version_to_load_that_would_not_count_is_refused(tmp_path, name, version, message):
    for saved in (OLD, NEW):
        TableDataset(filepath=tmp_path / "records.parquet", version=Version(None, saved)).save(
            pd.DataFrame({"row": [1]})
        )
    loader = ProjectConfigLoader(str(CONF), env="base", **CONFIG_LOADER_ARGS)
    entries = loader["catalog"]
    for entry in entries.values():
        if entry.get("versioned"):
            entry["filepath"] = f"{tmp_path}/{Path(entry['filepath']).name}"
    catalog = DataCatalog.from_config(entries, load_versions={name: version})
    with pytest.raises(InputError, match="--load-versions") as info:
        check_load_versions({name: version}, PIPELINES["train"], catalog)
    assert message in str(info.value)
    check_load_versions({"records": OLD}, PIPELINES["train"], catalog)
