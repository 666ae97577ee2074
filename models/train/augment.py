"""Random changes to training faces, so that the network sees what cameras deliver:
other crops and viewing angles, light and colour, blur, few pixels, hard compression, no
colour.

Works on uint8 pictures with OpenCV, which on a CPU costs a tenth of the same steps on
float tensors, and compresses with a real JPEG encoder. Harsh steps touch a part of the
faces each, so that clean faces stay the majority.
"""

from __future__ import annotations

import cv2
import numpy as np

MILD = 0.6  # of the faces, which most of a camera's are
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


def crop_jitter(face: np.ndarray, side: int, draw: np.random.Generator) -> np.ndarray:
    """Mirror, turn, scale, shift and sometimes shear a face, sampled at `side` pixels."""
    angle = draw.uniform(-0.25, 0.25)
    scale = side / face.shape[0] * draw.uniform(0.85, 1.2)
    stretch = draw.uniform(0.93, 1.07)
    mirror = draw.choice((-1.0, 1.0))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([scale * stretch * mirror, scale / stretch])
    if draw.random() < 0.25:
        slant = np.deg2rad(draw.uniform(-45, 45))
        linear = linear @ np.array([[1, -np.sin(slant)], [0, np.cos(slant)]])
    reach = 0.15 if draw.random() < 0.2 else 0.06
    border = cv2.BORDER_REPLICATE if draw.random() < 0.8 else cv2.BORDER_CONSTANT
    return _placed(face, side, linear, draw.uniform(-reach, reach, 2), border)


def _placed(
    face: np.ndarray, side: int, linear: np.ndarray, shift: np.ndarray,
    border: int = cv2.BORDER_REPLICATE,
) -> np.ndarray:
    """The face through a linear map about its centre, then shifted by parts of the side."""
    centre = (face.shape[0] - 1) / 2
    target = (side - 1) / 2 + shift * side
    matrix = np.column_stack([linear, target - linear @ [centre, centre]])
    return cv2.warpAffine(face, matrix, (side, side), borderMode=border)


def light_and_colour(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Saturation (sometimes none), tint, contrast and brightness as one matrix, then gamma."""
    saturation = 0.0 if draw.random() < 0.08 else draw.uniform(0.6, 1.3)
    mixing = saturation * np.eye(3) + (1 - saturation) * np.tile(_GREY, (3, 1))
    kind = draw.random()
    if kind < 0.15:
        brightness = draw.uniform(0.1, 0.9)
    elif kind < 0.5:
        brightness = draw.uniform(0.5, 1.5)
    else:
        brightness = draw.uniform(0.85, 1.15)
    contrast = draw.uniform(0.7, 1.3)
    tint = draw.uniform(0.92, 1.08, 3)
    mixing = mixing * (contrast * brightness * tint)[:, None]
    offset = (1 - contrast) * brightness * face.mean() * tint
    if draw.random() < 0.12:  # channel shift: all channels together and each by itself
        offset = offset + draw.uniform(-120, 120) + draw.uniform(-40, 40, 3)
    changed = cv2.transform(face, np.column_stack([mixing, offset]))
    gamma = draw.uniform(0.8, 1.25)
    curve = np.rint(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    return cv2.LUT(changed, curve)


def blur(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Gaussian blur of a random width."""
    return cv2.GaussianBlur(face, (0, 0), draw.uniform(0.4, 2.2))


def few_pixels(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Shrink to between 24 and 80 pixels and enlarge again, as a distant face is."""
    small = int(draw.integers(24, 81))
    down = cv2.resize(face, (small, small), interpolation=cv2.INTER_AREA)
    return cv2.resize(down, face.shape[:2], interpolation=cv2.INTER_LINEAR)


def compression(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Through a JPEG of random low quality."""
    quality = int(draw.integers(20, 75))
    _, data = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def mild(face: np.ndarray, side: int, draw: np.random.Generator) -> np.ndarray:
    """Mirror, small turns, scales and shifts, more or less light."""
    angle, scale = draw.uniform(-0.12, 0.12), side / face.shape[0] * draw.uniform(0.94, 1.1)
    mirror = draw.choice((-1.0, 1.0))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([scale * mirror, scale])
    changed = _placed(face, side, linear, draw.uniform(-0.03, 0.03, 2))
    gain = draw.uniform(0.5, 1.5) if draw.random() < 0.4 else draw.uniform(0.9, 1.1)
    return cv2.convertScaleAbs(changed, alpha=gain)


def augment(face: np.ndarray, side: int, draw: np.random.Generator) -> np.ndarray:
    """One face (uint8, RGB), changed: three in five mildly, the others by the whole chain."""
    if draw.random() < MILD:
        return mild(face, side, draw)
    face = light_and_colour(crop_jitter(face, side, draw), draw)
    for change, probability in ((blur, 0.12), (few_pixels, 0.18), (compression, 0.2)):
        if draw.random() < probability:
            face = change(face, draw)
    return face
