"""Random changes to training faces, so that the student sees what cameras deliver:
other crops, light and colour, blur, few pixels, hard compression, no colour.

Works on uint8 pictures with OpenCV, which on a CPU costs a tenth of the same steps on
float tensors, and compresses with a real JPEG encoder.
"""

from __future__ import annotations

import cv2
import numpy as np

_GREY = np.array([0.299, 0.587, 0.114], np.float32)


def crop_jitter(face: np.ndarray, side: int, draw: np.random.Generator) -> np.ndarray:
    """Mirror, turn, scale and shift a face, sampled at `side` pixels."""
    angle = draw.uniform(-0.22, 0.22)
    scale = side / face.shape[0] * draw.uniform(0.87, 1.2)
    stretch = draw.uniform(0.95, 1.05)
    mirror = draw.choice((-1.0, 1.0))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([scale * stretch * mirror, scale / stretch])
    centre = (face.shape[0] - 1) / 2
    shift = (side - 1) / 2 + draw.uniform(-0.06, 0.06, 2) * side
    matrix = np.column_stack([linear, shift - linear @ [centre, centre]])
    return cv2.warpAffine(face, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)


def light_and_colour(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Saturation (sometimes none), tint, contrast and brightness as one matrix, then gamma."""
    saturation = 0.0 if draw.random() < 0.08 else draw.uniform(0.6, 1.3)
    mixing = saturation * np.eye(3) + (1 - saturation) * np.tile(_GREY, (3, 1))
    contrast, brightness = draw.uniform(0.7, 1.3), draw.uniform(0.8, 1.2)
    tint = draw.uniform(0.92, 1.08, 3)
    mixing = mixing * (contrast * brightness * tint)[:, None]
    offset = (1 - contrast) * brightness * face.mean() * tint
    changed = cv2.transform(face, np.column_stack([mixing, offset]))
    gamma = draw.uniform(0.8, 1.25)
    curve = np.rint(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    return cv2.LUT(changed, curve)


def blur(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Gaussian blur of a random width."""
    return cv2.GaussianBlur(face, (0, 0), draw.uniform(0.4, 1.8))


def few_pixels(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Shrink to between 28 and 80 pixels and enlarge again, as a distant face is."""
    small = int(draw.integers(28, 81))
    down = cv2.resize(face, (small, small), interpolation=cv2.INTER_AREA)
    return cv2.resize(down, face.shape[:2], interpolation=cv2.INTER_LINEAR)


def compression(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Through a JPEG of random low quality."""
    quality = int(draw.integers(20, 75))
    _, data = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def augment(face: np.ndarray, side: int, draw: np.random.Generator) -> np.ndarray:
    """The whole chain on one face (uint8, RGB); the harsh steps touch a part of the faces each."""
    face = light_and_colour(crop_jitter(face, side, draw), draw)
    for change, probability in ((blur, 0.15), (few_pixels, 0.2), (compression, 0.25)):
        if draw.random() < probability:
            face = change(face, draw)
    return face
