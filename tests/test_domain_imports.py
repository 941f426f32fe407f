import json
import subprocess
import sys

import pytest

BLOCKED = ("kedro", "kedro_datasets", "kedro_mlflow", "kedro_viz", "mlflow", "ray")
PACKAGES = ("imaging", "dedup", "gan", "evaluation", "figures", "attributes", "edits", "visualize")
SINGLE = ("arrays", "devices", "engine", "errors", "files", "progress", "schema", "summary", "tracking", "weights")

# What a machine that lacks them does: every import of them fails.
SCRIPT = f"""
import importlib, json, pkgutil, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {BLOCKED!r}:
            raise ImportError(name + " is not installed here")

sys.meta_path.insert(0, Missing())
done = []
for name in sys.argv[1:]:
    module = importlib.import_module("dcgan_pipeline." + name)
    done.append(module.__name__)
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), module.__name__ + "."):
        done.append(importlib.import_module(found.name).__name__)
print(json.dumps({{"done": done, "loaded": sorted(sys.modules)}}))
"""


def imported(*names):
    run = subprocess.run([sys.executable, "-c", SCRIPT, *names], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_the_domain_packages_import_on_a_machine_without_the_pipeline_tools():
    found = imported(*PACKAGES, *SINGLE)
    for module in ("imaging.crop", "dedup.codes", "gan.train", "evaluation.compare", "figures.training"):
        assert f"dcgan_pipeline.{module}" in found["done"]
    assert not [name for name in found["loaded"] if name.partition(".")[0] in BLOCKED]


def test_the_block_is_real():
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, "pipeline_registry"], capture_output=True, text=True, check=False
    )
    assert run.returncode != 0
    assert "is not installed here" in run.stderr


@pytest.mark.parametrize("name", ["gan", "dedup", "imaging"])
def test_training_and_data_do_not_need_the_drawing_or_the_judging_libraries(name):
    loaded = imported(name)["loaded"]
    assert "matplotlib" not in loaded
    assert "sklearn" not in loaded
