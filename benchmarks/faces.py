"""Recall and precision of the `faces` stage against annotated boxes, beside OpenCV called by hand.

    kedro run --pipeline=faces --params=source=PHOTOS,faces.detector=haar
    python benchmarks/faces.py PHOTOS/boxes.xml

Reads the latest `regions` of the project in the working directory. The annotation is the XML of dlib's tools: one
`image` an annotated photograph, one `box` a face; photographs without an entry are left out.
"""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from dcgan_pipeline.imaging.boxes import Box, match_boxes


def read_truth(path: Path) -> dict[str, list[Box]]:
    """Read the annotated boxes of each photograph."""
    sides = ("left", "top", "width", "height")
    images = ElementTree.parse(path).getroot().iter("image")
    return {
        image.attrib["file"]: [Box(*(int(box.attrib[side]) for side in sides)) for box in image.iter("box")]
        for image in images
    }


def ours(names: list[str]) -> dict[str, list[Box]]:
    """Read what the stage found and kept."""
    bootstrap_project(Path.cwd())
    with KedroSession.create(Path.cwd()) as session:
        regions: pd.DataFrame = session.load_context().catalog.load("regions")
    kept = regions[regions["kept"]]
    columns = ["left", "top", "width", "height", "score"]
    return {name: [Box(*row) for row in kept.loc[kept["source"] == name, columns].to_numpy()] for name in names}


def by_hand(names: list[str], folder: Path) -> dict[str, list[Box]]:
    """Call OpenCV as its tutorial does."""
    cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data/haarcascade_frontalface_default.xml"))
    found = {}
    for name in names:
        grey = cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)
        found[name] = [Box(*map(int, box)) for box in cascade.detectMultiScale(grey, 1.1, 5, minSize=(30, 30))]
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--iou", type=float, default=0.4)
    arguments = parser.parse_args()
    truth = read_truth(arguments.truth)
    found = {"faces stage": ours(list(truth)), "OpenCV by hand": by_hand(list(truth), arguments.truth.parent)}
    print(f"| detector | found | true (IoU >= {arguments.iou}) | recall | precision |\n|---|---|---|---|---|")
    for name, boxes in found.items():
        true = sum(match_boxes(boxes[image], truth[image], arguments.iou) for image in truth)
        faces, all_found = sum(map(len, truth.values())), sum(map(len, boxes.values()))
        print(f"| {name} | {all_found} | {true} of {faces} | {true / faces:.2f} | {true / max(all_found, 1):.2f} |")


if __name__ == "__main__":
    main()
