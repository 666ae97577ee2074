"""Opens the page of a service with 10,000 sources in Chromium.

    python page_many.py URL many|away|back

`many`: the first page, paging, a search, all within seconds. `away`, `back`: what the page says of the broker. Fails with the
first thing that is wrong. Prints what was measured as JSON.
"""

import json
import sys
import time

from playwright.sync_api import Page, expect, sync_playwright

MANY = 10_000
ON_A_PAGE = 24
# What a person waits for without noticing much; this machine runs other tests meanwhile.
SOON = 5_000


def many(page: Page) -> dict:
    begun = time.monotonic()
    expect(page.locator("#place")).to_have_text(f"1 to {ON_A_PAGE} of {MANY:,}", timeout=15_000)
    first = time.monotonic() - begun
    expect(page.locator("article")).to_have_count(ON_A_PAGE)
    page.click("#after")
    expect(page.locator("#place")).to_have_text(f"{ON_A_PAGE + 1} to {2 * ON_A_PAGE} of {MANY:,}", timeout=SOON)
    page.click("#before")
    begun = time.monotonic()
    page.fill("#search", "CAM-09999")
    expect(page.locator("article")).to_have_count(1, timeout=SOON)
    expect(page.locator("article")).to_contain_text("cam-09999")
    searched = time.monotonic() - begun
    expect(page.locator("#paging")).to_be_hidden()
    page.locator("article h3 a").click()
    expect(page.locator("#source-title")).to_have_text("cam-09999")
    elements = page.evaluate("document.getElementsByTagName('*').length")
    return {"first_page_s": round(first, 2), "search_s": round(searched, 2), "elements": elements}


def main() -> None:
    url, what = sys.argv[1:]
    said = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(url)
        state = page.locator("#state")
        if what == "many":
            said = many(page)
        elif what == "away":
            expect(state).to_contain_text("Kafka has not answered since", timeout=60_000)
            expect(state).to_have_class("bad")
        else:
            expect(state).to_contain_text("Live.", timeout=60_000)
            expect(state).not_to_have_class("bad")
        browser.close()
    print(json.dumps(said))


if __name__ == "__main__":
    main()
