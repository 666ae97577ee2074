"""What leaves the program, as its readers get it: the tables, the files of days, and scrapes of /metrics."""

import glob
import json
import re
from collections import Counter
from dataclasses import dataclass, field

import pyarrow.parquet as parquet

SERIES = re.compile(r'^demograph_(\w+)\{(.*)\} (\S+)$')
LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass
class Attribute:
    """The rows of one attribute of a window."""

    labels: list = field(default_factory=list)
    total: int | None = None
    # By category; None is hidden. Empty where the whole attribute is suppressed.
    counts: list = field(default_factory=list)
    shares: list = field(default_factory=list)


@dataclass
class Window:
    """One released window."""

    source: str
    start: int
    end: int
    policy: str
    unit: str
    faces: int
    tracks: int
    votes: int
    first_offset: int
    next_offset: int
    attributes: dict = field(default_factory=dict)


def rows(folder, table):
    """The files of a table in the order in which they were written, with their rows."""
    paths = glob.glob(f"{folder}/{table}/date=*/*.parquet")
    for path in sorted(paths, key=lambda path: (path.rsplit("/", 1)[1], path)):
        yield path, parquet.read_table(path).to_pylist()


def millis(time):
    return round(time.timestamp() * 1000)


def windows(folder):
    """All windows with their attributes, in about the order of their release. Rows of windows with the same bounds stand one after another."""
    found = []
    attributes = dict(rows(folder, "demographics"))
    for path, accounts in rows(folder, "windows"):
        blocks = blocks_of(attributes.get(path.replace("/windows/", "/demographics/"), []))
        for row in accounts:
            window = Window(
                row["source"], millis(row["window_start"]), millis(row["window_end"]), row["policy"], row["unit"],
                row["faces"], row["tracks"], row["votes"], row["first_offset"], row["next_offset"],
            )
            if window.faces:
                key, window.attributes = next(blocks)
                assert key == (window.source, window.start, window.end), (key, window)
            found.append(window)
        assert next(blocks, None) is None, "rows without a window"
    return found


def blocks_of(lines):
    """The attributes of one window after another: a block ends where an attribute begins again."""
    key, block, last = None, {}, None
    for row in lines:
        here = (row["source"], millis(row["window_start"]), millis(row["window_end"]))
        name = row["attribute"]
        again = name in block and (name != last or row["category"] in block[name].labels or row["category"] is None)
        if here != key or again:
            if key:
                yield key, block
            key, block = here, {}
        one = block.setdefault(name, Attribute())
        last = name
        if row["category"] is None:
            assert row["suppressed"] and row["total"] is None
            continue
        one.labels.append(row["category"])
        one.total = row["total"]
        one.counts.append(row["count"])
        one.shares.append({name: row[name] for name in ("share", "share_low", "share_high", "effective_n", "shift_p")})
        assert (row["count"] is None) == row["suppressed"]
    if key:
        yield key, block


def compacted_files_say_nothing_else(folder):
    """Whether the files that `compact` makes hold the rows of the small files, each once, and nothing else."""
    for table in ("windows", "demographics", "hourly", "daily"):
        def counted(place):
            return Counter(repr(sorted(row.items())) for _, lines in rows(place, table) for row in lines)
        if counted(folder) != counted(f"{folder}/compacted"):
            return False
    return True


@dataclass
class View:
    """A view of a series in one scrape; an hour or a day."""

    span: int
    numbers: dict = field(default_factory=dict)
    # (attribute, category) -> name of the metric -> value
    categories: dict = field(default_factory=dict)
    # By attribute, where it is said: all votes of windows that show their total.
    totals: dict = field(default_factory=dict)

    def covers(self, window):
        """Whether a window of the view's series is in it, if it was released by then."""
        start = self.numbers[("audience_from_timestamp_seconds", None)] * 1000
        until = self.numbers[("audience_until_timestamp_seconds", None)] * 1000
        return until - self.span < window.end <= until and window.start >= start


@dataclass
class Scrape:
    """What /metrics said at once."""

    number: int
    # How often the program had been started anew.
    starts: int
    # (series, span) -> View
    views: dict = field(default_factory=dict)


def scrapes(path):
    starts, number, current = 0, 0, None
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("# start"):
                starts += 1
            elif line.startswith("# scrape"):
                if current:
                    yield current
                current = Scrape(number, starts)
                number += 1
            elif match := SERIES.match(line):
                read_series(current, match[1], dict(LABEL.findall(match[2])), float(match[3]))
    if current:
        yield current


def read_series(scrape, name, labels, value):
    if "window" in labels:
        key = (labels["source"], labels["window"])
        view = scrape.views.setdefault(key, View(span_of(labels["window"])))
        if "category" in labels:
            view.categories.setdefault((labels["attribute"], labels["category"]), {})[name] = value
        else:
            view.numbers[(name, labels.get("attribute"))] = value


def span_of(text):
    number, unit = re.match(r"(\d+)(\w)", text).groups()
    return int(number) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit] * 1000


def settings(folder):
    with open(f"{folder}/settings.json", encoding="utf-8") as file:
        return json.load(file)
