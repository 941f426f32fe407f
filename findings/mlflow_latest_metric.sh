#!/usr/bin/env bash
# Guess: a run's value of a metric is the one that was logged last; a history gives the points in the order of logging;
# an infinite loss is shown as infinite.
# Seen (mlflow 3.17.2, sqlite): of points of one step and one millisecond, the largest value counts as the latest, not the
# last; equal points are one; their history is sorted by value. A point of a lower step never becomes the latest, however
# late it is logged, so a curve that goes back (a resumed training) keeps the older value. Infinity comes back as
# 1.797e308. NaN is found by "!= 5" and not by "< 1".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet mlflow==3.17.2
"$folder/env/bin/python" - <<'PYTHON'
import logging
import math
import tempfile

logging.disable(logging.CRITICAL)
from mlflow import MlflowClient
from mlflow.entities import Metric

with tempfile.TemporaryDirectory() as folder:
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.create_experiment("points", artifact_location=folder)
    run = client.create_run(experiment).info.run_id
    now = 1_700_000_000_000
    client.log_batch(run, metrics=[Metric("batch", value, now, 0) for value in (1.0, 1.0, 2.0, 0.5)])
    client.log_metric(run, "resumed", 9.0, timestamp=now, step=10)
    client.log_metric(run, "resumed", 1.0, timestamp=now + 5000, step=2)
    client.log_metric(run, "infinite", math.inf, timestamp=now)
    client.log_metric(run, "nan", math.nan, timestamp=now)
    metrics = client.get_run(run).data.metrics
    history = [point.value for point in client.get_metric_history(run, "batch")]
    found = [len(client.search_runs([experiment], query)) for query in ("metrics.nan != 5", "metrics.nan < 1")]
    print(metrics, history, found)
    assert metrics["batch"] == 2.0 and history == [0.5, 1.0, 2.0]
    assert metrics["resumed"] == 9.0
    assert metrics["infinite"] == 1.7976931348623157e308
    assert found == [1, 0]
PYTHON
