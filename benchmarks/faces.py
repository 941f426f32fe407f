"""Faces: recall and precision against annotated boxes, and the time of the stage beside OpenCV in a plain loop.

    python benchmarks/faces.py PHOTOS
    python benchmarks/faces.py PHOTOS --yunet face_detection_yunet_2023mar.onnx

PHOTOS is a folder of photographs. With a `boxes.xml` in it, in the form of dlib's tools (one `image` an annotated
photograph, one `box` a face), the first table is printed; photographs without an entry are left out of it. The second
table needs no annotation. All calls run in this process, on one core, in turn; times are CPU seconds, medians over the
rounds, and the ratio is the median of the rounds' ratios. The plain loops decode in grey for Haar and in colour for
YuNet, and keep nothing.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import PIL
from rich import get_console

from dcgan_pipeline.engine import EngineSettings
from dcgan_pipeline.imaging.boxes import Box, match_boxes
from dcgan_pipeline.imaging.open_source import open_source
from dcgan_pipeline.imaging.regions import find_regions
from dcgan_pipeline.imaging.settings import FacesSettings
from dcgan_pipeline.imaging.sources import ImageSource, SubsetSource

Found = dict[str, list[Box]]


def read_truth(path: Path) -> Found:
    """Read the annotated boxes of each photograph."""
    sides = ("left", "top", "width", "height")
    images = ElementTree.parse(path).getroot().iter("image")
    return {
        image.attrib["file"]: [Box(*(int(box.attrib[side]) for side in sides)) for box in image.iter("box")]
        for image in images
    }


def stage(source: ImageSource, settings: FacesSettings) -> Found:
    """Find faces as the stage does."""
    regions = find_regions(source, settings, EngineSettings())
    kept = regions[regions["kept"]]
    columns = ["left", "top", "width", "height", "score"]
    return {name: [Box(*row) for row in part[columns].to_numpy()] for name, part in kept.groupby("source")}


def plain_haar(source: ImageSource) -> Found:
    """Call OpenCV's cascade as its tutorial does."""
    cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data/haarcascade_frontalface_default.xml"))
    found = {}
    for row, name in enumerate(source.names):
        grey = cv2.imdecode(np.frombuffer(source.read(row), np.uint8), cv2.IMREAD_GRAYSCALE)
        found[name] = [Box(*map(int, box)) for box in cascade.detectMultiScale(grey, 1.1, 5, minSize=(30, 30))]
    return found


def plain_yunet(source: ImageSource, model: str, settings: FacesSettings) -> Found:
    """Call OpenCV's network as its tutorial does."""
    given = settings.yunet
    network = cv2.FaceDetectorYN.create(model, "", (320, 320), given.search_min_score, given.nms_threshold, given.top_k)
    found = {}
    for row, name in enumerate(source.names):
        image = cv2.imdecode(np.frombuffer(source.read(row), np.uint8), cv2.IMREAD_COLOR)
        network.setInputSize((image.shape[1], image.shape[0]))
        _, faces = network.detect(image)
        found[name] = [] if faces is None else [Box(*(round(float(value)) for value in face[:4])) for face in faces]
    return found


def print_recall(calls: dict[str, Callable[[], Found]], truth: Found, threshold: float) -> None:
    """Print how many of the annotated faces are found, and how many of the found are annotated."""
    print(f"| detector | found | true (IoU >= {threshold}) | recall | precision |\n|---|---|---|---|---|")
    faces = sum(map(len, truth.values()))
    for name, call in calls.items():
        boxes = call()
        found = sum(len(boxes.get(image, [])) for image in truth)
        true = sum(match_boxes(boxes.get(image, []), truth[image], threshold) for image in truth)
        print(f"| {name} | {found} | {true} of {faces} | {true / faces:.2f} | {true / max(found, 1):.2f} |")


def print_times(calls: dict[str, Callable[[], Found]], images: int, rounds: int) -> None:
    """Print images a second of one core, each stage beside the plain loop that follows it."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():  # files in the cache, detectors loaded
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.process_time()
            call()
            seconds[name].append(time.process_time() - start)
    print("\n| detector | images a second and core | time, of the plain loop |\n|---|---|---|")
    names = list(calls)
    for ours, plain in zip(names[::2], names[1::2], strict=True):
        ratio = statistics.median(a / b for a, b in zip(seconds[ours], seconds[plain], strict=True))
        print(f"| {ours} | {images / statistics.median(seconds[ours]):.1f} | {ratio:.2f} |")
        print(f"| {plain} | {images / statistics.median(seconds[plain]):.1f} | 1.00 |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--yunet", metavar="MODEL", help="YuNet's ONNX file")
    parser.add_argument("--iou", type=float, default=0.4)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    logging.disable()
    get_console().quiet = True  # no progress bars
    cv2.setNumThreads(1)
    everything = open_source(str(arguments.photos))
    readable = [
        row for row in range(len(everything)) if cv2.haveImageReader(str(arguments.photos / everything.names[row]))
    ]
    source = SubsetSource(everything, np.array(readable))

    haar = FacesSettings(detector="haar")
    calls: dict[str, Callable[[], Found]] = {
        "Haar, faces stage": lambda: stage(source, haar),
        "Haar, OpenCV in a plain loop": lambda: plain_haar(source),
    }
    if arguments.yunet:
        yunet = FacesSettings.parse({"detector": "yunet", "yunet": {"model": arguments.yunet}}, "faces")
        calls["YuNet, faces stage"] = lambda: stage(source, yunet)
        calls["YuNet, OpenCV in a plain loop"] = lambda: plain_yunet(source, arguments.yunet, yunet)
    print(f"{len(source)} photographs; 1 core; OpenCV {cv2.__version__}, Pillow {PIL.__version__}\n")
    if (arguments.photos / "boxes.xml").exists():
        print_recall(calls, read_truth(arguments.photos / "boxes.xml"), arguments.iou)
    print_times(calls, len(source), arguments.rounds)


if __name__ == "__main__":
    main()
