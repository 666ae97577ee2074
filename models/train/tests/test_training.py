"""The training program from end to end, on composites and weights of random numbers.

`make test-training` runs it. What it cannot say: how good a model is. What it says: that zips,
label files and published weights become folders that demograph loads and that hold what was
trained; that a second run goes on where the first stopped; that the seed decides everything; that
no file that ships gives features away; that the card quotes what was measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from PIL import Image
from torch.nn import functional as F

TRAIN = Path(__file__).resolve().parents[1]
REPOSITORY = TRAIN.parents[1]
sys.path.insert(0, str(TRAIN))

import stand_in  # noqa: E402
from augment import Augment, mixed  # noqa: E402
from data import ETHNICITIES, GROUP_OF, RACES, STORED_SIDE, read_labels  # noqa: E402
from equalise import equalised, rounded  # noqa: E402
from export import OUTPUTS  # noqa: E402
from fit import Plan, Trainer  # noqa: E402
from network import FaceNet, same_padding  # noqa: E402
from runtime import predict, read_manifest  # noqa: E402
from separate import separate  # noqa: E402
from start import begin, lite_layers, load_faceres, read_state  # noqa: E402

PARITY = 1e-4
# One thread and no GPU, or sums would depend on the machine.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
MODELS = ("fairface-small", "research-small")


def composites(count: int, side: int) -> np.ndarray:
    """Some composites (n, side, side, 3)."""
    files = sorted(stand_in.COMPOSITES.glob("*.jpg"))[:: max(1, 190 // count)][:count]
    return np.stack([np.asarray(Image.open(f).convert("RGB").resize((side, side))) for f in files])


def run(name: str, *arguments: str) -> subprocess.CompletedProcess:
    """One of the programs."""
    command = [sys.executable, str(TRAIN / name), *arguments]
    return subprocess.run(command, env=ENVIRONMENT, text=True, capture_output=True)


class Weights(unittest.TestCase):
    """Published weights are taken over whole."""

    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.starts = stand_in.write_starts(self.place)

    def test_the_backbone_that_knows_faces(self) -> None:
        net = FaceNet("mobilenet").eval()
        load_faceres(net, self.starts / "faceres.onnx")
        raw = np.ascontiguousarray(composites(4, 120).transpose(0, 3, 1, 2), np.float32)
        session = ort.InferenceSession(str(self.starts / "faceres.onnx"))
        wanted = session.run(["features"], {"image": raw})[0]
        pixels = torch.from_numpy(raw) - torch.tensor(stand_in.MEAN).view(1, 3, 1, 1)
        with torch.no_grad():
            got = net.embed(pixels).numpy()
        self.assertGreater(wanted.std(), 0.1, "features that do not differ show nothing")
        self.assertLess(np.abs(got - wanted).max(), PARITY)

    def test_efficientnet_lite_under_the_names_of_its_package(self) -> None:
        net = FaceNet("lite2")
        state = read_state(self.starts / "lite2.pth")
        begin(net, self.starts / "lite2.pth")
        ours = net.state_dict()
        self.assertEqual(2 * len(lite_layers(net)), len({k.rpartition(".")[0] for k in state}))
        for layer, (conv, norm) in lite_layers(net).items():
            self.assertTrue(torch.equal(ours[f"{layer}.conv.weight"], state[f"{conv}.weight"]))
            self.assertTrue(torch.equal(ours[f"{layer}.norm.bias"], state[f"{norm}.bias"]))


class Parts(unittest.TestCase):
    """Pieces that need no training."""

    def test_changed_faces_are_faces_still(self) -> None:
        torch.manual_seed(1)
        faces = torch.from_numpy(composites(16, STORED_SIDE))
        changed = mixed(Augment("cpu")(faces), 4)
        self.assertEqual(changed.shape, (16, 3, STORED_SIDE, STORED_SIDE))
        self.assertTrue(torch.isfinite(changed).all())
        self.assertGreaterEqual(float(changed.min()), 0)
        self.assertLessEqual(float(changed.max()), 255)
        self.assertGreater(float(changed.std((1, 2, 3)).min()), 1, "a face became one colour")

    def test_only_the_chosen_faces_change(self) -> None:
        faces = torch.arange(4.0).view(4, 1, 1, 1) + torch.zeros(4, 3, 2, 2)
        for chosen in ([True, False, True, False], [False] * 4, [True] * 4):
            which = torch.tensor(chosen).view(4, 1, 1, 1)
            got = Augment("cpu").only(which, faces, lambda some: some + 10)
            self.assertTrue(torch.equal(got, torch.where(which, faces + 10, faces)), chosen)

    def test_the_quick_backward_pass_gives_the_usual_gradients(self) -> None:
        torch.manual_seed(1)
        for kernel, stride, side in ((3, 1, 9), (3, 2, 60), (3, 2, 15), (5, 1, 4), (5, 2, 30), (5, 2, 15)):
            before, after = same_padding(side, kernel, stride)
            padding = 0 if before != after else before
            side += 0 if before == after else before + after
            x = torch.randn(3, 8, side, side, requires_grad=True)
            weight = torch.randn(8, 1, kernel, kernel, requires_grad=True)
            bias = torch.randn(8, requires_grad=True)
            usual = F.conv2d(x, weight, bias, stride, padding, 1, 8)
            quick = separate(x, weight, bias, stride, padding)
            self.assertTrue(torch.equal(quick, usual))
            towards, of = torch.randn_like(usual), (x, weight, bias)
            pairs = zip(*(torch.autograd.grad(out, of, towards) for out in (usual, quick)))
            for wanted, got in pairs:
                self.assertLess(float((wanted - got).abs().max() / wanted.abs().max()), 1e-5)

    def test_filters_keep_their_sums_when_they_are_rounded(self) -> None:
        torch.manual_seed(1)
        weight = torch.randn(32, 1, 3, 3)
        step = weight.abs().amax((1, 2, 3), keepdim=True) / 127
        got = rounded(weight)
        self.assertLess(float((got / step - (got / step).round()).abs().max()), 1e-3)
        self.assertLess(float((got - weight).abs().max() / step.max()), 1.01)
        off = (got.sum((2, 3)) - weight.sum((2, 3))).abs() / step[:, :, 0, 0]
        self.assertLess(float(off.max()), 0.51)

    def test_equalising_leaves_the_function(self) -> None:
        torch.manual_seed(1)
        for kind in ("lite0", "mobilenet"):
            net = FaceNet(kind).eval()
            faces = torch.from_numpy(composites(8, 96)).permute(0, 3, 1, 2).float() / 128 - 1
            with torch.no_grad():
                before, after = net.embed(faces), equalised(net, faces).embed(faces)
            self.assertLess(float((after - before).abs().mean() / before.std()), 0.05, kind)

    def test_a_race_is_worth_its_ethnicity(self) -> None:
        self.assertEqual(GROUP_OF, (0, 1, 2, 2, 3, 4, 4))
        with tempfile.TemporaryDirectory() as place:
            years = read_labels(stand_in.write_faces(Path(place), "utkface")[1])
            bands = read_labels(stand_in.write_faces(Path(place), "fairface")[1])
        self.assertTrue((years.ethnicity == bands.ethnicity).all())
        self.assertTrue((years.races & bands.races == bands.races).all())
        self.assertTrue((bands.age == -1).all())
        self.assertTrue(((bands.low <= years.age) & (years.age <= bands.high)).all())


class Steps(unittest.TestCase):
    """The trainer by itself."""

    def trainer(self, seed: int = 1) -> Trainer:
        with tempfile.TemporaryDirectory() as place:
            labels = read_labels(stand_in.write_faces(Path(place), "fairface")[1])
        labels = labels.subset(np.arange(40))
        torch.manual_seed(seed)
        faces = torch.from_numpy(composites(40, STORED_SIDE))
        plan = Plan("lite0", 64, steps=8, batch=8, rate=2e-3, seed=seed)
        return Trainer(FaceNet("lite0"), plan, (faces, labels), [])

    def test_steps_lower_the_loss(self) -> None:
        torch.set_num_threads(1)
        trainer = self.trainer()
        trainer.net.eval()  # no dropout
        trainer.augment = lambda faces: faces.permute(0, 3, 1, 2).float()
        trainer.rate.fill_(1e-3)
        losses = []
        for _ in range(6):
            trainer.optimiser.zero_grad()
            trainer.forward_backward()
            losses.append(float(trainer.loss))
        self.assertLess(losses[-1], losses[0] * 0.97, losses)

    def test_a_cut_run_goes_on(self) -> None:
        first, place = self.trainer(), Path(self.enterContext(tempfile.TemporaryDirectory()))
        for _ in range(3):
            first.step()
        first.save(place / "checkpoint")
        second = self.trainer()
        second.resume(place / "checkpoint")
        self.assertEqual(second.done, 3)
        for trainer in (first, second):
            torch.manual_seed(5)
            trainer.step()
        for key, value in first.average.items():
            self.assertTrue(torch.equal(value, second.average[key]), key)


class Training(unittest.TestCase):
    """One run for all tests; one test runs the program again."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.place = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.sources = []
        for name in ("fairface", "utkface"):
            paths = map(str, stand_in.write_faces(cls.place, name))
            cls.sources += [f"--{name}", *paths]
        cls.starts = stand_in.write_starts(cls.place)
        cls.printed = cls.train("cache")
        for name in MODELS:
            cls.finish(name)

    @classmethod
    def train(cls, cache: str) -> str:
        """Train both; returns what the program printed."""
        done = run(
            "train.py", *cls.sources, "--start", str(cls.starts), "--cache", str(cls.place / cache),
            "--steps", "1", "--batch", "8", *MODELS,
        )
        if done.returncode != 0:
            raise AssertionError(f"train.py failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    @classmethod
    def finish(cls, name: str, out: str | None = None, *more: str) -> None:
        """Make the folder of a model."""
        done = run(
            "finish.py", "--stage", name, "--cache", str(cls.place / "cache"), "--out",
            str(cls.place / (out or name)), *cls.sources, *more,
        )
        if done.returncode != 0:
            raise AssertionError(f"finish.py failed:\n{done.stdout}\n{done.stderr}")

    def test_the_folders_are_complete(self) -> None:
        tests = {f"self-test/{number}.png" for number in (1, 2, 3, 4)}
        model = {"model.onnx", "model.int8.onnx", "model.fp16.onnx", "manifest.toml", "metrics.json"}
        for name in MODELS:
            folder = self.place / name
            files = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
            self.assertEqual(files, model | tests)
            figures = json.loads((folder / "metrics.json").read_text())
            self.assertEqual(figures["training"]["steps"], 1)

    def test_only_the_free_model_may_be_used_by_everybody(self) -> None:
        for name, free in zip(MODELS, ("true", "false")):
            self.assertIn(f"commercial_use = {free}", (self.place / name / "manifest.toml").read_text())

    def test_no_file_gives_features_away(self) -> None:
        """The vector before the heads tells people apart: see identify.py."""
        shipped = [REPOSITORY / "models" / name for name in MODELS]
        folders = [*(self.place / name for name in MODELS), *(f for f in shipped if f.is_dir())]
        for file in (file for folder in folders for file in folder.glob("*.onnx")):
            names = [output.name for output in onnx.load(file).graph.output]
            self.assertEqual(names, list(OUTPUTS), file)

    def test_five_ethnicities_are_sums_of_seven_races(self) -> None:
        for name in MODELS:
            session = ort.InferenceSession(str(self.place / name / "model.onnx"))
            pixels = composites(8, 120).transpose(0, 3, 1, 2).astype(np.float32) / 128 - 1
            race, groups = session.run(["race", "ethnicity"], {"image": pixels})
            shares = np.exp(race - race.max(1, keepdims=True))
            shares /= shares.sum(1, keepdims=True)
            for group in range(5):
                wanted = shares[:, [of == group for of in GROUP_OF]].sum(1)
                self.assertLess(np.abs(np.exp(groups[:, group]) - wanted).max(), PARITY)

    def test_the_manifest_names_seven_races_with_the_five_as_groups(self) -> None:
        for name in MODELS:
            manifest = read_manifest(self.place / name)
            head = next(h for h in manifest["net"][0]["head"] if h["attribute"] == "ethnicity")
            self.assertEqual((head["output"], tuple(head["labels"])), ("race", RACES))
            self.assertEqual(head["groups"][0]["of"], [ETHNICITIES[group] for group in GROUP_OF])
            self.assertEqual(set(manifest["self_test"][0]["expected"]), {"age", "gender", "race"})
            faces = [Image.fromarray(face) for face in composites(8, 120)]
            said = predict(self.place / name, faces)
            self.assertEqual(tuple(said.classes["ethnicity"]), ETHNICITIES, "what label files know")

    def test_a_folder_is_described_again_the_same(self) -> None:
        name = MODELS[0]
        shutil.copytree(self.place / name, self.place / "again" / name)
        done = run("describe.py", "--model", str(self.place / "again" / name), *self.sources[:3])
        self.assertEqual(done.returncode, 0, done.stderr)
        for file in ("manifest.toml", "metrics.json"):
            one, other = ((place / name / file).read_text() for place in (self.place, self.place / "again"))
            self.assertEqual(one, other)

    def test_the_twins_in_fewer_bits_answer_nearly_the_same(self) -> None:
        pixels = composites(24, 120).transpose(0, 3, 1, 2).astype(np.float32) / 128 - 1
        answers = lambda file: ort.InferenceSession(str(file)).run(["gender", "race"], {"image": pixels})
        for name in MODELS:
            exact = answers(self.place / name / "model.onnx")
            for precision, most in (("int8", 0.3), ("fp16", 0.05)):
                got = answers(self.place / name / f"model.{precision}.onnx")
                for one, other in zip(exact, got):
                    self.assertTrue(np.isfinite(other).all())
                    self.assertLess(np.abs(one - other).max(), most)

    def test_the_same_command_trains_nothing_twice_and_the_seed_decides(self) -> None:
        self.assertEqual(self.train("cache"), "")
        self.train("fresh")
        for name in MODELS:
            one, other = (
                torch.load(self.place / c / f"{name}.pt", weights_only=True)["net"]
                for c in ("cache", "fresh")
            )
            for key, value in one.items():
                self.assertTrue(torch.equal(value, other[key]), f"{name}: {key}")

    def evaluation(self, model: str, source: str, precision: str, five: bool) -> Path:
        """What demograph measures on the test part."""
        report = self.place / f"report-{model}-{source}-{precision}-{five}"
        at = self.sources.index(f"--{source}")
        archive, labels = self.sources[at + 1 : at + 3]
        command = ["cargo", "run", "--quiet", "--locked", "--", "--log", "warn", "evaluate"]
        command += ["--model", str(self.place / model), "--data", archive, "--split", "test"]
        command += ["--labels", labels, "--precision", precision, "--out", str(report)]
        command += ["--age-bands", "0,3,10,20,30,40,50,60,70"] if source == "fairface" else []
        command += ["--ethnicity", "five"] if five else ["--column", "ethnicity=race7"]
        done = subprocess.run(command, cwd=REPOSITORY, text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return report / "evaluation.json"

    def test_demograph_loads_the_folders_and_the_card_holds_its_figures(self) -> None:
        for name in MODELS:
            folder = self.place / f"{name}-with-card"
            shutil.copytree(self.place / name, folder)
            for file, source, five in (
                ("fairface", "fairface", False),
                ("fairface.five", "fairface", True),
                ("utkface", "utkface", True),
            ):
                for precision, suffix in (("int8", ""), ("fp32", ".fp32")):
                    measured = self.evaluation(name, source, precision, five)
                    figures = json.loads(measured.read_text())
                    self.assertEqual((figures["rejected"], figures["self_test"]["passed"]), (0, True))
                    shutil.copy(measured, folder / f"evaluation.{file}{suffix}.json")
            fairface, utkface = self.sources[:3], self.sources[3:]
            model = ("--model", str(folder))
            for done in (
                run("robustness.py", *model, *fairface, *utkface, "--part", "test", "--write"),
                run("groups.py", *model, *fairface, "--write"),
                run("identify.py", *model, *utkface, "--write"),
                run("speed.py", *model, "--rounds", "1", "--write"),
                run("card.py", *model),
            ):
                self.assertEqual(done.returncode, 0, done.stderr)
            card = (folder / "CARD.md").read_text()
            low, high = (100 * end for end in figures["gender"]["accuracy_interval"])
            accuracy = 100 * figures["gender"]["accuracy"]
            self.assertIn(f"{accuracy:.1f} % ({low:.1f} to {high:.1f}) |", card)
            self.assertIn("Smallest usable face", card)
            self.assertIn("## Goals", card)
            foreign = json.loads((folder / "robustness.json").read_text())
            foreign["model"] = "other@0123456789ab"
            (folder / "robustness.json").write_text(json.dumps(foreign))
            refused = run("card.py", *model)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("robustness.json is of the model file 0123456789ab", refused.stderr)


if __name__ == "__main__":
    unittest.main()
