"""What the page and its scripts ask for, over HTTP, and who may ask."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import Any, TypeVar

from kedro.io import DatasetError
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dcgan_pipeline.annotate.changes import Change, Step
from dcgan_pipeline.annotate.pictures import Drawn, Plane, Studio, Wanted
from dcgan_pipeline.annotate.session import Session, StaleError
from dcgan_pipeline.errors import InputError
from dcgan_pipeline.problems import explain
from dcgan_pipeline.schema import Settings

Asked = TypeVar("Asked", bound=Settings)

HOSTS = ["127.0.0.1", "localhost"]  # a name that a stranger has pointed at this machine is none of them
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Answer = Callable[[Request], Awaitable[Response]]


def build_app(session: Session, studio: Studio, token: str, facts: Mapping[str, Any]) -> Starlette:
    """Make the application: everything lies below ``/<token>/``, which only whoever started the server knows.

    All answers are made one after the other, in one thread: a change is whole before the next is looked at.

    Parameters
    ----------
    facts
        What the page is to know beside those of the studio.
    """

    async def page(request: Request) -> Response:
        return templates.TemplateResponse(request, "page.html", {"facts": {**studio.facts(), **facts}})

    async def state(request: Request) -> Response:
        return JSONResponse(session.shown())

    async def change(request: Request) -> Response:
        session.change(await _asked(request, Change))
        return JSONResponse(session.shown())

    async def step(request: Request) -> Response:
        session.step(await _asked(request, Step))
        return JSONResponse(session.shown())

    async def samples(request: Request) -> Response:
        return JSONResponse(studio.samples(await _asked(request, Wanted)))

    async def plane(request: Request) -> Response:
        return JSONResponse(studio.plane(await _asked(request, Plane)))

    async def draw(request: Request) -> Response:
        return Response(studio.draw(await _asked(request, Drawn)), media_type="image/png")

    async def stale(request: Request, error: Exception) -> Response:
        return JSONResponse(session.shown(), 409)

    files = resources.files("dcgan_pipeline.annotate")
    templates = Jinja2Templates(str(files / "templates"))
    posts: list[Answer] = [change, step, samples, plane, draw]
    return Starlette(
        routes=[
            Mount(
                f"/{token}",
                routes=[
                    Route("/", page),
                    Route("/state", state),
                    *(Route(f"/{answer.__name__}", answer, methods=["POST"]) for answer in posts),  # type: ignore[attr-defined]
                    Mount("/static", StaticFiles(directory=str(files / "static"))),
                ],
            )
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False),
            Middleware(_FromThePage),
        ],
        exception_handlers={StaleError: stale, InputError: _refused, DatasetError: _unsaved, OSError: _unsaved},
    )


async def _asked(request: Request, kind: type[Asked]) -> Asked:
    try:
        values = json.loads(await request.body())
    except ValueError:
        raise InputError("a request must be JSON") from None
    return kind.parse(values, "request")


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 422)


async def _unsaved(request: Request, error: Exception) -> Response:
    """Say what keeps a version from being written, such as a full disk."""
    line = (explain(error) or str(error).splitlines()[-1]).removeprefix("error: ")
    return JSONResponse({"error": line}, 500)


class _FromThePage:
    """Refuse what another site's page sends, and tell browsers to load nothing from elsewhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        if scope["method"] == "POST" and headers.get("origin") != f"http://{headers.get('host')}":
            refusal = JSONResponse({"error": "a change must come from the page of this server; open that"}, 403)
            await refusal(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)
