"""store.py --strongroom FILE --restic FILE --borg FILE --age FILE --corpus DIR --work DIR [--runs N] [--only PART]…

The archive store beside restic, borg and tar | zstd | age on the same input. Parts: tree, big. Run it by `Scripts/bench
store`, which builds the program and brings the others.
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
parser.add_argument("--tool", action="append", default=[])
options = parser.parse_args()

WORK = options.work
CORPUS = options.corpus
LIVE = f"{WORK}/live"
OUT = f"{WORK}/out"
DISK = f"{CORPUS}/.out"
TREES = f"{os.path.dirname(os.path.abspath(__file__))}/trees.py"
ONE = "app/python3.11/argparse.py"

surroundings(WORK, BORG_DELETE_I_KNOW_WHAT_I_AM_DOING="YES")


class Tool:
    """One program: the shell's words for each step. Beside the store, only what is named in `state` is kept."""
    state = ()
    prunes = True

    def __init__(self):
        self.store = f"{WORK}/store-{self.name}"

    def fresh(self):
        wipe(self.store, *self.state)
        quietly("/bin/sh", "-c", self.make())

    def size(self):
        return int(quietly("du", "-sb", self.store).split()[0])


class Strongroom(Tool):
    name = "strongroom"
    state = (f"{WORK}/home/.cache/strongroom", f"{WORK}/home/.state/strongroom")

    def make(self):
        return f"{options.strongroom} store init {self.store}"

    def words(self, verb):
        return f"{options.strongroom} {verb} --store {self.store}"

    def backup(self):
        return self.words("backup") + " ."

    def restore(self, out):
        # Where `restore` puts the content of the one source.
        return self.words("restore") + f" --snapshot latest --source {os.path.basename(LIVE)} --into {out}"

    def one(self):
        return self.words("restore") + f" --snapshot latest --only {ONE} --into {OUT}"

    def check(self):
        return self.words("store check") + " --read-data"

    def prune(self):
        """All snapshots but the last are forgotten, as the peers do; None for a program that can't prune yet."""
        shown = subprocess.run([options.strongroom, "store", "prune", "--help"], capture_output=True, text=True)
        if "--grace" not in shown.stdout:
            return None
        listed = json.loads(quietly("/bin/sh", "-c", self.words("snapshots list") + " --json"))
        ids = " ".join(snapshot["id"] for snapshot in listed[:-1])
        return f"{self.words('snapshots forget')} {ids} && {self.words('store prune')} --grace 0s"


class Restic(Tool):
    name = "restic"
    state = (f"{WORK}/restic-cache",)

    def words(self, verb):
        return f"{options.restic} -q -r {self.store} {verb}"

    def make(self):
        return self.words("init --repository-version 2")

    def backup(self):
        return self.words("backup .")

    def restore(self, out):
        return self.words(f"restore latest --target {out}")

    def one(self):
        return self.words(f"dump latest /{ONE}") + f" > {OUT}.one"

    def check(self):
        return self.words("check --read-data")

    def prune(self):
        return self.words("forget --keep-last 1 --group-by '' --prune --max-unused 0")


class Borg(Tool):
    name = "borg"
    state = (f"{WORK}/borg-base",)

    def make(self):
        return f"{options.borg} init -e repokey-blake2 {self.store}"

    def backup(self):
        return f"{options.borg} create --compression zstd,3 {self.store}::a$(date +%s%N) ."

    def last(self):
        return f"{self.store}::$({options.borg} list --last 1 --short {self.store})"

    def restore(self, out):
        return f"mkdir -p {out} && cd {out} && {options.borg} extract {self.last()}"

    def one(self):
        return f"mkdir -p {OUT} && cd {OUT} && {options.borg} extract {self.last()} {ONE}"

    def check(self):
        return f"{options.borg} check --verify-data {self.store}"

    def prune(self):
        return (f"{options.borg} prune --keep-last 1 {self.store} && "
                f"{options.borg} compact --threshold 0 {self.store}")


class Plain(Tool):
    """tar | zstd | age: what one would write by hand. It knows no second backup."""
    name = "tar, zstd -3, age"

    def make(self):
        return f"mkdir -p {WORK}/plain"

    def backup(self):
        return f"tar -cf - . | zstd -q -T0 -3 | {options.age} -r {RECIPIENT} > {WORK}/plain/archive"

    def restore(self, out):
        return (f"mkdir -p {out} && {options.age} -d -i {WORK}/identity {WORK}/plain/archive | zstd -dcq | "
                f"tar -C {out} -xf -")

    def size(self):
        return os.path.getsize(f"{WORK}/plain/archive")


SAMPLES = {}


def measure(tool, row, words, cwd=LIVE, note=None):
    """Runs `words` and keeps what it cost under (row, tool); `note` gives bytes that belong to it."""
    sample = run(words, cwd=cwd)
    SAMPLES.setdefault((row, tool.name), []).append((sample.wall, sample.cpu, sample.rss, note() if note else None))
    print(f"  {tool.name}: {row}: {sample.wall:.2f} s, {sample.cpu:.2f} s of CPU, {sample.rss:.0f} MiB",
          file=sys.stderr, flush=True)


def same(tool, out):
    """Stops where what was restored isn't what was backed up."""
    differences = subprocess.run(["diff", "-rq", "--no-dereference", LIVE, out], capture_output=True, text=True)
    if differences.returncode != 0:
        sys.exit(f"bench: {tool.name}: restored otherwise: {differences.stdout[:600]}")


def settle():
    """Lets times grow old: a change within the last seconds can't be told from one to come, so such files are read again."""
    quietly("sleep", "4")


def warm(folder):
    """Reads all files once, so that every tool finds them in memory."""
    quietly("/bin/sh", "-c", f"find {folder} -type f -print0 | xargs -0 cat > {os.devnull}")


FIRST, AGAIN, CHANGED = "first backup", "again, nothing changed", "1 % changed"
RESTORE, DISKED, ONE_ROW = "full restore into memory", "full restore onto a disk", "one file restored"
CHECK, PRUNE = "check, reading all data", "drop the first snapshot, give the space back"


def measure_tree(tool):
    """All rows of the tree, by one tool."""
    wipe(LIVE)
    quietly("cp", "-a", f"{CORPUS}/tree", LIVE)
    tool.fresh()
    settle()
    measure(tool, FIRST, tool.backup(), note=tool.size)
    measure(tool, AGAIN, tool.backup())
    measure(tool, AGAIN, tool.backup())
    for row, out in ((RESTORE, OUT), (DISKED, DISK)):
        wipe(out)
        if row == DISKED:
            quietly("sync")
        measure(tool, row, tool.restore(out))
        same(tool, out)
        wipe(out)
    for _ in range(3):
        wipe(OUT)
        measure(tool, ONE_ROW, tool.one())
    wipe(OUT)
    before = tool.size()
    # In a process of its own: what it takes of memory would count as the tools'.
    quietly(sys.executable, "-B", TREES, LIVE, "change")
    settle()
    measure(tool, CHANGED, tool.backup(), note=lambda: tool.size() - before)
    measure(tool, CHECK, tool.check())
    prune = tool.prune()
    if prune:
        measure(tool, PRUNE, prune, note=tool.size)
    wipe(tool.store)


def measure_plain(tool):
    wipe(LIVE)
    quietly("cp", "-a", f"{CORPUS}/tree", LIVE)
    tool.fresh()
    measure(tool, FIRST, tool.backup(), note=tool.size)
    wipe(OUT)
    measure(tool, RESTORE, tool.restore(OUT))
    wipe(OUT, f"{WORK}/plain")


BIG, BIGGER = "2 GiB in one file", "the same with 50 insertions"


def measure_big(tool):
    wipe(LIVE)
    tool.fresh()
    os.makedirs(LIVE)
    for row, name in ((BIG, "big"), (BIGGER, "big2")):
        shutil.copyfile(f"{CORPUS}/{name}/a.bin", f"{LIVE}/a.bin")
        before = tool.size()
        measure(tool, row, tool.backup(), note=lambda: tool.size() - before)
    wipe(tool.store, LIVE)


def cell(row, tool):
    samples = SAMPLES.get((row, tool.name))
    if not samples:
        return "", None
    wall, cpu = (statistics.median(s[i] for s in samples) for i in (0, 1))
    memory = max(s[2] for s in samples)
    text = f"{wall:.2f} s ({cpu:.2f} s, {memory:.0f} MiB"
    if len(samples) > 1:
        text = f"{wall:.2f} s, {min(s[0] for s in samples):.2f} to {max(s[0] for s in samples):.2f} ({cpu:.2f} s, {memory:.0f} MiB"
    if samples[-1][3] is not None:
        text += f", {samples[-1][3] / 1e6:.1f} MB"
    return text + ")", (wall, cpu, samples[-1][3], memory)


GOALS = {FIRST: 0.4, AGAIN: 0.12, CHANGED: 0.25, RESTORE: 0.5, ONE_ROW: 0.15, CHECK: 0.5, PRUNE: 0.5, BIG: 0.4,
         BIGGER: 0.4}
BYTE_GOALS = {FIRST: 1.0, CHANGED: 0.5, BIGGER: 0.15}


def ratio(value, others, goal):
    others = [other for other in others if other is not None]
    if value is None or not others or min(others) <= 0:
        return ""
    result = value / min(others)
    return f"{result:.2f}" if goal is None else f"{result:.2f} ({goal}: {'kept' if result <= goal else '**missed**'})"


def report(tools):
    names = [tool.name for tool in tools]
    table = Table("Wall clock (CPU time, resident memory, bytes); ratios to the better of restic and borg",
                  "measure", *names, "time", "CPU time", "bytes", "within 256 MiB")
    for row in (FIRST, AGAIN, CHANGED, RESTORE, DISKED, ONE_ROW, CHECK, PRUNE, BIG, BIGGER):
        cells = {tool.name: cell(row, tool) for tool in tools}
        own = cells.get("strongroom", ("", None))[1]
        peers = [cells[name][1] for name in ("restic", "borg") if name in cells and cells[name][1]]
        ratios = ["", "", "", ""]
        if own and peers:
            bytes_goal = BYTE_GOALS.get(row)
            ratios = [ratio(own[0], [p[0] for p in peers], GOALS.get(row)), ratio(own[1], [p[1] for p in peers], None),
                      ratio(own[2], [p[2] for p in peers], bytes_goal) if bytes_goal else "",
                      "yes" if own[3] <= 256 else f"**{own[3]:.0f} MiB**"]
        if any(text for text, _ in cells.values()):
            table.row(row, *[cells[name][0] for name in names], *ratios)


def wanted(part):
    return not options.only or part in options.only


if not os.path.exists(f"{WORK}/identity"):
    quietly(options.strongroom, "keys", "new", "--output", f"{WORK}/identity")
RECIPIENT = quietly("/bin/sh", "-c", f"{options.age}-keygen -y {WORK}/identity").strip()
for part, name in (("tree", "tree"), ("big", "big2")):
    if wanted(part) and not os.path.exists(f"{CORPUS}/{name}"):
        quietly(sys.executable, "-B", TREES, CORPUS, part)

TOOLS = [tool() for tool in (Strongroom, Restic, Borg) if not options.tool or tool.name in options.tool]
PLAIN = Plain()
machine([options.strongroom, "--version"], [options.restic, "version"], [options.borg, "--version"])
for number in range(options.runs):
    # In turn, and each second run the other way round: what slows the machine for a while slows none of them alone.
    turn = TOOLS if number % 2 == 0 else TOOLS[::-1]
    if wanted("tree"):
        warm(f"{CORPUS}/tree")
        for tool in turn:
            measure_tree(tool)
        if not options.tool:
            measure_plain(PLAIN)
    if wanted("big"):
        warm(f"{CORPUS}/big")
        warm(f"{CORPUS}/big2")
        for tool in turn:
            measure_big(tool)
report(TOOLS + ([] if options.tool else [PLAIN]))
wipe(LIVE, DISK)
