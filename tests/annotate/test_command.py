import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from urllib.parse import urlsplit

import pytest
import torch
from kedro.io import DataCatalog, Version

from dcgan_pipeline.__main__ import _command
from dcgan_pipeline.annotate.command import _has_screen, _listen, serve
from dcgan_pipeline.annotate.store import Store, at
from dcgan_pipeline.cli import cli
from dcgan_pipeline.datasets.weights import WeightsDataset
from dcgan_pipeline.errors import InputError

VERSION = "2026-01-31T12.00.00.000Z"
PARAMS = {"seed": 0, "device": "cpu", "threads": 1}


def save(gan, folder, version=VERSION):
    WeightsDataset(filepath=str(folder / "gan.safetensors"), version=Version(None, version)).save(gan)


def start(project):
    """Start the command, and give the process and what the printed address is."""
    command = [sys.executable, "-m", "dcgan_pipeline", "annotate", "--port=0", "--no-open"]
    process = subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if found := re.search(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", line):
            return process, found.group(0)
    raise AssertionError(process.communicate())


def post(address, path, body):
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.netloc, timeout=20)
    headers = {"Origin": f"http://{where.netloc}", "Content-Type": "application/json"}
    connection.request("POST", where.path + path, json.dumps(body), headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def test_a_server_that_is_killed_in_the_midst_of_changes_loses_none(project, gan):
    save(gan, project.path / "data/06_models")
    process, address = start(project)
    acknowledged = []

    def annotate():
        revision = ""
        for k in range(1000):
            change = {"do": "name", "kind": "concepts", "name": f"c{k}"}
            try:
                revision = post(address, "change", {"revision": revision, "change": change})["revision"]
            except (OSError, http.client.HTTPException):
                return
            acknowledged.append(f"c{k}")
            if k == 20:
                enough.set()

    enough = threading.Event()
    person = threading.Thread(target=annotate)
    person.start()
    assert enough.wait(60)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    person.join()
    had = list(project.load("annotations")["concepts"])
    assert had[: len(acknowledged)] == acknowledged
    assert len(had) <= len(acknowledged) + 1  # that which was saved, and not yet acknowledged

    process, address = start(project)  # goes on, and lets go of the port and the lock that the dead one held
    revision = project.versions("annotations")[0]
    shown = post(address, "change", {"revision": revision, "change": {"do": "name", "kind": "objects", "name": "loop"}})
    assert list(shown["annotations"]["concepts"]) == had
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, f"annotations {shown['revision']} are saved" in out) == (0, True)


@pytest.fixture
def catalog(tmp_path, gan, make_entry):
    save(gan, tmp_path)
    models = WeightsDataset(filepath=str(tmp_path / "gan.safetensors"), version=Version(None, None))
    return DataCatalog({"gan": models, "annotations": make_entry(tmp_path)})


def test_a_port_that_is_taken_is_one_line(catalog):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=f"--port must be one that is free, and {port} is in use"):
            serve(catalog, PARAMS, None, port, False)


def test_a_gan_that_is_not_there_is_one_line(catalog):
    with pytest.raises(InputError, match=f"--gan must name a version that is there, got 1; there are {VERSION}"):
        serve(catalog, PARAMS, "1", 0, False)


def test_a_second_server_is_one_line(catalog, gan, tmp_path, make_entry):
    lock = Store(make_entry(tmp_path), gan).hold()
    try:
        with pytest.raises(InputError, match="one server at a time"):
            serve(catalog, PARAMS, None, 0, False)
    finally:
        lock.release()


def test_a_page_shows_the_version_that_is_asked_for(catalog, tmp_path, make_gan, monkeypatch, capsys):
    newer = make_gan(seed=1)
    save(newer, tmp_path, "2026-02-01T12.00.00.000Z")
    shown = []
    monkeypatch.setattr(
        "dcgan_pipeline.annotate.command._run", lambda app, listener: shown.append(torch.get_num_threads())
    )
    opened = []
    monkeypatch.setattr("dcgan_pipeline.annotate.command.webbrowser.open", opened.append)
    monkeypatch.setenv("DISPLAY", ":0")
    serve(catalog, PARAMS, VERSION, 0, True)
    out = capsys.readouterr().out
    assert f"samples of gan {VERSION}; annotations: none yet" in out
    assert opened[0] in out
    serve(catalog, PARAMS, None, 0, False)
    assert "samples of gan 2026-02-01" in capsys.readouterr().out
    assert (len(opened), shown) == (1, [1, 1])


def test_concepts_of_a_model_are_shown_where_they_are_of_the_gan(catalog, gan, make_gan, make_entry, tmp_path):
    from dcgan_pipeline.annotate.command import _found

    assert _found(catalog, gan) == {}
    entry = make_entry(tmp_path / "found")
    catalog["found_annotations"] = entry
    assert _found(catalog, gan) == {}
    concepts = {"slanted": [{"z": [0.0, 1.0, 2.0, 3.0], "label": None}]}
    at(entry, save=VERSION).save({"gan": gan.digest(), "concepts": concepts, "objects": {}})
    assert _found(catalog, gan) == concepts
    assert _found(catalog, make_gan(seed=1)) == {}


def test_a_browser_is_opened_only_where_there_is_a_screen(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not _has_screen()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert _has_screen()


def test_the_package_knows_the_command(capsys):
    assert _command("dcgan_pipeline", ["annotate", "--no-open"]) is cli
    assert _command("dcgan_pipeline", ["--pipelines=annotate"]) is cli.commands["run"]
    assert _command("dcgan_pipeline", []) is cli.commands["run"]


def test_a_port_of_the_system_is_found():
    with _listen(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
