"""The generator as an MLflow model: what is in it, that it draws our samples, and that a real server serves it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch

from dcgan_pipeline.gan.sampling import sample
from dcgan_pipeline.gan.settings import Architecture, TrainSettings
from dcgan_pipeline.gan.trainer import Trainer
from dcgan_pipeline.serving import generator_alone, log_generator
from dcgan_pipeline.weights import Weights

CPU = torch.device("cpu")
SEEDS = np.array([7, 0, -3, 7], np.int64)


@pytest.fixture(scope="module")
def gan():
    """An untrained GAN, drawn from so widely that images are not all grey; others are in tests/pipelines."""
    architecture = Architecture(image_size=8, channels=3, latent_dim=5, width=3, kernel=3)
    trainer = Trainer(architecture, TrainSettings(steps=1, sample_count=2, latent="normal"), 0, CPU)
    with torch.no_grad():
        for conv in trainer.generator.convs:
            conv.weight.mul_(30)
    trainer.recompute_statistics([torch.rand((8, 3, 8, 8), generator=torch.Generator().manual_seed(0))], 4)
    return trainer.state()


@pytest.fixture(scope="module")
def logged(gan, tmp_path_factory):
    """The folder of a model that was logged to a database of its own."""
    before, place = mlflow.get_tracking_uri(), tmp_path_factory.mktemp("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{place}/mlflow.db")
    try:
        experiment = mlflow.create_experiment("models", f"{place}/artifacts")
        with mlflow.start_run(experiment_id=experiment):
            imports = list(sys.path)
            generator_alone(gan).save(place / "generator.safetensors")
            uri = log_generator(place / "generator.safetensors", "generator")
            assert sys.path == imports
        yield Path(mlflow.artifacts.download_artifacts(uri))
    finally:
        mlflow.set_tracking_uri(before)


def expected(gan):
    return np.stack([sample(gan, 1, int(seed), CPU)[0] for seed in SEEDS]).transpose(0, 2, 3, 1)


def test_the_model_draws_our_samples(gan, logged):
    model = mlflow.pyfunc.load_model(str(logged), model_config={"device": "cpu"})
    images = model.predict(SEEDS)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, expected(gan))
    assert images.std() > 10
    example = json.loads((logged / "input_example.json").read_text())
    assert model.predict(np.array(example, np.int64)).shape == (4, *images.shape[1:])


def test_the_signature_is_seeds_to_images(logged):
    signature = mlflow.models.get_model_info(str(logged)).signature
    assert [(spec.type, spec.shape) for spec in signature.inputs.inputs] == [(np.dtype(np.int64), (-1,))]
    assert [(spec.type, spec.shape) for spec in signature.outputs.inputs] == [(np.dtype(np.uint8), (-1, 8, 8, 3))]
    model = mlflow.pyfunc.load_model(str(logged))
    for wrong in (np.array([0.5]), np.array([[1]])):
        with pytest.raises(mlflow.MlflowException, match="Failed to enforce schema"):
            model.predict(wrong)


def test_the_model_is_code_and_safetensors_and_no_pickle(gan, logged):
    files = {path.relative_to(logged).as_posix() for path in logged.rglob("*") if path.is_file()}
    beside = {name for name in files if not name.startswith("code/")}
    assert {"MLmodel", "mlflow_model.py", "artifacts/generator.safetensors", "requirements.txt"} <= beside
    assert {Path(name).suffix for name in beside} == {"", ".py", ".safetensors", ".txt", ".yaml", ".json"}
    pages = {".html", ".j2", ".css", ".js", ".svg"}  # templates of the package
    assert {Path(name).suffix for name in files - beside} == {".py", ".json", ".typed", *pages}
    requirements = (logged / "requirements.txt").read_text().split()
    assert f"torch=={torch.__version__.partition('+')[0]}" in requirements
    weights = Weights.load(logged / "artifacts/generator.safetensors")
    assert weights.settings["kind"] == "generator"
    assert all(name.startswith("generator.") for name in weights.tensors)
    assert {name for name in gan.tensors if name.startswith("generator.")} == set(weights.tensors)


def test_a_generator_alone_draws_what_the_whole_gan_draws(gan):
    np.testing.assert_array_equal(sample(generator_alone(gan), 5, 2, CPU), sample(gan, 5, 2, CPU))


# ---- in processes that do not have the project


def elsewhere(folder):
    """The environment of a process whose only dcgan_pipeline is the model's."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where mlflow looks for uvicorn
    return {**environment, "PATH": path, "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/none.db", "OMP_NUM_THREADS": "1"}


LOADS = """
import sys, mlflow, numpy as np
import pickle
pickle.load = pickle.loads = pickle.Unpickler = None   # nothing is unpickled
images = mlflow.pyfunc.load_model(sys.argv[1]).predict(np.array([7, 0, -3, 7]))
import dcgan_pipeline
print(dcgan_pipeline.__file__)
np.save(sys.argv[2], images)
"""


def test_the_model_brings_its_own_code(gan, logged, tmp_path):
    command = [sys.executable, "-c", LOADS, str(logged), str(tmp_path / "images.npy")]
    run = subprocess.run(command, cwd=tmp_path, env=elsewhere(tmp_path), capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.split()[-1]).is_relative_to(logged / "code")
    np.testing.assert_array_equal(np.load(tmp_path / "images.npy"), expected(gan))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answer(address, body=None):
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.status, response.read()


def wait_for(process, address, seconds=240):
    """Poll until the server answers; as soon as its process has ended, say what it said."""
    for _ in range(seconds * 5):
        assert process.poll() is None, process.communicate()[0]
        try:
            if answer(f"{address}/ping")[0] == 200:
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    process.kill()
    raise AssertionError(f"no answer in {seconds} s: {process.communicate()[0]}")


def test_a_real_server_answers_with_our_samples(gan, logged, tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(logged), "--env-manager", "local"]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
        cwd=tmp_path,
        env=elsewhere(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(process, address)
        status, body = answer(f"{address}/invocations", json.dumps({"inputs": SEEDS.tolist()}).encode())
        assert status == 200
        np.testing.assert_array_equal(np.array(json.loads(body)["predictions"]), expected(gan))
        with pytest.raises(urllib.error.HTTPError) as refused:
            answer(f"{address}/invocations", json.dumps({"inputs": [[1]]}).encode())
        assert refused.value.code == 400
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # the server and its worker
        process.communicate()
