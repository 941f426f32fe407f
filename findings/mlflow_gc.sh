#!/usr/bin/env bash
# Guess: deleting a run deletes the model that it logged; `mlflow gc --run-ids A` removes run A for good, and nothing else.
# Seen (mlflow 3.17.2, sqlite): the model of a deleted run stays READY and loads, and `mlflow gc --run-ids A` leaves its
# files where they are. The same command removes every experiment that is in the bin, with runs that nobody named, for
# good: ids of runs do not narrow what it takes of experiments.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet mlflow==3.17.2
cd "$folder"
cat > make.py <<'PYTHON'
import sys

import mlflow

mlflow.set_tracking_uri("sqlite:///mlflow.db")
client = mlflow.MlflowClient()


class Twice(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input * 2


if sys.argv[1] == "make":
    named = client.create_experiment("named", artifact_location="named")
    other = client.create_experiment("other", artifact_location="other")
    with mlflow.start_run(experiment_id=named) as run:
        mlflow.pyfunc.log_model(name="twice", python_model=Twice(), pip_requirements=[])
    kept = client.create_run(other)
    client.delete_run(run.info.run_id)
    client.delete_experiment(other)
    print(run.info.run_id)
else:
    (model,) = client.search_logged_models([client.get_experiment_by_name("named").experiment_id])
    print("model:", model.status, mlflow.pyfunc.load_model(model.model_uri).predict(21))
    print("experiment in the bin:", client.get_experiment_by_name("other"))
    assert model.status == "READY"
    assert client.get_experiment_by_name("other") is None
PYTHON
run=$(env/bin/python make.py make 2> /dev/null | tail -1)
PATH="$folder/env/bin:$PATH" mlflow gc --backend-store-uri sqlite:///mlflow.db --tracking-uri sqlite:///mlflow.db --run-ids "$run" 2> /dev/null
env/bin/python make.py look 2> /dev/null
