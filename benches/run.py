"""`make bench`: demograph against the best Python on the same broker, events, crops and models.

Rounds are interleaved: each runs every contestant once, in another order. A contestant that decides more than one crop
of a hundred otherwise than demograph, or whose tables do not account for every record, is void and ends the benchmark.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import measure
import report
from contestants import PEERS, ROOT, Contestant, Job, binary, field_of, users_model
from crops import make
from kafka import Broker
from measure import Backlog
from plot import bars
from report import Row

# Crops that may be decided otherwise on the same file and precision, and votes that may lie in other categories of the
# tables, where fp32 is compared with int8 and a crop in doubt is repeated.
AGREE, AGREE_TABLES = 0.01, 0.05
CROPS_EACH = 30  # of a person
LOAD = 0.7  # of what a contestant can do live
SIDES = (112, 224)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "research-small")
    parser.add_argument("--crops", type=Path, default=ROOT / "tests" / "data" / "composites",
                        help="a folder of pictures of faces; they are resized")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=10_000, help="of a run, the first fifth of them to warm up")
    parser.add_argument("--steady", type=float, default=40,
                        help="seconds of the load at 70 %%, and of the one before that finds 100 %%")
    parser.add_argument("--soak", type=float, default=600, help="seconds of the long run")
    parser.add_argument("--parts", default="decode,stages,path,start,people,users-model,sources,steady,soak",
                        help="what to measure; what is left out has no figure, unless with --add")
    parser.add_argument("--add", action="store_true",
                        help="keep the figures of the file of results, of this machine, that are not measured anew")
    parser.add_argument("--kept-as", default="", metavar="NAME",
                        help="into results-NAME.json and its place in README.md: those of another processor")
    parser.add_argument("--against", type=Path, metavar="PROGRAM",
                        help="for the part build: another build of demograph, with which this one takes turns")
    parser.add_argument("--sides", default=list(SIDES), type=lambda text: [int(side) for side in text.split(",")],
                        help="of the crops in the part path, in pixels: 112, 224 or both")
    parser.add_argument("--only", default="", help="contestants besides demograph, by name; all by default")
    return parser.parse_args()


class Bench:
    """One benchmark: its broker, its crops, what it has found so far."""

    def __init__(self, options: argparse.Namespace, folder: Path, broker: Broker) -> None:
        self.options, self.folder, self.broker = options, folder, broker
        self.place = report.Place(options.kept_as)
        self.rows: dict[str, Row] = {}
        self.details: dict[str, dict[str, float]] = {}
        self.stage_rows: dict[str, float] = {}
        if options.add:
            self.rows, (self.details, self.stage_rows) = report.read(self.place)
        self.crops = {side: make(options.crops, side, folder / f"crops-{side}") for side in SIDES}
        self.numbers = itertools.count()
        only = {name for name in options.only.split(",") if name}
        self.contestants = [
            one for one in field_of(options.model) if one.is_demograph or not only or one.name in only
        ]

    def say(self, text: str) -> None:
        print(f"bench: {text}", flush=True)

    def topic(self, side: int, events: int, sources: list[str], per_second: float, crops_each: int = 0) -> str:
        """A topic of so many events, so many for each second of event time; of tracks with so many crops each, if any."""
        name = f"bench-{next(self.numbers)}"
        self.broker.create_topic(name, 2)
        crops = self.crops[side]
        self.broker.produce(name, crops, events, sources, event_rate=per_second, crops_each=crops_each)
        return name

    def job(self, contestant: Contestant, topic: str, sources: list[str], publish_seconds: int = 900) -> Job:
        folder = self.folder / f"{next(self.numbers)}-{contestant.name}"
        return Job(self.broker.address, topic, sources, folder, publish_seconds)

    def note(self, name: str, **figures: float) -> None:
        self.details.setdefault(name, {}).update(figures)

    # The parts, in the order of the table.

    def decode(self) -> None:
        """Decode to tensor, ours and the best Python's, in turns."""
        for side in (160, 224):
            crops = make(self.options.crops, side, self.folder / f"crops-{side}")
            ratios = []
            for _ in range(self.options.rounds):
                [ours] = [line["us"] for line in cargo_bench("decode", {"CROPS": str(crops)})]
                python = lines([sys.executable, str(PEERS / "decode.py"), "--crops", str(crops)])
                best = min(line["us"] for line in python)
                ratios.append(best / ours)
                self.say(f"decode {side} px: ours {ours:.0f} us, the best Python {best:.0f} us")
            self.rows[f"decode_{side}"] = Row.of(ratios)

    def stages(self) -> None:
        """The stages besides decoding, and the slowest batch of the shipped int8 file on either provider."""
        found = cargo_bench("stages", {"MODEL": str(self.options.model)})
        self.stage_rows = {line["row"]: line["us_per_event"] for line in found}
        ratios = [line["slowest_of_its_median_cpu"] for line in found if "slowest_of_its_median_cpu" in line]
        self.rows["slowest_batch"] = Row(max(ratios), min(ratios), max(ratios), len(ratios))

    def path(self) -> None:
        """The whole path against the peers."""
        sources = [f"camera-{n}" for n in range(10)]
        for side in self.options.sides:
            topic = self.topic(side, self.options.events, sources, 500)
            runs = self.rounds(self.contestants, topic, sources, self.options.events)
            for name, samples in runs.items():
                self.note(name, **{
                    f"cpu_s_per_1000_{side}": statistics.median(s.cpu_seconds_per_1000 for s in samples),
                    f"crops_per_s_{side}": statistics.median(s.crops_per_second for s in samples),
                    f"peak_mb_{side}": statistics.median(s.memory_peak_mb for s in samples),
                    f"startup_s_{side}": statistics.median(s.startup_seconds for s in samples),
                })
            if side == 112:
                self.compare(runs)

    def compare(self, runs: dict[str, list[Backlog]]) -> None:
        ours = [sample.cpu_seconds_per_1000 for sample in runs["demograph"]]
        against = {
            name: Row.of([sample.cpu_seconds_per_1000 / own for sample, own in zip(samples, ours)])
            for name, samples in runs.items()
        }
        int8 = [against[name] for name in ("P1-int8", "P1-int8-newest") if name in against]
        keys = {"P1": "cpu_p1", "P2": "cpu_p2", "P2-int8": "cpu_p2_int8"}
        self.rows |= {key: against[name] for name, key in keys.items() if name in against}
        if int8:
            self.rows["cpu_p1_int8"] = min(int8, key=lambda row: row.value)
        for name, row in against.items():
            self.note(name, times_our_cpu=row.value)
        self.rows["other_cpu_share"] = Row.of([100 * sample.other_cpu_share for sample in runs["demograph"]])

    def start(self) -> None:
        """Until the first record is counted."""
        ours, sources = self.contestants[0], [f"camera-{n}" for n in range(10)]
        topic = self.topic(112, 500, sources, 500)
        found = [measure.start(ours, self.job(ours, topic, sources)) for _ in range(self.options.rounds)]
        self.say(f"start: {', '.join(f'{seconds:.2f}' for seconds in found)} s")
        self.rows["start_s"] = Row.of(found)

    def build(self) -> None:
        """This build against another one, in turns: on a busy machine too, one percent shows after many rounds."""
        if self.options.against is None:
            raise SystemExit("--parts build: say --against PROGRAM")
        ours, sources = self.contestants[0], [f"camera-{n}" for n in range(10)]
        other = replace(ours, name="other-build", program=self.options.against.resolve())
        topic = self.topic(112, self.options.events, sources, 500)
        runs = self.rounds([ours, other], topic, sources, self.options.events)
        pairs = list(zip(runs[ours.name], runs[other.name]))
        for what, of in {
            "CPU per crop": lambda sample: sample.cpu_seconds_per_1000,
            "time per crop": lambda sample: 1 / sample.crops_per_second,
            "peak memory": lambda sample: sample.memory_peak_mb,
            "start": lambda sample: sample.startup_seconds,
        }.items():
            ratios = [of(one) / of(two) for one, two in pairs]
            low, middle, high = statistics.quantiles(ratios) if len(ratios) > 1 else 3 * ratios
            self.say(f"{what}, ours : the other build: {middle:.3f} (quartiles {low:.3f} to {high:.3f}, {len(ratios)} pairs)")

    def people(self) -> None:
        """People with thirty crops each: most crops spared, all taken, and P1-int8, which takes all."""
        sources, events = [f"camera-{n}" for n in range(10)], 3 * self.options.events // CROPS_EACH * CROPS_EACH
        ours = self.contestants[0]
        every = replace(ours, name="demograph-all-crops", crops_per_track=0)
        peers = [one for one in self.contestants if one.name == "P1-int8"]
        # The longest passage costs most: who is gone after three seconds has one crop, or two.
        for seconds, keys in ((3, None), (10, ("people_all_crops", "people_p1_int8"))):
            # Ten people before each source send their crops in so many seconds.
            rate = len(sources) * 10 * CROPS_EACH / seconds
            topic = self.topic(112, events, sources, rate, CROPS_EACH)
            costs: dict[str, list[float]] = {}
            for number in range(self.options.rounds):
                field = [ours, every, *(peers if keys else [])]
                turn = number % len(field)
                for one in field[turn:] + field[:turn]:
                    sample = self.run(one, topic, sources, events)
                    costs.setdefault(one.name, []).append(CROPS_EACH * sample.cpu_seconds_per_1000)
            for name, samples in costs.items():
                self.note(name, **{f"cpu_s_per_1000_people_{seconds}s": statistics.median(samples)})
            own = costs.pop(ours.name)
            against = [Row.of([cost / few for few, cost in zip(own, samples)]) for samples in costs.values()]
            self.say(f"{seconds} s: {[f'{row.value:.2f}x' for row in against]}")
            self.rows |= dict(zip(keys or (), against))

    def users_model(self) -> None:
        """A ResNet-34 that somebody brings along as fp32."""
        model = self.folder / "resnet34"
        script, pictures = ROOT / "benches" / "resnet34.py", self.options.crops
        check([sys.executable, str(script), "--out", str(model), "--pictures", str(pictures)])
        sources = ["camera-0", "camera-1"]
        events = max(60, self.options.events // 20)
        topic = self.topic(224, events, sources, 500)
        one, other = users_model(model)
        runs = self.rounds([one, other], topic, sources, events)
        pairs = zip(runs[other.name], runs[one.name])
        self.rows["resnet34_bf16_p1"] = Row.of(
            [peer.cpu_seconds_per_1000 / ours.cpu_seconds_per_1000 for peer, ours in pairs]
        )

    def sources(self) -> None:
        """Ten sources and ten thousand, at the density that one machine can read."""
        ours, events = self.contestants[0], 2 * self.options.events
        costs = {}
        topics = {}
        for count in (10, 10_000):
            names = [f"camera-{n}" for n in range(count)]
            topics[count] = names, self.topic(112, events, names, 1_500)
        for _ in range(self.options.rounds):
            for count, (names, topic) in topics.items():
                sample = self.run(ours, topic, names, events)
                costs.setdefault(count, []).append(sample.cpu_seconds_per_1000)
        self.rows["sources_10_to_10000"] = Row.of([many / few for few, many in zip(costs[10], costs[10_000])])

    def steady(self) -> None:
        """Delays at 70 % of what each can do live."""
        # Small requests are new to the broker's compiler, which takes half a core for the first half a minute of them.
        warm_ups = 2
        for number, contestant in enumerate(self.contestants[:1] * warm_ups + self.contestants):
            rate = LOAD * self.live(contestant)
            job, send = self.load(contestant, rate, self.options.steady, publish_seconds=5)
            found = measure.delays(contestant, job, rate, send)
            if number < warm_ups:
                continue
            self.say(f"{contestant.name}: {found}")
            self.note(
                contestant.name, steady_rate=rate,
                estimate_p50_ms=1000 * found.estimate_p50, estimate_p99_ms=1000 * found.estimate_p99,
                durable_p50_s=found.durable_p50, durable_p99_s=found.durable_p99,
            )
            if contestant.is_demograph:
                p99 = 1000 * found.estimate_p99
                self.rows["estimate_p99_ms"] = Row(p99, p99, p99, 1)

    def soak(self) -> None:
        """Whether memory stays where it is."""
        ours = self.contestants[0]
        rate = LOAD * (self.details.get(ours.name, {}).get("crops_per_s_live") or self.live(ours))
        job, send = self.load(ours, rate, self.options.soak, publish_seconds=60)
        found = measure.soak(ours, job, self.options.soak, send)
        self.say(f"{found}")
        growth = found.late_mb / found.early_mb
        self.rows["memory_growth"] = Row(growth, growth, growth, 1)
        self.rows["memory_peak_mb"] = Row(found.peak_mb, found.peak_mb, found.peak_mb, 1)

    def live(self, contestant: Contestant) -> float:
        """Crops a second that it can do while cameras and broker share its cores."""
        figures = self.details.get(contestant.name, {})
        job, send = self.load(contestant, figures.get("crops_per_s_112", 2_000), self.options.steady)
        found = measure.live(contestant, job, send)
        self.say(f"{contestant.name}: {found:.0f} crops/s live")
        self.note(contestant.name, crops_per_s_live=found)
        return found

    def load(
        self, contestant: Contestant, rate: float, seconds: float, publish_seconds: int = 900
    ) -> tuple[Job, measure.Send]:
        """A topic that holds some events to warm up with, and what sends more of them at a steady rate."""
        sources = [f"camera-{n}" for n in range(10)]
        topic = self.topic(112, 500, sources, 500)
        job, count = self.job(contestant, topic, sources, publish_seconds), int(rate * seconds)
        return job, lambda: self.broker.produce(topic, self.crops[112], count, sources, rate=rate)

    # Runs.

    def rounds(
        self, contestants: list[Contestant], topic: str, sources: list[str], events: int
    ) -> dict[str, list[Backlog]]:
        """Everybody once a round, each round in another order."""
        runs: dict[str, list[Backlog]] = {one.name: [] for one in contestants}
        for number in range(self.options.rounds):
            turn = number % len(contestants)
            for contestant in contestants[turn:] + contestants[:turn]:
                runs[contestant.name].append(self.run(contestant, topic, sources, events))
            ours = runs[contestants[0].name][-1].totals
            for one in contestants[1:]:
                apart = measure.disagreement(ours, runs[one.name][-1].totals)
                if apart > AGREE_TABLES:
                    theirs = runs[one.name][-1].totals
                    raise SystemExit(f"void: {one.name} answers {apart:.1%} of the crops otherwise: {theirs}, not {ours}")
        return runs

    def run(self, contestant: Contestant, topic: str, sources: list[str], events: int) -> Backlog:
        sample = measure.backlog(contestant, self.job(contestant, topic, sources), events, events // 5)
        if sample.totals["records"] != events:
            raise SystemExit(f"void: {contestant.name} accounts for {sample.totals['records']} of {events} records")
        self.say(
            f"{contestant.name}: {sample.cpu_seconds_per_1000:.3f} CPU-s per 1,000 crops,"
            f" {sample.crops_per_second:.0f} crops/s, {sample.memory_peak_mb:.0f} MB,"
            f" start {sample.startup_seconds:.1f} s"
        )
        return sample


def cargo_bench(name: str, environment: dict[str, str]) -> list[dict]:
    """The JSON lines of a Rust benchmark."""
    return lines(["cargo", "bench", "--quiet", "--locked", "--bench", name], environment)


def lines(argv: list[str], environment: dict[str, str] | None = None) -> list[dict]:
    said = subprocess.run(
        argv, cwd=ROOT, env=os.environ | (environment or {}), stdout=subprocess.PIPE, text=True, check=True
    )
    return [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]


def check(argv: list[str]) -> None:
    subprocess.run(argv, check=True)


def decisions_agree(bench: Bench) -> None:
    """Crop by crop, before anything is timed: each peer against demograph on the very file and precision. What int8
    itself changes is the model's affair, and said beside."""
    for side in bench.options.sides:
        crops = bench.crops[side]
        default = decided_by_demograph(bench.options.model, crops, "int8")
        for contestant in bench.contestants:
            if contestant.is_demograph or contestant.is_quix:
                continue
            ours = decided_by_demograph(bench.options.model, crops, contestant.numbers)
            argv = [sys.executable, str(PEERS / "peer.py"), "--decide", str(crops), "--engine", contestant.engine]
            argv += ["--model", str(contestant.model / contestant.file)]
            argv += ["--manifest", str(contestant.model / "manifest.toml")]
            argv += ["--precision", contestant.precision] if contestant.precision else []
            theirs = {line["file"]: line for line in lines(argv)}
            for head in ("gender", "ethnicity"):
                count = lambda answers: sum(theirs[file][head] == one[head] for file, one in answers.items())
                same = count(ours)
                bench.say(
                    f"{side} px, {contestant.name}: {head} as demograph's {contestant.numbers} in {same} of {len(ours)}"
                    f" crops, as its int8 in {count(default)}"
                )
                if is_more_than(AGREE, len(ours) - same, len(ours)):
                    raise SystemExit(f"void: {contestant.name} decides otherwise")


def is_more_than(share: float, found: int, of: int) -> bool:
    """Whether so many show that more than this share would be found among many: one-sided, at 1 %. The composites are
    few, and blends of faces, so several are in doubt."""
    expected = share * of
    return found > expected + 2.33 * math.sqrt(expected * (1 - share))


def decided_by_demograph(model: Path, crops: Path, precision: str) -> dict[str, dict[str, str]]:
    argv = [str(binary()), "--log", "warn", "predict", "--json", "--model", str(model)]
    said = lines([*argv, "--precision", precision, str(crops)])
    return {Path(line["file"]).name: {head: line[head]["label"] for head in ("gender", "ethnicity")} for line in said}


def main() -> None:
    chosen = options()
    parts = {
        "decode": Bench.decode, "stages": Bench.stages, "path": Bench.path, "start": Bench.start, "build": Bench.build,
        "people": Bench.people, "users-model": Bench.users_model, "sources": Bench.sources, "steady": Bench.steady, "soak": Bench.soak,
    }
    wanted = chosen.parts.split(",")
    if unknown := set(wanted) - set(parts):
        raise SystemExit(f"--parts: {', '.join(sorted(unknown))} is none of {', '.join(parts)}")
    with tempfile.TemporaryDirectory(prefix="demograph-bench-") as folder, Broker(Path(folder) / "kafka") as broker:
        bench = Bench(chosen, Path(folder), broker)
        decisions_agree(bench)
        for done, part in enumerate(wanted, 1):
            parts[part](bench)
            if part == "build":
                continue
            # After each part, since the whole takes long.
            settings = {"rounds": chosen.rounds, "events": chosen.events, "parts": wanted[:done]}
            report.write(bench.place, bench.rows, (bench.details, bench.stage_rows), settings)
            bars(bench.details, bench.place.plot)
    print(report.text(report.table(bench.rows, report.has_amx())))


if __name__ == "__main__":
    main()
