"""kill -9 at drawn moments, then the same run again; benchmarks/kill.py does it, and can do it at many more."""

import os
import signal
import subprocess
import sys

from kill import OUTPUTS

MOMENTS = 2  # of each stage; DCGAN_KILL_MOMENTS=30 takes minutes


def test_a_stage_that_is_killed_anywhere_gives_the_right_result_when_it_runs_again(request):
    moments = int(os.environ.get("DCGAN_KILL_MOMENTS", MOMENTS))
    script = request.config.rootpath / "benchmarks/kill.py"
    command = [sys.executable, str(script), f"--moments={moments}", "--workers=2"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-4000:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in run.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == ["faces", "preprocess", "preprocess, a worker of two", "dedup"]
    assert [row[2] for row in rows] == [str(moments), str(moments), "2", str(moments)]


# In every process that Python starts; the one that runs the stage kills itself when images are to be moved.
SITE = """
import os, sys
def hook(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("thumbnails"):
        os.kill(os.getpid(), 9)
sys.addaudithook(hook)
"""


def test_the_command_is_killed_between_two_outputs_and_given_again(project, monkeypatch, tmp_path, digests):
    """`kedro run` as a user gives it: after the kill there is a version of images, and none of thumbnails."""
    project.run("faces")
    command = ("run", "--pipeline=preprocess", "--params=engine.name=processes,engine.workers=2")
    (tmp_path / "sitecustomize.py").write_text(SITE)
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        process = project.kedro(*command)
        process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL
    assert len(project.versions("images")) == 1
    assert project.versions("thumbnails") == []
    outputs = list(OUTPUTS[3:7])
    process = project.kedro(*command)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    again = digests(project, outputs)
    project.run("preprocess")
    assert digests(project, outputs) == again
    assert [len(project.versions(name)) for name in ("images", "thumbnails")] == [3, 2]
