"""The training program from end to end, on composites and a backbone of random weights.

`make test-training` runs it. What it cannot say: how good a model is. What it says: that a zip, a
label file and a backbone become a folder that demograph loads and that holds what was trained;
that a second run goes on where the first stopped; that the seed decides everything; that the card
quotes what was measured.
"""

from __future__ import annotations

import filecmp
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
from onnx import numpy_helper

TRAIN = Path(__file__).resolve().parents[1]
REPOSITORY = TRAIN.parents[1]
sys.path.insert(0, str(TRAIN))

import stand_in  # noqa: E402
import student  # noqa: E402
import teacher  # noqa: E402
from data import read_labels, resize_antialias  # noqa: E402
from export import export_float  # noqa: E402
from losses import HeadLogits  # noqa: E402
from network import INPUT_SIZE, FaceNet, load_backbone  # noqa: E402
from train import FEATURES  # noqa: E402

PARITY = 1e-4
# One thread and no GPU, or sums would depend on the machine.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def composites(count: int) -> np.ndarray:
    """Some composites as the network reads them."""
    files = sorted(stand_in.COMPOSITES.glob("*.jpg"))[:: max(1, 190 // count)][:count]
    pictures = [Image.open(file).convert("RGB") for file in files]
    pixels = np.stack([resize_antialias(picture, INPUT_SIZE) for picture in pictures])
    values = pixels.astype(np.float32) - np.float32(stand_in.MEAN)
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def onnx_answers(file: Path, pixels: np.ndarray) -> list[np.ndarray]:
    """Logits of every head by ONNX Runtime."""
    session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return session.run(list(HeadLogits._fields), {"image": pixels})


@torch.no_grad()
def torch_answers(net: FaceNet, pixels: np.ndarray) -> list[np.ndarray]:
    """Logits of every head by PyTorch."""
    return [part.numpy() for part in net.eval()(torch.from_numpy(pixels))]


def largest_difference(some: list[np.ndarray], others: list[np.ndarray]) -> float:
    """Over all logits of all heads."""
    return max(float(np.abs(one - other).max()) for one, other in zip(some, others, strict=True))


def network_of(file: Path) -> FaceNet:
    """A PyTorch network with the weights of a written one."""
    tensors = {t.name: numpy_helper.to_array(t) for t in onnx.load(file).graph.initializer}
    net = FaceNet(FEATURES)
    state = {}
    for key in net.state_dict():
        name = key.replace("layers.", "layer").replace(".conv", "")
        state[key] = torch.from_numpy(tensors[name].copy())
    net.load_state_dict(state)
    return net


class Training(unittest.TestCase):
    """One run for all tests; two tests run the program again."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.place = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.faces, cls.labels = stand_in.write_faces(cls.place)
        cls.backbone = stand_in.write_backbone(cls.place)
        cls.train("first", "cache")
        cls.out, cls.cache = cls.place / "first", cls.place / "cache/all-seed1"

    @classmethod
    def train(cls, out: str, cache: str) -> str:
        """Run the program; returns what it printed."""
        paths = {
            "data": cls.faces, "labels": cls.labels, "backbone": cls.backbone,
            "cache": cls.place / cache, "out": cls.place / out,
        }
        command = [sys.executable, str(TRAIN / "train.py"), "--large-epochs", "1", "--epochs", "1"]
        for name, path in paths.items():
            command += [f"--{name}", str(path)]
        done = subprocess.run(command, env=ENVIRONMENT, text=True, capture_output=True)
        if done.returncode != 0:
            raise AssertionError(f"train.py failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def test_the_folder_is_complete(self) -> None:
        files = {str(path.relative_to(self.out)) for path in self.out.rglob("*") if path.is_file()}
        tests = {f"self-test/{number}.png" for number in (1, 2, 3, 4)}
        model = {"model.onnx", "model.int8.onnx", "manifest.toml", "metrics.json"}
        self.assertEqual(files, model | tests)
        figures = json.loads((self.out / "metrics.json").read_text())["val"]
        self.assertEqual(set(figures), {"before_calibration", "fp32", "int8"})
        self.assertEqual(figures["int8"]["n"], len(read_labels(self.labels).rows("val")))

    def test_the_backbone_is_taken_over(self) -> None:
        net, pixels = FaceNet(), composites(4)
        load_backbone(net, self.backbone)
        session = ort.InferenceSession(str(self.backbone), providers=["CPUExecutionProvider"])
        raw = pixels + np.float32(stand_in.MEAN).reshape(1, 3, 1, 1)
        wanted = session.run(["features"], {"image": raw})[0]
        with torch.no_grad():
            got = net.eval().embed(torch.from_numpy(pixels)).numpy()
        self.assertGreater(wanted.std(), 0.1, "features that do not differ show nothing")
        self.assertLess(np.abs(got - wanted).max(), PARITY)

    def test_both_fine_tunings_took_their_steps(self) -> None:
        labels = read_labels(self.labels)
        began = FaceNet()
        load_backbone(began, self.backbone)
        for name in ("large-1.pt", "small-1-1.pt"):
            state = torch.load(self.cache / name, weights_only=True)
            self.assertEqual(state["done"], len(labels.rows("train")) // student.Plan.batch)
            for key, before in began.state_dict().items():
                if not key.startswith("layers."):
                    continue
                is_frozen = int(key.split(".")[1]) < student.Plan.frozen_layers
                is_same = torch.equal(state["net"][key], before)
                self.assertEqual(is_same, is_frozen, f"{name}: {key}")

    def test_steps_lower_the_loss(self) -> None:
        torch.set_num_threads(1)
        labels = read_labels(self.labels)
        faces = np.load(self.cache / f"faces-{student.CACHE_SIZE}.npy", mmap_mode="r")
        features = np.load(self.cache / "features.npy")
        torch.manual_seed(1)
        taught = teacher.soft_targets(teacher.Heads(), features)
        net = FaceNet()
        load_backbone(net, self.backbone)
        net.dropout.p = 0.0
        plan = student.Plan(seed=1, side=64, epochs=1)
        trainer = student.Trainer(net, list(stand_in.MEAN), faces, labels, taught, plan)
        rows, pixels = next(trainer.batches())
        losses = [trainer.step(rows, pixels) for _ in range(6)]
        self.assertLess(losses[-1], losses[0] * 0.95, losses)

    def test_the_written_network_answers_as_the_trained_one(self) -> None:
        pixels = composites(24)
        net = FaceNet()
        state = torch.load(self.cache / "small-1-1.pt", weights_only=True)
        net.load_state_dict(state["best_state"])
        export_float(net, self.place / "untrimmed.onnx")
        untrimmed = onnx_answers(self.place / "untrimmed.onnx", pixels)
        self.assertLess(largest_difference(untrimmed, torch_answers(net, pixels)), PARITY)
        shipped = self.out / "model.onnx"
        answers = onnx_answers(shipped, pixels)
        self.assertLess(
            largest_difference(answers, torch_answers(network_of(shipped), pixels)), PARITY
        )

    def test_the_8_bit_twin_answers_nearly_the_same(self) -> None:
        pixels = composites(24)
        exact = onnx_answers(self.out / "model.onnx", pixels)
        answers = onnx_answers(self.out / "model.int8.onnx", pixels)
        for got, wanted in zip(answers, exact, strict=True):
            self.assertTrue(np.isfinite(got).all())
            # Far less than faces differ from each other.
            self.assertLess(np.abs(got - wanted).mean(), 0.3 * wanted.std(axis=0).mean())

    def test_the_same_command_goes_on_from_the_cache(self) -> None:
        before = self.place / "before"
        shutil.copytree(self.out, before)
        printed = self.train("first", "cache")
        self.assertEqual(printed.count("going on after step"), 2, printed)
        self.assertNotIn("heads ", printed)
        for name in ("model.onnx", "model.int8.onnx", "manifest.toml", "metrics.json"):
            same = filecmp.cmp(self.out / name, before / name, shallow=False)
            self.assertTrue(same, f"{name} differs")

    def test_the_seed_decides_the_figures(self) -> None:
        self.train("fresh", "fresh-cache")
        written = [(self.place / out / "metrics.json").read_text() for out in ("first", "fresh")]
        self.assertEqual(json.loads(written[0]), json.loads(written[1]))

    def evaluation(self, precision: str) -> Path:
        """What demograph measures on the test part."""
        report = self.place / f"report-{precision}"
        command = ["cargo", "run", "--quiet", "--locked", "--", "--log", "warn", "evaluate"]
        command += ["--model", str(self.out), "--data", str(self.faces), "--split", "test"]
        command += ["--labels", str(self.labels), "--precision", precision, "--out", str(report)]
        done = subprocess.run(command, cwd=REPOSITORY, text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return report / "evaluation.json"

    def test_demograph_loads_the_folder_and_answers(self) -> None:
        wanted = len(read_labels(self.labels).rows("test"))
        for precision in ("int8", "fp32"):
            figures = json.loads(self.evaluation(precision).read_text())
            self.assertEqual((figures["n"], figures["rejected"]), (wanted, 0))
            self.assertEqual(figures["self_test"]["passed"], True)
            self.assertEqual(figures["precision"], precision)

    def test_the_card_holds_these_figures_and_no_others(self) -> None:
        folder = self.place / "with-card"
        shutil.copytree(self.out, folder)
        shutil.copy(self.evaluation("int8"), folder / "evaluation.json")
        shutil.copy(self.evaluation("fp32"), folder / "evaluation.fp32.json")
        faces = ["--data", str(self.faces), "--labels", str(self.labels)]

        def tool(name: str, *more: str) -> subprocess.CompletedProcess:
            command = [sys.executable, str(TRAIN / name), "--model", str(folder), *more]
            return subprocess.run(command, env=ENVIRONMENT, text=True, capture_output=True)

        for done in (
            tool("robustness.py", *faces, "--part", "test", "--write"),
            tool("speed.py", "--rounds", "1", "--write"),
            tool("card.py"),
        ):
            self.assertEqual(done.returncode, 0, done.stderr)
        card = (folder / "CARD.md").read_text()
        figures = json.loads((folder / "evaluation.json").read_text())
        low, high = (100 * end for end in figures["gender"]["accuracy_interval"])
        accuracy = 100 * figures["gender"]["accuracy"]
        self.assertIn(f"| gender: accuracy | {accuracy:.1f} % ({low:.1f} to {high:.1f}) |", card)
        self.assertIn("int8 without disputed labels", card)
        foreign = json.loads((folder / "robustness.json").read_text())
        foreign["model"] = "other@0123456789ab"
        (folder / "robustness.json").write_text(json.dumps(foreign))
        refused = tool("card.py")
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("robustness.json is of the model file 0123456789ab", refused.stderr)


if __name__ == "__main__":
    unittest.main()
