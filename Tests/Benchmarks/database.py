"""database.py --strongroom FILE --work DIR [--runs N] [--megabytes N] [--only pgbench|orders]...

What it costs to back up a PostgreSQL database: `pg_dump -Fc -Z0` as the command of a backup, beside the same command into
/dev/null, in turn. Two databases of the same size: that of PostgreSQL's own benchmark, and a table of orders of which half is
random digits, which are hard to compress. The server has a cluster of its own in the work directory, listens on a socket there,
and keeps all of it in memory. Run it by `Scripts/bench database`.
"""
import argparse
import glob
import os
import shutil
import subprocess
import sys

from measure import Table, alternate, machine, run, seconds, verdict

GOAL = 1.15

parser = argparse.ArgumentParser()
for name in ("strongroom", "work"):
    parser.add_argument(f"--{name}", required=True)
parser.add_argument("--age", help=argparse.SUPPRESS)
parser.add_argument("--runs", type=int, default=5)
parser.add_argument("--megabytes", type=int, default=500)
parser.add_argument("--only", action="append", choices=("pgbench", "orders"))
options = parser.parse_args()
WORK = options.work
CLUSTER, STORE = f"{WORK}/cluster", f"{WORK}/database-store"
PROGRAMS = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1:]
if not PROGRAMS:
    sys.exit("bench: PostgreSQL is not installed (Scripts/packages test)")
OWNER = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
# A unit of pgbench's scale has 15 MB with its index.
SCALE = max(1, options.megabytes // 15)
# Of some 630 bytes in a dump each, half of them words, half random digits.
ROWS = options.megabytes * 1_000_000 // 630
TABLE = f"""
    CREATE TABLE orders AS SELECT n AS id, timestamptz '2026-01-01Z' + n * interval '7 seconds' AS at,
        (array['open', 'paid', 'sent', 'returned'])[1 + n % 4] AS state,
        repeat('The customer asked for delivery on a day that suits both. ', 1 + n % 8) AS note,
        (SELECT string_agg(md5((n * 17 + k)::text), '') FROM generate_series(1, 10) k) AS token
        FROM generate_series(1, {ROWS}) n"""


def quietly(*command, **more):
    subprocess.run(OWNER + list(command), check=True, stdout=subprocess.DEVNULL, cwd="/", **more)


def query(text, database):
    return subprocess.run(["psql", "-h", CLUSTER, "-U", "postgres", "-d", database, "-XAtq", "-c", text],
                          check=True, capture_output=True, text=True).stdout.strip()


def dump(database):
    return f"pg_dump -Fc -Z0 -h {CLUSTER} -U postgres {database}"


def backup(database, fresh):
    """A backup of the dump, into an empty store or one that holds it already."""
    def sample():
        if fresh:
            shutil.rmtree(STORE, ignore_errors=True)
            subprocess.run([options.strongroom, "store", "init", STORE, "--identity", f"{WORK}/identity"],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=HOME)
        return run([options.strongroom, "backup", "--store", STORE, "--identity", f"{WORK}/identity",
                    "--command", f"database={dump(database)}"], env=HOME)
    return sample


def make(database):
    query(f"CREATE DATABASE {database}", "postgres")
    if database == "pgbench":
        quietly(f"{PROGRAMS[0]}/pgbench", "-h", CLUSTER, "-U", "postgres", "-i", "-I", "dtGvp", "-q", "-s", str(SCALE), database,
                stderr=subprocess.DEVNULL)
    else:
        query(TABLE, database)
        query("VACUUM ANALYZE orders", database)


def measure(database):
    length = int(subprocess.run(f"{dump(database)} | wc -c", shell=True, check=True, capture_output=True).stdout)
    size = int(query(f"SELECT pg_database_size('{database}')", database))
    # Whoever reads it first warms what all of them read.
    run(f"{dump(database)} > /dev/null")
    plain, first, again = alternate(
        options.runs, lambda: run(f"{dump(database)} > /dev/null"), backup(database, fresh=True),
        backup(database, fresh=False))
    table = Table(f"PostgreSQL, {database}: {size / 1e6:.0f} MB, pg_dump -Fc -Z0 of {length / 1e6:.0f} MB, "
                  f"medians of {options.runs}", "what", "time", "CPU, without the server", "of the dump alone",
                  "peak of memory", "goal")
    table.row("the dump into /dev/null", seconds(plain.wall), seconds(plain.cpu), "1", f"{plain.rss:.0f} MiB", "")
    for name, result in (("backup into an empty store", first), ("backup of the same once more", again)):
        ratio = result.wall / plain.wall
        table.row(name, seconds(result.wall), seconds(result.cpu), f"{ratio:.3f}", f"{result.rss:.0f} MiB",
                  f"{GOAL}: {verdict(ratio <= GOAL)}")


HOME = dict(os.environ, HOME=f"{WORK}/home", XDG_STATE_HOME=f"{WORK}/home/state", XDG_CONFIG_HOME=f"{WORK}/home/config")
os.makedirs(f"{WORK}/home", exist_ok=True)
os.chmod(WORK, 0o711)
shutil.rmtree(CLUSTER, ignore_errors=True)
os.makedirs(CLUSTER)
os.chmod(CLUSTER, 0o755)
if OWNER:
    shutil.chown(CLUSTER, "postgres")
if not os.path.exists(f"{WORK}/identity"):
    subprocess.run([options.strongroom, "keys", "new", "--output", f"{WORK}/identity"], check=True,
                   stdout=subprocess.DEVNULL, env=HOME)
quietly(f"{PROGRAMS[0]}/initdb", "-D", f"{CLUSTER}/data", "-A", "trust", "-U", "postgres", "-N")
quietly(f"{PROGRAMS[0]}/pg_ctl", "-D", f"{CLUSTER}/data", "-l", f"{CLUSTER}/log", "-w", "-o",
        f"-k {CLUSTER} -c listen_addresses='' -c fsync=off -c shared_buffers=1GB -c max_wal_size=4GB", "start")
try:
    machine([f"{PROGRAMS[0]}/postgres", "--version"], [options.strongroom, "--version"])
    for name in options.only or ("pgbench", "orders"):
        make(name)
        measure(name)
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")
finally:
    quietly(f"{PROGRAMS[0]}/pg_ctl", "-D", f"{CLUSTER}/data", "-m", "immediate", "stop")
