#!/usr/bin/env python3
"""Makes the corpus of malformed payloads beside this file, and its index.

Each entry of index.json names a file, the headers it comes with, and the reason for which the decoder must
reject it. No face is in it: the images are gradients. Needs Pillow. Run: python make.py
"""

import base64
import io
import json
import struct
import zlib
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
TYPE = "org.demograph.face-crop.v1"
STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
entries: list[dict] = []


def gradient(kind: str, side: int = 64, **options) -> bytes:
    picture = Image.new("RGB", (side, side))
    picture.putdata([(x * 3 % 256, y * 3 % 256, (x * y) % 256) for y in range(side) for x in range(side)])
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def add(name: str, payload: bytes, reason: str, headers: dict | None = None) -> None:
    (HERE / name).write_bytes(payload)
    entries.append({"file": name, "headers": headers or {}, "reason": reason})


def event(**changes) -> bytes:
    """A structured event; None removes an attribute."""
    attributes = {
        "specversion": "1.0", "type": TYPE, "id": "1", "source": "cam", "datacontenttype": "image/jpeg",
        "data_base64": base64.b64encode(JPEG).decode(),
    } | changes
    return json.dumps({key: value for key, value in attributes.items() if value is not None}).encode()


def png(width: int, height: int, body: bytes = b"") -> bytes:
    """A PNG that claims a size."""
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def jpeg_of_size(width: int, height: int) -> bytes:
    """The JPEG with another size in its frame header."""
    at = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:at] + struct.pack(">HH", height, width) + JPEG[at + 4:]


JPEG, PNG, WEBP = gradient("JPEG"), gradient("PNG"), gradient("WEBP")


def images() -> None:
    add("empty.bin", b"", "empty")
    add("zeros.bin", bytes(2000), "not_an_image")
    add("text.txt", b"no image at all\n", "not_an_image")
    add("page.html", b"<html><body>502 Bad Gateway</body></html>", "not_an_image")
    add("json.json", b'{"image": null}', "not_an_image")
    add("picture.gif", gradient("GIF"), "not_an_image")
    add("picture.bmp", gradient("BMP", side=16), "not_an_image")
    add("picture.tiff", gradient("TIFF", side=16), "not_an_image")
    add("picture.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not_an_image")
    add("paper.pdf", b"%PDF-1.7\n%%EOF\n", "not_an_image")
    add("magic_only.jpg", b"\xff\xd8\xff", "truncated")
    add("magic_and_zeros.jpg", b"\xff\xd8\xff\xe0" + bytes(500) + b"\xff\xd9", "not_an_image")
    add("no_scan.jpg", JPEG[: JPEG.index(b"\xff\xda")] + b"\xff\xd9", "not_an_image")
    add("zero_size.jpg", jpeg_of_size(0, 0), "not_an_image")
    add("corrupt_deflate.png", png(64, 64, b"this is no deflate stream"), "not_an_image")
    add("zero_size.png", png(0, 0), "not_an_image")
    add("garbage.webp", b"RIFF" + struct.pack("<I", 60) + b"WEBPVP8 " + bytes(52), "not_an_image")
    for name, whole in (("jpg", JPEG), ("png", PNG), ("webp", WEBP)):
        for percent in (10, 50, 95):
            add(f"cut_{percent}.{name}", whole[: len(whole) * percent // 100], "truncated")
    add("wide.jpg", jpeg_of_size(40000, 64), "too_many_pixels")
    add("high.jpg", jpeg_of_size(64, 65535), "too_many_pixels")
    add("bomb.png", png(30000, 30000, zlib.compress(bytes(1000))), "too_many_pixels")
    add("just_too_wide.png", png(2049, 16), "too_many_pixels")


def envelopes() -> None:
    add("video.bin", JPEG, "unknown_content_type", {"content-type": "video/mp4"})
    add("octets.bin", b"some octets", "not_an_image", {"content-type": "application/octet-stream"})
    add("avro.bin", JPEG, "unknown_content_type", {"content-type": "application/avro"})
    add("batch.json", b"[" + event() + b"]", "unknown_content_type", BATCH)
    add("json_as_json.json", b'{"image": null}', "unknown_content_type", {"content-type": "application/json"})
    add("confluent_frame.bin", b"\x00\x00\x00\x00\x05" + JPEG, "not_an_image")
    add("event_without_data.json", b'{"specversion": "1.0", "source": "cam"}', "malformed_event")
    add("spec_0_3.jpg", JPEG, "unsupported_version", {"ce_specversion": "0.3"})
    add("type_v2.jpg", JPEG, "unsupported_version", {"ce_type": "org.demograph.face-crop.v2"})
    add("other_type.jpg", JPEG, "unknown_type", {"ce_type": "com.example.order.created"})
    add("bad_time.jpg", JPEG, "invalid_time", {"ce_time": "yesterday"})
    add("time_without_zone.jpg", JPEG, "invalid_time", {"ce_time": "2026-01-01T00:00:00"})
    add("epoch_time.jpg", JPEG, "invalid_time", {"ce_time": "1772357412250"})
    add("empty_time.jpg", JPEG, "invalid_time", {"ce-time": ""})
    add("two_times.jpg", JPEG, "malformed_event", {"ce_time": "2026-01-01T00:00:00Z", "ce-time": "2026-01-01T01:00:00Z"})
    add("track_of_bytes.jpg", JPEG, "malformed_event", {"ce_trackid": "\u0000\u0000\u0000\u0007"})
    add("future.jpg", JPEG, "future_time", {"ce_time": "2999-01-01T00:00:00Z"})
    add("stranger.jpg", JPEG, "unknown_source", {"ce_source": "stranger"})
    add("long_source.jpg", JPEG, "malformed_event", {"ce_source": "s" * 300})
    add("control_source.jpg", JPEG, "malformed_event", {"ce_source": "cam\n2"})
    add("reserved_source.jpg", JPEG, "malformed_event", {"ce_source": "__unknown__"})
    add("empty_source.jpg", JPEG, "no_source", {"ce-source": ""})
    add("not_json.json", b"{", "malformed_event", STRUCTURED)
    add("json_array.json", b"[1, 2]", "malformed_event", STRUCTURED)
    add("empty_structured.json", b"", "empty", STRUCTURED)
    add("no_data.json", event(data_base64=None), "malformed_event", STRUCTURED)
    add("bad_base64.json", event(data_base64="###"), "malformed_event", STRUCTURED)
    add("source_is_a_number.json", event(source=7), "malformed_event", STRUCTURED)
    add("time_is_a_number.json", event(time=1772357412250), "invalid_time", STRUCTURED)
    add("track_is_a_fraction.json", event(trackid=7.5), "malformed_event", STRUCTURED)
    add("track_is_nan.json", event(trackid=float("nan")), "malformed_event", STRUCTURED)
    add("data_is_not_base64.json", event(data_base64=None, data="text"), "malformed_event", STRUCTURED)
    add("data_url.json", event(data_base64="data:image/jpeg;base64," + base64.b64encode(JPEG).decode()),
        "malformed_event", STRUCTURED)
    add("empty_data.json", event(data_base64=""), "empty", STRUCTURED)
    add("structured_v9.json", event(type="org.demograph.face-crop.v9"), "unsupported_version", STRUCTURED)
    add("structured_pdf.json", event(datacontenttype="application/pdf"), "unknown_content_type", STRUCTURED)
    add("structured_text.json", event(data_base64=base64.b64encode(b"text").decode()), "not_an_image", STRUCTURED)


def oversize() -> None:
    """A valid image followed by so much that the payload is too large; it packs to nothing in the repository."""
    add("padded.jpg", JPEG + bytes(600 * 1024), "too_many_bytes")


if __name__ == "__main__":
    images()
    envelopes()
    oversize()
    (HERE / "index.json").write_text(json.dumps(entries, indent=1) + "\n")
    print(f"{len(entries)} payloads")
