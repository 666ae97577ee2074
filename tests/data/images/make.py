#!/usr/bin/env python3
"""Makes the corpus of images that are turned, odd, transparent or damaged beside this file, and its index.

Each entry of index.json names a file and either `shown`, the pixels that Pillow shows (a PNG), or the `reason` for which the
decoder must reject it. The pictures are drawn; no face is in them. `upright.png` and the files that index.json does not
name are a composite face, stored as different cameras would. Needs Pillow. Run: python make.py
"""

import io
import json
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

HERE = Path(__file__).parent
entries: list[dict] = []


def drawn(size: tuple[int, int]) -> Image.Image:
    """Not symmetric, smooth colours."""
    width, height = size
    picture = Image.new("RGB", size)
    picture.putdata([(40 + 150 * x // width, 60 + 120 * y // height, 160 - 90 * (x + y) // (width + height))
                     for y in range(height) for x in range(width)])
    ImageDraw.Draw(picture).ellipse((4, 6, width // 2, height // 2), fill=(190, 150, 120))
    return picture


def encoded(picture: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def shown(content: bytes) -> Image.Image:
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    if picture.has_transparency_data:
        ground = Image.new("RGBA", picture.size, (128, 128, 128, 255))
        picture = Image.alpha_composite(ground, picture.convert("RGBA"))
    return picture.convert("RGB")


def accept(name: str, content: bytes, like: bytes | None = None) -> None:
    """`like`: the file whose pixels it must have, where Pillow does not say."""
    (HERE / name).write_bytes(content)
    picture = encoded(shown(content if like is None else like), "PNG", optimize=True)
    expected = f"shown-{zlib.crc32(picture):08x}.png"
    (HERE / expected).write_bytes(picture)
    entries.append({"file": name, "shown": expected})


def reject(name: str, content: bytes, reason: str) -> None:
    (HERE / name).write_bytes(content)
    entries.append({"file": name, "reason": reason})


def exif(orientation: int, order: str = ">", kind: int = 3, count: int = 1) -> bytes:
    """A block with another tag before the orientation."""
    head = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(order + "I", 8)
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *([orientation, 0] if kind == 3 else [orientation]))
    entry = struct.pack(order + "HHI", 0x112, kind, count) + value
    other = struct.pack(order + "HHII", 0x100, 4, 1, 6)
    return b"Exif\0\0" + head + struct.pack(order + "H", 2) + other + entry + bytes(4)


def with_exif(jpeg: bytes, block: bytes) -> bytes:
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


def turned() -> None:
    odd, even = drawn((45, 35)), drawn((48, 32))
    for orientation in range(1, 9):
        order = "<>"[orientation % 2]
        block = exif(orientation, order)
        for name, picture, options in (
            ("420-odd", odd, {"subsampling": 2}), ("422-odd", odd, {"subsampling": 1}),
            ("420-even", even, {"subsampling": 2}), ("422-even", even, {"subsampling": 1}),
            ("grey", odd.convert("L"), {}),
        ):
            accept(f"turned-{orientation}-{name}.jpg", with_exif(encoded(picture, "JPEG", quality=92, **options), block))
        accept(f"turned-{orientation}.png", encoded(odd, "PNG", exif=block))
        accept(f"turned-{orientation}.webp", encoded(odd, "WEBP", lossless=True, exif=block))
    plain = encoded(odd, "JPEG", quality=92)
    accept("turned-long.jpg", with_exif(plain, exif(6, kind=4)))
    for name, block in {
        "orientation-0": exif(0), "orientation-9": exif(9), "orientation-65535": exif(65535), "two-values": exif(6, count=2),
        "many-values": exif(6, count=0xFFFFFFFF), "of-text": exif(6, kind=2), "cut": exif(6)[:24], "only-the-name": b"Exif\0\0",
        "far-table": b"Exif\0\0MM\0*\xff\xff\xff\xff", "no-order": b"Exif\0\0XX\0*" + exif(6)[10:],
        "full-of-tags": b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
    }.items():
        accept(f"exif-{name}.jpg", with_exif(plain, block), like=plain)
    png = encoded(odd, "PNG", exif=exif(6))
    at = png.index(b"eXIf")
    accept("exif-far-table.png", png[: at + 8] + b"\xff\xff\xff\xff" + png[at + 12:], like=encoded(odd, "PNG"))


def odd_jpegs() -> None:
    picture = drawn((45, 35))
    whole = encoded(picture, "JPEG", quality=85, restart_marker_blocks=2)
    plain = encoded(picture, "JPEG", quality=85)
    marks = [at for at in range(whole.index(b"\xff\xda"), len(whole) - 1)
             if whole[at] == 0xFF and 0xD0 <= whole[at + 1] <= 0xD7]
    assert len(marks) >= 3, marks

    def strayed(jpeg: bytes, at: int, stray: bytes) -> bytes:
        return jpeg[:at] + stray + jpeg[at:]

    accept("stray-1-before-the-last-restart.jpg", strayed(whole, marks[-1], b"\x55"), like=whole)
    accept("stray-16-before-the-first-restart.jpg", strayed(whole, marks[0], bytes(range(16))), like=whole)
    accept("stray-stuffed-zeros.jpg", strayed(whole, marks[1], b"\xff\x00\xff\x00\xff\x00\x12\x34\x56\x78"), like=whole)
    everywhere = whole
    for at in reversed(marks):
        everywhere = strayed(everywhere, at, b"\0" * 9)
    accept("stray-9-before-each-restart.jpg", everywhere, like=whole)
    accept("stray-9-before-the-end.jpg", plain[:-2] + b"\x01" * 9 + plain[-2:], like=plain)
    accept("stray-behind-the-end.jpg", plain + bytes(300), like=plain)
    accept("stray-in-the-head.jpg", strayed(plain, plain.index(b"\xff\xc0"), b"\0\0\0"), like=plain)
    for name, options in (("grey", {}), ("444", {"subsampling": 0}), ("422", {"subsampling": 1})):
        kind = picture.convert("L") if name == "grey" else picture
        jpeg = encoded(kind, "JPEG", quality=85, restart_marker_blocks=3, **options)
        at = jpeg.index(b"\xff\xd1")
        accept(f"stray-in-{name}.jpg", strayed(jpeg, at, b"\x5a" * 12), like=jpeg)
    # As motion JPEG: without the tables of its codes.
    bare, at = b"", 2
    while whole[at + 1] != 0xDA:
        length = 2 + int.from_bytes(whole[at + 2: at + 4])
        bare += whole[at: at + length] if whole[at + 1] != 0xC4 else b""
        at += length
    bare = whole[:2] + bare + whole[at:]
    at = bare.index(b"\xff\xd1", bare.index(b"\xff\xda"))
    accept("stray-without-tables.jpg", strayed(bare, at, bytes(10)), like=whole)
    for ss, se, a in ((0, 0, 0), (0, 0, 0x11), (1, 63, 0), (63, 0, 0), (0, 62, 0), (255, 255, 0xFF)):
        at = plain.index(b"\xff\xda")
        at += 2 + int.from_bytes(plain[at + 2: at + 4]) - 3
        accept(f"scan-{ss}-{se}-{a}.jpg", plain[:at] + bytes([ss, se, a]) + plain[at + 3:], like=plain)
    at = plain.index(b"JFIF\0") + 5
    accept("jfif-version-2.jpg", plain[:at] + b"\x02\x01" + plain[at + 2:], like=plain)
    both = strayed(whole, marks[1], bytes(9))
    at = both.index(b"\xff\xda")
    at += 2 + int.from_bytes(both[at + 2: at + 4]) - 3
    accept("scan-0-0-0-and-stray.jpg", both[:at] + bytes(3) + both[at + 3:], like=whole)
    accept("scan-0-0-0-stray-and-turned.jpg", with_exif(both[:at] + bytes(3) + both[at + 3:], exif(6)), like=with_exif(whole, exif(6)))

    # Damage, alone and behind what is mended.
    no_code = b"\xff\x00" * 4
    first = strayed(whole, marks[0], bytes(9))
    later = marks[1] + 9
    reject("damaged-code.jpg", strayed(whole, marks[1] - 12, no_code), "not_an_image")
    reject("damaged-code-behind-stray.jpg", strayed(first, later - 12, no_code), "not_an_image")
    reject("damaged-short-stretch.jpg", whole[: marks[1] - 20] + whole[marks[1]:], "not_an_image")
    reject("damaged-short-stretch-behind-stray.jpg", first[: later - 20] + first[later:], "not_an_image")
    reject("damaged-no-restart-behind-stray.jpg", first[:later] + first[later + 2:], "not_an_image")
    reject("damaged-wrong-restart-behind-stray.jpg", first[: later + 1] + b"\xd6" + first[later + 2:], "not_an_image")
    reject("damaged-17-stray.jpg", strayed(whole, marks[0], bytes(17)), "not_an_image")
    reject("cut-behind-stray.jpg", first[: later - 5], "truncated")
    reject("cut-with-an-end-behind-stray.jpg", first[: later - 5] + b"\xff\xd9", "not_an_image")
    # Cut files that hold the end of another picture.
    progressive = encoded(drawn((90, 70)), "JPEG", quality=85, progressive=True)
    for percent in (30, 60, 95):
        reject(f"cut-progressive-{percent}.jpg", progressive[: len(progressive) * percent // 100], "truncated")
    thumbnail = encoded(drawn((20, 20)), "JPEG")
    whole = with_exif(plain, exif(1) + thumbnail + bytes(40))
    accept("thumbnail.jpg", whole)
    for name, at in (("in-the-scan", len(whole) - 30), ("in-the-head", whole.index(b"\xff\xc0", 800)), ("in-the-exif", len(thumbnail) + 70)):
        reject(f"cut-with-thumbnail-{name}.jpg", whole[:at], "truncated")
    png = encoded(drawn((45, 35)), "PNG", exif=exif(1) + encoded(drawn((20, 20)), "PNG"))
    reject("cut-with-thumbnail.png", png[: len(png) * 9 // 10], "truncated")
    webp = encoded(drawn((45, 35)), "WEBP", exif=exif(6))
    reject("cut-with-exif.webp", webp[: len(webp) - 30], "truncated")


def transparent() -> None:
    size = (24, 20)
    for name, hidden in (("red", (255, 0, 0)), ("blue", (0, 0, 255))):
        picture = drawn(size).convert("RGBA")
        # Transparent on the left, half so in the middle, where its colour shows.
        picture.paste((*hidden, 0), (0, 0, 8, 20))
        picture.paste((10, 200, 90, 127), (8, 0, 14, 20))
        accept(f"hidden-{name}.png", encoded(picture, "PNG"))
        accept(f"hidden-{name}.webp", encoded(picture, "WEBP", lossless=True, exact=True))
        grey = picture.convert("LA")
        grey.paste((hidden[0] or 30, 0), (0, 0, 8, 20))
        accept(f"hidden-grey-{name}.png", encoded(grey, "PNG"))
        palette = Image.new("P", size, 1)
        palette.putpalette([*hidden, 10, 200, 90, 200, 30, 60])
        palette.paste(0, (0, 0, 8, 20))
        palette.paste(2, (8, 8, 20, 16))
        accept(f"hidden-palette-{name}.png", encoded(palette, "PNG", transparency=bytes([0, 255, 90])))
        key = drawn(size)
        key.paste(hidden, (0, 0, 8, 20))
        accept(f"hidden-key-{name}.png", encoded(key, "PNG", transparency=hidden))


def small() -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        reject(f"narrow.{kind.lower()}", encoded(drawn((15, 40)), kind), "too_few_pixels")
        reject(f"low.{kind.lower()}", encoded(drawn((40, 15)), kind), "too_few_pixels")
        accept(f"small.{kind.lower()}", encoded(drawn((16, 16)), kind, **({"lossless": True} if kind == "WEBP" else {})))


for old in HERE.iterdir():
    if old.name.startswith("shown-"):
        old.unlink()
turned()
odd_jpegs()
transparent()
small()
(HERE / "index.json").write_text(json.dumps(entries, indent=1) + "\n")
