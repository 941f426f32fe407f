"""Encoders of films: seconds, bytes, memory, loss, and whether a browser can begin before the whole file is there.

    python benchmarks/films.py [frames]

The films are of smooth changes between pictures of 32 x 32, enlarged to 480 x 480, as a walk of the digits is. One
that is not installed is left out; each runs in a process of its own, so that its memory is its own.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

RATE, SIDE = 24, 480


def frames(count: int) -> Iterator[np.ndarray]:
    """Fade from one blurred picture of noise to the next: uint8 (SIDE, SIDE, 3)."""
    noise = np.random.default_rng(0).uniform(0, 1, (9, 32, 32))
    pictures = np.stack([cv2.GaussianBlur(picture, (0, 0), 2) for picture in noise])
    low, high = (end(pictures, axis=(1, 2), keepdims=True) for end in (np.min, np.max))
    pictures = (pictures - low) / (high - low)
    for k in range(count):
        point, share = divmod(8 * k / count, 1)
        grey = 255 * (pictures[int(point)] * (1 - share) + pictures[int(point) + 1] * share)
        yield grey.astype(np.uint8).repeat(SIDE // 32, 0).repeat(SIDE // 32, 1)[..., None].repeat(3, 2)


def write_ours(path: str, count: int) -> None:
    """As the project does: PyAV's H.264."""
    from dcgan_pipeline.visualize.film import Film

    Film(lambda: frames(count), RATE).write_mp4(path)


def write_imageio(path: str, count: int) -> None:
    """imageio-ffmpeg: ffmpeg as a process, fed through a pipe."""
    import imageio_ffmpeg

    options = ["-crf", "18", "-preset", "veryfast", "-movflags", "+faststart", "-threads", "1"]
    writer = imageio_ffmpeg.write_frames(
        path, (SIDE, SIDE), fps=RATE, codec="libx264", quality=None, macro_block_size=2, output_params=options
    )
    writer.send(None)
    for frame in frames(count):
        writer.send(frame)
    writer.close()


def write_opencv(path: str, count: int) -> None:
    """OpenCV's VP9, which is installed anyway; its wheel has no H.264."""
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"vp09"), RATE, (SIDE, SIDE))
    for frame in frames(count):
        writer.write(frame[..., ::-1])
    writer.release()


WRITERS = {"PyAV, H.264": write_ours, "imageio-ffmpeg, H.264": write_imageio, "OpenCV, VP9": write_opencv}


def measure(name: str, count: int) -> str:
    """Write one film, read it again, and give a row of the table."""
    import resource

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/film.mp4"
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        WRITERS[name](path, count)
        seconds = time.perf_counter() - start
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        memory = (grown + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024
        data, reader = Path(path).read_bytes(), cv2.VideoCapture(path)
        errors = [np.square(frame - reader.read()[1][..., ::-1].astype(float)).mean() for frame in frames(count)]
        loss = 10 * np.log10(255**2 / np.mean(errors))
        begins = "yes" if data.find(b"moov") < data.find(b"mdat") else "no"
        return f"| {name} | {seconds:.1f} | {len(data) / 1000:.0f} | {memory:.0f} | {loss:.1f} | {begins} |"


def main() -> None:
    """Print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print(f"{count} frames of {SIDE} x {SIDE}\n")
    print("| encoder | seconds | kB | MB of memory | PSNR, dB | begins at once |\n|---|---|---|---|---|---|")
    for name in WRITERS:
        code = f"import films; print(films.measure({name!r}, {count}))"
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
        print(run.stdout.strip() or f"| {name} | not installed | | | | |")


if __name__ == "__main__":
    main()
