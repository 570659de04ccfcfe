"""The inputs of the measures: the same bytes at each run."""
import base64
import json
import os
import random

WORDS = ("account audit backend billing broker cache catalog checkout cluster consumer cron database delivery edge "
         "frontend gateway identity index ingest ledger mailer metrics notifier orders payments proxy queue registry "
         "replica report scheduler search session shipping storage tenant token upload vault worker").split()


def manifests(folder, count=3_000):
    """Writes `count` Kubernetes manifests below `folder`, a third of them Secrets with five values each of 16 to 256
    random bytes. Returns the paths of the Secrets from `folder`."""
    source = random.Random(20_251_123)
    secrets = []
    for number in range(count):
        space = f"team-{number % 40:02d}"
        name = f"{source.choice(WORDS)}-{number:04d}"
        kind = ("Secret", "ConfigMap", "Deployment")[number % 3]
        lines = ["apiVersion: " + ("apps/v1" if kind == "Deployment" else "v1"), f"kind: {kind}", "metadata:",
                 f"  name: {name}", f"  namespace: {space}", "  labels:", f"    app: {source.choice(WORDS)}"]
        if kind == "Secret":
            lines += ["type: Opaque", "data:"]
            for key in range(5):
                value = base64.b64encode(source.randbytes(source.choice((16, 24, 32, 48, 64, 256)))).decode()
                lines.append(f"  {source.choice(WORDS)}-{key}: {value}")
        elif kind == "ConfigMap":
            lines.append("data:")
            for key in range(source.randrange(3, 20)):
                lines.append(f'  {source.choice(WORDS)}.{key}: "{" ".join(source.choices(WORDS, k=6))}"')
        else:
            lines += ["spec:", f"  replicas: {source.randrange(1, 9)}", "  template:", "    spec:",
                      "      containers:", "      - name: main", f"        image: registry.example/{name}:1",
                      "        env:"]
            for key in range(source.randrange(2, 12)):
                lines += [f"        - name: {source.choice(WORDS).upper()}_{key}",
                          f'          value: "{source.choice(WORDS)}"']
        path = f"{space}/{kind.lower()}-{name}.yaml"
        os.makedirs(os.path.join(folder, space), exist_ok=True)
        with open(os.path.join(folder, path), "w") as file:
            file.write("\n".join(lines) + "\n")
        if kind == "Secret":
            secrets.append(path)
    return secrets


def document(kind, byte_count, secret_count=100):
    """A text of `kind` (yaml, json, env, ini, toml) of nearly `byte_count` bytes, with `secret_count` values under keys
    that end in `password`, spread over it."""
    source = random.Random(7)
    width = 64
    line = {"yaml": '  {k}: "{v}"\n', "json": '    "{k}": "{v}",\n', "env": '{k}="{v}"\n', "ini": "{k} = {v}\n",
            "toml": '{k} = "{v}"\n'}[kind]
    head = {"yaml": "values:\n", "json": '{\n  "values": {\n', "env": "", "ini": "[values]\n", "toml": "[values]\n"}
    tail = {"json": '    "last": 0\n  }\n}\n'}
    one = len(line.format(k="k0000000", v="x" * width))
    count = (byte_count - 4_096) // one
    every = max(1, count // secret_count)
    # Values of 64 characters, so that the number of lines is what a long file has.
    pool = [source.randbytes(width // 2).hex() for _ in range(64)]
    parts = [head[kind]]
    for number in range(count):
        is_secret = number % every == 0 and number // every < secret_count
        key = f"k{number:07d}" + ("_password" if is_secret else "")
        parts.append(line.format(k=key, v=pool[number % 64]))
    return "".join(parts) + tail.get(kind, "")


def large(path, byte_count):
    """A file that doesn't compress."""
    source = random.Random(3)
    block = source.randbytes(1 << 20)
    with open(path, "wb") as file:
        for number in range(byte_count >> 20):
            file.write(number.to_bytes(8, "big") + block[8:])
