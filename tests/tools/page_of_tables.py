"""Opens the page over tables alone in Chromium.

    python page_of_tables.py URL SOURCE...

Fails with the first thing that is wrong.
"""

import sys

from playwright.sync_api import Browser, expect, sync_playwright

# Adds up the browser's layout shifts: https://web.dev/articles/cls calls 0.1 good.
SHIFTS = """window.shifted = 0;
new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.shifted += entry.value; })
  .observe({ type: "layout-shift", buffered: true });"""


def stay_in_place(browser: Browser, url: str, source: str) -> None:
    """Nothing that is on the screen of a phone moves when the numbers arrive."""
    for path, arrived in (("", f'article[data-source="{source}"] table'), (f"#source={source}", "#history canvas")):
        page = browser.new_page(viewport={"width": 360, "height": 740})
        page.add_init_script(SHIFTS)
        page.goto(f"{url}/{path}")
        expect(page.locator(arrived).first).to_be_attached(timeout=15_000)
        # Two frames on, what arrived is drawn and counted.
        page.evaluate("new Promise((then) => requestAnimationFrame(() => requestAnimationFrame(then)))")
        shifted = page.evaluate("window.shifted")
        assert shifted < 0.1, f"/{path}: the page shifts by {shifted:.2f}"
        page.close()


def main() -> None:
    url, *sources = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        stay_in_place(browser, url, sources[0])
        page = browser.new_page()
        errors = []
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        for source in sources:
            expect(page.locator(f'article[data-source="{source}"] table').first).to_be_attached(timeout=15_000)
        expect(page.locator("#state")).to_contain_text("Tables without a service, read at")
        expect(page.locator("#place-of-tables")).to_contain_text("newest finished hour or day")
        expect(page.locator("header nav a[href='#health']")).to_be_hidden()
        expect(page.locator("#view option")).to_have_text(["newest hour", "newest day"])
        # Words, and a twin of the bars.
        people = page.locator(f'article[data-source="{sources[0]}"] .people')
        expect(people).to_contain_text("Newest hour: ")
        expect(people).to_contain_text("people in the 24 hours up to the newest one; most in the hour from ")
        people.locator("summary").click()
        expect(people.locator("tbody tr").first).to_be_visible()
        page.select_option("#view", "1h")
        expect(page.locator("article table").first).to_be_attached()
        page.locator(f'article[data-source="{sources[0]}"] h3 a').click()
        expect(page.locator("#history canvas")).to_be_visible()
        # One source beside another: the words and the table say the same numbers.
        # Their clocks differ by half an hour; their days have the same names.
        page.select_option("#step", "day")
        page.select_option("#against", "source")
        page.fill("#other", sources[1])
        page.press("#other", "Tab")
        expect(page.locator("#compared")).to_contain_text(f"{sources[1]}: ")
        page.locator("#pairs summary").click()
        cells = page.locator("#pairs tbody tr").first.locator("th, td").all_text_contents()
        words = page.locator("#compared").text_content()
        assert cells[0] in words and cells[2] in words, f"{words}: {cells}"
        difference = cells[3].split(", no clear difference")[0]
        assert difference[difference.index("("):].rstrip(")") in words, f"{words}: {cells}"
        # Nobody was there a week before.
        page.select_option("#against", "week")
        expect(page.locator("#compared")).to_contain_text("Nothing can be compared")
        expect(page.locator("#pairs tbody tr").first).to_contain_text("unknown")
        page.select_option("#against", "")
        expect(page.locator("#comparison")).to_be_empty()
        # The week has a table, too.
        page.select_option("#step", "hour")
        page.get_by_text("Numbers by hour of the week").click()
        expect(page.locator("table").filter(has_text="Sunday")).to_be_visible()
        page.locator("#made summary").click()
        expect(page.locator("#made table")).to_contain_text("model")
        assert "Rules in force" not in page.locator("main").text_content()
        page.goto(f"{url}/#health")
        expect(page.locator("#state")).to_contain_text("without a service")
        # The answer 404 for the health is the only complaint.
        others = [error for error in errors if "404" not in error]
        assert not others, f"the browser complains: {others}"
        browser.close()


if __name__ == "__main__":
    main()
