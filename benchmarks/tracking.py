"""What MLflow keeps when it is made by two runs at once, interrupted, locked, gone or down.

    python benchmarks/tracking.py starts --times 50        # two first runs of a fresh project, started together
    python benchmarks/tracking.py interrupts --times 50    # a first run, interrupted at drawn moments
    python benchmarks/tracking.py outages --seconds 600    # a training whose database is locked, gone and back
    python benchmarks/tracking.py outages --seconds 600 --server    # and whose server is down and back

The first two print how many left a database that a later run cannot use; the third compares every point of the curves
in MLflow with `training_history`. The stages run on the bundled digits, in temporary folders, on loopback only.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from mlflow import MlflowClient
from rich import print
from rich.table import Table

REPOSITORY = Path(__file__).parents[1]
TINY = "train.architecture.width=8,train.log_every=5,train.quality.samples=50,train.sample_every=200"


@contextmanager
def fresh_project() -> Iterator[Path]:
    """Copy the configuration of the repository into a folder of its own."""
    with TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        shutil.copytree(REPOSITORY / "conf", project / "conf")
        (project / "src").mkdir()
        shutil.copy(REPOSITORY / "pyproject.toml", project)
        yield project


def kedro(project: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start `kedro run` in a process group of its own."""
    paths = os.pathsep.join([str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")])
    own = {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "KEDRO_DISABLE_TELEMETRY": "1", "COLUMNS": "200"}
    return subprocess.Popen(
        [sys.executable, "-m", "kedro", "run", *arguments],
        cwd=project,
        env={**os.environ, **own, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def ended_well(process: subprocess.Popen[str]) -> bool:
    """Wait for a run; print what one said that failed."""
    said, _ = process.communicate()
    if process.returncode:
        print(f"[red]a run ended with {process.returncode}[/red]\n{said[-2000:]}")
    return process.returncode == 0


def runs_in(project: Path) -> int:
    """Count the runs that MLflow has, FINISHED ones."""
    client = MlflowClient(f"sqlite:///{project}/mlflow.db")
    experiment = client.get_experiment_by_name("dcgan_pipeline")
    return len(client.search_runs([experiment.experiment_id], "attributes.status = 'FINISHED'"))


# ---- the first start


def two_starts() -> dict[str, bool]:
    """Start two first runs together."""
    with fresh_project() as project:
        both = [kedro(project, "--pipeline=faces") for _ in range(2)]
        well = [ended_well(process) for process in both]
        later = ended_well(kedro(project, "--pipeline=faces"))
        return {"a run failed": not all(well), "broken database": not later, "a run is missing": runs_in(project) != 3}


def interrupted_start(at: float, how: int) -> dict[str, bool]:
    """Interrupt a first run some seconds after the database begins to be made, and run again."""
    with fresh_project() as project:
        process = kedro(project, "--pipeline=faces")
        while process.poll() is None and not list(project.glob("*mlflow.db*")):
            time.sleep(0.01)
        time.sleep(at)
        os.killpg(process.pid, how)
        process.communicate()
        later = ended_well(kedro(project, "--pipeline=faces"))
        return {"broken database": not later, "a run is missing": runs_in(project) < 1}


def many(times: int, attempt: Callable[[int], dict[str, bool]], title: str) -> bool:
    """Try often, and print how often each fault was seen."""
    seen: dict[str, int] = {}
    for number in range(times):
        for fault, is_there in attempt(number).items():
            seen[fault] = seen.get(fault, 0) + is_there
    table = Table("fault", f"of {times}", title=title, title_justify="left")
    for fault, count in seen.items():
        table.add_row(fault, str(count))
    print(table)
    return not any(seen.values())


# ---- outages


class Database:
    """A database file that another program locks, and that somebody moves away and back."""

    def __init__(self, project: Path) -> None:
        self._file = project / "mlflow.db"
        self.uri = f"sqlite:///{self._file}"

    def out(self, number: int, seconds: float) -> str:
        """Be out of reach for some seconds."""
        if number % 2 == 0:
            with closing(sqlite3.connect(self._file, timeout=30, isolation_level=None)) as connection:
                connection.execute("BEGIN EXCLUSIVE")
                time.sleep(seconds)
            return "locked"
        away = self._file.with_name("away.db")
        os.rename(self._file, away)
        time.sleep(seconds)
        os.rename(away, self._file)
        return "gone"

    def close(self) -> None:
        """Leave it."""


class Server:
    """A tracking server that is killed and started again."""

    def __init__(self, project: Path) -> None:
        self._folder = project.parent / "server"
        self._folder.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self._port}"
        self._start()

    def _start(self) -> None:
        options = ["--backend-store-uri", f"sqlite:///{self._folder}/mlflow.db", "--workers", "1"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *options, "--host", "127.0.0.1", "--port", str(self._port)],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.5)

    def out(self, number: int, seconds: float) -> str:
        """Be down for some seconds."""
        self.close()
        time.sleep(seconds)
        self._start()
        return "down"

    def close(self) -> None:
        """Stop it."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def outages(seconds: float, server: bool) -> bool:
    """Train for about so many seconds, a third of them without MLflow, and compare the curves."""
    with fresh_project() as project:
        place = Server(project) if server else Database(project)
        try:
            own = {"MLFLOW_TRACKING_URI": place.uri} if server else {}
            first = f"--params={TINY},train.steps=200,dedup.autoencoder.steps=50,dedup.audit.planted=5"
            if not ended_well(kedro(project, "--pipelines=faces,preprocess,dedup,train", first, **own)):
                return False
            history, _ = trained(project, place.uri)
            rate = history["images_per_second"].iloc[-1] / 128
            process = kedro(project, "--pipeline=train", f"--params={TINY},train.steps={int(rate * seconds)}", **own)
            begun = time.monotonic()
            time.sleep(15)
            said = []
            number = 0
            while process.poll() is None and time.monotonic() - begun < seconds * 0.8:
                said.append(f"{place.out(number, seconds / 9)} for {seconds / 9:.0f} s")
                number += 1
                time.sleep(seconds / 9)
            well = ended_well(process)
            took = time.monotonic() - begun
            well = ended_well(kedro(project, "--pipeline=faces", **own)) and well  # delivers what is left
            return compare(project, place.uri, said, took) and well
        finally:
            place.close()


def trained(project: Path, uri: str) -> tuple[pd.DataFrame, dict[str, list[tuple[int, float]]]]:
    """Give the newest training's history, and its curves in MLflow."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("dcgan_pipeline").experiment_id
    wanted = "attributes.run_name LIKE '%train%'"
    run = client.search_runs([experiment], wanted, order_by=["attributes.start_time DESC"])[0]
    curves = {
        name: [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, name)]
        for name in run.data.metrics
    }
    newest = max((project / "data").rglob("training_history.parquet/*"))
    history = pd.read_parquet(next(newest.glob("*.parquet")))
    history["images_per_second"] = curves["train.images_per_second"][-1][1]
    return history, curves


def compare(project: Path, uri: str, said: list[str], took: float) -> bool:
    """Compare every point of every column of `training_history` with MLflow's."""
    history, curves = trained(project, uri)
    table = Table("curve", "points", "missing", "other", "too many", title=f"{took:.0f} s: {', '.join(said)}")
    faults = 0
    for column in history.columns.drop(["step", "event", "images_per_second"]):
        rows = zip(history["step"], history[column], strict=True)
        expected = {step: value for step, value in rows if not math.isnan(value)}
        curve = curves.get(f"train.{column}", [])
        found = dict(curve)
        missing = sum(step not in found for step in expected)
        other = sum(found[step] != value for step, value in expected.items() if step in found)
        extra = len(curve) - len(expected)
        faults += missing + other + max(0, extra)
        table.add_row(column, str(len(expected)), str(missing), str(other), str(extra))
    print(table)
    return faults == 0


def main() -> None:
    """Read the arguments, and try."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["starts", "interrupts", "outages"])
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--server", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    draw = random.Random(given.seed)
    if given.what == "starts":
        well = many(given.times, lambda _: two_starts(), "two first runs, started together")
    elif given.what == "interrupts":
        signals = (signal.SIGINT, signal.SIGKILL)
        well = many(
            given.times,
            lambda number: interrupted_start(draw.uniform(0, 6), signals[number % 2]),
            "a first run, interrupted by Ctrl-C and SIGKILL in turn",
        )
    else:
        well = outages(given.seconds, given.server)
    sys.exit(not well)


if __name__ == "__main__":
    main()
