"""Train the shipped model from the labelled faces: the one command of this folder.

Stages: decode the faces once; run the frozen backbone once; fit the teacher's
heads; train the student on labels and teacher; fit one temperature a head on the
validation part; write the network and its manifest. Every stage leaves its
result in the cache folder, so a run that was cut goes on where it stopped. The
test part is not touched here: see evaluate.py.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

import student
import teacher
from data import Labels, decoded_faces, read_labels
from export import NetFacts, export_student, export_teacher, fit_temperatures, write_manifest
from losses import HeadLogits, validation_score


def parse_arguments() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="zip archive of face crops")
    parser.add_argument("--labels", type=Path, required=True, help="label file (CSV)")
    parser.add_argument("--backbone", type=Path, required=True, help="feature network (ONNX)")
    parser.add_argument("--cache", type=Path, required=True, help="folder for arrays, checkpoints")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument(
        "--ship", choices=("student", "teacher"), default="student",
        help="which network goes into the model folder (the teacher is ready within minutes)",
    )
    parser.add_argument("--epochs", type=int, default=26, help="epochs of the student")
    parser.add_argument("--seed", type=int, default=1, help="seed of everything random")
    return parser.parse_args()


def fit_teacher(options: argparse.Namespace, labels: Labels) -> tuple[teacher.Heads, np.ndarray]:
    """The teacher's heads and the features they read, from the cache where they are there."""
    faces = decoded_faces(options.data, labels, teacher.INPUT_SIZE, options.cache)
    features = teacher.backbone_features(options.backbone, faces, options.cache)
    path = options.cache / "heads.pt"
    if path.exists():
        heads = teacher.Heads()
        heads.load_state_dict(torch.load(path, weights_only=True))
        return heads.eval(), features
    began = time.monotonic()
    heads = teacher.train_heads(features, labels, options.seed)
    torch.save(heads.state_dict(), path)
    print(f"teacher: heads fitted in {time.monotonic() - began:.0f} s", flush=True)
    return heads, features


def standardised(features: np.ndarray, rows: np.ndarray) -> torch.Tensor:
    """Features averaged over both views, zero mean and unit variance on `rows`."""
    mean = torch.from_numpy(features.mean(axis=0))
    return (mean - mean[rows].mean(0)) / (mean[rows].std(0) + 1e-3)


def fit_student(
    options: argparse.Namespace, labels: Labels, heads: teacher.Heads, features: np.ndarray
) -> tuple[student.Student, HeadLogits]:
    """The trained student and its logits on the validation part."""
    faces = decoded_faces(options.data, labels, student.CACHE_SIZE, options.cache)
    teaching = student.Teaching(
        teacher.soft_targets(heads, features), standardised(features, labels.rows("train"))
    )
    plan = student.Plan(seed=options.seed, epochs=options.epochs)
    trainer = student.Trainer(faces, labels, teaching, plan)
    net = student.train_student(trainer, options.cache / "student.pt")
    on_device = net.to(trainer.device)
    logits = student.student_logits(on_device, trainer, labels.rows("val"))
    return net.cpu(), logits


def main() -> None:
    """Run the stages."""
    options = parse_arguments()
    options.cache.mkdir(parents=True, exist_ok=True)
    options.out.mkdir(parents=True, exist_ok=True)
    labels = read_labels(options.labels)
    val = labels.rows("val")
    heads, features = fit_teacher(options, labels)
    if options.ship == "teacher":
        # The exported teacher sees one view of a face, so it is judged on one view.
        with torch.no_grad():
            logits = heads(torch.from_numpy(features[0, val]))
        facts = NetFacts("model.onnx", teacher.INPUT_SIZE, mean=0.0, std=1.0)
        export_teacher(options.backbone, heads, options.out / facts.file)
    else:
        net, logits = fit_student(options, labels, heads, features)
        facts = NetFacts("model.onnx", student.INPUT_SIZE, mean=127.5, std=127.5)
        export_student(net, options.out / facts.file)
    print(f"{options.ship}: val {validation_score(logits, labels, val)[1]}", flush=True)
    write_manifest(options.out, facts, fit_temperatures(logits, labels, val))


if __name__ == "__main__":
    main()
