"""The constraints of one attribute of one window: what its rows and the rule of disclosure control say of its counts.

For one reason why categories are hidden, they are sums over sets that lie within one another. Such a program has whole
corners, so the bounds of the linear program are those of whole numbers."""

from program import whole_between
from rules import cases


class Hidden:
    """The counts of an attribute of a window, some of them hidden, as variables of a program."""

    def __init__(self, program, window, name, known):
        self.window, self.name = window, name
        self.rows = window.attributes[name]
        self.categories = known["categories"][name]
        self.is_dwell = known["dwell"]
        thresholds = known["policies"][window.policy]
        by_people = self.is_dwell or window.unit == "tracks"
        factor = 1 if by_people else thresholds["factor"]
        self.k_total, self.k_cell = thresholds["k_total"] * factor, thresholds["k_cell"] * factor
        counts = self.rows.counts or [None] * self.categories
        self.is_suppressed = not self.rows.counts
        self.hidden = [place for place, count in enumerate(counts) if count is None]
        self.switches = []
        self.votes = [self._add(program, count, count) for count in counts]
        program.between(window.votes, {vote: 1 for vote in self.votes}, window.votes)
        self.people = self.votes
        if self.is_dwell:
            # A person's category is that of all crops together, and none of them need have voted for it.
            self.people = [self._add(program, None if count is None else self.k_cell, None) for count in counts]
            program.between(window.tracks, {one: 1 for one in self.people}, window.tracks)
        if self.is_suppressed:
            program.between(None, {one: 1 for one in self.people}, self.k_total - 1)
        else:
            self._rule(program)

    def _add(self, program, least, most):
        return program.variable(least or 0, self.window.votes if most is None else most)

    def _rule(self, program):
        if not self.hidden:
            return
        most = self.window.votes
        low_of, high_of = ({place: {} for place in self.hidden} for _ in range(2))
        for case in cases(self.categories, self.hidden, self.k_cell):
            switch = program.variable(0, 1)
            self.switches.append(switch)
            for place in case.small:
                high_of[place][switch] = self.k_cell - 1
            if case.partner is not None:
                low_of[case.partner][switch] = self.k_cell
                high_of[case.partner][switch] = most
            small = {self.people[place]: 1 for place in case.small}
            program.between(None, small | {switch: most}, case.most + most)
            program.between(0, small | {switch: -case.least}, None)
        program.between(1, {switch: 1 for switch in self.switches}, 1)
        for place in self.hidden:
            person = self.people[place]
            program.between(None, {person: 1} | {s: -bound for s, bound in high_of[place].items()}, 0)
            program.between(0, {person: 1} | {s: -bound for s, bound in low_of[place].items()}, None)

    def _cases(self, program):
        """One reason after another why just these categories are hidden."""
        for case in self.switches or [None]:
            program.fix({switch: int(switch == case) for switch in self.switches})
            yield case

    def values(self, program, of):
        """Of each hidden category: the values that its number of votes or of people may have, as far as the program says.
        Case by case: in one case they are neighbours."""
        found = {place: set() for place in self.hidden}
        for _ in self._cases(program):
            for place in self.hidden:
                bounds = program.bounds({of[place]: 1})
                if bounds is None:
                    break
                low, high = whole_between(bounds)
                found[place].update(range(low, high + 1))
        return found

    def width(self, program, coefficients):
        """How far apart the values of a sum of counts may be: in votes, as a share is. Where people have one vote each."""
        terms = dict(zip(self.votes, coefficients))
        bounds = [program.bounds(terms) for _ in self._cases(program)]
        bounds = [bound for bound in bounds if bound]
        return max(high for _, high in bounds) - min(low for low, _ in bounds)

    def signature(self):
        """Windows of the same signature have the same possible counts, as long as nothing else speaks of them."""
        shown = sum(count or 0 for count in self.rows.counts)
        of_dwell = self.window.tracks if self.is_dwell else None
        left = self.window.votes - shown
        return (self.categories, tuple(self.hidden), left, self.is_suppressed, self.k_total, self.k_cell, of_dwell)
