"""Attacks runs of the program from outside: reads all that they published, and solves for what they hide.

Usage: attack.py FOLDER... Each folder is a run; only FOLDER/published is read. One line of JSON a run.
The attacker knows the algorithms, the thresholds and the calibration.
"""

import json
import sys

import estimators
import published
from hidden import Hidden
from program import Program
from views import OTHER, Verdict, is_predicted, judge

ATTRIBUTES = ("age", "gender", "ethnicity")
CACHE = {}


def know(folder, windows):
    known = published.settings(folder)
    linears, labels = estimators.read(known["calibration"])
    known["labels"] = labels
    known["categories"] = {name: len(one) for name, one in labels.items()}
    single = all(window.faces == window.tracks == window.votes for window in windows if window.votes)
    known["linears"] = linears
    known["is_linear"] = single and known["method"] == "acc"

    def step_of(some):
        factor = max(1 if window.unit == "tracks" else known["policies"][window.policy]["factor"] for window in some)
        return known["policies"][some[0].policy]["k_cell"] * factor

    known["predict"] = estimators.predictor(linears, step_of) if known["is_linear"] else None
    return known


def judged(windows, scrapes, known):
    """What all scrapes say beyond the tables."""
    verdict = Verdict()
    runs = list(dict.fromkeys(window.policy for window in windows))
    for start, views in scrapes:
        of_run = [window for window in windows if window.policy == policy_of(start, runs, windows)]
        # A series that is named now is no part of the one that several sources share.
        known["own_series"] = {source for source, _ in views if source != OTHER}
        for (source, _), view in views.items():
            verdict.add(judge(of_run, view, source, known))
    return verdict


def policy_of(start, runs, windows):
    by_first = sorted(runs, key=lambda policy: min(w.next_offset for w in windows if w.policy == policy))
    return by_first[min(start, len(by_first) - 1)]


def possible(window, name, known, report):
    """Of each hidden category: the values that its number of people may have, as far as the window's own rows say."""
    # Where people have one vote each, the constraints of one window have whole corners.
    program = Program(is_whole=known["dwell"])
    hidden = Hidden(program, window, name, known)
    signature = hidden.signature()
    if signature not in CACHE:
        CACHE[signature] = hidden.values(program)
        assert all(CACHE[signature].values()), f"the attacker does not know the rule: {name} of {window}"
    if known["is_linear"] and not hidden.is_suppressed:
        rows = known["linears"][name].inverse
        report["estimates"] += [hidden.width(program, rows[place]) / hidden.k_cell for place in hidden.hidden]
    return hidden, CACHE[signature]


def attack(folder):
    folder = f"{folder}/published"
    windows = published.windows(folder)
    scrapes = list(published.scrapes(f"{folder}/metrics.txt"))
    known = know(folder, windows)
    verdict = judged(windows, scrapes, known)
    report = {
        "method": known["method"], "is_linear": known["is_linear"], "windows": len(windows), "scrapes": len(scrapes),
        "days_say_nothing_else": published.days_say_nothing_else(folder),
        "followed": verdict.followed, "unsure": verdict.unsure,
        "unexplained": len(verdict.sums) + len(verdict.shares),
        "shown": 0, "hidden": 0, "pinned": 0, "narrow": 0, "suppressed": 0, "counts": [], "estimates": [], "ranges": [],
    }
    for window in windows:
        for name, rows in window.attributes.items():
            hidden, found = possible(window, name, known, report)
            count(report, hidden, found)
            if known["predict"] and any(count is not None for count in rows.counts):
                predicted = known["predict"]([window], name)
                shares = [numbers["share"] for numbers in rows.shares]
                report["followed"] += is_predicted(shares, predicted)
                report["unexplained"] += predicted is not None and not is_predicted(shares, predicted)
    # The narrowest intervals of hidden counts and of hidden estimates, in multiples of k_cell votes.
    for widths in ("counts", "estimates"):
        report[f"narrowest_{widths}"] = min(report.pop(widths), default=None)
    return report


def count(report, hidden, found):
    window = hidden.window
    name = [window.source, window.start, window.end, window.first_offset, hidden.name]
    report["shown"] += hidden.categories - len(hidden.hidden)
    for category, values in found.items():
        low, high = min(values), max(values)
        # The truth is known in votes; who stays has several.
        report["ranges"].append([*name, category, low, None if hidden.is_dwell else high])
        is_small = low < hidden.k_cell
        report["pinned"] += len(values) == 1 and 0 < low < hidden.k_cell
        if hidden.is_suppressed:
            report["suppressed"] += 1
            # Of a window that shows nothing, the table `windows` says how many people there were.
            people = window.tracks if hidden.is_dwell else window.votes
            report["narrow"] += len(values) != people + 1
            continue
        report["hidden"] += 1
        report["narrow"] += is_small and len(values) < hidden.k_cell
        if not hidden.is_dwell:
            report["counts"].append((high - low) / hidden.k_cell)


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        print(json.dumps(attack(folder)), flush=True)
