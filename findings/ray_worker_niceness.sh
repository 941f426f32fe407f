#!/usr/bin/env bash
# Guess: a worker that Ray starts on this machine runs at the priority of the process that started Ray.
# Seen (ray 2.60.0, Linux): tasks and actors run at niceness 15 where the driver is at 0, also where ray.init() starts Ray.
# Beside other work on as many cores they get a small share of them. RAY_worker_niceness=0, set before Ray starts, gives
# them the priority of the driver.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet ray==2.60.0
for wanted in unset 0; do
    if [ "$wanted" = unset ]; then unset RAY_worker_niceness; else export RAY_worker_niceness=$wanted; fi
    RAY_USAGE_STATS_ENABLED=0 "$folder/env/bin/python" - "$wanted" <<'PYTHON'
import os
import sys

import ray

ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")


@ray.remote
def niceness() -> int:
    return os.nice(0)


driver, worker = os.nice(0), ray.get(niceness.remote())
print(f"RAY_worker_niceness {sys.argv[1]}: driver {driver}, worker {worker}")
assert worker == (max(driver, 15) if sys.argv[1] == "unset" else driver)
ray.shutdown()
PYTHON
done
