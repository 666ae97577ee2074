"""The linear estimator ACC as its source text says it (src/core/estimate), for tracks of one crop: then a vote lies in a
cell of the category that it counts for, and the estimate is a linear function of the counts."""

import json
from itertools import combinations

import numpy

# Bins of confidence, and levels of the third class, of each pair of most likely classes (src/core/estimate/cells.rs).
CELLS_OF_A_PAIR = 9 * 3


class Linear:
    def __init__(self, calibration):
        labels, cells = calibration["labels"], calibration["cells"]
        self.classes = len(labels)
        # Faces by predicted and by true class.
        faces = numpy.zeros((self.classes, self.classes))
        for cell in cells:
            faces[cell["cell"] // CELLS_OF_A_PAIR // (self.classes - 1)] += cell["faces"]
        self.predicted = faces.sum(axis=1)
        self.rates = faces / faces.sum(axis=0)
        self.inverse = numpy.linalg.inv(self.rates)

    def shares(self, counts):
        """Of counts by predicted class: the nearest shares within [0, 1] (src/core/estimate/simplex.rs)."""
        counted = numpy.array(counts) / sum(counts)
        raw = self.inverse @ counted
        if raw.min() >= 0:
            return raw
        sizes = range(1, self.classes)
        some = [self._on(list(places), counted) for size in sizes for places in combinations(range(self.classes), size)]
        allowed = [shares for shares in some if shares.min() >= 0]
        return min(allowed, key=lambda shares: numpy.square(self.rates @ shares - counted).sum())

    def _on(self, places, counted):
        """Least squares with the sum 1, and zeros elsewhere."""
        some = self.rates[:, places]
        bordered = numpy.ones((len(places) + 1, len(places) + 1))
        bordered[-1, -1] = 0
        bordered[:-1, :-1] = some.T @ some
        shares = numpy.zeros(self.classes)
        shares[places] = numpy.linalg.solve(bordered, [*(some.T @ counted), 1])[:-1]
        return shares

    def beside_hidden(self, windows, name):
        """The counts by class that the estimate of a view takes: of each window what it shows, the rest assumed."""
        known = numpy.zeros(self.classes)
        pools = {}
        for window in windows:
            rows = window.attributes[name]
            for place, count in enumerate(rows.counts):
                known[place] += count or 0
            hidden = tuple(place for place, count in enumerate(rows.counts) if count is None)
            if hidden:
                pools[hidden] = pools.get(hidden, 0) + rows.total - sum(count or 0 for count in rows.counts)
        spread = known.copy()
        for hidden, votes in pools.items():
            places = list(hidden)
            weights = self.predicted[places]
            spread[places] += votes * weights / weights.sum()
        return spread


def read(path):
    with open(path, encoding="utf-8") as file:
        attributes = json.load(file)["attributes"]
    return {name: Linear(one) for name, one in attributes.items()}, {
        name: one["labels"] for name, one in attributes.items()
    }


def predictor(linears, step_of):
    """What a view's shares must be, as far as ACC says it; rounded to whole steps where anything is hidden."""

    def predict(windows, name):
        windows = [window for window in windows if any(count is not None for count in window.attributes[name].counts)]
        counts = linears[name].beside_hidden(windows, name)
        shares = linears[name].shares(counts)
        is_whole = all(None not in window.attributes[name].counts for window in windows)
        if is_whole:
            return list(shares)
        step = step_of(windows) / sum(window.attributes[name].total for window in windows)
        return [min(round(share / step) * step, 1.0) for share in shares]

    return predict
