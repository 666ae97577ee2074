"""P1 (ONNX Runtime) and P2 (OpenVINO): what a careful practitioner writes in Python.

Processes of one consumer group, one thread each: on two cores that is the most. Process i serves its metrics on the
port + i. `--decide` prints what the model says of a folder of JPEGs instead.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import group

# The best of 1 to 32 (README.md).
BATCH = {("onnxruntime", "f32"): 8, ("openvino", "bf16"): 16, ("openvino", "f32"): 32}


def start(chosen: argparse.Namespace, number: int) -> None:
    """Imports what a process needs only there: the one that waits for them stays small."""
    import worker

    worker.work(chosen, number)


def decide(chosen: argparse.Namespace) -> None:
    """One JSON object a line; null where a file is no picture."""
    from engines import Choice
    from model import Model

    model = Model(chosen.manifest, Choice(chosen.engine, chosen.model, chosen.precision, chosen.batch))
    nothing = {"gender": None, "ethnicity": None, "age_band": None}
    keys = [("age_band" if head.attribute == "age" else head.attribute, head.labels) for head in model.contract.heads]
    files = sorted(path for path in chosen.decide.iterdir() if path.suffix.lower() in {".jpg", ".jpeg"})
    for first in range(0, len(files), chosen.batch):
        part = files[first : first + chosen.batch]
        for file, decision in zip(part, model.decide([file.read_bytes() for file in part])):
            named = {key: labels[category] for (key, labels), category in zip(keys, decision or ())}
            print(json.dumps({"file": file.name} | nothing | named))


def main() -> None:
    parser = group.parser(__doc__.partition("\n")[0])
    parser.add_argument("--decide", type=Path, metavar="FOLDER", help="print decisions on its JPEGs, and end")
    chosen = parser.parse_args()
    if (chosen.engine, chosen.precision) not in BATCH:
        parser.error(f"--precision {chosen.precision}: {chosen.engine} has no kernels for it on x86; use f32")
    chosen.batch = chosen.batch or BATCH[chosen.engine, chosen.precision]
    if chosen.decide:
        decide(chosen)
        return
    group.needed(parser, chosen)
    raise SystemExit(group.run(start, chosen))


if __name__ == "__main__":
    main()
