"""Write a model folder's CARD.md from its measured figures; none is typed by hand.

    python card.py --model DIR

Reads manifest.toml and metrics.json (how it was trained); evaluation.fairface.json and
evaluation.utkface.json and their fp32 twins, as `demograph evaluate --split test` wrote them;
groups.json, robustness.json, identity.json and speed.json. Figures of another model's files are
refused, and figures that are not there are left out.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import card_text

SETS = {"fairface": "FairFace", "utkface": "UTKFace"}
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
        "calibration error (ECE)": lambda head: f"{head['calibration']['calibrated']['ece']:.3f}",
        "error of counted shares (TVD)": lambda head: percent(head["shares"]["tvd"]),
    }
    return [
        [f"{name}: {what}", *(figure(e[key]) for e in columns.values())]
        for key, name in HEADS.items()
        for what, figure in wanted.items()
    ]


def age_rows(columns: dict[str, dict]) -> list[list[str]]:
    """Errors and intervals of the age, where labels are years."""
    ages = [evaluation.get("age") for evaluation in columns.values()]

    def row(what: str, figure: Callable[[dict], str]) -> list[str]:
        return [what, *("-" if age is None else figure(age) for age in ages)]

    level = next((percent(age["interval_level"]) for age in ages if age), "-")
    coverage = ("interval_coverage", "interval_coverage_interval")
    return [
        row("age: mean absolute error, years", lambda age: f"{age['mae']:.2f}"),
        row("age: bias, years", lambda age: f"{age['bias']:+.2f}"),
        row(f"age: {level} interval holds the label",
            lambda age: with_interval(*(age[key] for key in coverage))),
        row("age: median width of the interval, years",
            lambda age: f"{age['interval_width_median']:.1f}"),
    ]  # fmt: skip


def overall(columns: dict[str, dict]) -> str:
    """Main figures of both files on both data sets."""
    rows = [["faces", *(e["n"] for e in columns.values())]]
    rows += head_rows(columns) + age_rows(columns)
    return card_text.OVERALL + table(["", *columns], rows)


def by_class(sets: dict[str, dict]) -> str:
    """The classification report of every head."""
    rows = []
    for key, name in HEADS.items():
        for of, evaluation in sets.items():
            head = evaluation[key]
            for label in head["confusion"]["labels"]:
                recall = with_interval(head["recall"][label], head["recall_interval"][label])
                rest = (percent(head["precision"][label]), percent(head["f1"][label]))
                rows.append([of, name, label, head["support"][label], recall, *rest])
    head = ["", "", "label", "faces", "recall", "precision", "F1"]
    return card_text.BY_CLASS + table(head, rows)


def races(groups: dict) -> str:
    """Seven races, and what is right by race and gender and by band of ages."""
    text = card_text.RACES + f"Seven races: {rate(groups['race'])} right. "
    text += f"Largest less smallest recall of a race: {100 * groups['race_gap']:.1f} points; of "
    text += f"gender among race x gender: {100 * groups['gender_gap']:.1f} points.\n\n"
    whats = ("gender", "race", "age_band")
    rows = []
    for cell in [*groups["cells"], *groups["by_band"]]:
        name = cell.get("band") or f"{cell['labelled'].replace('_', ' ')}, {cell['sex']}"
        if cell["gender"]:
            rows.append([name, cell["gender"]["n"], *(rate(cell[what]) for what in whats)])
    head = ["labelled", "faces", "gender right", "race right (of seven)", "age band right"]
    return text + table(head, rows)


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


def changes(name: str, found: dict, precision: str) -> str:
    """Flips under each change of the picture, of one data set."""
    text = f"\n### {name} ({precision}, test part)\n"
    text += f"Share of the {found['n']} faces whose class flips.\n\n"
    classes = list(next(iter(found["changes"].values()))["ethnicity"]["flip_rate"])
    rows = [
        [
            what.replace("_", " "),
            percent(change["gender"]["worst_flip_rate"]),
            *(percent(change["ethnicity"]["flip_rate"][c]) for c in classes),
            f"{change['age']['mean_absolute_shift']:.1f}",
        ]
        for what, change in found["changes"].items()
    ]
    head = ["change", "gender (worst class)", *(f"labelled {c}" for c in classes)]
    return text + table([*head, "age moves, years"], rows)


def robustness(figures: dict) -> str:
    """Changes on every data set, and the curves."""
    text = f"\n## When only the picture changes\n{card_text.ANCESTOR}\n"
    for name, found in figures["sets"].items():
        text += changes(SETS[name], found, figures["precision"])
    if "curves" not in figures:
        return text
    curves, heads = figures["curves"], ("gender", "ethnicity", "age_band")
    rows = [["as they are", "", *(percent(curves["whole"][head]) for head in heads)]]
    for name in ("pixels", "yaw", "brightness", "jpeg", "covered"):
        for level, point in curves[name].items():
            rows.append([name, level, *(percent(point[head]) for head in heads)])
    head = ["", "level", "gender right", "ethnicity right", "age band right"]
    smallest = curves["smallest_usable_face"]
    told = f"{smallest} pixels a side" if smallest else "larger than all that were measured"
    return text + card_text.CURVES + table(head, rows) + (
        f"\n**Smallest usable face: {told}** (gender and ethnicity lose at most three points from"
        " there on; a camera's `min_face` should not be below it).\n"
    )


def identity(figures: dict) -> str:
    """How well outputs and features tell people apart."""
    names = {
        "outputs": "the outputs that the manifest names",
        "features": "the features before the heads (no output)",
        "peer": "for comparison: faceres, a network that recognises people",
    }
    rows = [
        [told, figures[name]["numbers"], percent(figures[name]["true_rate"])]
        for name, told in names.items()
        if name in figures
    ]
    text = card_text.IDENTITY + table([f"{figures['pairs']} true pairs", "numbers", "pass"], rows)
    return text + card_text.IDENTITY_END


def training(facts: dict) -> str:
    """What the last stage of the training cost."""
    return (
        f"\nLast stage of training: {facts['steps']} steps of 384 faces ({facts['epochs']} epochs) in"
        f" {facts['seconds']} seconds on one {facts['device']}, beside other trainings.\n"
    )


def speed(figures: dict) -> str:
    """Crops per CPU-second of the nets alone."""
    text = f"\n## Speed\nThe net alone, one thread of {figures['processor']}; ONNX Runtime "
    text += f"{figures['onnxruntime']}, OpenVINO {figures['openvino']}.\n\n"
    rows = [
        [name, each, figures["times_resnet18_fp32"][name]]
        for name, each in figures["crops_per_cpu_second"].items()
    ]
    text += table(["net, runtime", "crops per CPU-second", "times ResNet-18 fp32"], rows)
    if "times_peer" in figures:
        ratios = ", ".join(f"{name} {ratio:.2f}" for name, ratio in figures["times_peer"].items())
        text += f"\nTimes {figures['peer']}, in turns of the same run: {ratios}.\n"
    return text


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
    free = manifest["commercial_use"]
    names = {"name": manifest["name"], "licence": manifest["licence"]}
    text = card_text.INTRODUCTION[free].format(**names) + card_text.USE + card_text.DATA[free]
    facts = json.loads((folder / "metrics.json").read_text())["training"]
    text += training(facts)
    columns = {
        f"{told}, {precision}": read(folder, f"evaluation.{name}{suffix}.json", hashes)
        for name, told in SETS.items()
        for precision, suffix in (("int8", ""), ("fp32", ".fp32"))
        if (folder / f"evaluation.{name}{suffix}.json").exists()
    }
    sets = {told: columns[f"{told}, int8"] for told in SETS.values() if f"{told}, int8" in columns}
    text += overall(columns) + by_class(sets)
    if (folder / "groups.json").exists():
        text += races(read(folder, "groups.json", hashes))
    text += by_group(sets["UTKFace"]) + ages(sets["UTKFace"])
    for name, section in (("robustness", robustness), ("identity", identity), ("speed", speed)):
        if (folder / f"{name}.json").exists():
            text += section(read(folder, f"{name}.json", hashes))
    (folder / "CARD.md").write_text(text + card_text.LIMITS)


if __name__ == "__main__":
    main()
