"""Make the composite faces of `tests/data/composites`.

No photograph of a person may lie in the repository, yet tests want pictures
that a face network reads as faces. So each picture here is the mean of at least
twelve aligned faces of one cell (age band x gender x ethnicity) of the training
part: nobody's face, but a face.

Faces are aligned by five landmarks (OpenCV's YuNet detector), those turned to
the side or found with low confidence are passed over before anything is
averaged, and the mean is mildly sharpened and stretched in contrast, because
averaging takes both away. Choice and order follow from `--seed` alone; no
network that is later tested on the composites takes part in it.
"""

from __future__ import annotations

import argparse
import csv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from data import AGE_BANDS, ETHNICITIES, GENDERS, Labels, load_face, read_labels

LEAST_FACES = 12
# Where the landmarks go, as shares of the side: eyes, nose, mouth corners
# (image left first); about where they lie on average in the training crops.
TEMPLATE = np.array(
    [[0.310, 0.292], [0.690, 0.292], [0.500, 0.500], [0.337, 0.683], [0.663, 0.683]], np.float32
)
# A mean over all of childhood looks like no child: average these apart.
CHILD_GROUPS = ((0, 2), (3, 6), (7, 11), (12, 17))


def parse_arguments() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="zip archive of face crops")
    parser.add_argument("--labels", type=Path, required=True, help="label file (CSV)")
    parser.add_argument("--detector", type=Path, required=True, help="YuNet detector (ONNX)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--seed", type=int, default=7, help="seed of the choice of faces")
    parser.add_argument("--size", type=int, default=120, help="side of a composite in pixels")
    parser.add_argument("--faces", type=int, default=14, help="most faces in one composite")
    parser.add_argument("--per-cell", type=int, default=3, help="most composites of one cell")
    parser.add_argument("--quality", type=int, default=90, help="JPEG quality")
    return parser.parse_args()


def usable_faces(labels: Labels) -> np.ndarray:
    """Training faces with undisputed labels, one of each group of near-duplicates (as a mask)."""
    usable = (labels.split == "train") & ~labels.conflict
    first = np.zeros(len(labels), bool)
    first[np.unique(np.where(usable, labels.group, -1), return_index=True)[1]] = True
    return usable & first


def groups(labels: Labels) -> Iterator[tuple[str, int, int, list[np.ndarray]]]:
    """Cells as (band, gender, ethnicity, groups of rows to average apart from each other)."""
    usable = usable_faces(labels)
    for ethnicity in range(len(ETHNICITIES)):
        for gender in range(len(GENDERS)):
            cell = usable & (labels.ethnicity == ethnicity) & (labels.gender == gender)
            for band, low, high in AGE_BANDS:
                spans = CHILD_GROUPS if band == "0-17" else ((low, high),)
                rows = [
                    np.flatnonzero(cell & (labels.age >= low) & (labels.age <= high))
                    for low, high in spans
                ]
                yield band, gender, ethnicity, rows


def frontal(points: np.ndarray) -> bool:
    """True for a face that is neither turned nor tilted: nose and mouth midway below the eyes."""
    left, right, nose, mouth_left, mouth_right = points
    width = np.linalg.norm(right - left)
    eyes = abs(nose[0] - (left[0] + right[0]) / 2) / width
    mouth = abs(nose[0] - (mouth_left[0] + mouth_right[0]) / 2) / width
    roll = abs(right[1] - left[1]) / width
    return eyes < 0.14 and mouth < 0.14 and roll < 0.25


def align(image: np.ndarray, detector: cv2.FaceDetectorYN, size: int) -> np.ndarray | None:
    """Warp a face (RGB) onto the template; None when it is not clearly one frontal face."""
    detector.setInputSize((image.shape[1], image.shape[0]))
    _, found = detector.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if found is None:
        return None
    points = found[np.argmax(found[:, -1]), 4:14].reshape(5, 2).astype(np.float32)
    if not frontal(points):
        return None
    matrix, _ = cv2.estimateAffinePartial2D(points, TEMPLATE * size, method=cv2.LMEDS)
    if matrix is None:
        return None
    warped = cv2.warpAffine(
        image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return warped.astype(np.float32)


def aligned_faces(
    rows: np.ndarray, wanted: int, labels: Labels, archive: zipfile.ZipFile,
    detector: cv2.FaceDetectorYN, size: int,
) -> list[np.ndarray]:
    """The first `wanted` faces of `rows` that can be aligned."""
    faces: list[np.ndarray] = []
    for row in rows:
        image = np.asarray(load_face(archive, labels.files[row]))
        face = align(image, detector, size)
        if face is not None:
            faces.append(face)
        if len(faces) == wanted:
            break
    return faces


def composite(faces: list[np.ndarray]) -> np.ndarray:
    """The mean face, sharpened (unsharp mask) and given back the contrast that the mean lost."""
    mean = np.mean(faces, axis=0)
    blurred = cv2.GaussianBlur(mean, (0, 0), sigmaX=2.0)
    sharp = mean + 1.0 * (mean - blurred)
    wanted = np.mean([face.std() for face in faces])
    level = sharp.mean()
    stretched = (sharp - level) * min(1.4, wanted / sharp.std()) + level
    return np.clip(np.rint(stretched), 0, 255).astype(np.uint8)


def split_into_composites(
    faces: list[np.ndarray], most: int, per_composite: int
) -> list[list[np.ndarray]]:
    """Disjoint draws of at least LEAST_FACES faces; as many as can be filled, up to `most`."""
    count = min(most, len(faces) // LEAST_FACES)
    return [faces[part * len(faces) // count :][:per_composite] for part in range(count)]


def main() -> None:
    """Write the pictures and their labels."""
    options = parse_arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    labels = read_labels(options.labels)
    detector = cv2.FaceDetectorYN.create(str(options.detector), "", (200, 200), 0.8)
    shuffle = np.random.default_rng(options.seed)
    written = []
    with zipfile.ZipFile(options.data) as archive:
        for band, gender, ethnicity, parts in groups(labels):
            stem = f"{ETHNICITIES[ethnicity]}-{GENDERS[gender]}-{band.replace('+', '-up')}"
            most = 1 if len(parts) > 1 else options.per_cell
            letters = iter("abcdefghij")
            for rows in parts:
                wanted = most * options.faces
                faces = aligned_faces(
                    shuffle.permutation(rows), wanted, labels, archive, detector, options.size
                )
                for draw in split_into_composites(faces, most, options.faces):
                    name = f"{stem}-{next(letters)}.jpg"
                    picture = Image.fromarray(composite(draw))
                    picture.save(options.out / name, quality=options.quality, optimize=True)
                    written.append(
                        (name, band, GENDERS[gender], ETHNICITIES[ethnicity], len(draw))
                    )
            print(f"{stem}: {len(written)} composites so far", flush=True)
    with (options.out / "labels.csv").open("w", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("file", "age_band", "gender", "ethnicity", "faces"))
        writer.writerows(written)


if __name__ == "__main__":
    main()
