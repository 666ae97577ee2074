"""What the rolling views add to the tables: which windows stand in a view, and whether its numbers follow from what the
windows show. A number that does not is a constraint on what they hide."""

from dataclasses import dataclass, field
from itertools import combinations

NAMES = {"votes": "audience_votes", "naive": "audience_share_naive_ratio", "share": "audience_share_ratio"}
OTHER = "__other__"


def members(windows, view, source, own_series):
    """The windows in the view; None where they are not sure: some were released later, or in another series."""
    start = view.numbers[("audience_from_timestamp_seconds", None)] * 1000
    until = view.numbers[("audience_until_timestamp_seconds", None)] * 1000
    within = [w for w in windows if until - view.span < w.end <= until and w.start >= start - 0.5]
    sources = [source]
    if source == OTHER:
        # A source that has a series now is no part of the one that several share; of the others some may be.
        sources = sorted({window.source for window in windows} - own_series)
    for number in range(len(sources), 0, -1):
        for some in combinations(sources, number):
            found = [window for window in within if window.source in some]
            if sum(window.faces for window in found) == view.numbers[("audience_faces", None)]:
                return found
    return None


@dataclass
class Verdict:
    """How many numbers follow from what is shown, and those that do not."""

    followed: int = 0
    unsure: int = 0
    # (windows, attribute, category, votes): an exact sum of counts.
    sums: list = field(default_factory=list)
    # (windows, attribute, shares by category, step): estimated from what is hidden.
    shares: list = field(default_factory=list)

    def add(self, other):
        self.followed += other.followed
        self.unsure += other.unsure
        self.sums += other.sums
        self.shares += other.shares


def judge(windows, view, source, known):
    verdict = Verdict()
    found = members(windows, view, source, known["own_series"])
    if found is None:
        verdict.unsure += 1
        return verdict
    for name, labels in known["labels"].items():
        shown = [window for window in found if window.attributes.get(name) and window.attributes[name].counts]
        for place, label in enumerate(labels):
            numbers = view.categories.get((name, label), {})
            here = [window.attributes[name] for window in shown if window.attributes[name].counts[place] is not None]
            votes = sum(rows.counts[place] for rows in here)
            totals = sum(rows.total for rows in here)
            if numbers.get(NAMES["votes"]) == (votes if here else None):
                verdict.followed += 1
            else:
                verdict.sums.append((found, name, place, numbers.get(NAMES["votes"])))
            expected = votes / totals if totals else None
            verdict.followed += numbers.get(NAMES["naive"]) == expected
            if numbers.get(NAMES["naive"]) != expected:
                verdict.sums.append((found, name, place, numbers.get(NAMES["naive"])))
        coverage(verdict, (found, shown), name, view)
        shares = [view.categories.get((name, label), {}).get(NAMES["share"]) for label in labels]
        if any(share is not None for share in shares) and known["predict"]:
            predicted = known["predict"](shown, name)
            if predicted is None:
                verdict.unsure += 1
            elif is_predicted(shares, predicted):
                verdict.followed += 1
            else:
                verdict.shares.append((shown, name, shares))
    return verdict


def is_predicted(shares, predicted):
    """Whether the shares that are shown are those predicted."""
    pairs = zip(shares, predicted or [])
    return predicted is not None and all(share is None or abs(share - other) < 1e-6 for share, other in pairs)


def coverage(verdict, windows, name, view):
    found, shown = windows
    of_attribute = sum(window.votes for window in found if name in window.attributes)
    value = view.numbers.get(("audience_shown_ratio", name))
    counts = sum(count or 0 for window in shown for count in window.attributes[name].counts)
    expected = counts / of_attribute if of_attribute else None
    if value == expected:
        verdict.followed += 1
    else:
        verdict.sums.append((found, name, None, value))
