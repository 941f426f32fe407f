"""The domain packages run where there is no Kedro, no MLflow and none of what only these need."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
from PIL import Image

from dcgan_pipeline.weights import Weights

REPOSITORY = Path(__file__).parents[1]
# What a bare GPU machine lacks; the import of a name that is None in sys.modules fails, as where it is not installed.
WITHOUT = (
    "import runpy, sys\n"
    "absent = ['kedro', 'kedro_datasets', 'kedro_mlflow', 'mlflow', 'duckdb', 'ray', 'omegaconf']\n"
    "sys.modules |= dict.fromkeys(absent)\n"
    "sys.argv = sys.argv[1:]\n"
    "runpy.run_path(sys.argv[0], run_name='__main__')\n"
)


def test_a_recipe_is_trained_and_drawn_without_kedro_and_goes_on(tmp_path):
    (tmp_path / "photos").mkdir()
    for k in range(120):
        Image.new("RGB", (40, 40), (2 * k, 255 - 2 * k, 90)).save(tmp_path / f"photos/{k:03d}.png")
    command = [sys.executable, "-c", WITHOUT, str(REPOSITORY / "benchmarks/bare.py"), "cifar10"]
    command += [str(tmp_path / "photos"), str(tmp_path / "out"), "--set", "architecture={width: 2, latent_dim: 4}"]
    command += ["epochs=null", "batch_size=8", "log_every=2", "quality={samples: 20}"]
    for change, steps in ((["steps=4"], 4), (["steps=6", "resume=true"], 6)):
        done = subprocess.run(command + change, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert f"| minibatches of 8 | {steps} |" in done.stdout
        assert Weights.load(tmp_path / "out/gan.safetensors").settings["step"] == steps
    assert pd.read_csv(tmp_path / "out/history.csv")["step"].tolist() == [2, 4, 6]
    for name in ("loss_curves", "diagnostic_curves", "sample_grid"):
        assert Image.open(tmp_path / f"out/{name}.png").size > (300, 300)
