"""Ctrl-C ends a run in one line, which says how it goes on."""

from __future__ import annotations

import atexit
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import click
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from dcgan_pipeline.problems import Stopped
from dcgan_pipeline.problems.results import FILTERS, command


class InterruptHooks:
    """End an interrupted run as such (exit code 130), also where a library made an error of its own of it.

    DuckDB answers Ctrl-C with an exception that says nothing of it. A run that was interrupted has not failed: no hook
    after this one is told that it has, and it ends as KILLED in MLflow.
    """

    _previous: Any = None

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Watch for Ctrl-C; a program that has a handler of its own keeps it."""
        self._run_params, self._pipeline, self._catalog = run_params, pipeline, catalog
        self._began, self._done, self._interrupted = time.time(), set[str](), False
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._previous = signal.signal(signal.SIGINT, self._interrupt)

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Remember what is done."""
        self._done.add(node.name)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Watch no longer."""
        self._unwatch()

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self) -> None:
        """Stop as interrupted, whatever has come of the interruption."""
        self._unwatch()
        if self._interrupted:
            raise self._stop() from None

    def _unwatch(self) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            self._previous = None

    def _interrupt(self, signum: int, frame: Any) -> None:
        self._unwatch()  # the second Ctrl-C does what it does elsewhere
        self._interrupted = True
        raise self._stop()

    def _stop(self) -> BaseException:
        line = f"stopped; what was made before is kept, and `{self._going_on()}` goes on"
        if click.get_current_context(silent=True) is None:  # a notebook, or a program
            return Stopped(line)
        # click would make "Aborted!" and the exit code 1 of a KeyboardInterrupt.
        atexit.unregister(_tell)
        atexit.register(_tell, line)
        return SystemExit(128 + signal.SIGINT)

    def _going_on(self) -> str:
        """The command that runs what was not done, from the checkpoint where there is one.

        Whole stages; where the run was of some nodes alone, those that are left of them.
        """
        stages = self._stages()
        params = dict(self._run_params.get("runtime_params") or {})
        if "train" in stages and self._has_checkpoint():
            params["train"] = {**(params.get("train") or {}), "resume": True}
        if any(self._run_params.get(key) for key in FILTERS):
            left = [node.name for node in self._pipeline.nodes if node.name not in self._done]
            return command(self._run_params, node_names=left, runtime_params=params)
        return command(self._run_params, pipeline_names=stages, runtime_params=params)

    def _stages(self) -> list[str]:
        """Those that were not done. Pipelines may share nodes: those that this run has whole come first."""
        from dcgan_pipeline.pipeline_registry import register_pipelines

        nodes = {
            name: {node.name for node in pipeline.nodes}
            for name, pipeline in register_pipelines().items()
            if name not in ("unsupervised", "__default__")
        }
        in_run = {node.name for node in self._pipeline.nodes}
        waiting, found = in_run - self._done, set[str]()
        for name in sorted(nodes, key=lambda name: not nodes[name] <= in_run):
            if waiting & nodes[name]:
                found.add(name)
                waiting -= nodes[name]
        return [name for name in nodes if name in found]

    def _has_checkpoint(self) -> bool:
        if "checkpoints" not in self._pipeline.inputs():
            return False
        files = Path(self._catalog.load("checkpoints")).rglob("step-*.safetensors")
        return any(file.stat().st_mtime >= self._began - 1 for file in files)


def _tell(line: str) -> None:
    sys.stderr.write(f"\n{line}\n")
