"""P3: the same work with Quix Streams: its consumer, its event-time windows, its state store, its checkpoints.

One crop a call: Quix hands on one record at a time, under the key, time and partition of that record. Gathering several
before the model would keep records outside its state while it commits their offsets. It is to be run with
.setup/bench-quix-venv, because Quix wants an older confluent-kafka.
"""

from __future__ import annotations

import argparse

import group


def start(chosen: argparse.Namespace, number: int) -> None:
    """Imports what a process needs only there: the one that waits for them stays small."""
    import quix_worker

    quix_worker.work(chosen, number)


def main() -> None:
    parser = group.parser(__doc__.partition("\n")[0])
    chosen = parser.parse_args()
    if chosen.batch not in (None, 1):
        parser.error(f"--batch {chosen.batch}: Quix Streams hands on one record at a time; leave it out")
    chosen.batch = 1
    group.needed(parser, chosen)
    raise SystemExit(group.run(start, chosen))


if __name__ == "__main__":
    main()
