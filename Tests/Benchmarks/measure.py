"""Runs commands in turn and says what they cost.

Whatever is compared is run alternately, so that a machine that others use slows all of it alike; figures are
medians, and only ratios within one run are worth quoting.
"""
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time


def surroundings(work, **more):
    """Gives the programs a home and caches beneath `work`, and nothing else of this user's."""
    os.environ.update(
        HOME=f"{work}/home", XDG_CONFIG_HOME=f"{work}/home/.config", XDG_STATE_HOME=f"{work}/home/.state",
        XDG_CACHE_HOME=f"{work}/home/.cache", RESTIC_PASSWORD="x", RESTIC_CACHE_DIR=f"{work}/restic-cache",
        BORG_PASSPHRASE="x", BORG_BASE_DIR=f"{work}/borg-base", BORG_RELOCATED_REPO_ACCESS_IS_OK="yes",
        STRONGROOM_IDENTITY=f"{work}/identity", **more)
    for name in ("STRONGROOM_TRUST", "STRONGROOM_STORE"):
        os.environ.pop(name, None)


def quietly(*words, cwd=None, stdin=None):
    """Runs a step that is not measured; returns its output."""
    done = subprocess.run(words, cwd=cwd, stdin=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(words)[:200]}: {done.stderr[-600:]}")
    return done.stdout


def wipe(*paths):
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)


class Sample:
    """One run: wall-clock and processor seconds (user and system, of the process and the children it waited for),
    and the peak of resident memory in MiB (of the largest process; never below this interpreter's own)."""

    def __init__(self, wall, cpu, rss):
        self.wall, self.cpu, self.rss = wall, cpu, rss


class Result:
    """Medians over the runs of one command."""

    def __init__(self, samples):
        self.wall = statistics.median(s.wall for s in samples)
        self.cpu = statistics.median(s.cpu for s in samples)
        self.least = min(s.cpu for s in samples)
        self.least_wall = min(s.wall for s in samples)
        self.rss = max(s.rss for s in samples)


def run(command, cwd=None, env=None, stdin=None, check=True):
    """Runs `command` (a list, or a string for the shell) and measures it. Its output is dropped."""
    words = ["/bin/sh", "-c", command] if isinstance(command, str) else command
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, stdin or os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, ERRORS, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
    ]
    before = os.getcwd()
    if cwd:
        os.chdir(cwd)
    start = time.monotonic()
    pid = os.posix_spawnp(words[0], words, env or os.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - start
    os.chdir(before)
    if check and status != 0:
        with open(ERRORS, errors="replace") as text:
            sys.exit(f"bench: {' '.join(words)[:200]}: status {status}: {text.read()[-600:]}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def alternate(runs, *cases):
    """Runs each of `cases`, functions that give a Sample, in turn, `runs` times; a Result each."""
    samples = [[] for _ in cases]
    for _ in range(runs):
        for index, case in enumerate(cases):
            samples[index].append(case())
    return [Result(s) for s in samples]


def together(samples):
    """The sum of several runs, one after the other."""
    return Sample(sum(s.wall for s in samples), sum(s.cpu for s in samples), max(s.rss for s in samples))


ERRORS = f"/tmp/strongroom-bench-{os.getpid()}.err"


class Table:
    """Rows that are printed as they come."""

    def __init__(self, title, *heading):
        print(f"\n### {title}\n", flush=True)
        print("| " + " | ".join(heading) + " |")
        print("|" + " --- |" * len(heading), flush=True)

    def row(self, *cells):
        print("| " + " | ".join(str(c) for c in cells) + " |", flush=True)


def verdict(holds):
    """The word for a bound that is kept, or isn't."""
    return "kept" if holds else "**missed**"


def seconds(value):
    return f"{value:.3f} s" if value >= 0.1 else f"{value * 1000:.2f} ms"


def machine(*commands):
    """What the figures were taken on: date, processors, kernel, load, versions."""
    with open("/proc/cpuinfo") as text:
        model = next((l.split(":", 1)[1].strip() for l in text if l.startswith("model name")), platform.machine())
    print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} x {model}, Linux {platform.release()}, "
          f"load {os.getloadavg()[0]:.1f}")
    for command in commands:
        out = subprocess.run(command, capture_output=True, text=True)
        print(" ".join(command[-2:]).split("/")[-1] + ": " + (out.stdout + out.stderr).strip().split("\n")[0])
