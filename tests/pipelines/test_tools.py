"""``sample`` and ``import_weights``, in real sessions."""

import json
import zipfile
from pathlib import Path
from urllib.parse import urlparse

import mlflow
import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from PIL import Image

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.authors_weights import load_authors_weights
from dcgan_pipeline.gan.sampling import sample
from dcgan_pipeline.gan.settings import ImportSettings
from dcgan_pipeline.pipeline_registry import register_pipelines
from dcgan_pipeline.weights import Weights

CPU = torch.device("cpu")
SHAPES = {
    "gen": [(100, 4096), 4096, 4096, (256, 128, 5, 5), 128, 128, (128, 64, 5, 5), 64, 64, (64, 3, 5, 5)],
    "discrim": [(64, 3, 5, 5), (128, 64, 5, 5), 128, 128, (256, 128, 5, 5), 256, 256, (4096, 1)],
}


@pytest.fixture
def arrays(tmp_path):
    """A folder as the authors publish theirs, of other numbers."""
    rng = np.random.default_rng(0)
    (tmp_path / "svhn").mkdir()
    for network, shapes in SHAPES.items():
        for number, shape in enumerate(shapes, 1):
            file = tmp_path / f"svhn/200_{network}_params.jl_{number:02d}.npy"
            np.save(file, rng.normal(0.3, 0.05, shape).astype(np.float32))
    return tmp_path / "svhn"


def models(project):
    """The MLflow models of a project, the latest first."""
    client = MlflowClient(f"sqlite:///{project.path}/mlflow.db")
    experiment = client.get_experiment_by_name("dcgan_pipeline")
    return client.search_logged_models([experiment.experiment_id])


def test_the_tools_are_no_part_of_the_default_run():
    pipelines = register_pipelines()
    for name in ("sample", "import_weights", "import_weights_with_images"):
        assert not {node.name for node in pipelines[name].nodes} & {n.name for n in pipelines["__default__"].nodes}


def test_samples_come_as_a_grid_a_folder_or_zips_and_are_a_source_of_images(finished, project):
    gan = finished.load("gan")
    with project.session() as session:  # a version as the stage would have written it
        session.load_context().catalog.save("gan", gan)
    expected = sample(gan, 10, 0, CPU)
    project.run("sample", params={"sample": {"count": 9}})
    grid = Image.open(Path(project.load("samples")) / "samples.png")
    scale = grid.width // 50
    np.testing.assert_array_equal(np.asarray(grid)[: 16 * scale : scale, : 16 * scale : scale, 0], expected[0, 0])
    project.run("sample", params={"sample": {"count": 10, "format": "folder", "batch_size": 3}})
    files = sorted((Path(project.load("samples")) / "00000").iterdir())
    np.testing.assert_array_equal(np.stack([np.asarray(Image.open(file)) for file in files]), expected[:, 0])
    project.run("sample", params={"sample": {"count": 4, "format": "zip", "seed": 5}})
    folder = Path(project.load("samples"))
    with zipfile.ZipFile(folder / "00000.zip") as archive:
        third = np.asarray(Image.open(archive.open("000000003.png")))
    np.testing.assert_array_equal(third, sample(gan, 4, 5, CPU)[3, 0])
    assert json.loads((folder / "manifest.json").read_text())["attrs"]["gan"] == gan.digest()
    assert len(project.versions("samples")) == 3
    run = project.mlflow_runs()[0]
    assert run.data.tags["load.gan"] == project.versions("gan")[0]
    assert run.data.tags["save.samples"] == project.versions("samples")[0]
    assert run.data.params["sample.count"] == "4"
    project.run("faces", params={"source": f"{folder}/00000.zip"})
    assert len(project.load("regions")) == 4


def test_imported_weights_are_a_version_of_gan_like_any_other(project, arrays):
    project.run("import_weights", params={"import_weights": {"folder": str(arrays), "latent_batches": 1}})
    gan = project.load("gan")
    expected = load_authors_weights(arrays, "normal", 0, CPU, latent_batches=1)
    assert gan.settings == expected.settings
    assert gan.digest() == expected.digest()
    check_model(project, gan)
    project.run("sample", params={"sample": {"count": 2}})
    assert Image.open(Path(project.load("samples")) / "samples.png").size == (65 * 7, 32 * 7)


def test_training_logs_a_model_that_draws_its_samples(finished):
    check_model(finished, finished.load("gan"))


def check_model(project, gan):
    """The only model of a project, of its first run: one file of weights, and the samples of its GAN."""
    (model,) = models(project)
    assert model.name == "generator"
    assert model.source_run_id == project.mlflow_runs()[-1].info.run_id
    folder = Path(urlparse(model.artifact_location).path)
    assert folder.is_relative_to(project.path / "mlartifacts")
    drawn = mlflow.pyfunc.load_model(str(folder)).predict(np.array([3, 4], np.int64))
    expected = np.concatenate([sample(gan, 1, seed, CPU) for seed in (3, 4)])
    np.testing.assert_array_equal(drawn, expected.transpose(0, 2, 3, 1))
    (file,) = folder.rglob("*.safetensors")
    weights = Weights.load(file)
    assert weights.settings["train"] == gan.settings["train"]
    assert {name.partition(".")[0] for name in weights.tensors} == {"generator"}


def test_with_images_imported_weights_serve_features_and_figures(project, arrays):
    params = {"import_weights": {"folder": str(arrays), "latent_batches": 1}}
    images = {"preprocess": {"image_size": 32, "channels": 3}}
    (project.path / "conf/local/catalog.yml").write_text(
        "gan: {type: dcgan_pipeline.datasets.weights.WeightsDataset, versioned: true, "
        "filepath: data/06_models/gan.safetensors}\n"
    )
    project.run("faces,preprocess,dedup", params=images)
    project.run("import_weights", params=params)
    with pytest.raises(InputError, match=r"gan and images and duplicates must come from the same preprocessing run"):
        project.run("features", params=images)  # D's statistics are not of these images
    project.run("import_weights_with_images", params=params)
    wanted = ["visualize.draw_samples", "features.make_untrained"]
    with project.session() as session:
        session.run(pipeline_names=["visualize", "features"], node_names=wanted)
    assert project.load("sample_grid").width > 100
    assert project.load("untrained_discriminator").settings["architecture"]["width"] == 64
    assert models(project) == []  # the catalog did not ask for one


def test_a_wrong_import_leaves_no_version(project, arrays):
    np.save(arrays / "200_gen_params.jl_04.npy", np.ones((256, 128, 3, 3), np.float32))
    with pytest.raises(InputError, match=r"gen_04 must be 256 x 128 x 5 x 5 .*, got 256 x 128 x 3 x 3"):
        project.run("import_weights", params={"import_weights": {"folder": str(arrays)}})
    assert not list((project.path / "data").rglob("gan.safetensors"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, r"import_weights: folder must be where the authors' arrays are, got None; add --params=import_weights"),
        ({"folder": ".", "latent": "gauss"}, r"import_weights.latent: input should be 'uniform' or 'normal'"),
    ],
)
def test_wrong_settings_are_one_line(values, message):
    with pytest.raises(InputError, match=message) as error:
        ImportSettings.parse(values, "import_weights")
    assert "\n" not in str(error.value)
