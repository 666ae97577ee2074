"""The crops that everybody reads: JPEGs of a size, made from a folder of pictures."""

from __future__ import annotations

from pathlib import Path

import cv2

QUALITY = 90


def make(pictures: Path, side: int, folder: Path) -> Path:
    """Writes each picture as a JPEG of this side; returns where."""
    folder.mkdir(parents=True, exist_ok=True)
    found = sorted(path for path in pictures.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    if not found:
        raise SystemExit(f"{pictures} holds no JPEG and no PNG")
    for index, path in enumerate(found):
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            raise SystemExit(f"{path} is no picture")
        resized = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        target = folder / f"{index:05d}.jpg"
        cv2.imwrite(str(target), resized, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return folder
