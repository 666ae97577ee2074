"""Event times as text -> milliseconds."""

from __future__ import annotations

from datetime import datetime


def milliseconds(stamp: bytes) -> int:
    """RFC 3339 with a zone -> milliseconds since 1970; ValueError where it is none."""
    moment = datetime.fromisoformat(stamp.decode())
    if moment.tzinfo is None:
        raise ValueError(f"{stamp!r} has no zone")
    return round(moment.timestamp() * 1000)
