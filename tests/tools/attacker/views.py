"""What the rolling views add to the tables: which windows stand in a view, and whether its numbers follow from what the
windows show. A number that does not is a constraint on what they hide."""

from dataclasses import dataclass, field
from itertools import product

NAMES = {"votes": "audience_votes", "naive": "audience_share_naive_ratio", "share": "audience_share_ratio"}
OTHER = "__other__"
# Of each source so many windows may have been released after the view, though they end before it does.
LATER_MAX = 2


class Series:
    """Which windows went into which series: a window goes into the one that its source had when it was released."""

    def __init__(self, windows, scrapes):
        self.of = {}
        for window in windows:
            self.of.setdefault(window.source, []).append(window)
        views = [(source, view) for scrape in scrapes for (source, _), view in scrape.views.items()]
        own = {id(window) for source, view in views for window in self._within(source, view)}
        # Who shares a series, by source.
        self.others = {
            source: others for source, of_source in self.of.items()
            if (others := [window for window in of_source if id(window) not in own])
        }

    def _within(self, source, view):
        return [window for window in self.of.get(source, []) if view.covers(window)]

    def members(self, source, view):
        """The windows in the view; None where they are not sure."""
        if source != OTHER:
            found = [self._within(source, view)]
        else:
            found = []
            within = [[window for window in others if view.covers(window)] for others in self.others.values()]
            for later in product(range(LATER_MAX + 1), repeat=len(within)):
                if all(number <= len(some) for number, some in zip(later, within)):
                    found.append([window for number, some in zip(later, within) for window in some[:len(some) - number]])
        fitting = [some for some in found if sum(window.faces for window in some) == view.numbers[("audience_faces", None)]]
        return fitting[0] if len(fitting) == 1 else None


def followed(windows, scrapes):
    """Of each view in each scrape: the windows in it, the view, and (number of the scrape, series, span)."""
    scrapes = list(scrapes)
    for starts in sorted({scrape.starts for scrape in scrapes}):
        own = [scrape for scrape in scrapes if scrape.starts == starts]
        series = Series(of_start(windows, starts), own)
        for scrape in own:
            for (source, span), view in scrape.views.items():
                yield series.members(source, view), view, (scrape.number, source, span)


def of_start(windows, starts):
    """The windows of one start: each has a policy of its own."""
    policies = list(dict.fromkeys(window.policy for window in windows))
    return [window for window in windows if window.policy == policies[min(starts, len(policies) - 1)]]


@dataclass
class Verdict:
    """How many numbers follow from what is shown, and those that do not."""

    periods: int = 0
    followed: int = 0
    unsure: int = 0
    # (windows, attribute, category, votes): an exact sum of counts.
    sums: list = field(default_factory=list)
    # (windows, attribute, shares by category): estimated from what is hidden.
    shares: list = field(default_factory=list)

    def add(self, other):
        self.followed += other.followed
        self.unsure += other.unsure
        self.sums += other.sums
        self.shares += other.shares


def judge(found, view, known):
    """`found` are the windows in the view."""
    verdict = Verdict()
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
            follow(verdict, numbers.get(NAMES["votes"]), votes if here else None, (found, name, place))
            follow(verdict, numbers.get(NAMES["naive"]), votes / totals if totals else None, (found, name, place))
        if name in view.totals:
            follow(verdict, view.totals[name], sum(window.attributes[name].total for window in shown), (found, name, None))
        coverage(verdict, (found, shown), name, view)
        shares = [view.categories.get((name, label), {}).get(NAMES["share"]) for label in labels]
        if any(share is not None for share in shares) and known["predict"]:
            if is_predicted(shares, known["predict"](shown, name)):
                verdict.followed += 1
            else:
                verdict.shares.append((shown, name, shares))
    return verdict


def is_predicted(shares, predicted):
    """Whether the shares that are shown are those predicted."""
    pairs = zip(shares, predicted)
    return all(share is None or abs(share - other) < 1e-6 for share, other in pairs)


def coverage(verdict, windows, name, view):
    found, shown = windows
    of_attribute = sum(window.votes for window in found if name in window.attributes)
    value = view.numbers.get(("audience_shown_ratio", name))
    counts = sum(count or 0 for window in shown for count in window.attributes[name].counts)
    expected = counts / of_attribute if of_attribute else None
    follow(verdict, value, expected, (found, name, None))


def follow(verdict, value, expected, of):
    if value == expected:
        verdict.followed += 1
    else:
        verdict.sums.append((*of, value))
