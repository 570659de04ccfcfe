"""sealing.py --strongroom FILE --age FILE --work DIR [--runs N] [--only PART]...

Sealing beside stock age and git-crypt on the same input. Parts: values, age, git, start, large, scale. Run it by
`Scripts/bench sealing`, which builds the program and brings the others.
"""
import argparse
import os
import shutil
import subprocess

import corpus
import floor
from measure import Table, alternate, machine, quietly, run, seconds, surroundings, together, verdict

parser = argparse.ArgumentParser()
parser.add_argument("--strongroom", required=True)
parser.add_argument("--age", required=True)
parser.add_argument("--work", required=True)
parser.add_argument("--runs", type=int, default=5)
parser.add_argument("--only", action="append", default=[])
options = parser.parse_args()

WORK = options.work
RUNS = options.runs
AGE = options.age
AGE_KEYGEN = AGE + "-keygen"
IDENTITY = f"{WORK}/identity"
SEALED_VALUES = 5_000

surroundings(
    WORK, GIT_CONFIG_NOSYSTEM="1", GIT_CONFIG_GLOBAL=f"{WORK}/home/.gitconfig", GIT_PAGER="cat",
    PATH=f"{WORK}/bin:" + os.environ["PATH"])


def wanted(part):
    return not options.only or part in options.only


def repository(name, rules):
    """A Git repository with a keyring of one member and `rules` (lines of YAML). Returns its path."""
    path = f"{WORK}/{name}"
    shutil.rmtree(path, ignore_errors=True)
    quietly("git", "init", "-q", "-b", "main", path)
    quietly("strongroom", "init", "--environment", "prod", "--member", f"bench={RECIPIENT}", cwd=path)
    file = f"{path}/.strongroom.yaml"
    with open(file) as text:
        head = text.read().split("rules:")[0]
    with open(file, "w") as text:
        text.write(head + "rules:\n" + "".join(f"  - {rule}\n" for rule in rules))
    return path


def commit(path, message="x"):
    quietly("git", "add", "-A", cwd=path)
    quietly("git", "-c", "user.name=bench", "-c", "user.email=bench@example.org", "commit", "-qm", message,
            "--no-verify", cwd=path)


SECRETS_RULE = '{ paths: ["config/**/secret-*.yaml"], environment: prod }'


def fresh(path, source):
    """Puts a copy of the folder `source` where `path` is."""
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(source, path)


def values():
    """1,000 Secret manifests with 5,000 values in one process; and one age process a file."""
    table = Table(f"1,000 manifests, {SEALED_VALUES:,} values",
                  "measure", "CPU", "of the floor", "bound", "")
    repo = repository("values", [SECRETS_RULE])
    files = [f"config/{path}" for path in SECRETS]

    def seal():
        fresh(f"{repo}/config", f"{WORK}/secrets")
        return run(["strongroom", "seal", *files], cwd=repo)

    def open_all():
        return run(["strongroom", "render", "config"], cwd=repo)

    class Floor:
        def __init__(self, opening):
            self.wall = self.cpu = floor.x25519(SEALED_VALUES, opening)
            self.rss = 0

    sealing, opening, two, one = alternate(
        RUNS, seal, open_all, lambda: Floor(False), lambda: Floor(True))
    table.row("floor: two X25519 operations a value", seconds(two.cpu), "1.0", "", "")
    table.row("floor: one X25519 operation a value", seconds(one.cpu), "1.0", "", "")
    table.row("`seal` of all, reading and replacing the files among it", seconds(sealing.cpu),
              f"{sealing.cpu / two.cpu:.2f}", "< 0.8 s", verdict(sealing.cpu < 0.8))
    table.row("`render` of all", seconds(opening.cpu), f"{opening.cpu / one.cpu:.2f}", "< 0.4 s",
              verdict(opening.cpu < 0.4))
    if wanted("age"):
        beside_age(repo, files, sealing, opening)


def beside_age(repo, files, sealing, opening):
    table = Table("1,000 files beside one `age` process a file",
                  "measure", "strongroom", "age", "age takes", "bound", "")
    out = f"{WORK}/aged"
    os.makedirs(out, exist_ok=True)

    def each(command):
        return together([run(command(index, file), cwd=f"{WORK}/secrets")
                         for index, file in enumerate(SECRETS)])

    (encrypting,) = alternate(1, lambda: each(
        lambda index, file: [AGE, "-r", RECIPIENT, "-o", f"{out}/{index}.age", file]))
    (decrypting,) = alternate(1, lambda: each(
        lambda index, file: [AGE, "-d", "-i", IDENTITY, "-o", f"{out}/{index}", f"{out}/{index}.age"]))
    for name, field in (("wall", "wall"), ("CPU", "cpu")):
        ours = getattr(sealing, field), getattr(opening, field)
        theirs = getattr(encrypting, field), getattr(decrypting, field)
        for step, mine, other in zip(("sealing", "opening"), ours, theirs):
            table.row(f"{step}, {name}", seconds(mine), seconds(other), f"{other / mine:.1f} times", "", "")
        ratio = sum(theirs) / sum(ours)
        table.row(f"both, {name}", seconds(sum(ours)), seconds(sum(theirs)), f"{ratio:.1f} times", ">= 5 times",
                  verdict(ratio >= 5))
    shutil.rmtree(out)


def git():
    """The Git side, beside git-crypt, on 1,000 sealed of 3,000 files."""
    changed = 50
    plain, ours, theirs = f"{WORK}/git-plain", None, f"{WORK}/git-crypt"
    ours = repository("git-sealed", [SECRETS_RULE])
    shutil.copytree(f"{WORK}/config", f"{ours}/config")
    quietly("strongroom", "seal", *[f"config/{path}" for path in SECRETS], cwd=ours)
    fresh(plain, ours)
    quietly("strongroom", "git", "install", cwd=ours)
    commit(plain)
    commit(ours)
    shutil.rmtree(theirs, ignore_errors=True)
    quietly("git", "init", "-q", "-b", "main", theirs)
    quietly("git-crypt", "init", cwd=theirs)
    with open(f"{theirs}/.gitattributes", "w") as text:
        text.write("secret-*.yaml filter=git-crypt diff=git-crypt\n")
    shutil.copytree(f"{WORK}/config", f"{theirs}/config")
    commit(theirs)

    table = Table("`git status` of 3,000 files, 1,000 of them sealed",
                  "measure", "plain Git", "strongroom", "git-crypt", "strongroom to plain", "bound", "")
    for name, prepare in (("index up to date", lambda repo: quietly("git", "status", "--short", cwd=repo)),
                          ("every file touched", lambda repo: quietly("find", "config", "-type", "f", "-exec",
                                                                      "touch", "{}", "+", cwd=repo))):
        def status(repo):
            prepare(repo)
            return run(["git", "status", "--short"], cwd=repo)
        runs = RUNS if name == "every file touched" else 4 * RUNS
        results = alternate(runs, *(lambda repo=repo: status(repo) for repo in (plain, ours, theirs)))
        ratio = results[1].cpu / results[0].cpu
        table.row(f"{name}, CPU", *(seconds(r.cpu) for r in results), f"{ratio:.2f}", "<= 1.3", verdict(ratio <= 1.3))

    files = [f"config/{path}" for path in SECRETS[:changed]]
    for file in files:
        with open(f"{theirs}/{file}") as text:
            lines = text.read().split("\n")
        lines[-2] = lines[-2].split(": ")[0] + ": Y2hhbmdlZA=="
        key = lines[-2].strip().split(":")[0]
        with open(f"{theirs}/{file}", "w") as text:
            text.write("\n".join(lines))
        subprocess.run(["strongroom", "set", file, f"data.{key}"], cwd=ours, input="changed", text=True,
                       check=True, capture_output=True)
    # What Git itself takes for as many blobs, with a filter that does nothing.
    shutil.rmtree(plain)
    shutil.copytree(ours, plain)
    quietly("git", "config", "diff.strongroom.textconv", "true", cwd=plain)
    diff = ["git", "diff"]
    bare, sealed, crypt, nothing, start = alternate(
        RUNS, lambda: run(diff, cwd=plain), lambda: run(diff, cwd=ours), lambda: run(diff, cwd=theirs),
        lambda: together([run(["/bin/true"]) for _ in range(changed)]),
        lambda: together([run(["strongroom", "--version"]) for _ in range(changed)]))
    shown = quietly("git", "diff", "--stat", cwd=ours).strip().split("\n")[-1]
    table = Table(f"`git diff` of {changed} changed files, two blobs each ({shown})",
                  "measure", "CPU", "a file", "wall")
    for name, result in (("textconv is `true`", bare), ("strongroom", sealed), ("git-crypt", crypt)):
        table.row(name, seconds(result.cpu), seconds(result.cpu / changed), seconds(result.wall))
    table.row("as many starts of `/bin/true`", seconds(nothing.cpu), seconds(nothing.cpu / changed),
              seconds(nothing.wall))
    table.row("as many starts of `strongroom --version`", seconds(start.cpu), seconds(start.cpu / changed),
              seconds(start.wall))
    above = sealed.cpu - crypt.cpu
    print(f"\nstrongroom is {above / changed * 1000:.2f} ms a changed file above git-crypt: "
          f"{above / nothing.cpu:.1f} starts of an empty program, {above / start.cpu:.2f} bare starts of its own "
          f"(bound: no more than one): {verdict(above <= start.cpu)}")


def start():
    """One small file as a process."""
    repo = repository("start", [SECRETS_RULE])
    file = f"config/{SECRETS[0]}"
    os.makedirs(os.path.dirname(f"{repo}/{file}"))
    shutil.copy(f"{WORK}/secrets/{SECRETS[0]}", f"{repo}/{file}")
    quietly(AGE, "-r", RECIPIENT, "-o", f"{WORK}/small.age", f"{repo}/{file}")
    quietly("strongroom", "seal", file, cwd=repo)
    runs = 40 * RUNS
    empty, version, opened, age_version, age = alternate(
        runs, lambda: run(["/bin/true"]), lambda: run([f"{WORK}/bin/strongroom", "--version"]),
        lambda: run([f"{WORK}/bin/strongroom", "open", file], cwd=repo), lambda: run([AGE, "--version"]),
        lambda: run([AGE, "-d", "-i", IDENTITY, f"{WORK}/small.age"]))
    table = Table(f"One small file as a process, {runs} runs", "measure", "wall", "CPU", "least CPU",
                  "of `age -d`, wall", "of `age -d`, CPU", "bound", "")
    for name, result in (("`/bin/true`", empty), ("`age --version`", age_version), ("`age -d`", age),
                         ("`strongroom --version`", version), ("`strongroom open`", opened)):
        cells = ["", ""]
        if result is opened:
            holds = result.wall < 0.010 and result.wall <= 3 * age.wall
            cells = ["< 10 ms, <= 3 times", verdict(holds)]
        table.row(name, seconds(result.wall), seconds(result.cpu), seconds(result.least),
                  f"{result.wall / age.wall:.2f}", f"{result.cpu / age.cpu:.2f}", *cells)


def large():
    """A 1 GiB sealed file, both ways."""
    repo = repository("large", ['{ paths: ["*.bin"], environment: prod, sealed: file }'])
    source, file, aged, back = f"{WORK}/1g", f"{repo}/a.bin", f"{WORK}/1g.age", f"{WORK}/1g.out"
    corpus.large(source, 1 << 30)
    quietly("cp", source, file)
    quietly("strongroom", "seal", "a.bin", cwd=repo)
    os.rename(file, f"{WORK}/1g.sealed")
    quietly(AGE, "-r", RECIPIENT, "-o", f"{WORK}/1g.age.kept", source)

    def remove(*paths):
        for path in paths:
            if os.path.exists(path):
                os.remove(path)

    def warm():
        # A virtual machine gives free memory back to its host: who touches it first would pay for that.
        quietly("dd", "if=/dev/zero", f"of={WORK}/warm", "bs=1M", "count=1200")
        remove(f"{WORK}/warm")

    def seal():
        remove(file)
        quietly("cp", source, file)
        warm()
        return run(["strongroom", "seal", "a.bin"], cwd=repo)

    def age_seal():
        remove(aged)
        warm()
        return run(f"{AGE} -r {RECIPIENT} -o {aged} {source} && sync {aged}")

    def open_to(target):
        remove(file, back)
        os.link(f"{WORK}/1g.sealed", file)
        warm()
        words = ["strongroom", "open", "a.bin"] + (["--output", back] if target else [])
        if target:
            return run(words, cwd=repo)
        return run(" ".join(words) + f" > {back}", cwd=repo)

    def age_open(target):
        remove(back)
        warm()
        words = f"{AGE} -d -i {IDENTITY}"
        kept = f"{WORK}/1g.age.kept"
        return run(f"{words} -o {back} {kept} && sync {back}" if target else f"{words} {kept} > {back}")

    results = alternate(RUNS, seal, age_seal, lambda: open_to(True), lambda: age_open(True),
                        lambda: open_to(False), lambda: age_open(False))
    quietly("cmp", back, source)
    table = Table("A file of 1 GiB", "measure", "strongroom wall", "CPU", "resident", "age wall", "CPU", "resident",
                  "strongroom to age, wall", "bound", "")
    for name, ours, theirs in (("sealing, on the disk when done", *results[0:2]),
                               ("opening to a file, on the disk when done", *results[2:4]),
                               ("opening to standard output, verified before the first byte", *results[4:6])):
        ratio = ours.wall / theirs.wall
        # age writes what it has not read to the end: to standard output there is nothing to compare with.
        bound = ("< 32 MiB", verdict(ours.rss < 32)) if "output" in name else (
            "< 1, < 32 MiB", verdict(ratio < 1 and ours.rss < 32))
        table.row(name, seconds(ours.wall), seconds(ours.cpu), f"{ours.rss:.0f} MiB", seconds(theirs.wall),
                  seconds(theirs.cpu), f"{theirs.rss:.0f} MiB", f"{ratio:.2f}", *bound)
    remove(source, file, aged, back, f"{WORK}/1g.sealed", f"{WORK}/1g.age.kept")


def scale():
    """A repository of 3,000 manifests with 5,000 sealed values, and texts of 32 MiB."""
    repo = repository("scale", [SECRETS_RULE])
    shutil.copytree(f"{WORK}/config", f"{repo}/config")
    files = [f"config/{path}" for path in SECRETS]
    table = Table("3,000 manifests, 5,000 sealed values", "measure", "wall", "CPU", "resident")

    def row(name, sample):
        table.row(name, seconds(sample.wall), seconds(sample.cpu), f"{sample.rss:.0f} MiB")

    row("`seal` of the 1,000", run(["strongroom", "seal", *files], cwd=repo))
    row("`seal` again, nothing to do", run(["strongroom", "seal", *files], cwd=repo))
    commit(repo)
    row("`check`", run(["strongroom", "check"], cwd=repo))
    row("`render config`", run(["strongroom", "render", "config"], cwd=repo))
    quietly("strongroom", "keys", "rotate", "--no-reseal", cwd=repo)
    row("`reseal` to a new epoch", run(["strongroom", "reseal"], cwd=repo))

    table = Table("A text of 32 MiB, 100 values sealed", "format", "lines", "seal: wall", "CPU", "resident",
                  "open: wall", "CPU", "resident")
    repo = repository("texts", ['{ paths: ["text.*"], environment: prod, values: ["**.*password"] }'])
    for kind in ("yaml", "json", "env", "ini", "toml"):
        text = corpus.document(kind, 32 << 20)
        with open(f"{repo}/text.{kind}", "w") as file:
            file.write(text)
        sealed = run(["strongroom", "seal", f"text.{kind}"], cwd=repo, check=False)
        opened = run(["strongroom", "open", f"text.{kind}", "--output", f"{WORK}/text.out"], cwd=repo, check=False)
        same = os.path.exists(f"{WORK}/text.out") and open(f"{WORK}/text.out").read() == text
        table.row(kind if same else f"{kind} (**not the same bytes**)", f"{text.count(chr(10)):,}",
                  seconds(sealed.wall), seconds(sealed.cpu), f"{sealed.rss:.0f} MiB",
                  seconds(opened.wall), seconds(opened.cpu), f"{opened.rss:.0f} MiB")
        os.remove(f"{repo}/text.{kind}")
        if os.path.exists(f"{WORK}/text.out"):
            os.remove(f"{WORK}/text.out")


os.makedirs(f"{WORK}/home", exist_ok=True)
os.makedirs(f"{WORK}/bin", exist_ok=True)
if not os.path.lexists(f"{WORK}/bin/strongroom"):
    os.symlink(os.path.realpath(options.strongroom), f"{WORK}/bin/strongroom")
machine([f"{WORK}/bin/strongroom", "--version"], [AGE, "--version"], ["git-crypt", "--version"], ["git", "--version"])
quietly("strongroom", "keys", "new", "--output", IDENTITY) if not os.path.exists(IDENTITY) else None
RECIPIENT = quietly(AGE_KEYGEN, "-y", IDENTITY).strip()
SECRETS = corpus.manifests(f"{WORK}/config")
for secret in SECRETS:
    os.makedirs(os.path.dirname(f"{WORK}/secrets/{secret}"), exist_ok=True)
    shutil.copy(f"{WORK}/config/{secret}", f"{WORK}/secrets/{secret}")
if wanted("values"):
    values()
for part in (git, start, large, scale):
    if wanted(part.__name__):
        part()
