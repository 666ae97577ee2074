"""Train the shipped model from the labelled faces: the one command of this folder.

Stages: decode the faces once; run the frozen backbone once; fit the teacher's heads;
fine-tune the network on labels and teacher; on the validation part, fit the bias of the rare
class, a temperature a head and the age intervals; write the network, its 8-bit twin, the
manifest and the figures on the validation part. Every stage leaves its result in the cache
folder, so a run that was cut goes on where it stopped. The test part is not touched here:
`demograph evaluate` measures it (see make-model).
"""

from __future__ import annotations

import argparse
import json
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from PIL import Image
from torch import nn

import student
import teacher
from calibrate import fit_margins, fit_temperatures, rare_class_bias, softmax
from data import (
    AGE_CLASSES, ETHNICITIES, GENDERS, Labels, decoded_faces, load_face, read_labels,
    resize_antialias,
)
from export import export_float, export_int8
from figures import face_figures, truth_of
from losses import HeadLogits, validation_score
from manifest import Facts, write_manifest
from network import INPUT_SIZE, FaceNet, load_backbone, mean_colour
from runtime import Answers, session_options
from trim import pooled_features, trim

COMPOSITES = Path(__file__).resolve().parents[2] / "tests/data/composites"
SELF_TESTS = (
    "white-male-25-34-a.jpg", "black-female-35-44-a.jpg",
    "asian-female-18-24-a.jpg", "indian-male-55-64-a.jpg",
)
CALIBRATION_FACES = 512
TRIM_FACES = 6000  # seen when the heads are refitted to fewer features
FEATURES = 744  # that are left: the 32-bit file then has less than 12 MB


def parse_arguments() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="zip archive of face crops")
    parser.add_argument("--labels", type=Path, required=True, help="label file (CSV)")
    parser.add_argument("--backbone", type=Path, required=True, help="feature network (ONNX)")
    parser.add_argument("--cache", type=Path, required=True, help="folder for arrays, checkpoints")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument(
        "--large-epochs", type=int, default=7, help="epochs of fine-tuning on large faces"
    )
    parser.add_argument(
        "--epochs", type=int, default=18, help="epochs at the size of the shipped network"
    )
    parser.add_argument("--faces", type=int, help="use so many faces only, to try the program out")
    parser.add_argument(
        "--keep-float", nargs="*", default=[], help="nodes left in floats in the int8 file"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of everything random")
    return parser.parse_args()


def fitted(
    kind: type[nn.Module], options: argparse.Namespace, labels: Labels, cache: Path
) -> nn.Module:
    """Heads trained on the frozen backbone's features; these and the heads come from the cache."""
    path = cache / f"{kind.__name__.lower()}.pt"
    torch.manual_seed(options.seed)  # of the first weights too
    heads = kind()
    if path.exists():
        heads.load_state_dict(torch.load(path, weights_only=True))
        return heads.eval()
    faces = decoded_faces(options.data, labels, student.CACHE_SIZE, cache)
    features = teacher.backbone_features(options.backbone, faces, cache)
    teacher.train_heads(heads, features, labels, options.seed)
    torch.save(heads.state_dict(), path)
    return heads


def trained_network(options: argparse.Namespace, labels: Labels, cache: Path) -> FaceNet:
    """The network, fine-tuned twice: on the large faces, taught by the frozen backbone's heads;
    then on faces of the size that ships, taught by those heads and its former self together."""
    faces = decoded_faces(options.data, labels, student.CACHE_SIZE, cache)
    features = teacher.backbone_features(options.backbone, faces, cache)
    heads = fitted(teacher.Heads, options, labels, cache)
    frozen = teacher.soft_targets(heads, features)
    net = FaceNet()
    load_backbone(net, options.backbone)
    net.load_state_dict(fitted(teacher.Probe, options, labels, cache).state_dict(), strict=False)
    colour = mean_colour(options.backbone)
    large = student.Plan(options.seed, student.CACHE_SIZE, options.large_epochs, learning_rate=2e-4)
    trainer = student.Trainer(net, colour, faces, labels, frozen, large)
    net = student.train_student(trainer, cache / f"large-{options.large_epochs}.pt")
    taught = cache / f"teaching-{options.large_epochs}.pt"
    if not taught.exists():
        torch.save(tuple(trainer.teaching(net)), taught)
    tuned = HeadLogits(*torch.load(taught, weights_only=True))
    teaching = HeadLogits(*((one + other) / 2 for one, other in zip(frozen, tuned)))
    small = student.Plan(options.seed + 1, INPUT_SIZE, options.epochs, learning_rate=3e-4)
    trainer = student.Trainer(net, colour, faces, labels, teaching, small)
    run = f"small-{options.large_epochs}-{options.epochs}.pt"
    return student.train_student(trainer, cache / run)


def prepared(options: argparse.Namespace, labels: Labels, rows: np.ndarray) -> np.ndarray:
    """Faces as the runtime prepares them: from the full-sized pictures, less the mean colour."""
    with zipfile.ZipFile(options.data) as archive:
        pictures = [load_face(archive, labels.files[row]) for row in rows]
    pixels = np.stack([resize_antialias(picture, INPUT_SIZE) for picture in pictures])
    return network_input(pixels, options.backbone)


def network_input(pixels: np.ndarray, backbone: Path) -> np.ndarray:
    """Pictures (n, side, side, 3), uint8 -> floats (n, 3, side, side) less the mean colour."""
    values = pixels.astype(np.float32) - np.float32(mean_colour(backbone))
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def raw_outputs(path: Path, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Logits of a written network, by output name."""
    session = ort.InferenceSession(str(path), session_options(), providers=["CPUExecutionProvider"])
    names = list(HeadLogits._fields)
    batches = np.array_split(pixels, len(pixels) // 32 + 1)
    parts = [session.run(names, {"image": batch}) for batch in batches]
    return {name: np.concatenate(rows) for name, rows in zip(names, zip(*parts))}


def report(what: str, logits: dict[str, np.ndarray], labels: Labels) -> None:
    """Print how a written network does on the validation part."""
    parts = HeadLogits(*(torch.from_numpy(logits[name]) for name in HeadLogits._fields))
    print(f"{what}: val {validation_score(parts, labels, labels.rows('val'))[1]}", flush=True)


def validation_figures(
    logits: dict[str, np.ndarray], facts: Facts, labels: Labels, calibrated: bool = True
) -> dict[str, object]:
    """Figures on the validation part, at the fitted temperatures or before them."""
    classes = {"age": range(AGE_CLASSES), "gender": GENDERS, "ethnicity": ETHNICITIES}
    heat = facts.temperatures if calibrated else dict.fromkeys(classes, 1.0)
    answers = Answers({name: softmax(logits[name], heat[name]) for name in classes}, classes)
    truth = truth_of(labels.subset(labels.rows("val")))
    return face_figures(answers, truth, facts.margins if calibrated else None)


def write_self_tests(options: argparse.Namespace) -> dict[str, dict[str, np.ndarray]]:
    """Save a few composites at exactly the input size, with the answers of the written net."""
    folder = options.out / "self-test"
    folder.mkdir(exist_ok=True)
    tests = {}
    for number, name in enumerate(SELF_TESTS, start=1):
        pixels = resize_antialias(Image.open(COMPOSITES / name).convert("RGB"), INPUT_SIZE)
        Image.fromarray(pixels).save(folder / f"{number}.png", optimize=True)
        inputs = network_input(pixels[None], options.backbone)
        answers = raw_outputs(options.out / "model.onnx", inputs)
        tests[f"self-test/{number}.png"] = {key: rows[0] for key, rows in answers.items()}
    return tests


def write_folder(options: argparse.Namespace, labels: Labels, net: FaceNet) -> None:
    """Everything from the trained network to the model folder."""
    model, val = options.out / "model.onnx", labels.rows("val")
    export_float(net, model)
    report("before trimming", raw_outputs(model, prepared(options, labels, val)), labels)
    train = np.random.default_rng(options.seed).permutation(labels.rows("train"))
    seen = prepared(options, labels, train[:TRIM_FACES])
    net = trim(net, pooled_features(net, seen), FEATURES)
    export_float(net, model)
    pixels = prepared(options, labels, val)
    logits = raw_outputs(model, pixels)
    bias = rare_class_bias(logits["ethnicity"], labels, val)
    print(f'bias of "other": {bias}', flush=True)
    with torch.no_grad():
        net.ethnicity.bias[ETHNICITIES.index("other")] += bias
    export_float(net, model)
    logits = raw_outputs(model, pixels)
    temperatures = fit_temperatures(logits, labels, val)
    margins = fit_margins(softmax(logits["age"], temperatures["age"]), labels.age[val])
    print(f"temperatures {temperatures}, margins {margins}", flush=True)
    small = options.out / "model.int8.onnx"
    export_int8(model, small, seen[:CALIBRATION_FACES], options.keep_float)
    small_logits = raw_outputs(small, pixels)
    report("fp32", logits, labels)
    report("int8", small_logits, labels)
    colour = mean_colour(options.backbone)
    facts = Facts(colour, temperatures, margins, write_self_tests(options))
    write_manifest(options.out, facts)
    figures = {
        "before_calibration": validation_figures(logits, facts, labels, calibrated=False),
        "fp32": validation_figures(logits, facts, labels),
        "int8": validation_figures(small_logits, facts, labels),
    }
    text = json.dumps({"val": figures}, indent=2)
    (options.out / "metrics.json").write_text(text + "\n")


def main() -> None:
    """Run the stages."""
    options = parse_arguments()
    labels = read_labels(options.labels)
    if options.faces:
        labels = labels.sample(options.faces, options.seed)
    cache = options.cache / f"{options.faces or 'all'}-seed{options.seed}"
    cache.mkdir(parents=True, exist_ok=True)
    options.out.mkdir(parents=True, exist_ok=True)
    write_folder(options, labels, trained_network(options, labels, cache))


if __name__ == "__main__":
    main()
