"""Writes images as Pillow sees them: decoded losslessly to PNG, and resized as models are trained.

For each image named on standard input: OUT/N.png, and for each SIZE the raw RGB bytes OUT/N.SIZE of
`Image.resize(BILINEAR)`. Usage: preprocessing.py OUT SIZE...
"""

import sys
from pathlib import Path

from PIL import Image

out, sizes = Path(sys.argv[1]), [int(size) for size in sys.argv[2:]]
for number, path in enumerate(sys.stdin.read().splitlines()):
    image = Image.open(path).convert("RGB")
    image.save(out / f"{number}.png")
    for size in sizes:
        resized = image.resize((size, size), Image.Resampling.BILINEAR)
        (out / f"{number}.{size}").write_bytes(resized.tobytes())
