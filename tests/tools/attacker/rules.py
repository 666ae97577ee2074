"""The rule of disclosure control, as its source text says it (src/core/privacy/disclosure.rs), turned round: which counts
can have been hidden where just these categories are hidden."""

from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True)
class Case:
    """Why these categories are hidden: some are small, and at most one other is their partner."""

    small: tuple
    partner: int | None
    # The sum of the small ones lies between.
    least: int
    most: int


def partner_of(small, categories):
    first = small[0]
    order = list(range(first + 1, categories)) + list(range(first - 1, -1, -1))
    return next((place for place in order if place not in small), None)


def cases(categories, hidden, k_cell):
    """All cases in which exactly the categories `hidden` are hidden."""
    hidden = tuple(hidden)
    found = []
    for small in [hidden, *combinations(hidden, len(hidden) - 1)]:
        if not small:
            continue
        partners = [place for place in hidden if place not in small]
        highest = len(small) * (k_cell - 1)
        open_until = (len(small) - 1) * (k_cell - 1)
        neighbours = len(small) == 2 and small[0] + 1 == small[1]
        # Sums at which the small ones need no partner.
        enough = (k_cell, highest if neighbours else min(highest, open_until)) if len(small) >= 2 else None
        if enough and enough[0] > enough[1]:
            enough = None
        if not partners:
            if len(small) == categories:
                found.append(Case(small, None, 0, highest))
            elif enough:
                found.append(Case(small, None, *enough))
        elif partners[0] == partner_of(small, categories):
            if enough is None:
                found.append(Case(small, partners[0], 0, highest))
            else:
                found.append(Case(small, partners[0], 0, enough[0] - 1))
                if enough[1] < highest:
                    found.append(Case(small, partners[0], enough[1] + 1, highest))
    return found
