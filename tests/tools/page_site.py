"""Opens the page of an instance whose peer is away in Chromium.

    python page_site.py URL PEER

Fails with the first thing that is wrong.
"""

import json
import sys
import urllib.request

from playwright.sync_api import expect, sync_playwright


def main() -> None:
    url, peer = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(url)
        # The first lines name it, and say since when it is away and why.
        with urllib.request.urlopen(f"{url}/api/v1/live", timeout=10) as answer:
            (away,) = json.load(answer)["peers"]
        assert away["instance"] == peer, away
        said = page.locator("#missing")
        expect(said).to_be_visible(timeout=15_000)
        expect(said).to_contain_text(f"{peer} does not answer since ")
        expect(said).to_contain_text(away["why"])
        # What is left is shown, and live.
        expect(page.locator("article table").first).to_be_attached(timeout=15_000)
        expect(page.locator("#state")).to_contain_text("Live.")
        page.locator("header nav a[href='#health']").click()
        health = page.locator("#numbers")
        expect(health.locator("h3", has_text=f"Instance {peer}")).to_be_visible()
        expect(health.locator("p.bad").last).to_contain_text(f"{peer} does not answer since ")
        browser.close()


if __name__ == "__main__":
    main()
