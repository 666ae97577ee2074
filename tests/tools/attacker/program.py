"""A linear program of what is hidden, in whole numbers where asked: variables, constraints, bounds of sums (HiGHS)."""

import math

import highspy

INFINITE = highspy.kHighsInf
TOLERANCE = 1e-6


class Program:
    def __init__(self, is_whole):
        self.is_whole = is_whole
        self.solver = highspy.Highs()
        self.solver.silent()
        self.solver.setOptionValue("mip_rel_gap", 0.0)
        self.solver.setOptionValue("threads", 1)
        self.costs = None

    def variable(self, low, high):
        place = self.solver.getNumCol()
        self.solver.addVar(low, INFINITE if high is None else high)
        if self.is_whole:
            self.solver.changeColIntegrality(place, highspy.HighsVarType.kInteger)
        return place

    def between(self, low, terms, high):
        """low <= sum of coefficient x variable <= high; `terms` maps variables to coefficients."""
        places = list(terms)
        self.solver.addRow(
            -INFINITE if low is None else low, INFINITE if high is None else high,
            len(places), places, [float(terms[place]) for place in places],
        )

    def _solve(self, terms, is_least):
        for place in self.costs or ():
            self.solver.changeColCost(place, 0.0)
        self.costs = list(terms)
        for place, coefficient in terms.items():
            self.solver.changeColCost(place, float(coefficient))
        sense = highspy.ObjSense.kMinimize if is_least else highspy.ObjSense.kMaximize
        self.solver.changeObjectiveSense(sense)
        self.solver.run()
        if self.solver.getModelStatus() == highspy.HighsModelStatus.kOptimal:
            return self.solver.getInfo().objective_function_value
        return None

    def bounds(self, terms):
        """The least and the highest value of a sum; None where the constraints contradict one another."""
        low = self._solve(terms, True)
        return None if low is None else (low, self._solve(terms, False))

    def fix(self, values):
        """Gives variables a value each."""
        for place, value in values.items():
            self.solver.changeColBounds(place, value, value)


def whole_between(bounds):
    """The whole numbers within bounds that were computed."""
    low, high = bounds
    return math.ceil(low - TOLERANCE), math.floor(high + TOLERANCE)
