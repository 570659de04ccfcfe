"""repositories.py --strongroom FILE --restic FILE --borg FILE --age FILE --corpus DIR --work DIR [--runs N] [--only PART]…

Git repositories as sources, beside restic and borg, which store the repository's files, and beside plain bundles. Parts:
repository (5,000 commits, 20 more, then `git repack -ad`), year (365 daily commits, a backup each, every point restored).
Run it by `Scripts/bench repositories`, which builds the program and brings the others.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys

from measure import Table, machine, quietly, run, surroundings, wipe

parser = argparse.ArgumentParser()
for name in ("strongroom", "restic", "borg", "age", "corpus", "work"):
    parser.add_argument(f"--{name}", required=True)
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--only", action="append", default=[])
parser.add_argument("--days", type=int, default=365, help="of the year")
options = parser.parse_args()

WORK = options.work
HERE = os.path.dirname(os.path.abspath(__file__))
BASE, MORE = f"{options.corpus}/repository.git", f"{options.corpus}/repository-20.git"
LIVE, OUT, BUNDLE = f"{WORK}/live.git", f"{WORK}/out", f"{WORK}/plain.bundle"

surroundings(WORK, GIT_CONFIG_NOSYSTEM="1", GIT_CONFIG_GLOBAL=os.devnull)


def history(repository, start, count, *settings):
    """Appends made-up commits to a repository."""
    made = subprocess.Popen(
        [sys.executable, "-B", f"{HERE}/histories.py", str(start), str(count)], stdout=subprocess.PIPE)
    quietly("git", "-C", repository, *settings, "fast-import", "--quiet", stdin=made.stdout)
    if made.wait() != 0:
        sys.exit("bench: histories.py failed")


def corpus():
    """The repository of 5,000 commits, packed well, and the same with 20 more in a pack of their own."""
    if os.path.exists(MORE):
        return
    wipe(BASE, MORE)
    quietly("git", "init", "-q", "--bare", "-b", "main", BASE)
    history(BASE, 0, 5000)
    quietly("git", "-C", BASE, "-c", "pack.threads=2", "repack", "-adfq", "--depth=50", "--window=10")
    wipe(f"{MORE}.new")
    shutil.copytree(BASE, f"{MORE}.new", symlinks=True)
    history(f"{MORE}.new", 5000, 20, "-c", "fastimport.unpackLimit=0")
    os.rename(f"{MORE}.new", MORE)


def size(path):
    return int(quietly("du", "-sb", path).split()[0])


class Strongroom:
    name = "strongroom"
    store = f"{WORK}/store-strongroom"

    def fresh(self):
        wipe(self.store, f"{WORK}/home/.cache/strongroom", f"{WORK}/home/.state/strongroom")
        quietly(options.strongroom, "store", "init", self.store)

    def backup(self):
        return [options.strongroom, "backup", "--store", self.store, "--repository", LIVE]

    def restore(self):
        return [options.strongroom, "restore", "--store", self.store, "--snapshot", "latest", "--into", OUT]

    def size(self):
        return size(self.store)


class Restic(Strongroom):
    name = "restic"
    store = f"{WORK}/store-restic"

    def fresh(self):
        wipe(self.store, f"{WORK}/restic-cache")
        quietly(options.restic, "-q", "-r", self.store, "init", "--repository-version", "2")

    def backup(self):
        return f"cd {LIVE} && {options.restic} -q -r {self.store} backup ."

    def restore(self):
        return [options.restic, "-q", "-r", self.store, "restore", "latest", "--target", OUT]


class Borg(Strongroom):
    name = "borg"
    store = f"{WORK}/store-borg"

    def fresh(self):
        wipe(self.store, f"{WORK}/borg-base")
        quietly(options.borg, "init", "-e", "repokey-blake2", self.store)

    def backup(self):
        return f"cd {LIVE} && {options.borg} create --compression zstd,3 {self.store}::a$(date +%s%N) ."

    def restore(self):
        last = f"{self.store}::$({options.borg} list --last 1 --short {self.store})"
        return f"mkdir -p {OUT} && cd {OUT} && {options.borg} extract {last}"


class Plain:
    """`git bundle`: no store, no key, no check."""
    name = "git bundle"

    def fresh(self):
        self.tip = None
        if os.path.exists(BUNDLE):
            os.unlink(BUNDLE)

    def backup(self):
        words = ["git", "-C", LIVE, "bundle", "create", "-q", BUNDLE]
        if not self.tip:
            self.tip = quietly("git", "-C", LIVE, "rev-parse", "main").strip()
            return words + ["--all"]
        return words + ["main", f"^{self.tip}"]

    def restore(self):
        return None

    def size(self):
        return os.path.getsize(BUNDLE) if os.path.exists(BUNDLE) else 0


FIRST, AGAIN, MORE_ROW = "first backup, 5,000 commits", "again, nothing changed", "20 commits more"
REPACKED, RESTORE = "after git repack -ad of the same", "full restore"
SAMPLES = {}


def measure(tool, row, words, added=None):
    sample = run(words)
    SAMPLES.setdefault((row, tool.name), []).append((sample.wall, sample.cpu, sample.rss, added() if added else None))
    print(f"  {tool.name}: {row}: {sample.wall:.3f} s", file=sys.stderr, flush=True)


def place(source):
    """Puts the repository in its place and reads it once: every tool finds it in memory."""
    wipe(LIVE)
    shutil.copytree(source, LIVE, symlinks=True)
    quietly("/bin/sh", "-c", f"find {LIVE} -type f -print0 | xargs -0 cat > {os.devnull}")


def measure_repository(tool):
    is_plain = isinstance(tool, Plain)

    def growth(before):
        return lambda: tool.size() - (0 if is_plain else before)

    place(BASE)
    tool.fresh()
    measure(tool, FIRST, tool.backup(), growth(tool.size()))
    if not is_plain:
        measure(tool, AGAIN, tool.backup(), growth(tool.size()))
    place(MORE)
    measure(tool, MORE_ROW, tool.backup(), growth(tool.size()))
    if is_plain:
        return
    quietly("git", "-C", LIVE, "repack", "-adq")
    measure(tool, REPACKED, tool.backup(), growth(tool.size()))
    wipe(OUT)
    measure(tool, RESTORE, tool.restore())
    if isinstance(tool, Strongroom) and tool.name == "strongroom":
        same(LIVE, f"{OUT}/repositories/live.git")
    wipe(OUT, tool.store)


def references(repository):
    return quietly("git", "-C", repository, "for-each-ref") + quietly("git", "-C", repository, "symbolic-ref", "HEAD")


def same(expected, restored):
    """Stops where a restored repository has other refs, or git finds anything wrong with it."""
    checked = subprocess.run(["git", "-C", restored, "fsck", "--full", "--strict"], capture_output=True, text=True)
    if checked.returncode != 0 or checked.stdout or references(restored) != (
            expected if "\n" in expected else references(expected)):
        sys.exit(f"bench: {restored}: {checked.stdout}{checked.stderr}")


def measure_year():
    """A commit and a backup a day; what plain bundles take; each point restored, its refs compared, and looked through."""
    tool = Strongroom()
    days = options.days
    wipe(LIVE)
    quietly("git", "init", "-q", "--bare", "-b", "main", LIVE)
    history(LIVE, 0, 1)
    tool.fresh()
    run(tool.backup())
    plain, states, walls = 0, [], []
    for day in range(1, days + 1):
        tip = quietly("git", "-C", LIVE, "rev-parse", "main").strip()
        history(LIVE, day, 1)
        if day % 30 == 0:
            quietly("git", "-C", LIVE, "repack", "-adq")
        quietly("git", "-C", LIVE, "bundle", "create", "-q", BUNDLE, "main", f"^{tip}")
        plain += os.path.getsize(BUNDLE)
        walls.append(run(tool.backup()).wall)
        states.append(references(LIVE))
    listed = json.loads(quietly(options.strongroom, "snapshots", "list", "--store", tool.store, "--json"))
    entries = quietly(options.strongroom, "snapshots", "ls", "--store", tool.store, "latest", "live", "--json")
    bundles = [e for e in json.loads(entries) if e["path"].endswith(".bundle")]
    increments = sum(e["bytes"] for e in sorted(bundles, key=lambda e: e["path"])[1:])
    restored = []
    for number, (snapshot, expected) in enumerate(zip(listed[1:], states), 1):
        wipe(OUT)
        words = [options.strongroom, "restore", "--store", tool.store, "--snapshot", snapshot["id"], "--into", OUT]
        restored.append(run(words).wall)
        same(expected, f"{OUT}/repositories/live.git")
        if number % 50 == 0:
            print(f"  {number} points restored", file=sys.stderr, flush=True)
    wipe(OUT)
    table = Table(f"{days} daily commits, a backup each", "measure", "strongroom", "git bundle", "ratio")
    table.row("increments together", f"{increments / 1e3:.0f} KB", f"{plain / 1e3:.0f} KB",
              verdict(increments / plain, 1.5))
    table.row("increments", str(len(bundles) - 1), str(days), "")
    table.row("a backup, median", f"{statistics.median(walls):.3f} s", "", "")
    table.row("points restored, git fsck clean, refs equal", f"{len(restored)} of {days}", "", "")
    table.row("restore of the first, of the last", f"{restored[0]:.2f} s, {restored[-1]:.2f} s", "", "")
    wipe(tool.store, LIVE)


def verdict(value, goal):
    return f"{value:.2f} ({goal}: {'kept' if value <= goal else '**missed**'})"


def median(row, name, index):
    values = [sample[index] for sample in SAMPLES.get((row, name), ()) if sample[index] is not None]
    return statistics.median(values) if values else None


def cell(row, name):
    wall, added = median(row, name, 0), median(row, name, 3)
    if wall is None:
        return ""
    return f"{wall:.3f} s" + ("" if added is None else f", {added / 1e6:.3f} MB")


def report(tools):
    table = Table("A repository: wall clock, bytes added; medians", "measure", *[tool.name for tool in tools], "goal")
    whole = size(f"{LIVE}")
    for row in (FIRST, AGAIN, MORE_ROW, REPACKED, RESTORE):
        wall, added = median(row, "strongroom", 0), median(row, "strongroom", 3)
        goals = []
        if wall is not None and row == FIRST:
            goals.append(f"{wall:.2f} s ({'0.3 s: kept' if wall <= 0.3 else '0.3 s: **missed**'})")
        if wall is not None and row == MORE_ROW:
            goals.append(f"{wall:.2f} s ({'0.15 s: kept' if wall <= 0.15 else '0.15 s: **missed**'})")
            goals.append(f"bytes of the bundle: {verdict(added / median(row, 'git bundle', 3), 1.2)}")
        if added is not None and row == REPACKED:
            goals.append(f"of the repository: {verdict(added / whole, 0.01)}")
        table.row(row, *[cell(row, tool.name) for tool in tools], "; ".join(goals))


def wanted(part):
    return not options.only or part in options.only


if not os.path.exists(f"{WORK}/identity"):
    quietly(options.strongroom, "keys", "new", "--output", f"{WORK}/identity")
os.makedirs(f"{WORK}/home", exist_ok=True)
machine([options.strongroom, "--version"], [options.restic, "version"], [options.borg, "--version"], ["git", "--version"])
if wanted("repository"):
    corpus()
    TOOLS = [Strongroom(), Restic(), Borg(), Plain()]
    for number in range(options.runs):
        for tool in TOOLS if number % 2 == 0 else TOOLS[::-1]:
            measure_repository(tool)
    report(TOOLS)
if wanted("year"):
    measure_year()
wipe(LIVE)
