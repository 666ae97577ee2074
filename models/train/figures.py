"""How right answers are, in a few numbers."""

from __future__ import annotations

import numpy as np

from data import BAND_STARTS, ETHNICITIES, GROUP_OF, Labels


def of(said: list[np.ndarray], labels: Labels) -> dict[str, float]:
    """The numbers of one set of faces."""
    age, gender, race = said
    groups = race @ np.eye(len(ETHNICITIES))[list(GROUP_OF)]
    got = {
        "gender": np.mean(gender.argmax(1) == labels.gender),
        "ethnicity": np.mean(groups.argmax(1) == labels.ethnicity),
    }
    if (labels.races.sum(1) == 1).all():
        got["race"] = np.mean(race.argmax(1) == labels.races.argmax(1))
    years = np.arange(age.shape[1])
    if (labels.age >= 0).all():
        got["mae"] = np.mean(np.abs(age @ years - labels.age))
    else:
        band_of = np.digitize(years, BAND_STARTS[1:])
        bands = age @ np.eye(len(BAND_STARTS))[band_of]
        got["band"] = np.mean(bands.argmax(1) == labels.band())
    return {name: round(float(value), 4) for name, value in got.items()}
