"""The engines give the same files, byte for byte; and the environment for clusters."""

import importlib.util
import itertools
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import fuzz
import numpy as np
import odd_images
import pytest

OUTPUTS = ["regions", "images", "thumbnails", "records", "rejected", "hash_codes", "duplicates"]


@pytest.fixture(scope="module")
def pile(tmp_path_factory):
    """Good files and broken ones."""
    broken = itertools.islice(odd_images.damaged_images(np.random.default_rng(0)), 120)
    made = [*odd_images.good_images(), *(one._replace(name=f"bad/{k}.{one.name}") for k, one in enumerate(broken))]
    return fuzz.write_pile(made, tmp_path_factory.mktemp("engines") / "pile")


@pytest.fixture
def settings(pile):
    """Tasks and shards of odd sizes."""
    return {
        "source": str(pile),
        "faces": {"images_per_task": 13},
        "preprocess": {"image_size": 16, "channels": 3, "images_per_shard": 11},
        "dedup": {"autoencoder": {"steps": 3}},
    }


@pytest.fixture
def without_ray():
    if not importlib.util.find_spec("ray"):
        pytest.skip("the ray extra is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)  # never a cluster that happens to be there
        yield
        import ray

        ray.shutdown()


@pytest.fixture(scope="module")
def cluster():
    """A Ray cluster of this machine alone, on loopback, as somebody else would have started it: its address."""
    if not importlib.util.find_spec("ray"):
        pytest.skip("the ray extra is not installed")
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=2"]
    command += ["--node-ip-address=127.0.0.1", f"--port={address.split(':')[1]}", "--include-dashboard=false"]
    # The workers of a cluster have no package of this name but the one that the engine sends.
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "RAY_ADDRESS")}
    environment |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "disabled"}
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:  # sockets need short paths
        command += ["--disable-usage-stats", f"--temp-dir={folder}"]
        log = Path(folder) / "log"
        with log.open("w") as said, subprocess.Popen(command, stdout=said, stderr=said, env=environment) as process:
            while "Ray runtime started" not in log.read_text():
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
            yield address
            process.terminate()  # it ends what it has started


def test_the_engines_give_the_same_files(project, settings, without_ray, digests):
    found = {}
    for name, workers in [("local", None), ("processes", 1), ("processes", 2), ("processes", 3), ("ray", 2)]:
        engine = {"name": name, "workers": workers}
        run_here(project, {**settings, "engine": engine})
        found[name, workers] = digests(project, OUTPUTS)
    assert all(len(project.versions(name)) == 5 for name in OUTPUTS)
    assert all(other == found["local", None] for other in found.values())
    assert len(project.load("records")) >= 40
    assert len(project.load("rejected")) >= 40


def run_here(project, settings):
    with project.session(settings) as session:
        session.run(pipeline_names=["faces", "preprocess", "dedup"], to_outputs=OUTPUTS)  # without figures


def flat(settings, prefix=""):
    """Settings as the command line takes them."""
    for name, value in settings.items():
        yield from flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [f"{prefix}{name}={value}"]


def run_on_cluster(project, settings, monkeypatch, address=None, stages="faces"):
    """`kedro run --env=cluster`, which needs only RAY_ADDRESS."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if address:
        monkeypatch.setenv("RAY_ADDRESS", address)
    outputs = ",".join(OUTPUTS if stages != "faces" else OUTPUTS[:1])
    parameters = f"--params={','.join(flat(settings))}"
    process = project.kedro("run", "--env=cluster", f"--pipelines={stages}", f"--to-outputs={outputs}", parameters)
    out, err = process.communicate(timeout=300)
    return process.returncode, out + err


def test_the_environment_for_clusters_needs_only_an_address(project, settings, cluster, monkeypatch, digests):
    run_here(project, settings)
    here = digests(project, OUTPUTS)
    code, said = run_on_cluster(project, settings, monkeypatch, cluster, "faces,preprocess,dedup")
    assert code == 0, said
    assert cluster in said  # Ray says what it connects to
    assert digests(project, OUTPUTS) == here
    assert all(len(project.versions(name)) == 2 for name in OUTPUTS)


def test_the_environment_for_clusters_works_without_one(project, settings, monkeypatch):
    pytest.importorskip("ray")
    code, said = run_on_cluster(project, {"source": settings["source"]}, monkeypatch)
    assert code == 0, said
    assert "Started a local Ray instance" in said
    assert len(project.versions("regions")) == 1


def test_a_cluster_that_is_not_there_is_one_line_and_no_result(project, settings, monkeypatch):
    pytest.importorskip("ray")
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"  # nobody listens there any more
    code, said = run_on_cluster(project, {"source": settings["source"]}, monkeypatch, address)
    assert code == 1
    assert f"error: RAY_ADDRESS must name a Ray cluster that runs, got {address}" in said
    assert "Traceback" not in said
    assert project.versions("regions") == []


def test_ray_that_is_not_installed_is_one_line(project, settings, monkeypatch, tmp_path):
    (tmp_path / "ray.py").write_text("raise ImportError('as if it were not installed')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    code, said = run_on_cluster(project, {"source": settings["source"]}, monkeypatch)
    assert code == 1
    assert "error: engine.name: ray needs Ray, which is not installed; pip install ray" in said
    assert "Traceback" not in said
