"""Opens the page over tables among which files are broken, in Chromium.

    python page_of_broken.py URL SOURCE

Fails with the first thing that is wrong.
"""

import sys

from playwright.sync_api import expect, sync_playwright


def main() -> None:
    url, source = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        card = page.locator(f'article[data-source="{source}"]')
        expect(card.locator("table").first).to_be_attached(timeout=15_000)
        said = page.locator("#missing")
        expect(said).to_contain_text("files of the tables were left out, so numbers may be missing or too small")
        expect(said).to_contain_text("hourly/date=2026-03-01/cut.parquet: no whole Parquet file: its end is missing: move it away")
        card.locator("h3 a").click()
        page.fill("#from", "2026-03-01")
        page.fill("#to", "2026-03-02")
        page.press("#to", "Tab")
        expect(page.locator("#history canvas")).to_be_visible()
        expect(page.locator("#history p.bad").first).to_contain_text("10 files of the tables were left out")
        beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert beyond <= 0, f"the page is {beyond} pixels too wide"
        assert not errors, errors
        browser.close()


if __name__ == "__main__":
    main()
