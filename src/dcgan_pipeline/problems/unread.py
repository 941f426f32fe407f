"""What stands in `conf/` and would change nothing: files that are not read, names that nothing asks for."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from fsspec.implementations.local import LocalFileSystem

from dcgan_pipeline.errors import shortened
from dcgan_pipeline.files import short
from dcgan_pipeline.problems.configuration import mapping_of
from dcgan_pipeline.problems.here import here

log = logging.getLogger(__name__)
_ENDINGS = {".yml", ".yaml", ".json"}  # of the files that Kedro reads
_GLOBALS = re.compile(r"\$\{globals:\s*(\w+)")
_BESIDE = re.compile(r"\$\{(\w+)")  # of one global in another


def unread() -> str | None:
    """Say which file of the project's settings, or which name in `globals.yml`, nothing reads; None where all is read.

    Other files, as those of Kedro's plugins, are left alone.
    """
    texts = {file: file.read_text(errors="replace") for folder in here.folders for file in _files(folder)}
    asked = {name for text in texts.values() for name in _GLOBALS.findall(text)}
    return _unread_file(asked) or _unread_global(texts, asked)


def say_what_is_not_read() -> None:
    """Log what a user may expect to count, and does not: `conf/local` beside `--env`, entries of a misspelt name."""
    if here.conf and here.env not in ("", "local"):
        local = here.conf / "local"
        files = [short(file) for file in _files(local) if _is_read(file, local) and mapping_of(file)]
        if files:
            text = "an environment is laid over conf/base alone: with --env=%s, %s is not read"
            log.info(text, here.env, shortened(files))
    known = _entries()
    for file in [file for folder in here.folders[1:] for file in _files(folder) if "catalog" in file.name]:
        for name in mapping_of(file):
            near = get_close_matches(name, known, n=1, cutoff=0.8)
            if near and name not in known and not name.startswith("_"):
                log.warning("no pipeline reads or writes %s in %s; did you mean %s?", name, short(file), near[0])


def _unread_file(asked: set[str]) -> str | None:
    from dcgan_pipeline.parameters import SharedSettings
    from dcgan_pipeline.stages import stage_settings

    kinds = dict.fromkeys(_entries(), "catalog*.yml") | dict.fromkeys(asked, "globals.yml")
    kinds |= dict.fromkeys([*stage_settings(), *SharedSettings.model_fields], "parameters*.yml")
    for folder in here.folders:
        for file in _files(folder):
            if not _is_read(file, folder) and (ours := [name for name in mapping_of(file) if name in kinds]):
                where = f"must be in a file that is called {kinds[ours[0]]}, and is in {short(file)}"
                return f"{ours[0]} {where}, which nothing reads; rename it, or move it out of conf/"
    return None


def _unread_global(texts: dict[Path, str], asked: set[str]) -> str | None:
    files = [file for file in texts if file.name == "globals.yml"]
    known = asked | {name for file in files for name in _BESIDE.findall(texts[file])}
    for file in files:
        for name in mapping_of(file):
            if name not in known and not name.startswith("_"):
                return (
                    f"a name in globals.yml must be one that a file asks for by ${{globals:...}}, as "
                    f"{', '.join(sorted(asked))}, got {name} in {short(file)}; correct it, or take it out"
                )
    return None


def _entries() -> set[str]:
    """The entries of the catalog that pipelines read or write."""
    from dcgan_pipeline.pipeline_registry import register_pipelines

    names = {name for pipeline in register_pipelines().values() for name in pipeline.datasets()}
    return {name for name in names if not name.startswith("params:") and name != "parameters"}


def _files(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.suffix in _ENDINGS and file.is_file() and not hidden:
            yield file


def _is_read(file: Path, folder: Path) -> bool:
    """Whether a pattern of the configuration's loader finds a file."""
    if here.loader is None:
        return True
    patterns = [pattern for each in here.loader.config_patterns.values() for pattern in each]
    return any(str(file) in LocalFileSystem().glob(f"{folder}/{pattern}") for pattern in patterns)
