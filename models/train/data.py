"""Labels and decoded faces of the training data.

The archive is decoded once into a uint8 array on disk (`faces-SIZE.npy`), in
the order of the label file; every later stage reads that array through a
memory map, so a run that was cut goes on within seconds.
"""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

GENDERS = ("female", "male")
ETHNICITIES = ("white", "black", "asian", "indian", "other")
AGE_CLASSES = 101  # one class a year, 0 to 100; older faces count as 100
AGE_BANDS = (
    ("0-17", 0, 17),
    ("18-24", 18, 24),
    ("25-34", 25, 34),
    ("35-44", 35, 44),
    ("45-54", 45, 54),
    ("55-64", 55, 64),
    ("65+", 65, 200),
)  # of the composites
DECADES = ("0-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60+")  # of what is measured
DECADE_STARTS = (0, 10, 20, 30, 40, 50, 60)


@dataclass(frozen=True)
class Labels:
    """The label file as arrays, one entry a face, in file order."""

    files: list[str]
    age: np.ndarray  # years, as labelled (0 to 116)
    gender: np.ndarray  # index into GENDERS
    ethnicity: np.ndarray  # index into ETHNICITIES
    split: np.ndarray  # "train", "val" or "test"
    group: np.ndarray  # near-duplicates share a number
    conflict: np.ndarray  # True where near-duplicate copies disagree

    def __len__(self) -> int:
        return len(self.files)

    def subset(self, rows: np.ndarray) -> Labels:
        """Some of the faces, as labels of their own."""
        names = [self.files[row] for row in rows]
        rest = (self.age, self.gender, self.ethnicity, self.split, self.group, self.conflict)
        return Labels(names, *(values[rows] for values in rest))

    def sample(self, count: int, seed: int) -> Labels:
        """`count` faces drawn at random, in file order: enough to try a program out."""
        drawn = np.random.default_rng(seed).permutation(len(self))[:count]
        return self.subset(np.sort(drawn))

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of one part of the data."""
        return np.flatnonzero(self.split == split)


def read_labels(path: Path) -> Labels:
    """Read the label file.

    Columns: file, age, gender, ethnicity, split, dup_group, label_conflict.
    """
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    return Labels(
        files=[row["file"] for row in rows],
        age=np.array([int(row["age"]) for row in rows]),
        gender=np.array([GENDERS.index(row["gender"]) for row in rows]),
        ethnicity=np.array([ETHNICITIES.index(row["ethnicity"]) for row in rows]),
        split=np.array([row["split"] for row in rows]),
        group=np.array([int(row["dup_group"]) for row in rows]),
        conflict=np.array([row["label_conflict"] == "1" for row in rows]),
    )


def decade(years: np.ndarray) -> np.ndarray:
    """Index into DECADES for ages in years."""
    return np.digitize(years, DECADE_STARTS[1:])


def load_face(archive: zipfile.ZipFile, name: str) -> Image.Image:
    """Decode one face of the archive to RGB."""
    return Image.open(io.BytesIO(archive.read(name))).convert("RGB")


def resize_antialias(image: Image.Image, size: int) -> np.ndarray:
    """Resize as the manifest's `resize = "antialias"` says: Pillow's bilinear filter."""
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def decoded_faces(archive: Path, labels: Labels, size: int, cache: Path) -> np.ndarray:
    """All faces as a memory-mapped uint8 array (faces, size, size, 3), decoded on first use."""
    path = cache / f"faces-{size}.npy"
    if not path.exists():
        partial = path.with_suffix(".partial")
        shape = (len(labels), size, size, 3)
        out = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
        with zipfile.ZipFile(archive) as faces:
            for row, name in enumerate(labels.files):
                out[row] = resize_antialias(load_face(faces, name), size)
                if row % 4000 == 0:
                    print(f"decode {size}px: {row}/{len(labels)}", flush=True)
        out.flush()
        partial.rename(path)
    return np.load(path, mmap_mode="r")
