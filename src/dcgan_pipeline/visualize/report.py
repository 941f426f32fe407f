"""One page about a ``gan``: its figures, films, numbers and settings, in one file that needs nothing else."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from dcgan_pipeline.gan.conditional import class_names
from dcgan_pipeline.visualize.sections import SECTIONS
from dcgan_pipeline.visualize.settings import ReportSettings
from dcgan_pipeline.weights import Weights

_MEDIA = {".png": "image/png", ".gif": "image/gif", ".mp4": "video/mp4"}
_LONGEST = 300  # characters of a setting or a cell


@dataclass(frozen=True)
class Result:
    """One version of a catalog entry."""

    name: str
    """Of its file: that of the entry, without the ``_figure`` that tells it from a table."""
    version: str
    file: Path
    title: str = ""
    caption: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    rows: int = 0
    """Of a table."""
    read: Callable[[], pd.DataFrame] | None = None
    """Reads the table; none for a picture or a film."""


@dataclass(frozen=True)
class Results:
    """What there is of one ``gan``."""

    found: tuple[Result, ...] = ()
    version: str | None = None
    """Of the ``gan`` itself, where one of the catalog has these weights."""


@dataclass(frozen=True)
class _Shown:
    """A picture, a film or an animation, as the template takes it."""

    result: Result
    kind: str
    data: str | None
    """A data URL; none where the page has no room for it."""
    size: tuple[int, int] | None

    @property
    def name(self) -> str:
        return self.result.name.replace("_", " ")

    @property
    def numbers(self) -> list[tuple[str, str]]:
        return [(_without_stage(name), _number(value)) for name, value in self.result.metrics.items()]


def gan_report(gan: Weights, results: Results, settings: ReportSettings) -> str:
    """Write the page.

    Parameters
    ----------
    results
        All of this ``gan``.
    settings
        Pictures and films are put in, section by section, while they are within ``megabytes`` together (in the page
        they take a third more); those that are not are named with their place.

    Returns
    -------
    str
        HTML without scripts, which asks nothing of a network; every text in it is escaped.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("dcgan_pipeline.visualize")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    pictures = [result for result in results.found if result.read is None and result.file.suffix in _MEDIA]
    tables = [result for result in results.found if result.read is not None]
    return environment.get_template("gan_report.html.j2").render(
        version=results.version,
        about=_about(gan, results),
        sections=_sections(pictures, settings.megabytes * 1e6),
        tables=[_table(result) for result in tables if result.rows <= settings.table_rows],
        longer=[result for result in tables if result.rows > settings.table_rows],
        settings=[(name, _short(_plain(value))) for name, value in _flat(gan.settings).items()],
        slug=_slug,
    )


def _sections(pictures: list[Result], room: float) -> list[tuple[str, list[_Shown]]]:
    by_name = {result.name: result for result in pictures}
    sections = {title: [name.removesuffix("_figure") for name in names] for title, names in SECTIONS.items()}
    known = {name for names in sections.values() for name in names}
    wanted = {**sections, "More figures": tuple(name for name in by_name if name not in known)}
    found = []
    for title, names in wanted.items():
        shown = []
        for result in (by_name[name] for name in names if name in by_name):
            size = result.file.stat().st_size
            shown.append(_shown(result, size <= room))
            room -= size if size <= room else 0
        if shown:
            found.append((title, shown))
    return found


def _shown(result: Result, fits: bool) -> _Shown:
    kind = {".png": "picture", ".gif": "animation", ".mp4": "film"}[result.file.suffix]
    if not fits:
        return _Shown(result, kind, None, None)
    size = None
    if kind != "film":
        with Image.open(result.file) as image:
            size = image.size
    data = base64.b64encode(result.file.read_bytes()).decode()
    return _Shown(result, kind, f"data:{_MEDIA[result.file.suffix]};base64,{data}", size)


def _about(gan: Weights, results: Results) -> list[tuple[str, str]]:
    """What the page says first: what these networks are."""
    settings, shape = gan.settings, gan.settings["architecture"]
    colours = {1: "grey", 3: "colour"}.get(shape["channels"], f"{shape['channels']} channels")
    found = {
        "Version": results.version,
        "Weights": gan.digest()[:16],
        "Trained for": None if settings.get("step") is None else f"{settings['step']:,} steps",
        "Trained on": f"{settings['training_images']:,} images" if "training_images" in settings else None,
        "Images": f"{shape['image_size']} x {shape['image_size']}, {colours}",
        "Latent": f"z of {shape['latent_dim']} numbers, {settings['train']['latent']}",
        "Classes": _short(", ".join(class_names(settings))) or None,
    }
    return [(name, value) for name, value in found.items() if value]


def _table(result: Result) -> tuple[Result, list[str], list[list[tuple[str, bool]]]]:
    """A table, its columns, and its cells, each with whether it is a number."""
    assert result.read is not None
    table = result.read()
    cells = [
        [(_number(value), True) if _is_number(value) else (_short(value), False) for value in row]
        for row in table.itertuples(index=False, name=None)
    ]
    return result, [str(column).replace("_", " ") for column in table.columns], cells


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float) -> str:
    if value != value:
        return "none"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:,.4g}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _plain(value: Any) -> Any:
    """Say a setting as its file does."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _without_stage(name: str) -> str:
    return name.partition(".")[2].replace("_", " ").replace(".", ", ") or name


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= (
            _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) and value else {f"{prefix}{name}": value}
        )
    return found
