"""How long the page's API takes over a year of hours of a hundred sources: `/api/v1/series`, first and again.

.setup/venv/bin/python benches/year.py            # as `run` writes them: a file an hour, 8,760 in all
.setup/venv/bin/python benches/year.py --compact  # as `demograph compact` leaves them: a file a date

The tables are made up: 365 dates of `hourly`, in each file all sources with gender, age and ethnicity. Nobody was counted. Each
question names another source, so that none was answered before. One that is told to come again (503) comes again.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
TYPES = {
    "Utf8": pa.string(),
    "Int32": pa.int32(),
    "Int64": pa.int64(),
    "Float64": pa.float64(),
    "Boolean": pa.bool_(),
    "Date32": pa.date32(),
    'Timestamp(ms, "UTC")': pa.timestamp("ms", tz="UTC"),
}
CATEGORIES = {
    "gender": ["female", "male"],
    "age": ["0-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70+"],
    "ethnicity": ["white", "black", "east_asian", "southeast_asian", "indian", "middle_eastern", "latino_hispanic"],
}
LAST = datetime.date(2026, 11, 26)


def schema(table: str = "hourly") -> pa.Schema:
    """The table's, from schemas/."""
    fields = []
    for line in (ROOT / f"schemas/{table}.v1.arrow.txt").read_text().splitlines():
        name, kind = line.split(": ", 1)
        nullable = not kind.endswith(" not null")
        fields.append(pa.field(name, TYPES[kind.removesuffix(" not null").removesuffix(" null")], nullable))
    return pa.schema(fields)


def rows(sources: int, start: datetime.datetime) -> list[dict]:
    end = start + datetime.timedelta(hours=1)
    made = []
    for source in range(sources):
        for attribute, categories in CATEGORIES.items():
            for at, category in enumerate(categories):
                people = 20 + (7 * source + 13 * start.hour + 3 * at + start.day) % 60
                share = 1 / len(categories)
                made.append({
                    "source": f"cam-{source:03}", "attribute": attribute, "category": category,
                    "period_start": start, "period_end": end, "covers_from": start, "covers_until": end,
                    "local_date": start.date(), "local_hour": start.hour, "time_zone": "UTC",
                    "people": people, "total": people * len(categories), "shown_ratio": 1.0, "share_naive": share,
                    "share": share + people / 1e4, "share_low": share * 0.8, "share_high": share * 1.2 + people / 1e4,
                    "effective_n": float(people), "shift_p": 0.5, "calibration_fits": True, "design_effect": 1.0,
                    "method": "score", "calibration": "made-up", "unit": "tracks", "suppressed": False,
                    "tracks": people * len(categories), "stayed": 0, "windows": 3, "carried": 0,
                    "closed_by": "watermark", "model": "made-up", "policy": "made-up", "partition": 0,
                })
    return made


def write(tables: Path, sources: int, dates: int) -> None:
    kept = schema()
    for back in range(dates):
        date = LAST - datetime.timedelta(days=back)
        folder = tables / "hourly" / f"date={date}"
        folder.mkdir(parents=True)
        for hour in range(24):
            start = datetime.datetime.combine(date, datetime.time(hour), datetime.timezone.utc)
            table = pa.Table.from_pylist(rows(sources, start), schema=kept)
            pq.write_table(table, folder / f"part-year-faces-p0-{24 * (dates - back) + hour:010}.parquet", compression="zstd")
        if back % 30 == 29:
            print(f"{back + 1} of {dates} dates written", flush=True)


def compact(program: Path, tables: Path) -> None:
    """One file a date; the two newest dates stay as they are."""
    config = (ROOT / "deploy/demograph.toml").read_text()
    file = tables.with_name("compact.toml")
    config, found = re.subn(r'(?m)^url = ".*?"', f'url = "{tables}"', config)
    assert found == 1, found
    file.write_text(config)
    subprocess.run([program, "compact", "--config", file], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def asked(url: str) -> tuple[float, int]:
    """Milliseconds, and the periods of the answer."""
    began = time.perf_counter()
    while True:
        try:
            with urllib.request.urlopen(url) as answer:
                body = answer.read()
            return (time.perf_counter() - began) * 1000, len(json.loads(body)["periods"])
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            time.sleep(float(error.headers["Retry-After"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/demograph")
    parser.add_argument("--sources", type=int, default=100)
    parser.add_argument("--dates", type=int, default=365)
    parser.add_argument("--compact", action="store_true", help="merge the files of each date first")
    parser.add_argument("--asked", type=int, default=5, help="so many sources are asked for")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tables = Path(folder) / "tables"
        write(tables, arguments.sources, arguments.dates)
        if arguments.compact:
            compact(arguments.program, tables)
        command = [arguments.program, "--log", "warn", "page", "--listen", "127.0.0.1:0", "--tables", tables]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            line = next(line for line in process.stdout if " is at " in line)
            url = line.split(" is at ")[1].split("/   (")[0]
            first, again = [], []
            start = LAST - datetime.timedelta(days=arguments.dates - 1)
            for source in range(arguments.asked):
                query = f"{url}/api/v1/series?source=cam-{source:03}&attribute=gender&from={start}&to={LAST}"
                milliseconds, periods = asked(query)
                assert periods == 24 * arguments.dates, periods
                first.append(milliseconds)
                again.append(asked(query)[0])
            process.terminate()
    for name, figures in [("the very first", first[:1]), ("first of a source", first[1:]), ("again", again)]:
        print(f"{name}: median {statistics.median(figures):.0f} ms, {min(figures):.0f} to {max(figures):.0f}")


if __name__ == "__main__":
    main()
