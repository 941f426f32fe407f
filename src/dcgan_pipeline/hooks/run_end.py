"""Every MLflow run gets its true end."""

from __future__ import annotations

import atexit
import signal
import sys
import threading
from typing import Any

from kedro.framework.hooks import hook_impl

from dcgan_pipeline.tracking import run as runs


class RunEndHooks:
    """Give every MLflow run its true end, once: FINISHED, FAILED, or KILLED by Ctrl-C and SIGTERM.

    After SIGKILL the next run says KILLED (:meth:`dcgan_pipeline.tracking.sender.Sender.adopt`).
    """

    def __init__(self) -> None:
        self._running = False
        self._previous: Any = None
        self._registered = False

    @hook_impl(tryfirst=True)
    def after_context_created(self) -> None:
        """Close what an interrupted run of this process left open."""
        self._killed()

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Watch for the end of the process from here on."""
        self._running = True
        if not self._registered:
            atexit.register(self._killed)  # the last registered runs first: before MLflow's own, which says FINISHED
            self._registered = True
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGTERM, self._terminate)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """The run ended well."""
        self._end("FINISHED")

    @hook_impl
    def on_pipeline_error(self) -> None:
        """The run failed."""
        self._end("FAILED")

    def _killed(self) -> None:
        if self._running:
            self._end("KILLED")

    def _end(self, status: str) -> None:
        self._running = False
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)
            self._previous = None
        runs.finish(status)

    @staticmethod
    def _terminate(signum: int, frame: Any) -> None:
        sys.exit(128 + signum)  # as an exception, so that saves clean up behind themselves
