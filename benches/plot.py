"""CPU-seconds per 1,000 crops of every contestant, as an SVG."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "demograph"

from matplotlib import pyplot  # noqa: E402  (after the backend is chosen)

SIDES = (112, 224)


def bars(details: dict[str, dict[str, float]], path: Path) -> None:
    """Writes the plot; nothing where the whole path was not measured."""
    named = {name: figures for name, figures in details.items() if f"cpu_s_per_1000_{SIDES[0]}" in figures}
    if not named:
        return
    figure, axes = pyplot.subplots(figsize=(7, 0.5 + 0.5 * len(named)))
    names = list(named)[::-1]
    for place, side in enumerate(SIDES):
        costs = [named[name].get(f"cpu_s_per_1000_{side}", 0.0) for name in names]
        heights = [row + 0.18 - 0.36 * place for row in range(len(names))]
        axes.barh(heights, costs, height=0.34, label=f"{side} px", color=("#3b6fb6", "#a9c4e6")[place])
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("CPU-seconds per 1,000 crops (less is better)")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
