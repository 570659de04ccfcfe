#!/usr/bin/env python3
"""Figures of delivery: what a poll costs that finds nothing new, alone, of many environments, over a large repository; and
what a sync of a large repository costs. Run by Scripts/bench delivery; `--work` is an empty directory, in memory best."""
import argparse
import contextlib
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("--strongroom", required=True)
parser.add_argument("--work", required=True)
parser.add_argument("--age", help="not used here")
parser.add_argument("--environments", type=int, default=1000)
parser.add_argument("--manifests", type=int, default=3000)
parser.add_argument("--values", type=int, default=5000)
parser.add_argument("--seconds", type=int, default=40, help="how long each service is watched")
parser.add_argument("--only", action="append", choices=["poll", "remote", "large", "many"])
options = parser.parse_args()

work = os.path.abspath(options.work)
home = os.path.join(work, "home")
environ = {
    "PATH": os.environ["PATH"], "HOME": home, "LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.path.join(work, "gitconfig"),
}
ticks = os.sysconf("SC_CLK_TCK")


def run(*words, cwd=None, stdin=None):
    done = subprocess.run(words, cwd=cwd, env=environ, input=stdin, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words[:4])}: {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout.strip()


def sealed(*words, cwd=None):
    return run(options.strongroom, *words, cwd=cwd)


def measured(*words, cwd=None):
    """Wall seconds, processor seconds and resident MiB of one run."""
    began = time.monotonic()
    child = subprocess.Popen(words, cwd=cwd, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    error = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(words[:4])}: {child.returncode}: {error[-2000:]}")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def repository(name, environments):
    path = os.path.join(work, name)
    run("git", "init", "-q", "-b", "main", path)
    roots = {}
    for environment in environments:
        roots[environment] = sealed("init", "--environment", environment, "--identity", f"{work}/identity", cwd=path)
    with open(f"{path}/.strongroom.yaml") as file:
        identifier = re.search(r"^repository: *\"?(\w+)", file.read(), re.M).group(1)
    return path, identifier, roots


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def commit(path):
    run("git", "add", "-A", cwd=path)
    run("git", "commit", "-q", "-m", "state", cwd=path)


def settings(name, path, identifier, roots, interval, look, access=""):
    lines = ["version: 1", f"state: {work}/{name}.state", f"identities: [{work}/identity]", "environments:"]
    for environment, root in roots.items():
        lines += [
            f"  {environment}:",
            f'    trust: {{ root: "{root}", repository: \"{identifier}\" }}',
            f"    sources: {{ config: {{ url: {path}, branch: main, path: deploy/{environment}, interval: {interval}, verify: none{access} }} }}",
            f"    targets: [{{ files: {{ directory: {work}/{name}.targets/{environment} }} }}]",
            f"    drift: {{ interval: {look} }}",
        ]
    os.makedirs(f"{work}/{name}.targets", exist_ok=True)
    write(f"{work}/{name}.yaml", "\n".join(lines) + "\n")
    return f"{work}/{name}.yaml"


def syncs(name):
    """How many runs the journal counts."""
    database = sqlite3.connect(f"file:{work}/{name}.state/journal.sqlite?mode=ro", uri=True)
    try:
        return database.execute("SELECT coalesce(sum(runs), 0), count(DISTINCT environment) FROM sync").fetchone()
    finally:
        database.close()


def service(name, file, count, seconds):
    """Watches a service that finds nothing new: polls, and processor seconds a poll, its children's too."""
    with open(f"{work}/{name}.log", "w") as log:
        child = subprocess.Popen([options.strongroom, "serve", "--config", file], env=environ, stderr=log)
    try:
        def processor():
            with open(f"/proc/{child.pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            return sum(map(int, fields[11:15])) / ticks

        limit = time.monotonic() + 1800
        while True:
            time.sleep(0.5)
            try:
                if syncs(name)[1] >= count:
                    break
            except sqlite3.Error:
                pass
            if time.monotonic() > limit or child.poll() is not None:
                sys.exit(f"{name}: not all delivered\n{open(f'{work}/{name}.log').read()[-2000:]}")
        time.sleep(2)
        before, used, began = syncs(name)[0], processor(), time.monotonic()
        time.sleep(seconds)
        polls, cost, lasted = syncs(name)[0] - before, processor() - used, time.monotonic() - began
        with open(f"/proc/{child.pid}/status") as status:
            resident = int(re.search(r"^VmRSS:\s*(\d+)", status.read(), re.M).group(1)) / 1024
    finally:
        child.send_signal(signal.SIGTERM)
        code = child.wait()
    if code:
        sys.exit(f"{name}: ended with {code}")
    print(
        f"{name}: {polls} polls in {lasted:.0f} s, {cost:.2f} s of processor, "
        f"{1000 * cost / max(polls, 1):.2f} ms a poll, {resident:.0f} MiB resident")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextlib.contextmanager
def server(port, *words):
    """A server of this machine, until the end of the block."""
    child = subprocess.Popen(words, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.02)
        else:
            sys.exit(f"{words[0]}: does not listen")
        yield
    finally:
        child.terminate()
        child.wait()


@contextlib.contextmanager
def https(root):
    """git http-backend behind lighttpd: the URL and access of the repositories below `root`."""
    port, place = free_port(), os.path.join(work, "https")
    os.makedirs(place, exist_ok=True)
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", f"{place}/key", "-out", f"{place}/certificate")
    with open(f"{place}/key") as key, open(f"{place}/certificate") as certificate:
        write(f"{place}/pem", key.read() + certificate.read())
    write(f"{place}/lighttpd.conf", f"""
server.port = {port}
server.bind = "127.0.0.1"
server.document-root = "{root}"
server.errorlog = "{place}/errors"
server.modules = ("mod_alias", "mod_setenv", "mod_cgi", "mod_openssl")
alias.url = ("/git" => "/usr/lib/git-core/git-http-backend")
cgi.assign = ("" => "")
setenv.add-environment = ("GIT_PROJECT_ROOT" => "{root}", "GIT_HTTP_EXPORT_ALL" => "1", "GIT_CONFIG_NOSYSTEM" => "1",
  "GIT_CONFIG_GLOBAL" => "{environ['GIT_CONFIG_GLOBAL']}")
ssl.engine = "enable"
ssl.pemfile = "{place}/pem"
""")
    with server(port, "/usr/sbin/lighttpd", "-D", "-f", f"{place}/lighttpd.conf"):
        yield f"https://localhost:{port}/git/", f", access: {{ authorities: {place}/certificate }}"


@contextlib.contextmanager
def ssh(root):
    """sshd: the URL and access of the repositories below `root`."""
    port, place = free_port(), os.path.join(work, "ssh")
    os.makedirs(place, exist_ok=True)
    for name in ("host", "user"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", f"{place}/{name}")
    if os.getuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    with open(f"{place}/host.pub") as key:
        write(f"{place}/known_hosts", f"[localhost]:{port} {key.read()}")
    write(f"{place}/sshd_config", f"""
Port {port}
ListenAddress 127.0.0.1
HostKey {place}/host
AuthorizedKeysFile {place}/user.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
SetEnv GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL={environ['GIT_CONFIG_GLOBAL']}
""")
    with server(port, "/usr/sbin/sshd", "-D", "-f", f"{place}/sshd_config"):
        user = run("id", "-un")
        yield f"ssh://{user}@localhost:{port}{root}/", f", access: {{ knownHosts: {place}/known_hosts, key: {place}/user }}"


os.makedirs(home, exist_ok=True)
run("git", "config", "--file", f"{work}/gitconfig", "user.name", "Bench")
run("git", "config", "--file", f"{work}/gitconfig", "user.email", "bench@example.org")
sealed("keys", "new", "--output", f"{work}/identity")
environ["STRONGROOM_IDENTITY"] = f"{work}/identity"
chosen = options.only or ["poll", "remote", "large", "many"]
secret = "apiVersion: v1\nkind: Secret\nmetadata: {{name: s{0}, namespace: shop}}\nstringData:\n{1}"

if "poll" in chosen:
    path, identifier, roots = repository("small", ["prod"])
    write(f"{path}/deploy/prod/app.yaml", secret.format(0, "  password: one\n"))
    sealed("seal", "deploy/prod/app.yaml", cwd=path)
    commit(path)
    service("poll", settings("poll", path, identifier, roots, "1s", "1h"), 1, options.seconds)

if "remote" in chosen:
    path, identifier, roots = repository("remote", ["prod"])
    write(f"{path}/deploy/prod/app.yaml", secret.format(0, "  password: one\n"))
    sealed("seal", "deploy/prod/app.yaml", cwd=path)
    commit(path)
    for name, kind in (("https", https), ("ssh", ssh)):
        with kind(work) as (url, access):
            file = settings(name, f'"{url}remote"', identifier, roots, "1s", "1h", access)
            service(name, file, 1, options.seconds)

if "large" in chosen:
    path, identifier, roots = repository("large", ["prod"])
    # Two values in most of the Secrets, one in the rest; what is over are plain manifests.
    left, secrets = options.values, []
    for number in range(options.manifests):
        if left > 0 and number < (options.values + 1) // 2:
            names = ["password", "token"][: min(2, left)]
            left -= len(names)
            text = secret.format(number, "".join(f"  {name}: value {number} of {name}\n" for name in names))
            secrets.append(f"deploy/prod/s{number}.yaml")
        else:
            text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{number}, namespace: shop}}\ndata: {{a: b}}\n"
        write(f"{path}/deploy/prod/s{number}.yaml", text)
    for start in range(0, len(secrets), 500):
        sealed("seal", *secrets[start:start + 500], cwd=path)
    commit(path)
    file = settings("large", path, identifier, roots, "1s", "1h")
    sync = [options.strongroom, "sync", "prod", "--once", "--config", file]
    for words in ("first sync", "sync of what is in place"):
        wall, processor, resident = measured(*sync)
        print(
            f"large: {options.manifests} manifests, {options.values - left} values, {words}: {wall:.2f} s, "
            f"{processor:.2f} s of processor, {resident:.0f} MiB resident")
    wall, processor, _ = measured(options.strongroom, "drift", "prod", "--config", file)
    print(f"large: a look for drift: {wall:.2f} s, {processor:.2f} s of processor")
    service("large", file, 1, options.seconds)

if "many" in chosen:
    names = [f"e{number:04d}" for number in range(options.environments)]
    path, identifier, roots = repository("many", names)
    for number, name in enumerate(names):
        write(f"{path}/deploy/{name}/app.yaml", secret.format(number, "  password: one\n"))
    for start in range(0, len(names), 500):
        sealed("seal", *[f"deploy/{name}/app.yaml" for name in names[start:start + 500]], cwd=path)
    commit(path)
    service("many", settings("many", path, identifier, roots, "10s", "1h"), len(names), options.seconds)
