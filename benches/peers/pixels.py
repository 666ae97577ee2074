"""JPEG bytes -> pixels of the net's size, in a batch that is used again.

Why so, with figures: README.md; `settings.py` measures the alternatives.
"""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg

from contract import Input

cv2.setNumThreads(1)  # a process has one core

# A picture that is decoded at half its size or less is cheaper than one that is shrunk afterwards, and nearer to what
# an antialiasing resize makes of it. So much smaller than the net's input it may come out.
DECODED_SIDE_MIN = 0.9


class Pixels:
    """A batch of pictures, 8 bits, channels last."""

    def __init__(self, wanted: Input, batch: int) -> None:
        self.size = (wanted.width, wanted.height)
        self.colours = "RGB" if wanted.is_rgb else "BGR"
        self.batch = np.zeros((batch, wanted.height, wanted.width, 3), np.uint8)
        self.places = list(self.batch)  # a view each, made once
        # A manifest that says "bilinear" means pixels picked from the full picture.
        share = DECODED_SIDE_MIN if wanted.is_antialias else 0
        self.scaling = {
            "min_height": int(share * wanted.height), "min_width": int(share * wanted.width), "min_factor": 2,
        } if share else {}

    def put(self, place: int, jpeg: bytes) -> None:
        """Decodes and resizes one picture into its place; ValueError where it is no whole JPEG."""
        picture = simplejpeg.decode_jpeg(jpeg, self.colours, **self.scaling)
        if picture.shape[1::-1] == self.size:
            self.places[place][:] = picture
        else:
            cv2.resize(picture, self.size, dst=self.places[place], interpolation=cv2.INTER_LINEAR)

    def fill(self, jpegs: list[bytes]) -> list[int]:
        """Puts the pictures that can be decoded next to one another; returns which they are."""
        good: list[int] = []
        for index, jpeg in enumerate(jpegs):
            try:
                self.put(len(good), jpeg)
            except ValueError:  # simplejpeg's word for what is no JPEG, or a cut one
                continue
            good.append(index)
        return good
