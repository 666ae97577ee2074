"""Opens the page of a running service in Chromium, and compares it with the API.

    python page.py URL SOURCE... [--screenshot FOLDER]

Fails with the first thing that is wrong. Prints what was measured as JSON.
"""

import argparse
import json
import re
import urllib.parse
import urllib.request

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}


def ask(url: str, path: str) -> dict:
    with urllib.request.urlopen(f"{url}/api/v1/{path}", timeout=10) as answer:
        return json.load(answer)


def percent(share: float | None) -> str:
    return "hidden" if share is None else f"{int(share * 100 + 0.5)} %"


def numbers(page, source: str) -> dict[str, dict[str, list[str]]]:
    """The tables of a card: by attribute, the cells of each category."""
    card = page.locator(f'article[data-source="{source}"]')
    found = {}
    for table in card.locator(".wide").all():
        if table.get_attribute("aria-label").startswith("people "):
            continue
        attribute = table.get_attribute("aria-label").split(" at ")[0]
        rows = table.locator("tbody tr").all()
        found[attribute] = {row.locator("th").text_content(): row.locator("td").all_text_contents() for row in rows}
    return found


def shown(live: dict, source: str, view: str) -> dict[str, dict[str, str]]:
    """The shares of a source, as the API says them."""
    (one,) = [one for one in live["sources"] if one["source"] == source]
    (one,) = [one for one in one["views"] if one["view"] == view]
    return {
        attribute["attribute"]: {one["category"]: percent(one["share"]) for one in attribute["categories"]}
        for attribute in one["attributes"]
    }


def compare(page, url: str, sources: list[str]) -> int:
    """Every share on the page is one that the API says, at the same moment of the service."""
    view = page.locator("#view").input_value()
    compared = 0
    for source in sources:
        path = f"live?source={urllib.parse.quote(source)}"
        # The service may release a window between the two looks: then both are taken again.
        for _ in range(20):
            before = shown(ask(url, path), source, view)
            on_page = numbers(page, source)
            if before == shown(ask(url, path), source, view):
                cells = {name: {c: row[0] for c, row in rows.items()} for name, rows in on_page.items()}
                if cells == before:
                    break
            page.wait_for_timeout(250)
        else:
            raise AssertionError(f"{source}: the page says {cells}, the API {before}")
        compared += sum(len(rows) for rows in cells.values())
    return compared


def whole(number: int) -> str:
    return f"{number:,}"


def compare_people(page, url: str, source: str) -> int:
    """The card's words and its table say the people that the API says, at the same moment of the service."""
    path = f"live?source={urllib.parse.quote(source)}"
    card = page.locator(f'article[data-source="{source}"] .people')
    for _ in range(20):
        before = ask(url, path)["sources"][0]["people"]
        words = card.locator("p").all_text_contents()
        cells = card.locator("tbody td").all_text_contents()
        bars = card.locator("svg.spark rect").count()
        if before == ask(url, path)["sources"][0]["people"]:
            newest = f"Newest window: {whole(before['newest']['people'])} "
            today = f"Today: {whole(before['today'])} "
            most = max(hour["people"] for hour in before["hours"])
            said = [newest in words[0], today in words[0], words[1].endswith(f": {whole(most)}.")]
            if all(said) and cells == [whole(hour["people"]) for hour in before["hours"]] and bars == 24:
                return len(cells)
        page.wait_for_timeout(250)
    raise AssertionError(f"{source}: the page says {words}, {cells}, {bars} bars; the API {before}")


# When the first card shows a number.
FIRST_NUMBERS = """
new MutationObserver((_, observer) => {
  if (!document.querySelector("#cards article td")) return;
  window.firstNumbers = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true });
"""


def by_keyboard(page) -> list[str]:
    """What the Tab key reaches, in order."""
    reached = []
    page.locator("body").click(position={"x": 1, "y": 1})
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate("(document.activeElement.id || document.activeElement.textContent).trim()")
        if name in reached[:1]:
            break
        reached.append(name)
    return reached


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--screenshot")
    args = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport=DESK)
        strangers, errors = [], []
        page.on("request", lambda request: request.url.startswith(args.url) or strangers.append(request.url))
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.add_init_script(FIRST_NUMBERS)
        page.goto(args.url)
        for source in args.sources:
            expect(page.locator(f'article[data-source="{source}"] table').first).to_be_attached(timeout=15_000)
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        compared = compare(page, args.url, args.sources)
        assert compared > 0, "nothing was compared"
        numbers_after = page.evaluate("window.firstNumbers")
        assert numbers_after >= paint, f"numbers after {numbers_after} ms, paint after {paint} ms"
        hours = sum(compare_people(page, args.url, source) for source in args.sources)
        assert hours > 0, "no hour was compared"

        # A search leaves one card.
        page.fill("#search", args.sources[0])
        expect(page.locator("article")).to_have_count(1)
        page.fill("#search", "nobody's camera")
        expect(page.locator("#cards")).to_contain_text("No source has such a name")
        page.fill("#search", "")
        expect(page.locator(f'article[data-source="{args.sources[-1]}"]')).to_be_visible()

        # Cards of a row are as high as what is in them.
        heights = page.locator("#cards").evaluate("one => getComputedStyle(one).alignItems")
        assert heights == "start", heights
        reached = by_keyboard(page)
        for wanted in ("Skip to the shares", "Overview", "Health", "search", "view"):
            assert wanted in reached, f"the Tab key does not reach {wanted}: {reached}"

        serious = {}
        for theme in ("light", "dark"):
            for width in (DESK, PHONE):
                page.emulate_media(color_scheme=theme)
                page.set_viewport_size(width)
                found = Axe().run(page).response["violations"]
                bad = [one["id"] for one in found if one["impact"] in ("serious", "critical")]
                assert not bad, f"axe-core, {theme}, {width}: {bad}"
                serious[f"{theme} {width['width']}"] = len(found)
                beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert beyond <= 0, f"{width}: the page is {beyond} pixels too wide"
                if args.screenshot:
                    name = f"{args.screenshot}/page-{theme}-{width['width']}.png"
                    page.screenshot(path=name)

        page.goto(f"{args.url}/#overview")
        page.locator(f'article[data-source="{args.sources[0]}"] h3 a').click()
        expect(page.locator("#source-title")).to_have_text(args.sources[0])
        expect(page.locator("#policy")).to_contain_text("fewest people shown")
        found = Axe().run(page).response["violations"]
        assert not [one for one in found if one["impact"] in ("serious", "critical")], found
        page.goto(f"{args.url}/#health")
        expect(page.locator("#numbers")).to_contain_text("Ready: partitions are read.")
        for stage in ("poll", "decode", "infer", "fold", "write"):
            badge = page.locator(f'#numbers [data-stage="{stage}"]')
            expect(badge).to_have_text(re.compile(f"^{stage} (waiting for input|busy|blocked by the next stage|not blocked)$"))
        said = page.locator("#numbers").text_content()
        assert re.search(r"faces were estimated|no face was estimated", said), said
        assert re.search(r"Last checkpoint: .* before this update", said), said
        folded = sum(int(re.sub(r"\D", "", text)) for text in page.locator(
            '[aria-label="Records by outcome"] td').all_text_contents())
        assert folded > 0, "no record on the page"
        found = Axe().run(page).response["violations"]
        assert not [one for one in found if one["impact"] in ("serious", "critical")], found
        # On a phone no table of Health is wider than the screen.
        for width in (360, 390):
            page.set_viewport_size({**PHONE, "width": width})
            wide = page.locator("#numbers .wide").evaluate_all(
                "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.ariaLabel)")
            assert not wide, f"{width}: tables scroll sideways: {wide}"
            beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert beyond <= 0, f"{width}: Health is {beyond} pixels too wide"
        if args.screenshot:
            page.screenshot(path=f"{args.screenshot}/health-390.png", full_page=True)
        page.set_viewport_size(DESK)

        assert not strangers, f"the page asked others: {strangers}"
        assert not errors, f"the browser complains: {errors}"
        browser.close()
    measured = {"first_paint_ms": round(paint), "first_numbers_ms": round(numbers_after)}
    print(json.dumps({**measured, "compared": compared, "hours": hours, "axe_minor": serious}))


if __name__ == "__main__":
    main()
