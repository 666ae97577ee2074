"""Reads dashboards into Grafana's own types, writes them back, and names what did not survive.

Usage: round_trip.py DASHBOARD.json... Exit status 1 if anything that a file says is lost or changed.
Grafana's types fill in defaults; what they add is no loss.
"""

import json
import sys

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard


def losses(ours, theirs, path="$"):
    """The paths at which `theirs` lacks or changes what `ours` says."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key not in theirs:
                # The types leave out what is null.
                if value is not None:
                    yield f"{path}.{key} is lost"
            else:
                yield from losses(value, theirs[key], f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (one, other) in enumerate(zip(ours, theirs)):
            yield from losses(one, other, f"{path}[{index}]")
    elif ours != theirs:
        yield f"{path} was {ours!r} and became {theirs!r}"


def main(paths):
    plugins.register_default_plugins()
    found = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            ours = json.load(file)
        theirs = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(ours)))
        found += [f"{path}: {loss}" for loss in losses(ours, theirs)]
        print(f"{path}: {len(ours['panels'])} panels and rows read and written")
    print("\n".join(found))
    return 1 if found or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
