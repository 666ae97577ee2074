"""Memory while hours of video go through one process: `demograph watch` on a recording that is a short film again and again.

.setup/bench-venv/bin/python benches/hours.py --film demo-out-films/door.mkv --hours 8

`make demo` renders such a film. It is shrunk to 480x270 pixels and five frames a second, so that eight hours take minutes. Printed
for each tenth of the time: the largest resident memory of the process in MB, and what it had read.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def lengthen(film: Path, hours: float, to: Path) -> None:
    """Five frames a second, half a megabit a minute; then copies of it, one behind the other."""
    once = to.with_name("once.mkv")
    ffmpeg = ["ffmpeg", "-v", "error", "-y"]
    shrunk = ["-vf", "fps=5,scale=480:270", "-c:v", "libx264", "-preset", "veryfast", "-g", "5", once]
    subprocess.run([*ffmpeg, "-i", film, *shrunk], check=True)
    copied = ["-i", once, "-t", str(3600 * hours), "-c", "copy", to]
    subprocess.run([*ffmpeg, "-stream_loop", "-1", *copied], check=True)


def resident(process: int) -> float:
    """In MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--film", type=Path, required=True)
    parser.add_argument("--hours", type=float, default=8)
    parser.add_argument("--program", type=Path, default=ROOT / "target/debug/demograph")
    parser.add_argument("--model", default="models/research-small")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        recording, said = Path(folder) / "hours.mkv", Path(folder) / "said"
        lengthen(arguments.film, arguments.hours, recording)
        options = ["--min-face", "20", "--listen", "127.0.0.1:0", "--model", arguments.model, "--out", f"{folder}/out"]
        command = [arguments.program, "--log", "warn", "watch", *options, recording]
        samples: list[tuple[int, float]] = []
        with said.open("w") as output, subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output) as process:
            while process.poll() is None:
                frames = re.findall(r"(\d+) frames, \d+ people", said.read_text())
                try:
                    samples.append((int(frames[-1]) if frames else 0, resident(process.pid)))
                except (FileNotFoundError, AttributeError):
                    break
                time.sleep(1)
        print(said.read_text()[-1200:])
    last = max(frames for frames, _ in samples)
    for tenth in range(10):
        part = [size for frames, size in samples if tenth * last <= 10 * frames < (tenth + 1) * last and frames > 0]
        if part:
            print(f"{last * (tenth + 1) / 10 / 5 / 3600:5.2f} h of video: {max(part):6.1f} MB")


if __name__ == "__main__":
    main()
