"""The command: find the ``gan`` and its annotations, and serve the page on this machine alone."""

from __future__ import annotations

import errno
import os
import socket
import sys
import webbrowser
from contextlib import suppress
from typing import Any

import click

from dcgan_pipeline.errors import InputError, shortened

HOST = "127.0.0.1"
PORT = 5002


@click.command("annotate")
@click.option("--gan", metavar="VERSION", help="Version of the gan whose samples are shown; the newest, if left out.")
@click.option("--env", "-e", help="Environment whose gan and annotations these are.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: any that is free.")
@click.option("--open/--no-open", "opened", default=True, help="Whether to open a browser, where there is a screen.")
def annotate(gan: str | None, env: str | None, port: int, opened: bool) -> None:
    """Choose exemplars of concepts, and draw boxes around objects, on samples of a gan, in a browser.

    Serves a page on this machine alone. Every change is saved at once, as a version of the entry `annotations`.
    """
    from kedro.framework.session import KedroSession

    session: Any
    with KedroSession.create(env=env) as session:
        context = session.load_context()
        serve(context.catalog, context.params, gan, port, opened)


def serve(catalog: Any, params: dict[str, Any], version: str | None, port: int, opened: bool) -> None:
    """Serve until Ctrl-C.

    Parameters
    ----------
    catalog
        With the entries ``gan``, ``annotations`` and, where there is one, ``found_annotations``.
    params
        ``seed``, ``device`` and ``threads`` of it are read.
    version
        Of the ``gan``; none: the newest.

    Raises
    ------
    InputError
        Where there is no such ``gan``, the port is taken, or another server writes ``annotations``.
    """
    import secrets

    from dcgan_pipeline.annotate.app import build_app
    from dcgan_pipeline.annotate.pictures import Studio
    from dcgan_pipeline.annotate.session import Session
    from dcgan_pipeline.annotate.store import Store
    from dcgan_pipeline.devices import resolve_device, resolve_threads, using_threads

    device, threads = resolve_device(params["device"]), resolve_threads(params["threads"])
    version, gan = _gan(catalog, version)
    listener = _listen(port)
    store = Store(catalog.get("annotations"), gan)
    lock = store.hold()
    try:
        session = Session(store, gan)
        studio = Studio(gan, params["seed"], device)
        facts = {"gan": version, "other": store.other, "found": _found(catalog, gan)}
        token = secrets.token_urlsafe(24)
        address = f"http://{HOST}:{listener.getsockname()[1]}/{token}/"
        _say(session, version, store.other, address)
        if opened and _has_screen():
            webbrowser.open(address)
        with using_threads(threads):
            _run(build_app(session, studio, token, facts), listener)
        click.echo(f"stopped; annotations {session.revision} are saved" if session.revision else "stopped")
    finally:
        listener.close()
        if lock:
            lock.release()


def _gan(catalog: Any, version: str | None) -> tuple[str, Any]:
    from dcgan_pipeline.annotate.store import at

    entry = catalog.get("gan")
    there = entry.list_versions(full_path=False)
    if version is None:
        return (*there, "")[0], catalog.load("gan")
    if version not in there:
        fix = f"there are {shortened(there)}" if there else "there are none yet"
        raise InputError(f"--gan must name a version that is there, got {version}; {fix}")
    return version, at(entry, load=version).load()


def _found(catalog: Any, gan: Any) -> dict[str, Any]:
    """Concepts that a model has found exemplars of, where they are of this ``gan``."""
    from dcgan_pipeline.edits.annotations import Annotations

    entry = catalog.get("found_annotations")
    if entry is None or not entry.exists():
        return {}
    try:
        return Annotations.parse_for(entry.load(), gan).dump()["concepts"]
    except InputError:  # of another gan
        return {}


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        reason = "is in use" if error.errno == errno.EADDRINUSE else "needs rights that you do not have"
        raise InputError(f"--port must be one that is free, and {port} {reason}; name another, or 0 for any") from None


def _say(session: Any, version: str, other: str, address: str) -> None:
    present = session.history.present
    had = f"{len(present.concepts)} concepts, {len(present.objects)} objects" if session.revision else "none yet"
    click.echo(f"samples of gan {version}; annotations: {had}")
    if other:
        click.echo(f"annotations {other} are of another gan, and stay as they are")
    click.echo(f"\n    {address}\n\nEverything is saved as you go. Ctrl-C ends this.")


def _has_screen() -> bool:
    """Whether a browser has a window; in its place Python would open one in this terminal."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _run(app: Any, listener: socket.socket) -> None:
    import uvicorn

    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1, ws="none")
    with suppress(KeyboardInterrupt):  # which uvicorn raises again once it has shut down
        uvicorn.Server(config).run(sockets=[listener])
