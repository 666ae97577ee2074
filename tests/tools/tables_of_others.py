"""Makes the same tables as several programs write them, and some that nobody can read.

    python tables_of_others.py FOLDER

FOLDER/own has the table's types and a file an hour, as `demograph run` writes them. FOLDER/NAME has the same rows as NAME writes
them. FOLDER/broken has those of `own`, and beside them files that must be left out. The rows are made up: nobody was counted.
"""

from __future__ import annotations

import datetime
import shutil
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benches"))
import year

DATES = [datetime.date(2026, 3, 1), datetime.date(2026, 3, 2)]
SOURCES = 3
NUMBERS = ["shown_ratio", "share_naive", "share", "share_low", "share_high", "effective_n", "shift_p", "design_effect"]
BROKEN = "hourly/date=2026-03-01"


def hours(date: datetime.date) -> list[list[dict]]:
    """Rows of each hour; in one of them a source is suppressed."""
    made = []
    for hour in range(24):
        start = datetime.datetime.combine(date, datetime.time(hour), datetime.timezone.utc)
        rows = year.rows(SOURCES, start)
        for row in rows:
            row["share"] /= 3
            row["stayed"] = row["people"] // 5
            if hour == 3 and row["source"] == "cam-002":
                hidden = dict.fromkeys(["people", "total", "calibration_fits", *NUMBERS])
                row.update(hidden, suppressed=True)
        made.append(rows)
    return made


def day(rows: list[list[dict]]) -> list[dict]:
    """A row for each source and category: the numbers are those of the first hour."""
    made = [dict(row) for row in rows[0]]
    for row in made:
        row["period_end"] = row["covers_until"] = row["period_start"] + datetime.timedelta(days=1)
        row["people"] = None if row["people"] is None else 24 * row["people"]
    return made


def windows(rows: list[dict]) -> list[dict]:
    """A window an hour."""
    renamed = {"window_start": "period_start", "window_end": "period_end", "count": "people"}
    return [row | {new: row[old] for new, old in renamed.items()} for row in rows]


def tables() -> dict[str, dict[datetime.date, list[pa.Table]]]:
    """The files of each table and date."""
    made = {"hourly": {}, "daily": {}, "demographics": {}}
    for date in DATES:
        rows = hours(date)
        contents = {"hourly": rows, "daily": [day(rows)], "demographics": [windows(hour) for hour in rows]}
        for table, parts in contents.items():
            made[table][date] = [pa.Table.from_pylist(part, schema=year.schema(table)) for part in parts]
    return made


def write(place: Path, change=lambda table: table, is_own=False, **options) -> None:
    """One file a date; of `own` several, each with the name of its checkpoint."""
    for name, dates in tables().items():
        for date, parts in dates.items():
            folder = place / name / f"date={date}"
            folder.mkdir(parents=True)
            parts = parts if is_own else [pa.concat_tables(parts)]
            for number, part in enumerate(parts):
                part = change(part)
                if is_own:
                    part = part.replace_schema_metadata({"demograph.checkpoint": f"{name} {date} {number}"})
                pq.write_table(part, folder / f"part-{number}.parquet", **options)


def by_duckdb(own: Path, place: Path, more: str) -> None:
    """As an analyst compacts them: each table in one COPY."""
    for name in ("hourly", "daily", "demographics"):
        (place / name).mkdir(parents=True)
        duckdb.sql(
            f"COPY (FROM read_parquet('{own}/{name}/*/*.parquet', hive_partitioning = true))"
            f" TO '{place}/{name}' (FORMAT parquet, PARTITION_BY (date), OVERWRITE_OR_IGNORE{more})")


def cast(kinds: dict, zone: str | None = "UTC", unit: str = "ms"):
    """Other types for those of the table."""

    def change(table: pa.Table) -> pa.Table:
        fields = []
        for field in table.schema:
            kind = kinds.get(field.name, kinds.get(field.type, field.type))
            fields.append(pa.field(field.name, pa.timestamp(unit, tz=zone) if pa.types.is_timestamp(kind) else kind))
        return table.cast(pa.schema(fields))

    return change


def as_pandas(table: pa.Table) -> pa.Table:
    """Integers where one is missing are floats, and a column without a value has no type."""
    floats = cast({"people": pa.float64(), "total": pa.float64(), "count": pa.float64()})(table)
    for at, field in enumerate(floats.schema):
        if floats.column(at).null_count == len(floats):
            floats = floats.set_column(at, field.name, pa.nulls(len(floats)))
    return floats


def main() -> None:
    place = Path(sys.argv[1])
    write(place / "own", is_own=True, compression="zstd")
    by_duckdb(place / "own", place / "duckdb", "")
    by_duckdb(place / "own", place / "duckdb-gzip", ", COMPRESSION gzip")
    write(place / "nanoseconds", cast({}, "Europe/Berlin", "ns"), compression="snappy")
    write(place / "spark", cast({pa.int32(): pa.int64()}), compression="snappy", use_deprecated_int96_timestamps=True)
    texts = {pa.string(): pa.dictionary(pa.int32(), pa.string()), "model": pa.large_string(), pa.int64(): pa.int32()}
    write(place / "dictionary", cast(texts), compression="none")
    write(place / "pandas", as_pandas, compression="snappy")

    broken = place / "broken"
    shutil.copytree(place / "own", broken)
    own = pa.concat_tables(tables()["hourly"][DATES[0]])
    bad = broken / BROKEN
    whole = (bad / "part-0.parquet").read_bytes()
    (bad / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    (bad / "text.parquet").write_text("source,people\nlobby,7\n")
    rubbish = bytearray(whole)
    rubbish[64 : len(whole) // 3] = b"x" * (len(whole) // 3 - 64)
    (bad / "rubbish.parquet").write_bytes(bytes(rubbish))
    pq.write_table(pa.table({"a": [1]}), bad / "foreign.parquet")
    pq.write_table(own, bad / "lz4.parquet", compression="lz4")
    pq.write_table(cast({}, None)(own), bad / "naive.parquet")
    pq.write_table(cast({"people": pa.string()})(own), bad / "text-people.parquet")
    shutil.copy(next((place / "duckdb" / BROKEN).glob("*.parquet")), bad / "copy.parquet")
    shutil.copy(broken / "hourly/date=2026-03-02/part-0.parquet", bad / "moved.parquet")
    stray = broken / "hourly/date=__HIVE_DEFAULT_PARTITION__"
    stray.mkdir()
    shutil.copy(bad / "part-0.parquet", stray / "part-0.parquet")


if __name__ == "__main__":
    main()
