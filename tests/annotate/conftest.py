"""Tiny networks with names for their weights, and a server of them on a port of its own."""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import uvicorn
from kedro.io import Version

from dcgan_pipeline.annotate.app import build_app
from dcgan_pipeline.annotate.command import _listen
from dcgan_pipeline.annotate.pictures import Studio
from dcgan_pipeline.annotate.session import Session
from dcgan_pipeline.annotate.store import Store
from dcgan_pipeline.datasets.annotations import AnnotationsDataset
from dcgan_pipeline.gan.conditional import build_generator
from dcgan_pipeline.gan.networks import initialise
from dcgan_pipeline.gan.settings import Architecture
from dcgan_pipeline.weights import Weights

TOKEN = "token"


def tiny_gan(seed: int = 0, labels: int = 0, channels: int = 1) -> Weights:
    """A generator of 8 x 8 pixels from 4 numbers whose samples differ to the eye."""
    values = {"image_size": 8, "channels": channels, "latent_dim": 4, "width": 2, "labels": labels}
    architecture = Architecture.parse({**values, "hidden": 6 if labels else 0}, "architecture")
    network = build_generator(architecture)
    initialise(network, torch.Generator().manual_seed(seed))
    tensors = {f"generator.{name}": tensor * 20 for name, tensor in network.state_dict().items()}
    classes = ["cat", "dog"][:labels]
    return Weights(
        tensors, {"architecture": architecture.model_dump(), "train": {"latent": "uniform"}, "classes": classes}
    )


def entry(folder: Any) -> AnnotationsDataset:
    """The entry as the catalog has it."""
    return AnnotationsDataset(filepath=str(folder / "annotations.json"), version=Version(None, None))


@dataclass(frozen=True)
class Served:
    """A server, and ways to ask it."""

    port: int
    session: Session

    @property
    def address(self) -> str:
        """Of the page."""
        return f"http://127.0.0.1:{self.port}/{TOKEN}/"

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        """POST a body, or GET where there is none; as the page does, but for ``headers``."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {"Host": f"127.0.0.1:{self.port}", **{name.capitalize(): value for name, value in headers.items()}}
        if body is not None:
            sent = {"Origin": f"http://{sent['Host']}", "Content-Type": "application/json", **sent}
        data = body if isinstance(body, str | None) else json.dumps(body)
        connection.request("GET" if body is None else "POST", path, data, sent)
        answer = connection.getresponse()
        content, kind = answer.read(), answer.getheader("content-type") or ""
        connection.close()
        return answer.status, json.loads(content) if "json" in kind else content, dict(answer.getheaders())

    def state(self) -> dict[str, Any]:
        """What the page would show."""
        return self.ask(f"/{TOKEN}/state")[1]

    def change(self, revision: str | None = None, **change: Any) -> tuple[int, Any]:
        """Ask for a change of the newest revision, or of another."""
        revision = self.session.revision if revision is None else revision
        return self.ask(f"/{TOKEN}/change", {"revision": revision, "change": change})[:2]


@contextmanager
def serving(folder: Any, gan: Weights, found: Any = None) -> Any:
    """Serve until the block ends."""
    listener = _listen(0)
    store = Store(entry(folder), gan)
    session = Session(store, gan)
    facts = {"gan": "2026-01-31T12.00.00.000Z", "other": store.other, "found": found or {}}
    app = build_app(session, Studio(gan, 0, torch.device("cpu")), TOKEN, facts)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Served(listener.getsockname()[1], session)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def gan() -> Weights:
    """Without labels."""
    return tiny_gan()


@pytest.fixture
def served(tmp_path: Any, gan: Weights) -> Any:
    """A server without annotations."""
    with serving(tmp_path, gan) as found:
        yield found


@pytest.fixture
def serve_in() -> Any:
    """Start a server of a folder: ``with serve_in(folder, gan) as served``."""
    return serving


@pytest.fixture
def make_gan() -> Any:
    """Make a tiny generator."""
    return tiny_gan


@pytest.fixture
def make_entry() -> Any:
    """Make the entry ``annotations`` in a folder."""
    return entry
