"""Writes the seeds of the targets `event` and `image` from tests/data, named after what must become of them.

Usage: python3 fuzz/seeds.py
"""

import base64
import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
MALFORMED = ROOT / "tests/data/malformed"
COMPOSITE = ROOT / "tests/data/composites/white-female-25-34-a.jpg"
CORPUS = ROOT / "fuzz/corpus"
# Larger ones only slow the fuzzer down.
BYTES_MAX = 4096
# Reasons that the pixels' decoder gives.
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
composite = COMPOSITE.read_bytes()
write("image", "accepted--composite.jpg", composite)
write("event", "accepted--composite.jpg", record({"ce_time": "2026-01-01T00:00:00Z", "ce_trackid": "7"}, composite))
hyphens = {"CE-Time": "2026-01-01t00:00:00z", "ce-trackid": "-1", "Content-Type": "application/octet-stream"}
write("event", "accepted--hyphens.jpg", record(hyphens, composite))
event = {"specversion": "1.0", "source": "cam", "trackid": 7, "data_base64": base64.encodebytes(composite).decode()}
write("event", "accepted--integer_track.json", record({}, json.dumps(event).encode()))
