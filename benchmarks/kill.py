"""kill -9 at drawn moments of each stage, then the same run again: is the result the right one?

    python benchmarks/kill.py --moments 30

A moment is an event of Python's auditing (PEP 578) that touches the project's data: a file that is about to be opened,
renamed or removed, a folder to be made or listed. One undisturbed run counts them; of that many, some are drawn from a
seed, and the process kills itself there. What it leaves must be whole versions or none. Then the stage runs again, and
every output must have the same bytes as without the kill. In a second part a worker of a pool kills itself in the same
way; its run must go on to the same bytes. The script ends with an error where something differs.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import fuzz
import numpy as np
import odd_images

STAGES = ("faces", "preprocess", "dedup")
OUTPUTS = (
    *("regions", "regions_sheet", "faces_metrics"),
    *("images", "thumbnails", "records", "rejected", "preprocess_metrics"),
    *("hash_encoder", "hash_encoder_history", "hash_codes", "duplicates"),
    *("dedup_report", "dedup_metrics", "collisions", "dedup_recall", "dedup_audit", "dedup_audit_metrics"),
)
REPOSITORY = Path(__file__).parents[1]
SETTINGS = {
    "faces": {"images_per_task": 13, "sheet_images": 4},
    "preprocess": {"image_size": 16, "channels": 3, "images_per_shard": 11},
    "dedup": {
        "autoencoder": {"steps": 20},
        "gallery_groups": 3,
        "radius": 20,
        "min_similarity": 0.65,
        "audit": {"planted": 10},
    },
}
SHARD_EVENTS = 8  # of a worker: four files of a shard are opened, and renamed
# What a run imports: done once, before the forks.
IMPORTS = (
    *("kedro.framework.session", "kedro_mlflow.framework.hooks", "matplotlib.pyplot", "mlflow.tracking"),
    *("mlflow.store.tracking.sqlalchemy_store", "torch._dynamo", "dcgan_pipeline.hooks", "dcgan_pipeline.imaging.crop"),
    *(f"dcgan_pipeline.datasets.{name}" for name in ("figure", "metrics", "raw_images", "table", "weights")),
    *("dcgan_pipeline.dedup.autoencoder", "dcgan_pipeline.figures.data"),
)
# On the path of every process that a run starts: a worker that is the first to come so far kills itself.
WORKER = """
import os, sys
if "--multiprocessing-fork" in sys.orig_argv and "KILL_WORKER_AT" in os.environ:
    sys.path.insert(0, os.environ["KILL_FROM"])
    import kill
    at, data = int(os.environ["KILL_WORKER_AT"]), os.environ["KILL_BELOW"]
    kill.count_events(data, lambda count: kill.kill_once(os.environ["KILL_MARK"]) if count == at else None)
"""


# ---- moments


def count_events(below: str, at_each: Callable[[int], None]) -> None:
    """Call a function, with a number, before each event that touches a file or folder below a folder."""
    numbers = itertools.count(1)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" or event.startswith(("os.", "shutil.")):
            paths = [os.fsdecode(path) for path in arguments if isinstance(path, str | bytes | os.PathLike)]
            if any(path.startswith((below, "data/")) for path in paths):
                at_each(next(numbers))

    sys.addaudithook(hook)


def kill_once(mark: str) -> None:
    """Kill this process, if no other has been killed."""
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


# ---- runs


@dataclass(frozen=True)
class Project:
    """A project's folder and the images that it reads."""

    path: Path
    pile: Path

    def copy(self, to: Path) -> Project:
        """Copy the project with its results."""
        shutil.copytree(self.path, to, symlinks=True)
        return Project(to, self.pile)

    def run(self, stage: str, engine: str = "local", before: Callable[[], None] | None = None) -> int:
        """Run a stage in a process of its own; return its exit code, or the negative number of its signal."""

        def work() -> None:
            from kedro.framework.session import KedroSession

            (before or (lambda: None))()
            settings: dict[str, Any] = {"engine": {"name": engine} | ({} if engine == "local" else {"workers": 2})}
            if stage != "dedup":  # what a stage does not read is refused
                settings["source"] = str(self.pile)
            with KedroSession.create(self.path, runtime_params=settings) as session:
                session.run(pipeline_names=[stage])

        return self._forked(work)

    def results(self) -> dict[str, str]:
        """SHA-256 of the latest version of every output that has one, each of which must load."""

        def look() -> None:
            from kedro.framework.session import KedroSession

            found = {}
            with KedroSession.create(self.path, runtime_params={"source": str(self.pile)}) as session:
                catalog = session.load_context().catalog
                for name in OUTPUTS:
                    if catalog.exists(name):
                        catalog.load(name)
                        found[name] = _digest(self.path / catalog.get(name)._get_load_path())
            (self.path / "found.json").write_text(json.dumps(found))

        assert self._forked(look) == 0, self.said()
        return json.loads((self.path / "found.json").read_text())

    def said(self) -> str:
        """The end of what the runs printed."""
        return (self.path / "log").read_text()[-2000:]

    def _forked(self, work: Callable[[], None]) -> int:
        child = os.fork()  # everything is imported already, so that a run takes no time to start
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        code = 1
        try:
            from kedro.framework.startup import bootstrap_project

            log = os.open(self.path / "log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.chdir(self.path)
            bootstrap_project(self.path)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)


def _digest(place: Path) -> str:
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    return hashlib.sha256(repr([(file.name, file.read_bytes()) for file in files]).encode()).hexdigest()


def make_project(folder: Path) -> Project:
    """A project without results, and a pile of good and broken images."""
    broken = itertools.islice(odd_images.damaged_images(np.random.default_rng(0)), 40)
    named = [made._replace(name=f"bad/{k}.{made.name}") for k, made in enumerate(broken)]
    pile = fuzz.write_pile([*odd_images.good_images(), *named], folder / "pile")
    (folder / "project/src").mkdir(parents=True)
    shutil.copytree(REPOSITORY / "conf", folder / "project/conf", ignore=shutil.ignore_patterns("local"))
    (folder / "project/conf/local").mkdir()
    for stage, settings in SETTINGS.items():
        (folder / f"project/conf/local/parameters_{stage}.yml").write_text(json.dumps({stage: settings}))
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(REPOSITORY / name, folder / "project")
    return Project(folder / "project", pile)


# ---- the claims


def killed_and_run_again(before: Project, stage: str, at: int, right: dict[str, str], work: Path) -> None:
    """Kill a run at its n-th event, look at what it left, and run it again."""
    project = before.copy(work)
    data = f"{project.path}/data"

    def die() -> None:
        count_events(data, lambda count: os.kill(os.getpid(), signal.SIGKILL) if count == at else None)

    assert project.run(stage, before=die) == -signal.SIGKILL, (stage, at)
    left = project.results()
    assert left.items() <= right.items(), (stage, at, "left something that is neither whole nor absent")
    assert project.run(stage) == 0, (stage, at, project.said())
    assert project.results() == right, (stage, at, "another result")
    shutil.rmtree(work)


def worker_killed(before: Project, stage: str, at: int, right: dict[str, str], work: Path) -> bool:
    """Kill a worker at its n-th event; say whether any came so far. The run itself must end well."""
    project = before.copy(work)
    mark, site = work / "killed", work / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(WORKER)

    def prepare() -> None:
        os.environ["PYTHONPATH"] = f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        os.environ |= {"KILL_WORKER_AT": str(at), "KILL_MARK": str(mark), "KILL_BELOW": f"{project.path}/data"}
        os.environ["KILL_FROM"] = str(Path(__file__).parent)

    assert project.run(stage, "processes", prepare) == 0, (stage, at, project.said())
    assert project.results() == right, (stage, at, "another result")
    killed = mark.exists()
    shutil.rmtree(work)
    return killed


def count_of(before: Project, stage: str, work: Path) -> tuple[int, dict[str, str], Project]:
    """Run a stage undisturbed: how many events it has, what comes out, and the project after it."""
    project = before.copy(work)
    tally = work / "tally"

    def count() -> None:
        count_events(f"{project.path}/data", lambda count: tally.write_text(str(count)))

    assert project.run(stage, before=count) == 0, project.said()
    return int(tally.read_text()), project.results(), project


def main() -> None:
    """Run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=30, help="of each stage")
    parser.add_argument("--workers", type=int, default=5, help="moments at which a worker is killed")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    with redirect_stdout(io.StringIO()):  # some say hello
        for name in IMPORTS:
            import_module(name)
    print("| stage | moments | killed there | right after the same run again |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = make_project(folder)
        for stage in STAGES:
            events, right, after = count_of(project, stage, folder / f"after_{stage}")
            moments = sorted(rng.choice(events, size=min(options.moments, events), replace=False) + 1)
            for at in moments:
                killed_and_run_again(project, stage, int(at), right, folder / "disturbed")
            print(f"| {stage} | {events:,} | {len(moments)} | {len(moments)} |", flush=True)
            if stage == "preprocess" and options.workers:
                drawn = [int(at) for at in rng.integers(1, SHARD_EVENTS + 1, size=options.workers)]
                hit = sum(worker_killed(project, stage, at, right, folder / "disturbed") for at in drawn)
                print(f"| {stage}, a worker of two | | {hit} | {len(drawn)}, without another run |", flush=True)
            project = after


if __name__ == "__main__":
    main()
