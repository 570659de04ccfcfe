"""chunks.py --probe FILE --corpus DIR --work DIR [--average KIB]… [--level N]…

What sizes of chunks and levels of zstd cost: the tree of `Scripts/bench store` put into a new store, then the tree with about
1 % of it changed, read anew both times. Run it by `Scripts/bench chunks`, which builds the probe and makes the inputs.
"""
import argparse
import os
import shutil
import subprocess
import sys

from measure import Table, machine

parser = argparse.ArgumentParser()
for name in ("probe", "corpus", "work"):
    parser.add_argument(f"--{name}", required=True)
parser.add_argument("--average", type=int, action="append", default=[])
parser.add_argument("--level", type=int, action="append", default=[])
options = parser.parse_args()
TREES = f"{os.path.dirname(os.path.abspath(__file__))}/trees.py"
LIVE, CHANGED, STORE = (f"{options.work}/{name}" for name in ("live", "changed", "store"))

if not os.path.exists(f"{options.corpus}/tree"):
    subprocess.run([sys.executable, "-B", TREES, options.corpus, "tree"], check=True)
for folder in (LIVE, CHANGED):
    subprocess.run(["cp", "-a", f"{options.corpus}/tree", folder], check=True)
subprocess.run([sys.executable, "-B", TREES, CHANGED, "change"], check=True)
machine()
table = Table("Sizes of chunks and levels of zstd", "average", "level", "time", "CPU", "store", "pieces", "added by 1 % changed")
for average in options.average or (16, 32, 64, 128, 256, 1024):
    for level in options.level or (1, 3):
        shutil.rmtree(STORE, ignore_errors=True)
        lines = subprocess.run(
            [options.probe, "chunks", STORE, str(average), str(level), LIVE, CHANGED], check=True,
            capture_output=True, text=True).stdout.splitlines()
        first, second = ([part.split()[0] for part in line.split(", ")] for line in lines[:2])
        table.row(
            f"{average} KiB", level, f"{float(first[2]):.2f} s", f"{float(first[3]):.2f} s",
            f"{int(first[0]) / 1e6:.1f} MB", first[1], f"{int(second[0]) / 1e6:.2f} MB")
shutil.rmtree(STORE)
