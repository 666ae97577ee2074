"""Makes the pictures of the page that docs/page.md shows: overview, source, health; light and dark.

    demograph demo --seconds 600 --out FOLDER          # composites only: nobody's face
    python screenshots.py http://127.0.0.1:9464 SOURCE [--tables http://127.0.0.1:9465] [--out docs/page]

A demo of minutes has no finished hour. `--tables` names a page over tables that have some (demograph page), for the picture
of the source. Colours are reduced with Pillow, so that a picture stays below 150 KB.
"""

import argparse
import io
import pathlib
import urllib.parse

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

SIZE = {"width": 1100, "height": 720}
BYTES_MAX = 150_000


def save(page: Page, file: pathlib.Path) -> None:
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture = picture.quantize(colors=128, dither=Image.Dither.NONE)
    picture.save(file, optimize=True)
    size = file.stat().st_size
    assert size < BYTES_MAX, f"{file}: {size} bytes"
    print(f"{file}: {size} bytes")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("source")
    parser.add_argument("--tables")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/page"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for theme in ("light", "dark"):
            page = browser.new_page(viewport=SIZE, color_scheme=theme)
            page.goto(args.url)
            expect(page.locator("article svg").first).to_be_visible(timeout=60_000)
            save(page, args.out / f"overview-{theme}.png")
            page.goto(f"{args.url}/#health")
            expect(page.locator("#numbers table").first).to_be_visible()
            save(page, args.out / f"health-{theme}.png")
            page.goto(f"{args.tables or args.url}/#source={urllib.parse.quote(args.source)}")
            page.reload()
            expect(page.locator("#history canvas")).to_be_visible(timeout=60_000)
            page.select_option("#against", "week")
            expect(page.locator("#compared")).to_be_visible()
            page.locator("#source-title").scroll_into_view_if_needed()
            save(page, args.out / f"source-{theme}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
