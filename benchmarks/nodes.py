"""What every node of a run takes, in seconds of the processor and of the clock.

    python benchmarks/nodes.py
    python benchmarks/nodes.py --env=scenes --pipeline=edits

Run it in a project's folder: it is a run as any other. On a machine that does other work, read the processor's seconds;
those of other processes that a node starts are not among them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from kedro.framework.hooks import hook_impl
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Node


class Clock:
    """Times nodes that run one after the other."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, float, str]] = []
        self._start = (0.0, 0.0)

    @hook_impl
    def before_node_run(self) -> None:
        """Begin."""
        self._start = (time.process_time(), time.perf_counter())

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Keep what it took."""
        cpu, wall = self._start
        self.rows.append((time.process_time() - cpu, time.perf_counter() - wall, node.name))


def main() -> None:
    """Run, and print a table in Markdown: the longest first, and the sums of each stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default=None)
    parser.add_argument("--pipeline", default="__default__")
    arguments = parser.parse_args()
    bootstrap_project(Path.cwd())
    clock = Clock()
    with KedroSession.create(env=arguments.env) as session:
        session._hook_manager.register(clock)
        session.run(pipeline_names=[arguments.pipeline])
    stages: dict[str, float] = {}
    print("| node | processor, s | clock, s |\n|---|---|---|")
    for cpu, wall, name in sorted(clock.rows, reverse=True):
        print(f"| {name} | {cpu:.1f} | {wall:.1f} |")
        stage = name.split(".")[0]
        stages[stage] = stages.get(stage, 0.0) + cpu
    print("\n| stage | processor, s |\n|---|---|")
    for stage, cpu in stages.items():
        print(f"| {stage} | {cpu:.1f} |")


if __name__ == "__main__":
    main()
