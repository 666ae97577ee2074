"""Write a model folder's CARD.md from its measured figures; none is typed by hand.

    python card.py --model DIR

Reads manifest.toml and metrics.json (how it was trained); evaluation.fairface.json (seven
ethnicities), evaluation.fairface.five.json, evaluation.utkface.json (five) and their fp32 twins, as
`demograph evaluate --split test` wrote them; groups.json, robustness.json, identity.json and speed.json. Figures of another model's files are
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
ETHNICITIES = {7: "ethnicity, seven", 5: "ethnicity, five"}


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


def of_faces(figure: dict | None) -> str:
    """A rate with its interval and the number of its faces."""
    return "-" if figure is None else f"{rate(figure)} of {figure['n']}"


def table(head: list[str], rows: list[list[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def head_rows(columns: dict[str, dict[str, dict | None]]) -> list[list[str]]:
    """Accuracy, calibration and counted shares of every head."""
    wanted: dict[str, Callable[[dict], str]] = {
        "accuracy": lambda head: with_interval(head["accuracy"], head["accuracy_interval"]),
        "balanced accuracy": lambda head: percent(head["balanced_accuracy"]),
        "calibration error (ECE)": lambda head: f"{head['calibration']['calibrated']['ece']:.3f}",
        "error of counted shares (TVD)": lambda head: percent(head["shares"]["tvd"]),
    }

    def rows(name: str, heads: list[dict | None]) -> list[list[str]]:
        told = [[figure(h) if h else "-" for h in heads] for figure in wanted.values()]
        return [[f"{name}: {what}", *cells] for what, cells in zip(wanted, told)]

    whole = [both["seven"] or both["five"] for both in columns.values()]
    found = rows("gender", [e["gender"] for e in whole])
    for which, name in (("seven", ETHNICITIES[7]), ("five", ETHNICITIES[5])):
        heads = [both[which] and both[which]["ethnicity"] for both in columns.values()]
        found += rows(name, heads)
    return found + rows("age band", [e["age_band"] for e in whole])


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


def overall(columns: dict[str, dict[str, dict | None]]) -> str:
    """Main figures of both files on both data sets; each evaluated with seven ethnicities or five."""
    whole = {told: both["seven"] or both["five"] for told, both in columns.items()}
    rows = [["faces", *(e["n"] for e in whole.values())]]
    rows += head_rows(columns) + age_rows(whole)
    return card_text.OVERALL + table(["", *columns], rows)


def by_class(sets: dict[str, dict]) -> str:
    """The classification report of every head."""
    rows = []
    for key, name in HEADS.items():
        for of, evaluation in sets.items():
            head = evaluation[key]
            if key == "ethnicity":
                name = ETHNICITIES[len(head["confusion"]["labels"])]
            elif of.endswith("five"):
                continue  # the same figures again
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
    text += table(head, rows) + card_text.SPANS
    spans = groups["gender_by_span"]
    rows = [
        [f"{cell['labelled'].replace('_', ' ')}, {cell['sex']}", *map(of_faces, cell["by_span"].values())]
        for cell in spans
    ]
    return text + table(["labelled", *spans[0]["by_span"]], rows)


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
    return text + card_text.CURVES + table(head, rows)


def smallest(least: int | None, figures: dict | None) -> str:
    """The smallest usable face, as the validation part says, and what it costs on the test part."""
    if least is None:
        return "\n**Smallest usable face**: larger than all that were measured.\n"
    text = f"\n**Smallest usable face: {least} pixels a side** (`min_face` in the manifest). "
    text += card_text.SMALLEST
    if figures and "curves" in figures:
        whole, point = figures["curves"]["whole"], figures["curves"]["pixels"][str(least)]
        lost = {head: 100 * (whole[head] - point[head]) for head in ("gender", "ethnicity")}
        text += (
            f" On the test part, which did not decide it, gender loses {lost['gender']:.1f} points"
            f" there and ethnicity (five) {lost['ethnicity']:.1f}."
        )
    return text + "\n"


def validation(figures: dict, columns: dict[str, dict[str, dict | None]]) -> str:
    """How much better the model does where it was chosen."""
    rows = []
    for name, told in SETS.items():
        val, both = figures["int8"].get(name), columns.get(f"{told}, int8")
        if val is None or both is None:
            continue
        five, whole = both["five"], both["seven"] or both["five"]
        pairs = [("gender", val["gender"], whole["gender"]["accuracy"])]
        if "race" in val and both["seven"]:
            pairs.append((ETHNICITIES[7], val["race"], both["seven"]["ethnicity"]["accuracy"]))
        if five:
            pairs.append((ETHNICITIES[5], val["ethnicity"], five["ethnicity"]["accuracy"]))
        if "band" in val:
            pairs.append(("age band", val["band"], whole["age_band"]["accuracy"]))
        for what, chosen, new in pairs:
            error = 100 * (new * (1 - new) * (1 / val["n"] + 1 / whole["n"])) ** 0.5
            gap = f"{100 * (chosen - new):+.1f} ± {error:.1f}"
            rows.append([told, what, percent(chosen), percent(new), gap])
    head = ["", "accuracy of int8", "validation part", "test part", "difference ± standard error"]
    return card_text.VALIDATION + table(head, rows)


def goals(free: bool, folder: Path, columns: dict, groups: dict | None, figures: dict) -> str:
    """What was aimed at, and what was reached."""
    small = {told: columns.get(f"{told}, int8") for told in SETS.values()}
    exact = {told: columns.get(f"{told}, fp32") for told in SETS.values()}

    def figure(where: dict, of: str, which: str, head: str) -> float | None:
        found = where[of] and (where[of][which] or (head != "ethnicity" and where[of]["five"]))
        return found[head]["accuracy"] if found else None

    def accuracy(of: str, which: str, head: str) -> float | None:
        return figure(small, of, which, head)

    def lost() -> float | None:
        keys = [(of, which, h) for of in small for which in ("seven", "five") for h in HEADS]
        pairs = [(figure(exact, *key), figure(small, *key)) for key in keys]
        losses = [a - b for a, b in pairs if a is not None and b is not None]
        return max(losses, default=None)

    utkface = small["UTKFace"]
    age = utkface["five"].get("age") if utkface else None
    size = (folder / "model.int8.onnx").stat().st_size / 1e6
    ratios = [v for k, v in figures.get("times_peer", {}).items() if "int8" in k]
    reached = {
        "gender, FairFace": accuracy("FairFace", "seven", "gender"),
        "gender, UTKFace": accuracy("UTKFace", "five", "gender"),
        "seven, FairFace": accuracy("FairFace", "seven", "ethnicity"),
        "five, FairFace": accuracy("FairFace", "five", "ethnicity"),
        "five, UTKFace": accuracy("UTKFace", "five", "ethnicity"),
        "nine age bands, FairFace": accuracy("FairFace", "seven", "age_band"),
        "age error, UTKFace, years": age and age["mae"],
        "largest less smallest recall of a race": groups and groups["race_gap"],
        "largest less smallest recall of gender, by race": groups and groups["gender_gap"],
        "most lost by int8": lost(),
        "int8, MB": size,
        "int8, times the former model's speed": min(ratios, default=None),
    }
    rows = []
    for what, (goal, at_most) in card_text.GOALS[free].items():
        got = reached[what]
        if got is None:
            continue
        is_number = "years" in what or "MB" in what or "times" in what
        show = (lambda value: f"{value:.2f}") if is_number else percent
        met = got <= goal if at_most else got >= goal
        rows.append([what, ("at most " if at_most else "at least ") + show(goal), show(got),
                     "yes" if met else "**no**"])  # fmt: skip
    return card_text.GOALS_BEGIN + table(["", "goal", "reached", "met"], rows)


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

    def known(file: str) -> dict | None:
        return read(folder, file, hashes) if (folder / file).exists() else None

    columns = {}
    for name, told in SETS.items():
        for precision, suffix in (("int8", ""), ("fp32", ".fp32")):
            whole = known(f"evaluation.{name}{suffix}.json")
            if whole is None:
                continue
            # UTKFace's labels know five only.
            five = whole if name == "utkface" else known(f"evaluation.{name}.five{suffix}.json")
            seven = None if name == "utkface" else whole
            columns[f"{told}, {precision}"] = {"seven": seven, "five": five}
    utkface = columns["UTKFace, int8"]["five"]
    wild = columns.get("FairFace, int8", {"seven": None, "five": None})
    sets = {"FairFace": wild["seven"], "FairFace, five": wild["five"], "UTKFace": utkface}
    groups, robust = known("groups.json"), known("robustness.json")
    quick = known("speed.json")
    text += goals(free, folder, columns, groups, quick or {})
    text += overall(columns)
    text += validation(json.loads((folder / "metrics.json").read_text())["val"], columns)
    text += by_class({told: found for told, found in sets.items() if found})
    if groups:
        text += races(groups)
    text += by_group(utkface) + ages(utkface)
    if robust:
        text += robustness(robust)
    text += smallest(manifest.get("min_face"), robust)
    if figures := known("identity.json"):
        text += identity(figures)
    if quick:
        text += speed(quick)
    (folder / "CARD.md").write_text(text + card_text.LIMITS)


if __name__ == "__main__":
    main()
