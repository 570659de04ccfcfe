"""index.py --probe FILE --work DIR [--chunks N]

What an index of many chunks costs (bounds: a backup begins within 2 s, check and prune stay
within 768 MiB). Run it by `Scripts/bench index`, which builds the probe. The store has two snapshots,
of N / 10 chunks and of N others, made by the parts that a backup is made of; prune drops the first.
"""
import argparse
import os
import shutil
import subprocess

from measure import Table, machine

parser = argparse.ArgumentParser()
for name in ("probe", "work"):
    parser.add_argument(f"--{name}", required=True)
parser.add_argument("--chunks", type=int, default=10_000_000)
options = parser.parse_args()
FOLDER = f"{options.work}/index"


def probe(verb, *words):
    """What the verb says, its seconds, and the most MiB that were resident."""
    lines = subprocess.run(
        [options.probe, verb, FOLDER, *words], check=True, capture_output=True, text=True).stdout.splitlines()
    cost = lines[-1].split(": ", 1)[1].split(", ")
    return " ".join(lines[:-1]), float(cost[0].split()[0]), int(cost[2].split()[0])


machine()
shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
table = Table("Index of many chunks", "measure", "time", "resident", "")
told, time, memory = probe("make", str(options.chunks))
table.row(f"a store of {told}", f"{time:.1f} s", f"{memory} MiB", "")
rows = (("a backup begins, index read and sorted", "start", None), ("... index from the cache", "start", 2.0),
        ("... and once more", "start", 2.0), ("check, structure", "check", None),
        ("prune after the first snapshot was dropped", "prune", None))
for row, verb, bound in rows:
    if verb == "prune":
        probe("forget")
    told, time, memory = probe(verb)
    verdict = ""
    if bound is not None:
        verdict = f"{bound} s: " + ("kept" if time <= bound else "**missed**")
    elif verb != "start":
        verdict = "768 MiB: " + ("kept" if memory <= 768 else "**missed**") + f"; {told}"
    table.row(row, f"{time:.2f} s", f"{memory} MiB", verdict)
shutil.rmtree(FOLDER)
