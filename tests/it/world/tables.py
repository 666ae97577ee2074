"""Reads the tables as their users do, with DuckDB and with pyarrow, and prints JSON.

Usage: tables.py duckdb SQL | tables.py totals FOLDER | tables.py schema FILE
"""

import datetime
import decimal
import json
import sys

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

TYPES = {
    pa.string(): "Utf8",
    pa.int32(): "Int32",
    pa.int64(): "Int64",
    pa.float64(): "Float64",
    pa.bool_(): "Boolean",
    pa.date32(): "Date32",
    pa.timestamp("ms", tz="UTC"): 'Timestamp(ms, "UTC")',
}


def plain(value):
    if isinstance(value, decimal.Decimal):
        return int(value)
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    raise TypeError(f"{value!r} has no JSON form here")


def query(sql):
    result = duckdb.sql(sql)
    return [dict(zip(result.columns, row)) for row in result.fetchall()]


def totals(folder):
    """The table `windows` summed by source."""
    table = ds.dataset(folder, partitioning="hive").to_table()
    sums = table.group_by("source").aggregate(
        [("faces", "sum"), ("spared", "sum"), ("late", "sum"), ("rejected", "sum")]
    )
    rows = sums.sort_by("source").to_pylist()
    return [{key.removesuffix("_sum"): value for key, value in row.items()} for row in rows]


def type_name(kind):
    if pa.types.is_map(kind):
        key, value = (TYPES[part] for part in (kind.key_type, kind.item_type))
        return f'Map("entries": non-null Struct("key": non-null {key}, "value": non-null {value}), unsorted)'
    return TYPES[kind]


def schema(file):
    """In the words of schemas/*.arrow.txt."""
    return [
        f"{field.name}: {type_name(field.type)} {'null' if field.nullable else 'not null'}"
        for field in pq.read_schema(file)
    ]


answer = {"duckdb": query, "totals": totals, "schema": schema}[sys.argv[1]](sys.argv[2])
print(json.dumps(answer, default=plain))
