"""Opens the page of `demograph watch` in Chromium, and reads there that a camera is down, since when and why.

    python page_inputs.py URL UP DOWN REASON

UP and DOWN are sources whose cameras are so. Fails with the first thing that is wrong.
"""

import re
import sys

from playwright.sync_api import expect, sync_playwright


def main() -> None:
    url, up, down, reason = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(url)
        state = page.locator("#state")
        expect(state).to_contain_text(f"Input down: {down}.", timeout=20_000)
        expect(state).to_have_class("bad")
        card = page.locator(f'article[data-source="{down}"] p.bad')
        expect(card).to_have_text(re.compile(r"^Input down since \d\d:\d\d:\d\d: " + re.escape(reason) + "$"))
        expect(page.locator(f'article[data-source="{up}"] p.note')).to_have_text(re.compile("^Input up since "))
        page.goto(f"{url}/#health")
        rows = page.locator('[aria-label="Inputs"] tbody tr')
        expect(rows).to_have_count(2)
        expect(rows.filter(has_text=down)).to_contain_text(reason)
        browser.close()


if __name__ == "__main__":
    main()
