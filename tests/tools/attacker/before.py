"""What the attacker made of the views of an earlier version, which estimated from exact cells: proof that he can attack.

Usage: before.py FOLDER. The run has tracks of one crop and the linear estimator ACC. FOLDER/judge/before.txt holds the
shares that the earlier version showed. Prints one line of JSON.
"""

import json
import re
import sys

import attack
import published
from hidden import Hidden
from program import Program, whole_between
from views import OTHER, members

LINE = re.compile(r'\w+\{attribute="(.*)",category="(.*)",source="(.*)",window="(.*)"\} (\S+)')


def shares_before(path):
    """Scrape after scrape: by series and attribute, the share of each category."""
    found = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("# scrape"):
                found.append({})
            else:
                name, category, source, span, value = LINE.match(line).groups()
                found[-1].setdefault((source, span, name), {})[category] = float(value)
    return found


def constrain(program, hidden, windows, shares, known, name):
    """The view's estimate is a linear function of all counts in it, and was rounded to whole steps."""
    labels = known["labels"][name]
    # A share of 0 may have been cut off there.
    if any(shares.get(label, 0) <= 0 for label in labels):
        return False
    total = sum(window.attributes[name].total for window in windows)
    step = known["policies"][windows[0].policy]["k_cell"]
    is_whole = all(None not in window.attributes[name].counts for window in windows)
    for place, label in enumerate(labels):
        terms = {}
        for window in windows:
            for category, vote in enumerate(hidden[id(window)].votes):
                terms[vote] = terms.get(vote, 0) + known["linears"][name].inverse[place][category]
        slack = 1e-6 * total if is_whole else 0.5 * step + 1e-6
        program.between(shares[label] * total - slack, terms, shares[label] * total + slack)
    return True


def main(folder):
    windows = published.windows(f"{folder}/published")
    known = attack.know(f"{folder}/published", windows)
    assert known["is_linear"]
    scrapes = list(published.scrapes(f"{folder}/published/metrics.txt"))
    report = {"views": 0, "hidden": 0, "pinned": 0, "narrow": 0, "ranges": []}
    for name in known["labels"]:
        shown = [window for window in windows if window.attributes[name].counts]
        program = Program(is_whole=True)
        hidden = {id(window): Hidden(program, window, name, known) for window in shown}
        for (_, views), said in zip(scrapes, shares_before(f"{folder}/judge/before.txt")):
            own = {source for source, _ in views if source != OTHER}
            for (source, span), view in views.items():
                found = members(windows, view, source, own)
                if found and (source, span, name) in said:
                    of_name = [window for window in found if window.attributes[name].counts]
                    shares = said[(source, span, name)]
                    report["views"] += constrain(program, hidden, of_name, shares, known, name)
        for window in shown:
            one = hidden[id(window)]
            for place in one.hidden:
                bounds = program.bounds({one.people[place]: 1})
                assert bounds, "the attacker does not know the algorithm"
                low, high = whole_between(bounds)
                report["hidden"] += 1
                report["pinned"] += low == high and 0 < low < one.k_cell
                report["narrow"] += low < one.k_cell and high - low + 1 < one.k_cell
                key = [window.source, window.start, window.end, window.first_offset, name]
                report["ranges"].append([*key, place, low, high])
    return report


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
