"""Attacks runs of the program from outside: reads all that they published, and solves for what they hide.

Usage: attack.py FOLDER... Each folder is a run; only FOLDER/published is read. One line of JSON a run.
The attacker knows the algorithms, the thresholds and the calibration.
"""

import json
import sys

import estimators
import periods
import published
from hidden import Hidden
from program import Program
from views import Verdict, followed, is_predicted, judge

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


def judged(folder, windows, scrapes, known):
    """What all scrapes, hours and days say beyond the windows."""
    verdict = Verdict()
    for in_view, view, _ in followed(windows, scrapes):
        verdict.add(judge(in_view, view, known))
    for in_period, view in periods.followed(folder, windows):
        verdict.add(judge(in_period, view, known))
        verdict.periods += 1
    return verdict


def possible(window, name, known, report):
    """What the window's own rows say of each hidden category: the values that its votes may have, and its people."""
    program = Program(is_whole=False)
    hidden = Hidden(program, window, name, known)
    signature = hidden.signature()
    if signature not in CACHE:
        judged_by = [hidden.votes, hidden.people] if hidden.is_dwell else [hidden.votes]
        CACHE[signature] = [hidden.values(program, of) for of in judged_by]
        assert all(all(found.values()) for found in CACHE[signature]), f"the attacker does not know the rule: {window}"
    if known["is_linear"] and not hidden.is_suppressed:
        rows = known["linears"][name].inverse
        report["estimates"] += [hidden.width(program, rows[place]) / hidden.k_cell for place in hidden.hidden]
    return hidden, CACHE[signature]


def attack(folder):
    folder = f"{folder}/published"
    windows = published.windows(folder)
    scrapes = list(published.scrapes(f"{folder}/metrics.txt"))
    known = know(folder, windows)
    verdict = judged(folder, windows, scrapes, known)
    report = {
        "method": known["method"], "is_linear": known["is_linear"], "windows": len(windows), "scrapes": len(scrapes),
        "periods": verdict.periods,
        "compacted_files_say_nothing_else": published.compacted_files_say_nothing_else(folder),
        "followed": verdict.followed, "unsure": verdict.unsure,
        "unexplained": len(verdict.sums) + len(verdict.shares),
        "shown": 0, "hidden": 0, "pinned": 0, "narrow": 0, "suppressed": 0, "counts": [], "estimates": [], "ranges": [],
    }
    for window in windows:
        for name, rows in window.attributes.items():
            hidden, found = possible(window, name, known, report)
            count(report, hidden, found)
            if known["predict"] and any(count is not None for count in rows.counts):
                shares = [numbers["share"] for numbers in rows.shares]
                is_followed = is_predicted(shares, known["predict"]([window], name))
                report["followed" if is_followed else "unexplained"] += 1
    # The narrowest intervals of hidden counts and of hidden estimates, in multiples of k_cell votes.
    for widths in ("counts", "estimates"):
        report[f"narrowest_{widths}"] = min(report.pop(widths), default=None)
    return report


def count(report, hidden, found):
    window = hidden.window
    report["shown"] += hidden.categories - len(hidden.hidden)
    report["suppressed" if hidden.is_suppressed else "hidden"] += len(hidden.hidden)
    # Of a window that shows nothing, the table `windows` says how many votes and people there were.
    for everybody, of in zip([window.votes, window.tracks], found):
        for values in of.values():
            low, high = min(values), max(values)
            report["pinned"] += len(values) == 1 and 0 < low < hidden.k_cell
            if hidden.is_suppressed:
                report["narrow"] += len(values) != everybody + 1
            else:
                report["narrow"] += low < hidden.k_cell and len(values) < hidden.k_cell
                report["counts"].append((high - low) / hidden.k_cell)
    name = [window.source, window.start, window.end, window.first_offset, hidden.name]
    report["ranges"] += [[*name, place, min(values), max(values)] for place, values in found[0].items()]


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        print(json.dumps(attack(folder)), flush=True)
