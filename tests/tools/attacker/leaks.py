"""What the attacker makes of output that is known to leak: proof that he can attack.

Usage: leaks.py FOLDER views|estimate. The run has tracks of one crop and the linear estimator ACC.
views: FOLDER/judge/before.txt holds the shares that an earlier version showed in its views, estimated from exact cells.
estimate: FOLDER/judge/estimate.csv is what `demograph estimate --every 10m` makes of the exact cells.
Prints one line of JSON.
"""

import csv
import json
import re
import sys
from datetime import datetime

import attack
import published
from hidden import Hidden
from program import Program, whole_between
from views import followed

LINE = re.compile(r'\w+\{attribute="(.*)",category="(.*)",source="(.*)",window="(.*)"\} (\S+)')
EVERY = 600_000


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


def by_views(folder, windows, known):
    """Of each view: its windows, and the sum of counts that each of its shares is, to half a step."""
    said = list(shares_before(f"{folder}/judge/before.txt"))
    for found, _, (number, source, span) in followed(windows, published.scrapes(f"{folder}/published/metrics.txt")):
        for name, labels in known["labels"].items():
            shares = said[number].get((source, span, name), {})
            of_name = [window for window in found or [] if window.attributes[name].counts]
            # A share of 0 may have been cut off there.
            if any(shares.get(label, 0) <= 0 for label in labels):
                continue
            total = sum(window.attributes[name].total for window in of_name)
            is_whole = all(None not in window.attributes[name].counts for window in of_name)
            step = known["policies"][of_name[0].policy]["k_cell"]
            slack = 1e-6 * total if is_whole else 0.5 * step + 1e-6
            for place, label in enumerate(labels):
                row = known["linears"][name].inverse[place]
                yield name, of_name, row, shares[label] * total, slack


def by_estimate(folder, windows, known):
    """Of each group and category: its windows, and their exact count."""
    with open(f"{folder}/judge/estimate.csv", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if not row["share_naive"]:
                continue
            start = round(datetime.fromisoformat(row["from"].replace("Z", "+00:00")).timestamp() * 1000)
            name = row["attribute"]
            found = [
                window for window in windows
                if window.source == row["source"] and start <= window.start < start + EVERY and window.votes
            ]
            assert sum(window.votes for window in found) == int(row["total"]), row
            of_category = [int(label == row["category"]) for label in known["labels"][name]]
            yield name, found, of_category, float(row["share_naive"]) * int(row["total"]), 1e-6


LEAKS = {"views": by_views, "estimate": by_estimate}


def main(folder, leak):
    windows = published.windows(f"{folder}/published")
    known = attack.know(f"{folder}/published", windows)
    assert known["is_linear"]
    programs = {name: Program(is_whole=True) for name in known["labels"]}
    hidden = {
        (id(window), name): Hidden(programs[name], window, name, known)
        for window in windows for name in window.attributes
    }
    report = {"sums": 0, "hidden": 0, "pinned": 0, "narrow": 0, "ranges": []}
    for name, found, coefficients, value, slack in LEAKS[leak](folder, windows, known):
        terms = {}
        for window in found:
            for vote, coefficient in zip(hidden[(id(window), name)].votes, coefficients):
                terms[vote] = terms.get(vote, 0) + coefficient
        programs[name].between(value - slack, terms, value + slack)
        report["sums"] += 1
    for (_, name), one in hidden.items():
        for place in one.hidden if not one.is_suppressed else []:
            bounds = programs[name].bounds({one.people[place]: 1})
            assert bounds, "the attacker does not know the algorithm"
            low, high = whole_between(bounds)
            report["hidden"] += 1
            report["pinned"] += low == high and 0 < low < one.k_cell
            report["narrow"] += low < one.k_cell and high - low + 1 < one.k_cell
            window = one.window
            report["ranges"].append([window.source, window.start, window.end, window.first_offset, name, place, low, high])
    return report


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2])))
