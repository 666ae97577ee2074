"""What the tables `hourly` and `daily` add to the windows: which windows stand in an hour or a day, as a view whose numbers
follow from what the windows show."""

from itertools import combinations

import published
from published import View

TABLES = ("hourly", "daily")
# The columns in the words of /metrics.
NAMES = {"people": "audience_votes", "share_naive": "audience_share_naive_ratio", "share": "audience_share_ratio"}


def periods(folder):
    """The rows of each hour and day together."""
    found = {}
    for table in TABLES:
        for path, rows in published.rows(folder, table):
            for row in rows:
                found.setdefault((table, path, row["source"], row["period_start"], row["carried"]), []).append(row)
    return list(found.values())


def as_view(rows):
    view = View(span=0)
    for row in rows:
        view.numbers[("audience_shown_ratio", row["attribute"])] = row["shown_ratio"]
        if row["category"] is not None:
            view.totals[row["attribute"]] = row["total"]
            numbers = {name: row[column] for column, name in NAMES.items() if row[column] is not None}
            view.categories[(row["attribute"], row["category"])] = numbers
    return view


def members(windows, row):
    """The windows in it; None where they are not sure. Some that began in an earlier period may be in it, where that one was
    published before they were released."""
    millis = published.millis
    within = [
        window for window in windows
        if window.source == row["source"] and window.policy == row["policy"] and window.faces
        and millis(row["covers_from"]) <= window.start and window.end <= millis(row["covers_until"])
    ]
    own = [window for window in within if millis(row["period_start"]) <= window.start < millis(row["period_end"])]
    earlier = [window for window in within if window.start < millis(row["period_start"])]
    found = [own + list(some) for some in combinations(earlier, row["windows"] - len(own))] if row["windows"] >= len(own) else []
    fitting = [
        some for some in found
        if sum(window.tracks for window in some) == row["tracks"] and row["carried"] == sum(
            window.votes for window in some if window.start < millis(row["period_start"]))
    ]
    return fitting[0] if len(fitting) == 1 else None


def followed(folder, windows):
    """Of each hour and day: the windows in it, and its rows as a view."""
    for rows in periods(folder):
        yield members(windows, rows[0]), as_view(rows)
