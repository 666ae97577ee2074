"""Writes the seeds of the targets `event` and `image` from tests/data/malformed and
tests/data/images, named after what must become of them.

Usage: python3 fuzz/seeds.py
"""

import base64
import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
IMAGES = ROOT / "tests/data/images"
MALFORMED = ROOT / "tests/data/malformed"
COMPOSITE = ROOT / "tests/data/composites/white-female-25-34-a.jpg"
CORPUS = ROOT / "fuzz/corpus"
# Larger ones only slow the fuzzer down.
BYTES_MAX = 4096
# Reasons that the pixels' decoder gives.
# Of the images that are turned or odd: one of each kind is enough.
IMAGE_KINDS = (
    "turned-6-420-odd.jpg", "turned-7-422-even.jpg", "turned-5.png", "turned-8.webp", "exif-far-table.jpg", "exif-full-of-tags.jpg",
    "stray-9-before-each-restart.jpg", "stray-without-tables.jpg", "scan-0-0-0-stray-and-turned.jpg", "jfif-version-2.jpg",
    "hidden-red.png", "hidden-palette-red.png", "hidden-red.webp", "damaged-code-behind-stray.jpg", "narrow.jpeg",
    "cut-with-thumbnail-in-the-exif.jpg",
)
OF_IMAGES = {"not_an_image", "truncated", "too_many_pixels"}


def write(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def record(headers, payload):
    # A line cannot hold a line's end: another control character stands for it.
    lines = [f"{key}: {value}".replace("\n", "\x02") for key, value in headers.items()]
    return "\n".join(["key: cam", *lines]).encode() + b"\n\n" + payload


for entry in json.loads((MALFORMED / "index.json").read_text()):
    payload = (MALFORMED / entry["file"]).read_bytes()
    if len(payload) > BYTES_MAX:
        continue
    name = f"{entry['reason']}--{entry['file']}"
    write("event", name, record(entry["headers"], payload))
    if entry["reason"] in OF_IMAGES and not entry["headers"]:
        write("image", name, payload)
for entry in json.loads((IMAGES / "index.json").read_text()):
    if entry["file"] in IMAGE_KINDS:
        content = (IMAGES / entry["file"]).read_bytes()
        write("image", f"{entry.get('reason', 'accepted')}--{entry['file']}", content)
composite = COMPOSITE.read_bytes()
write("image", "accepted--composite.jpg", composite)
write("event", "accepted--composite.jpg", record({"ce_time": "2026-01-01T00:00:00Z", "ce_trackid": "7"}, composite))
hyphens = {"CE-Time": "2026-01-01t00:00:00z", "ce-trackid": "-1", "Content-Type": "application/octet-stream"}
write("event", "accepted--hyphens.jpg", record(hyphens, composite))
event = {"specversion": "1.0", "source": "cam", "trackid": 7, "data_base64": base64.encodebytes(composite).decode()}
write("event", "accepted--integer_track.json", record({}, json.dumps(event).encode()))
