"""Labels and decoded faces of the training data.

Two forms of label files are read, told by their columns: UTKFace's (age in years, five
ethnicities) and FairFace's (age bands, seven races). Both become the same arrays: an age is a
span of years, an ethnicity is the set of races that it may be.

An archive is decoded once into a uint8 array on disk, in the order of the label file; every later
stage reads that array through a memory map, so a run that was cut goes on within seconds.
"""

from __future__ import annotations

import csv
import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image

GENDERS = ("female", "male")
RACES = (
    "white", "black", "east_asian", "southeast_asian", "indian", "middle_eastern",
    "latino_hispanic",
)  # fmt: skip
ETHNICITIES = ("white", "black", "asian", "indian", "other")
OUTPUTS = ("age", "gender", "race", "ethnicity")  # of the networks
GROUP_OF = (0, 1, 2, 2, 3, 4, 4)  # the ethnicity of each race
AGE_CLASSES = 101  # one class a year, 0 to 100; older faces count as 100
AGE_BANDS = (
    ("0-17", 0, 17), ("18-24", 18, 24), ("25-34", 25, 34), ("35-44", 35, 44), ("45-54", 45, 54),
    ("55-64", 55, 64), ("65+", 65, 200),
)  # fmt: skip  # of the composites
BANDS = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70+")  # FairFace's
BAND_STARTS = (0, 3, 10, 20, 30, 40, 50, 60, 70)
DECADE_STARTS = (0, 10, 20, 30, 40, 50, 60)  # of the intervals
STORED_SIDE = 128  # of the decoded faces that training crops from


@dataclass(frozen=True)
class Labels:
    """Label files as arrays, one entry a face."""

    files: list[str]
    age: np.ndarray  # years, as labelled (0 to 116); -1 where only the span is known
    low: np.ndarray  # the youngest and the oldest age that the label allows
    high: np.ndarray
    gender: np.ndarray  # index into GENDERS
    races: np.ndarray  # (faces, 7), True for every race that the label allows
    ethnicity: np.ndarray  # index into ETHNICITIES
    split: np.ndarray  # "train", "val" or "test"
    group: np.ndarray  # near-duplicates share a number; -1 where nobody looked for them
    conflict: np.ndarray  # True where near-duplicate copies disagree

    def __len__(self) -> int:
        return len(self.files)

    def subset(self, rows: np.ndarray) -> Labels:
        """Some of the faces, as labels of their own."""
        arrays = [getattr(self, field.name)[rows] for field in fields(self)[1:]]
        return Labels([self.files[row] for row in rows], *arrays)

    def sample(self, count: int, seed: int) -> Labels:
        """`count` faces drawn at random, in file order: enough to try a program out."""
        drawn = np.random.default_rng(seed).permutation(len(self))[:count]
        return self.subset(np.sort(drawn))

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of one part of the data."""
        return np.flatnonzero(self.split == split)

    def band(self) -> np.ndarray:
        """Index into BANDS; -1 for a label that lies in no single one."""
        first, last = (np.digitize(ages, BAND_STARTS[1:]) for ages in (self.low, self.high))
        return np.where(first == last, first, -1)


def joined(parts: list[Labels]) -> Labels:
    """Several label files behind one another."""
    files = [name for part in parts for name in part.files]
    names = [field.name for field in fields(Labels)[1:]]
    return Labels(files, *(np.concatenate([getattr(p, name) for p in parts]) for name in names))


def races_of(row: dict[str, str]) -> list[bool]:
    """The races that a row allows: the one it names, or all of its ethnicity."""
    if "race7" in row:
        return [race == row["race7"] for race in RACES]
    group = ETHNICITIES.index(row["ethnicity"])
    return [of == group for of in GROUP_OF]


def span_of(row: dict[str, str]) -> tuple[int, int, int]:
    """Age (or -1), youngest and oldest age of a row."""
    if "age" in row:
        return int(row["age"]), int(row["age"]), int(row["age"])
    band = BANDS.index(row["age_band"])
    return -1, BAND_STARTS[band], (*BAND_STARTS, 117)[band + 1] - 1


def read_labels(path: Path) -> Labels:
    """Read a label file.

    Columns: file, age or age_band, gender, race7 or ethnicity, split; perhaps dup_group and
    label_conflict.
    """
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    spans = np.array([span_of(row) for row in rows])
    races = np.array([races_of(row) for row in rows])
    return Labels(
        files=[row["file"] for row in rows],
        age=spans[:, 0],
        low=spans[:, 1],
        high=spans[:, 2],
        gender=np.array([GENDERS.index(row["gender"]) for row in rows]),
        races=races,
        ethnicity=np.array(GROUP_OF)[races.argmax(1)],
        split=np.array([row["split"] for row in rows]),
        group=np.array([int(row.get("dup_group", -1)) for row in rows]),
        conflict=np.array([row.get("label_conflict") == "1" for row in rows]),
    )


def load_face(archive: zipfile.ZipFile, name: str) -> Image.Image:
    """Decode one face of the archive to RGB."""
    return Image.open(io.BytesIO(archive.read(name))).convert("RGB")


def resize_antialias(image: Image.Image, size: int) -> np.ndarray:
    """Resize as the manifest's `resize = "antialias"` says: Pillow's bilinear filter."""
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def decoded_faces(archive: Path, labels: Labels, cache: Path) -> np.ndarray:
    """All faces as a memory-mapped uint8 array (faces, side, side, 3), decoded on first use."""
    path = cache / f"{archive.stem}-{STORED_SIDE}.npy"
    if not path.exists():
        partial = path.with_suffix(".partial")
        shape = (len(labels), STORED_SIDE, STORED_SIDE, 3)
        out = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
        with zipfile.ZipFile(archive) as faces, ThreadPoolExecutor() as pool:
            packed = (faces.read(name) for name in labels.files)
            for row, pixels in enumerate(pool.map(decode, packed)):
                out[row] = pixels
                if row % 4000 == 0:
                    print(f"decode {archive.name}: {row}/{len(labels)}", flush=True)
        out.flush()
        partial.rename(path)
    return np.load(path, mmap_mode="r")


def decode(packed: bytes) -> np.ndarray:
    """A face as it is stored for training."""
    return resize_antialias(Image.open(io.BytesIO(packed)).convert("RGB"), STORED_SIDE)
