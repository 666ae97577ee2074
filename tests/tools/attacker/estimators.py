"""The linear estimator ACC as its source text says it (src/core/estimate), for tracks of one crop: then a vote lies in a
cell of the category that it counts for, and the estimate is a linear function of the counts."""

import json

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
        self.inverse = numpy.linalg.inv(faces / faces.sum(axis=0))

    def shares(self, counts):
        """Of counts by predicted class; None where they would not lie within [0, 1]."""
        raw = self.inverse @ (numpy.array(counts) / sum(counts))
        return raw if raw.min() >= 0 else None

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
            weights = known[places] + self.predicted[places] / self.predicted[places].sum()
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
        counts = linears[name].beside_hidden(windows, name)
        raw = linears[name].shares(counts)
        if raw is None:
            return None
        is_whole = all(None not in window.attributes[name].counts for window in windows)
        if is_whole:
            return list(raw)
        step = step_of(windows) / sum(window.attributes[name].total for window in windows)
        return [min(round(share / step) * step, 1.0) for share in raw]

    return predict
