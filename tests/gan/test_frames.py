import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from dcgan_pipeline.errors import InputError
from dcgan_pipeline.gan.frames import FrameFolder


def frame(value):
    return np.full((2, 1, 4, 4), value, np.uint8)


def test_frames_come_back_in_the_order_asked_for_and_as_often_as_asked(tmp_path):
    frames = FrameFolder.fresh(tmp_path)
    for step in (0, 500, 1000):
        frames.write(step, frame(step // 10))
    stream = frames.stream([0, 500, 1000])
    for _ in range(2):
        assert [part.shape for part in stream] == [(1, 2, 1, 4, 4)] * 3
        assert [int(part.max()) for part in stream] == [0, 50, 100]


def test_a_frame_is_read_when_it_is_its_turn(tmp_path):
    frames = FrameFolder.fresh(tmp_path)
    frames.write(1, frame(1))
    found = iter(frames.stream([1, 2]))
    next(found)
    frames.write(2, frame(2))  # had it been read before, it would be missing
    np.testing.assert_array_equal(next(found)[0], frame(2))


def test_every_training_has_a_folder_of_its_own(tmp_path):
    one, two = FrameFolder.fresh(tmp_path), FrameFolder.fresh(tmp_path)
    assert one.folder != two.folder
    (tmp_path / "samples-of-mine").mkdir()
    assert FrameFolder.fresh(tmp_path).name > two.name > one.name


def test_what_a_killed_training_drew_after_its_checkpoint_is_removed(tmp_path):
    frames = FrameFolder.fresh(tmp_path)
    for step in (0, 4, 8):
        frames.write(step, frame(step))
    (frames.folder / ".partial-1-step-000000012.npy").write_bytes(b"half")
    frames.keep_only([0, 4])
    assert sorted(path.name for path in frames.folder.iterdir()) == ["step-000000000.npy", "step-000000004.npy"]


def test_a_missing_frame_is_named_in_one_line(tmp_path):
    frames = FrameFolder.fresh(tmp_path)
    frames.write(4, frame(4))
    frames.check([4])
    missing = frames.folder / "step-000000008.npy"
    with pytest.raises(InputError, match=re.escape(f"{missing} is missing")) as refusal:
        frames.check([4, 8])
    assert "\n" not in str(refusal.value)


# Writes a frame of 8 MB again and again, and kills itself in the middle of a write.
KILLED = """
import os, signal, sys
import numpy as np
from pathlib import Path
from dcgan_pipeline.gan.frames import FrameFolder

written = 0
def hook(event, arguments):
    global written
    if event == "os.rename" and "step-" in str(arguments[1]):
        written += 1
        if written == 2:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
frames = FrameFolder(Path(sys.argv[1]))
for value in (1, 2):
    frames.write(0, np.full((8, 1, 1024, 1024), value, np.uint8))
"""


def test_a_kill_leaves_the_frame_before_and_no_half_one(tmp_path):
    frames = FrameFolder.fresh(tmp_path)
    process = subprocess.run([sys.executable, "-c", KILLED, str(frames.folder)], env=os.environ, check=False)
    assert process.returncode == -signal.SIGKILL
    (found,) = frames.stream([0])
    assert (found == 1).all()
    assert len(list(frames.folder.iterdir())) == 2  # the frame, and what was under way
    frames.keep_only([0])
    assert len(list(frames.folder.iterdir())) == 1
