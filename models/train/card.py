"""Write a model folder's CARD.md from its measured figures; none is typed by hand.

    python card.py --model DIR

Reads manifest.toml; evaluation.json and, where it is there, evaluation.fp32.json, as
`demograph evaluate --split test` wrote them for the int8 and the fp32 file; robustness.json;
speed.json. Figures of another model's files are refused.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import card_text

HEADS = {"gender": "gender", "ethnicity": "ethnicity", "age_band": "age band"}


def percent(value: float | None) -> str:
    """A share as a percentage."""
    return "-" if value is None else f"{100 * value:.1f} %"


def with_interval(share: float | None, interval: list[float] | None) -> str:
    """A share and its 95 % interval."""
    if share is None or interval is None:
        return "-"
    low, high = (f"{100 * end:.1f}" for end in interval)
    return f"{percent(share)} ({low} to {high})"


def rate(figure: dict | None) -> str:
    """A rate of the evaluation as a percentage with its interval."""
    if figure is None:
        return "-"
    return with_interval(figure["share"], [figure["low"], figure["high"]])


def table(head: list[str], rows: list[list[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def head_rows(columns: dict[str, dict]) -> list[list[str]]:
    """Accuracy, calibration and counted shares of every head."""
    wanted: dict[str, Callable[[dict], str]] = {
        "accuracy": lambda head: with_interval(head["accuracy"], head["accuracy_interval"]),
        "balanced accuracy": lambda head: percent(head["balanced_accuracy"]),
        "calibration error (ECE) before calibration": lambda head: (
            f"{head['calibration']['uncalibrated']['ece']:.3f}"
        ),
        "calibration error (ECE) after it": lambda head: (
            f"{head['calibration']['calibrated']['ece']:.3f}"
        ),
        "error of counted shares (TVD)": lambda head: percent(head["shares"]["tvd"]),
    }
    return [
        [f"{name}: {what}", *(figure(e[key]) for e in columns.values())]
        for key, name in HEADS.items()
        for what, figure in wanted.items()
    ]


def age_rows(columns: dict[str, dict]) -> list[list[str]]:
    """Errors and intervals of the age."""
    ages = [evaluation["age"] for evaluation in columns.values()]
    level = percent(ages[0]["interval_level"])
    coverage = ("interval_coverage", "interval_coverage_interval")
    return [
        ["age: mean absolute error, years", *(f"{age['mae']:.2f}" for age in ages)],
        ["age: bias, years", *(f"{age['bias']:+.2f}" for age in ages)],
        [f"age: {level} interval holds the label",
         *(with_interval(*(age[key] for key in coverage)) for age in ages)],
        ["age: median width of the interval, years",
         *(f"{age['interval_width_median']:.1f}" for age in ages)],
    ]


def overall(evaluation: dict, fp32: dict | None) -> str:
    """Main figures, of the file that runs, without disputed labels, and of the other file."""
    columns = {evaluation["precision"]: evaluation}
    if "without_label_conflict" in evaluation:
        name = f"{evaluation['precision']} without disputed labels"
        columns[name] = evaluation["without_label_conflict"]
    if fp32 is not None:
        columns["fp32"] = fp32
    rows = [["faces", *(e["n"] for e in columns.values())]]
    rows += head_rows(columns) + age_rows(columns)
    return card_text.OVERALL + table(["", *columns], rows)


def by_class(evaluation: dict) -> str:
    """The classification report of every head."""
    rows = []
    for key, name in HEADS.items():
        head = evaluation[key]
        for label in head["confusion"]["labels"]:
            recall = with_interval(head["recall"][label], head["recall_interval"][label])
            rest = (percent(head["precision"][label]), percent(head["f1"][label]))
            rows.append([name, label, head["support"][label], recall, *rest])
    return card_text.BY_CLASS + table(["", "label", "faces", "recall", "precision", "F1"], rows)


def by_group(evaluation: dict) -> str:
    """How each group of ethnicity and gender fares."""
    keys = ("gender_accuracy", "ethnicity_accuracy", "age_band_accuracy")
    rows = [
        [f"{cell['ethnicity']}, {cell['gender']}", cell["n"], *(rate(cell[key]) for key in keys)]
        for cell in evaluation["cells"]
    ]
    head = ["labelled", "faces", "gender right", "ethnicity right", "age band right"]
    return card_text.BY_GROUP + table(head, rows)


def ages(evaluation: dict) -> str:
    """Errors of age by group; intervals by band."""
    age = evaluation["age"]
    rows = []
    for key in ("by_band", "by_gender", "by_ethnicity"):
        for label, error in age[key].items():
            if error is None:
                continue
            row = [label, error["n"], f"{error['mae']:.2f}", f"{error['bias']:+.2f}"]
            if key == "by_band":
                width = age["interval_width_median_by_band"][label]
                row += [percent(age["interval_coverage_by_band"][label]), f"{width:.1f}"]
            rows.append(row + [""] * (6 - len(row)))
    expected = ", ".join(
        f"{band} {percent(share)}"
        for band, share in age["interval_coverage_by_estimated_band"].items()
    )
    head = ["labelled", "faces", "mean absolute error", "bias", "interval holds", "median width"]
    return card_text.AGES + table(head, rows) + f"\nCoverage by expected age: {expected}.\n"


def robustness(figures: dict) -> str:
    """Flips under each change of the picture."""
    text = f"\n## When only the picture changes ({figures['precision']}, {figures['part']} part)\n"
    text += f"Share of the {figures['n']} faces whose class flips. {card_text.ANCESTOR}\n\n"
    classes = list(next(iter(figures["changes"].values()))["ethnicity"]["flip_rate"])
    rows = [
        [
            name.replace("_", " "),
            percent(change["gender"]["worst_flip_rate"]),
            *(percent(change["ethnicity"]["flip_rate"][c]) for c in classes),
            f"{change['age']['mean_absolute_shift']:.1f}",
        ]
        for name, change in figures["changes"].items()
    ]
    head = ["change", "gender (worst class)", *(f"labelled {c}" for c in classes)]
    return text + table([*head, "age moves, years"], rows)


def speed(figures: dict, evaluation: dict) -> str:
    """Crops per CPU-second: of the nets alone, and of decoding and inference together."""
    text = f"\n## Speed\nThe net alone, one thread of {figures['processor']}; ONNX Runtime "
    text += f"{figures['onnxruntime']}, OpenVINO {figures['openvino']}.\n\n"
    rows = [
        [name, each, figures["times_resnet18_fp32"][name]]
        for name, each in figures["crops_per_cpu_second"].items()
    ]
    text += table(["net, runtime", "crops per CPU-second", "times ResNet-18 fp32"], rows)
    ran = evaluation["throughput"]
    text += f"\nDecoding and inference together, during the evaluation ({evaluation['precision']}, "
    text += f"{ran['sessions']} sessions, {ran['build']} build, {evaluation['processor']}): "
    return text + f"{ran['crops_per_cpu_second']:.0f} crops per CPU-second.\n"


def read(folder: Path, file: str, hashes: list[str]) -> dict:
    """Figures from a file of the folder, if they are of these very files of the model."""
    figures = json.loads((folder / file).read_text())
    measured = figures.get("model", "nothing").rpartition("@")[2]
    if not any(whole.startswith(measured) for whole in hashes):
        raise SystemExit(
            f"{folder / file} is of the model file {measured}, the manifest has"
            f" {', '.join(whole[:12] for whole in hashes)}: measure again (see make-model)"
        )
    return figures


def main() -> None:
    """Write the card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    folder = parser.parse_args().model
    manifest = tomllib.loads((folder / "manifest.toml").read_text())
    net = manifest["net"][0]
    hashes = [net["sha256"], *(variant["sha256"] for variant in net.get("variant", []))]
    evaluation = read(folder, "evaluation.json", hashes)
    other = folder / "evaluation.fp32.json"
    fp32 = read(folder, other.name, hashes) if other.exists() else None
    text = card_text.INTRODUCTION.format(name=manifest["name"], licence=manifest["licence"])
    text += overall(evaluation, fp32) + by_class(evaluation) + by_group(evaluation)
    text += ages(evaluation) + robustness(read(folder, "robustness.json", hashes))
    text += speed(read(folder, "speed.json", hashes), evaluation)
    (folder / "CARD.md").write_text(text + card_text.LIMITS)


if __name__ == "__main__":
    main()
