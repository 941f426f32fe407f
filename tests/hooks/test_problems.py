"""What a user can mend is one line: of a command, of the package run as a program, in a notebook."""

import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from dcgan_pipeline.errors import InputError

TOO_EARLY = "`train` needs duplicates, images and records, which no run has made yet; run `kedro run "


@pytest.mark.parametrize(
    ("program", "arguments", "message"),
    [
        ("kedro run", ["--env=photo"], "--env must be one of base, "),
        ("kedro run", ["--pipelines=trian"], "got 'trian'; did you mean train?"),
        ("dcgan_pipeline", ["--env=photos", "--pipelines=train"], TOO_EARLY + "--env=photos --pipelines=faces,"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(project, program, arguments, message):
    command = [sys.executable, "-m", *program.split(), *arguments]
    done = subprocess.run(command, cwd=project.path, capture_output=True, text=True, check=False, timeout=300)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "error: " in line]
    assert done.returncode == 1
    assert len(said) == 1
    assert message in said[0]
    assert "Traceback" not in done.stdout + done.stderr


def test_a_project_without_settings_is_told_where_they_are_looked_for(tmp_path):
    command = [sys.executable, "-m", "dcgan_pipeline"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert f"error: the settings must be in a folder conf/, and there is none in {tmp_path}; " in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(tmp_path.iterdir())


def test_a_run_that_never_started_is_not_in_mlflow(project):
    with pytest.raises(InputError, match="`train` needs duplicates, images and records"):
        project.run("train")
    assert not (project.path / "data").exists()
    (project.path / "data").write_text("no folder")
    with pytest.raises(InputError, match="data must be a folder"):
        project.run("faces")
    wrong = "regions: {type: dcgan_pipeline.datasets.tabel.TableDataset, filepath: x}"
    (project.path / "conf/local/catalog.yml").write_text(wrong)
    with pytest.raises(Exception, match="No module named 'dcgan_pipeline"):
        project.run("faces")
    assert not project.mlflow_runs()


def test_in_a_notebook_it_is_one_line_too(project):
    cells = ["%load_ext kedro.ipython", "catalog.load('gan')", "%reload_kedro --env=photo", "1 / 0"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    place = {"metadata": {"path": str(project.path / "notebooks")}}
    NotebookClient(notebook, resources=place, timeout=300, allow_errors=True, kernel_name="python3").execute()
    shown = [
        [output["traceback"] for output in cell.outputs if output.output_type == "error"] for cell in notebook.cells
    ]
    needed = "faces,preprocess,dedup,train"
    made = "gan must have been made before it is loaded, and no run has made it yet"
    assert shown[1] == [[f"error: {made}; run `kedro run --pipelines={needed}`"]]
    assert shown[2][0][0].startswith("error: --env must be one of base, ")
    assert "ZeroDivisionError" in str(notebook.cells[3].outputs)
    assert "error: " not in str(notebook.cells[3].outputs)
