#!/usr/bin/env python3
"""Restores snapshots of a Strongroom archive store without Strongroom.

Written from Sources/Archives/FORMAT.md alone ("§" below is a section of it); shares no code with the program. Needs
Python 3.9, `pip install pynacl zstandard`, the `age` program to open keys, and `ssh-keygen` where an admin's key isn't
Ed25519. The store is a directory, or a bucket copied into one.

    recover.py STORE --identity FILE                         lists the snapshots
    recover.py STORE SNAPSHOT --into DIR --identity FILE     restores one: eight digits of its id or more, or 'latest'
    recover.py STORE --check --identity FILE                 reads everything and says what is wrong

DIR is absent or empty before; afterwards it holds directories/NAME, commands/NAME, repositories/NAME.git (a bare
repository; made by `git index-pack` where git is installed, else here) and keyring/. A repository that can't be made whole
is left as repositories/NAME: its git bundles, the map of references, and the commands that make a repository of them.

A restore checks every byte that it reads, and reads what the snapshot needs; --check reads the whole store.

Exit codes: 0 done, 2 usage, 3 not of this version, 4 not for this key, 5 foreign or forged, 7 I/O, 9 damaged or absent,
or 'latest' is restored where an object that may be a newer snapshot can't be read, 10 restored, but some entries could not
be made here.
"""
import argparse
import base64
import errno
import hashlib
import hmac
import mmap
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import zlib

try:
    import zstandard
    from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as aead_open
    from nacl.bindings import crypto_scalarmult, crypto_scalarmult_base
    from nacl.exceptions import CryptoError
    from nacl.signing import VerifyKey
except ImportError as missing:
    sys.exit("recover.py: %s (pip install pynacl zstandard)" % missing)

CONFIG, PACK, INDEX, SNAPSHOT, TOMBSTONE, ANNOTATION = 1, 2, 3, 4, 5, 6
ADD, PRUNE = 1, 2
CHUNK, NODE = 1, 2
STATUS = {1: "complete", 2: "partial", 3: "failed", 4: "torn"}
KINDS = {1: "directories", 2: "commands", 3: "repositories", 4: "keyring", 5: "kubernetes"}


class Failure(Exception):
    """What ends the work on one thing: the reason and the exit code."""

    code = 9


class Damaged(Failure):
    """Not what the format allows, or not what a name or an id says."""


class Absent(Failure):
    """Named, but not there."""


class Forged(Failure):
    """Signed by nobody who may."""

    code = 5


class Foreign(Failure):
    """Another store than the one that was asked for, or an older state of it."""

    code = 5


class NotForThisKey(Failure):
    """Needs a key that isn't at hand."""

    code = 4


class Usage(Failure):
    """Asked for what can't be."""

    code = 2


class Unsupported(Failure):
    """Of another version."""

    code = 3


def need(condition, reason, kind=Damaged):
    if not condition:
        raise kind(reason)


# §1: conventions


def blake2b(data, key=b"", personal=b"", size=32):
    return hashlib.blake2b(data, digest_size=size, key=key, person=personal.ljust(16, b"\0")).digest()


def H(data):
    return blake2b(data)


def SHA256(data):
    return hashlib.sha256(data).digest()


def LP(data):
    return struct.pack(">I", len(data)) + data


def u32(number):
    return struct.pack(">I", number)


def u64(number):
    return struct.pack(">Q", number)


class Reader:
    """Decodes one value. Everything that isn't its one encoding is damage."""

    def __init__(self, data, name):
        self.data, self.offset, self.name = data, 0, name

    def raw(self, count):
        need(count <= len(self.data) - self.offset, "%s: ends too early" % self.name)
        self.offset += count
        return self.data[self.offset - count : self.offset]

    def number(self, width):
        return int.from_bytes(self.raw(width), "big")

    def u8(self):
        return self.number(1)

    def u16(self):
        return self.number(2)

    def u32(self):
        return self.number(4)

    def u64(self):
        return self.number(8)

    def lp(self, limit=None):
        count = self.u32()
        need(limit is None or count <= limit, "%s: a field is too long" % self.name)
        return self.raw(count)

    def lp32(self):
        value = self.lp(32)
        need(len(value) == 32, "%s: a field has not 32 bytes" % self.name)
        return value

    def text(self, limit=None):
        value = self.lp(limit)
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise Damaged("%s: a text isn't UTF-8" % self.name) from None

    def list(self, item, limit=None):
        count = self.u32()
        # Each item takes a byte at least: a count that can't be true isn't tried.
        need(count <= len(self.data) - self.offset, "%s: ends too early" % self.name)
        need(limit is None or count <= limit, "%s: a list is too long" % self.name)
        return [item() for _ in range(count)]

    def version(self, text):
        need(self.text() == text, "%s: not of this version" % self.name, Unsupported)

    def end(self):
        need(self.offset == len(self.data), "%s: bytes left over" % self.name)


def ascending(items, reason):
    need(all(a < b for a, b in zip(items, items[1:])), reason)


def check_preamble(data, kind, name):
    need(len(data) >= 8 and data[:5] == b"SROOM" and data[5] == kind, "%s: a wrong preamble" % name)
    need(data[6] == 1 and data[7] == 1, "%s: format version or suite" % name, Unsupported)


# §4: SSHSIG signatures of admins


def ssh_strings(blob, count, name):
    reader = Reader(blob, name)
    values = [reader.lp() for _ in range(count)]
    return values, reader


def verify_sshsig(blob, message, namespace, name):
    """The public key blob that made the SSHSIG `blob` over `message`. PROTOCOL.sshsig of OpenSSH."""
    reader = Reader(blob, name)
    need(reader.raw(6) == b"SSHSIG" and reader.u32() == 1, "%s: not a signature" % name)
    key, space, reserved, algorithm, signature = (reader.lp() for _ in range(5))
    reader.end()
    fits = space == namespace and algorithm in (b"sha256", b"sha512")
    need(fits, "%s: a signature for something else" % name, Forged)
    (kind, public), rest = ssh_strings(key, 2, name)
    if kind == b"ssh-ed25519":
        rest.end()
        (signed, value), rest = ssh_strings(signature, 2, name)
        rest.end()
        digest = hashlib.new(algorithm.decode(), message).digest()
        payload = b"SSHSIG" + LP(space) + LP(reserved) + LP(algorithm) + LP(digest)
        need(signed == kind and verify_ed25519(public, payload, value), "%s: a signature doesn't fit" % name, Forged)
        return key
    with tempfile.TemporaryDirectory() as place:
        armor = base64.b64encode(blob).decode()
        lines = [armor[start : start + 70] for start in range(0, len(armor), 70)]
        with open(os.path.join(place, "signature"), "w") as file:
            file.write("\n".join(["-----BEGIN SSH SIGNATURE-----"] + lines + ["-----END SSH SIGNATURE-----", ""]))
        with open(os.path.join(place, "signers"), "w") as file:
            file.write("admin %s %s\n" % (kind.decode("ascii", "replace"), base64.b64encode(key).decode()))
        command = ["ssh-keygen", "-Y", "verify", "-f", place + "/signers", "-I", "admin", "-n", namespace.decode()]
        run = subprocess.run(command + ["-s", place + "/signature"], input=message, capture_output=True)
    need(run.returncode == 0, "%s: a signature doesn't fit" % name, Forged)
    return key


def verify_ed25519(public, message, signature):
    try:
        VerifyKey(public).verify(message, signature)
        return True
    except (CryptoError, ValueError, TypeError):
        return False


class Config:
    """The body of a config generation (§4)."""

    def __init__(self, body, name):
        r = Reader(body, name)
        r.version("strongroom/store-config/v1")
        self.id = r.lp32()
        minimum, average, maximum, normal, bundle, entry_bits, list_bits = (r.u64() for _ in range(7))
        need(
            64 <= minimum < average < maximum <= 8 << 20
            and normal <= 4
            and bundle <= maximum
            and 1 <= entry_bits <= 16
            and 1 <= list_bits <= 16,
            "%s: cutting parameters" % name,
        )
        self.maximum = maximum
        self.algorithm = r.u64()
        need(self.algorithm in (1, 2), "%s: id algorithm" % name, Unsupported)
        self.keys = {}
        for power in ("read", "write"):
            keys = r.list(lambda: (r.u64(), r.lp32(), r.lp32()))
            need(keys and [key[0] for key in keys] == list(range(1, len(keys) + 1)), "%s: key numbers" % name)
            self.keys[power] = keys
        agents = r.list(lambda: (r.text(255), r.lp32(), r.u64(), r.text(255)))
        ascending([agent[0].encode() for agent in agents], "%s: order of agents" % name)
        need(all(agent[0] and agent[3] and agent[2] <= 3 for agent in agents), "%s: agents" % name)
        self.agents = {agent[1]: agent for agent in agents}
        need(len(self.agents) == len(agents), "%s: a public key stands twice" % name)
        for _ in ("readers", "writers"):
            recipients = r.list(lambda: r.text(255))
            ascending([recipient.encode() for recipient in recipients], "%s: order of recipients" % name)
        revoked = r.list(lambda: (r.text(255), r.lp32(), r.list(lambda: r.raw(32))))
        ascending([agent[1] for agent in revoked], "%s: order of revoked agents" % name)
        for agent_name, public, objects in revoked:
            need(agent_name and public not in self.agents, "%s: a revoked agent" % name)
            ascending(objects, "%s: order of a revoked agent's objects" % name)
        self.revoked = {agent[1]: set(agent[2]) for agent in revoked}
        r.end()


class WriteKey:
    """What is derived from a `write` secret (§5)."""

    def __init__(self, secret, store_id):
        purposes = ("id", "hmac", "index", "head", "tree")
        self.__dict__.update({p: blake2b(store_id, secret, b"strongroom " + p.encode()) for p in purposes})


class Store:
    """A store whose configs verified and whose keys are open."""

    def __init__(self, root, pin=None):
        self.root = root
        self.notes = []
        self.read_config(pin)
        self.read_keys, self.write_keys, self.data_keys = {}, {}, {}
        self.places, self.scanned = {}, False

    # Objects (§3)

    def read(self, name, limit):
        try:
            # A pipe in the place of an object must not hold anybody up.
            handle = os.open(os.path.join(self.root, name), os.O_RDONLY | os.O_NONBLOCK)
            with open(handle, "rb") as file:
                need(stat.S_ISREG(os.fstat(handle).st_mode), "%s: not a file" % name)
                data = file.read(limit + 1)
        except FileNotFoundError:
            raise Absent("%s: not there" % name) from None
        need(len(data) <= limit, "%s: too long" % name)
        return data

    def names(self, place, pattern=r"[0-9a-f]{64}"):
        try:
            found = os.listdir(os.path.join(self.root, place))
        except FileNotFoundError:
            return []
        for name in found:
            if not re.fullmatch(pattern, name):
                self.notes.append("%s/%s: not an object" % (place, name))
        return sorted(name for name in found if re.fullmatch(pattern, name))

    def pack_names(self):
        both = self.names("packs", "[0-9a-f]{2}|[0-9a-f]{64}")
        names = {name for name in both if len(name) == 64}
        for folder in both:
            if len(folder) == 2:
                names.update(name for name in self.names("packs/" + folder) if name.startswith(folder))
        return sorted(names)

    def pack_path(self, name):
        nested = "packs/%s/%s" % (name[:2], name)
        return nested if os.path.exists(os.path.join(self.root, nested)) else "packs/" + name

    def object(self, place, name, kind, limit):
        """The bytes of an object whose name is their hash."""
        path = self.pack_path(name) if kind == PACK else "%s/%s" % (place, name)
        data = self.read(path, limit)
        made = SHA256(data) if kind == PACK else H(data)
        need(made.hex() == name, "%s: its bytes are not those that its name says" % path)
        check_preamble(data, kind, path)
        return data

    # Config (§4)

    def read_config(self, pin):
        names = self.names("config", "[0-9]{8}")
        need(names, "%s: no store here: it has no config" % self.root, Absent)
        self.configs, before, admins, threshold = [], bytes(32), None, 0
        for number, file in enumerate(names, 1):
            name = "config/" + file
            need(file == "%08d" % number, "config: generation %d is missing" % number, Absent)
            data = self.read(name, 4 << 20)
            check_preamble(data, CONFIG, name)
            r = Reader(data[8:], name)
            header, signatures, body = r.lp(1 << 20), r.list(r.lp), r.lp()
            r.end()
            h = Reader(header, name)
            h.version("strongroom/store-header/v1")
            subject, generation, previous = h.text(255), h.u64(), h.lp32()
            its_threshold, its_admins, body_hash = h.u64(), h.list(h.lp, 256), h.lp32()
            h.end()
            ascending(its_admins, "%s: order of admins" % name)
            need(1 <= its_threshold <= len(its_admins), "%s: threshold" % name)
            need(generation == number and previous == before, "%s: doesn't follow the one before" % name, Forged)
            if number == 1:
                self.fingerprint = H(header).hex()
                need(pin in (None, self.fingerprint), "config: the store's root is %s" % self.fingerprint, Foreign)
                admins, threshold = its_admins, its_threshold
            signers = [verify_sshsig(blob, header, b"strongroom-store", name) for blob in signatures]
            ascending(signers, "%s: order of signatures" % name)
            need(all(signer in admins for signer in signers), "%s: signed by somebody else" % name, Forged)
            need(len(signers) >= threshold, "%s: too few signatures" % name, Forged)
            need(H(body) == body_hash, "%s: another body than the header names" % name, Forged)
            config = Config(body, name)
            need(subject == config.id.hex(), "%s: of another store" % name, Forged)
            before, admins, threshold = H(header), its_admins, its_threshold
            if self.configs:
                first, last = self.configs[0], self.configs[-1]
                need(config.id == first.id and config.algorithm == first.algorithm, "%s: id or algorithm" % name)
                for power in ("read", "write"):
                    kept = [key[:2] for key in config.keys[power][: len(last.keys[power])]]
                    need(kept == [key[:2] for key in last.keys[power]], "%s: keys are missing" % name)
            self.configs.append(config)
        self.config = self.configs[-1]
        self.id = self.config.id

    # Keys (§5)

    def key_file(self, power, record, copy):
        name = "keys/%s-%d-%s.%s.age" % (power, record[0], record[2][:8].hex(), copy)
        data = self.read(name, 1 << 20)
        need(H(data) == record[2], "%s: not the age file that the config names" % name)
        return data

    def unlock(self, identities, secrets):
        """Opens what `age` can with the identity files, and takes raw secrets of 32 bytes."""
        for power in ("write", "read"):
            opened = self.write_keys if power == "write" else self.read_keys
            for record in self.config.keys[power]:
                for secret in secrets + [None]:
                    if secret is None:
                        secret = self.open_key_file(power, record, identities) if identities else None
                    if secret is None:
                        continue
                    check = H(secret) if power == "write" else crypto_scalarmult_base(secret)
                    if check == record[1]:
                        opened[record[0]] = WriteKey(secret, self.id) if power == "write" else secret
                        break
        need(self.write_keys, "none of the keys opens this store", NotForThisKey)

    def open_key_file(self, power, record, identities):
        failure = None
        for copy in "ab":
            try:
                data = self.key_file(power, record, copy)
            except Failure as problem:
                failure = problem
                continue
            options = [word for file in identities for word in ("-i", file)]
            run = subprocess.run(["age", "-d"] + options, input=data, capture_output=True)
            if run.returncode == 0:
                need(len(run.stdout) == 32, "keys: %s %d has not 32 bytes" % (power, record[0]))
                return run.stdout
            return None
        raise failure

    def write_key(self, number):
        need(number in self.write_keys, "write key %d is not at hand" % number, NotForThisKey)
        return self.write_keys[number]

    # Sealing (§2)

    def associated(self, kind, id, generation):
        return LP(b"strongroom/store/v1") + LP(self.id) + LP(kind) + LP(id) + u64(generation)

    def decrypt(self, sealed, nonce, key, associated, name):
        try:
            return aead_open(sealed, associated, nonce, key)
        except (CryptoError, ValueError, TypeError):
            raise Damaged("%s: doesn't decrypt" % name) from None

    def envelope(self, data, kind, name, power=ADD):
        """Body, key number and maker of an envelope."""
        r = Reader(data, name)
        id, generation, number, nonce, sealed = r.raw(16), r.u64(), r.u32(), r.raw(24), r.lp()
        r.end()
        need(1 <= generation <= len(self.configs), "%s: under a config that isn't here" % name, Foreign)
        key = self.write_key(number)
        key = key.index if kind == b"index" else key.head
        plain = self.decrypt(sealed, nonce, key, self.associated(kind, id, generation), name)
        need(len(plain) >= 96, "%s: too short" % name)
        body, public, signature = plain[:-96], plain[-96:-64], plain[-64:]
        agent = self.configs[generation - 1].agents.get(public)
        need(agent is not None and agent[2] & power, "%s: made by nobody who may" % name, Forged)
        message = LP(b"strongroom/store-object/v1") + LP(self.id) + LP(kind) + LP(id)
        message += u64(generation) + u64(number) + LP(H(body))
        need(verify_ed25519(public, message, signature), "%s: the signature doesn't fit" % name, Forged)
        return body, number, agent

    def data_key(self, record, name):
        """Opens a data key (§6.2)."""
        if record in self.data_keys:
            return self.data_keys[record]
        id, number = record[:16], int.from_bytes(record[16:20], "big")
        ephemeral, commitment, sealed = record[20:52], record[52:84], record[84:]
        need(number in self.read_keys, "%s: read key %d is not at hand" % (name, number), NotForThisKey)
        secret = self.read_keys[number]
        associated = self.associated(b"data-key", id, number)
        try:
            shared = crypto_scalarmult(secret, ephemeral)
        except (CryptoError, RuntimeError):
            shared = bytes(32)
        need(any(shared), "%s: an all-zero shared secret" % name)
        material = shared + ephemeral + crypto_scalarmult_base(secret) + H(associated)
        both = blake2b(material, personal=b"strongroom datak", size=64)
        need(hmac.compare_digest(both[32:], commitment), "%s: its data key isn't for this key" % name)
        key = self.decrypt(sealed, bytes(24), both[:32], associated, name)
        if len(self.data_keys) > 1000:
            self.data_keys.clear()
        self.data_keys[record] = key
        return key

    def frame(self, sealed, kind, id, number, key, limit, name):
        """Opens a sealed chunk's form (§6.1)."""
        plain = self.decrypt(sealed[24:], sealed[:24], key, self.associated(kind, id, number), name)
        need(plain, "%s: no coding" % name)
        coding, data = plain[0], plain[1:]
        if coding == 0:
            need(len(data) <= limit, "%s: too long" % name)
            return data
        need(coding == 1, "%s: coding" % name, Unsupported)
        try:
            size = zstandard.frame_content_size(data)
            need(0 <= size <= limit, "%s: too long when decompressed" % name)
            need(zstandard.get_frame_parameters(data).dict_id == 0, "%s: a dictionary" % name)
            stream = zstandard.ZstdDecompressor().decompressobj()
            result = stream.decompress(data)
        except zstandard.ZstdError as problem:
            raise Damaged("%s: %s" % (name, problem)) from None
        need(len(result) == size and not stream.unused_data, "%s: not one zstd frame" % name)
        return result

    # Packs and index (§8, §10)

    def pack_header(self, tail_of, length, name):
        """The header of a pack of `length` bytes; `tail_of(n)` gives its last n bytes. Yields its rows."""
        need(length >= 12, "%s: too short" % name)
        count = int.from_bytes(tail_of(4), "big")
        need(count <= length - 12, "%s: the length of its header" % name)
        body, _, agent = self.envelope(tail_of(4 + count)[:-4], b"pack-header", name)
        r = Reader(body, name)
        r.version("strongroom/pack-header/v1")
        kind, body_hash, body_length = r.u8(), r.lp32(), r.u64()
        need(kind in (CHUNK, NODE), "%s: kind" % name, Unsupported)
        keys = r.list(lambda: r.raw(132), 256)
        groups = r.list(lambda: (r.u32(), r.u32(), r.list(lambda: (r.raw(32), r.u32(), r.u32()))))
        r.end()
        offset, rows = 8, []
        for position, number, items in groups:
            need(position < len(keys), "%s: data keys" % name)
            for hash, sealed, extra in items:
                rows.append(((kind, number, hash), (keys[position], offset, sealed, extra)))
                offset += sealed
        need(len(rows) <= 1 << 20 and offset == body_length, "%s: lengths" % name)
        whole = body_length + count + 4
        exponent = whole.bit_length() - 1
        step = 1 << max(0, exponent - exponent.bit_length())
        need(-(-whole // step) * step == length, "%s: padding" % name)
        return body_hash, body_length, count, agent, rows

    def add_pack(self, name):
        """Takes the pieces of a pack up from its header alone, as an index object would name them."""
        path = os.path.join(self.root, self.pack_path(name))
        with open(path, "rb") as file:
            length = os.fstat(file.fileno()).st_size

            def tail(count):
                file.seek(length - count)
                return file.read(count)

            for piece, place in self.pack_header(tail, length, "packs/" + name)[4]:
                self.add_place(piece, (name,) + place)

    def add_place(self, piece, place):
        places = self.places.setdefault(piece, [])
        if place not in places:
            places.append(place)

    def index_object(self, name):
        """What an index object says: packs, and (piece, (pack, data key, offset, length, extra))."""
        data = self.object("index", name, INDEX, 128 << 20)
        body, _, _ = self.envelope(data[8:], b"index", "index/" + name)
        r = Reader(body, "index/" + name)
        r.version("strongroom/index/v1")
        ascending(r.list(lambda: r.raw(32)), "%s: order" % r.name)
        pack = lambda: (r.raw(32), r.u64(), r.u8(), r.raw(32), r.list(lambda: r.raw(132), 256))
        packs = r.list(pack, 1 << 24)
        ascending([pack[0] for pack in packs], "%s: order of packs" % r.name)
        row = lambda: (r.raw(32), r.u32(), r.u32(), r.u32(), r.u32())
        groups = r.list(lambda: (r.u8(), r.u32(), r.list(row)))
        r.end()
        ascending([group[:2] for group in groups], "%s: order of groups" % r.name)
        rows = []
        for kind, number, items in groups:
            ascending([item[:3] for item in items], "%s: order of rows" % r.name)
            for hash, where, offset, sealed, extra in items:
                need(where >> 8 < len(packs), "%s: positions" % r.name)
                pack = packs[where >> 8]
                need(pack[2] == kind and where & 255 < len(pack[4]), "%s: positions" % r.name)
                need(offset >= 8 and offset + sealed <= pack[1], "%s: offsets" % r.name)
                rows.append(((kind, number, hash), (pack[0].hex(), pack[4][where & 255], offset, sealed, extra)))
        return packs, rows

    def load_index(self):
        """From index objects; where one is unusable, and where a piece is missing, from the headers of the packs."""
        whole = True
        for name in self.names("index"):
            try:
                for piece, place in self.index_object(name)[1]:
                    self.add_place(piece, place)
            except Failure as problem:
                self.notes.append(str(problem))
                whole = False
        if not whole:
            self.load_packs()

    def load_packs(self):
        self.scanned = True
        for name in self.pack_names():
            try:
                self.add_pack(name)
            except (Failure, OSError) as problem:
                self.notes.append(str(problem))

    # Pieces (§6, §9)

    def piece(self, kind, number, hash, open_piece):
        """What `open_piece` makes of the first place of a piece that is whole."""
        if (kind, number, hash) not in self.places and not self.scanned:
            self.load_packs()
        failure = Absent("piece %s: in no index" % hash.hex()[:16])
        for pack, record, offset, length, extra in self.places.get((kind, number, hash), []):
            name = "packs/%s: piece %s" % (pack[:16], hash.hex()[:16])
            try:
                with open(os.path.join(self.root, self.pack_path(pack)), "rb") as file:
                    file.seek(offset)
                    sealed = file.read(length)
                need(len(sealed) == length, "%s: cut off" % name)
                return open_piece(sealed, self.data_key(record, name), extra, name)
            except FileNotFoundError:
                failure = Absent("packs/%s: not there" % pack)
            except Damaged as problem:
                failure = problem
        raise failure

    def chunk(self, number, hash):
        """The plaintext of a chunk, which has its id."""
        last = getattr(self, "last_chunk", None)
        if last and last[0] == (number, hash):
            return last[1]

        def open_chunk(sealed, key, extra, name):
            need(extra <= self.config.maximum, "%s: too long" % name)
            plain = self.frame(sealed, b"chunk", hash, number, key, extra, name)
            keys = self.write_key(number)
            if self.config.algorithm == 1:
                made = blake2b(plain, keys.id, b"strongroom chunk")
            else:
                made = hmac.digest(keys.hmac, plain, "sha256")
            need(len(plain) == extra and made == hash, "%s: doesn't have its id" % name)
            return plain

        plain = self.piece(CHUNK, number, hash, open_chunk)
        self.last_chunk = ((number, hash), plain)
        return plain

    def node(self, id):
        """Form, level and items of a node, with positions of children replaced by (key number, hash)."""
        number, hash = id

        def open_node(sealed, key, extra, name):
            keys = self.write_key(number)
            need(24 <= extra <= len(sealed), "%s: lengths" % name)
            associated = self.associated(b"node-children", hash, number)
            children = self.decrypt(sealed[24:extra], sealed[:24], keys.tree, associated, name)
            content = self.frame(sealed[extra:], b"node", hash, number, key, 8 << 20, name)
            made = blake2b(LP(children) + LP(content), keys.id, b"strongroom node")
            need(made == hash, "%s: doesn't have its id" % name)
            return decode_node(children, content, name)

        return self.piece(NODE, number, hash, open_node)

    def segments(self, content):
        """The segments of a content: (hole length, None, 0) or (length, chunk id, offset)."""
        length, kind, value = content
        total = 0
        for segment in value if kind == 1 else self.list_segments(value, None):
            total += segment[0]
            need(total <= length, "content: too long")
            yield segment
        need(total == length, "content: too short")

    def list_segments(self, id, level):
        form, its_level, items = self.node(id)
        need(form in (3, 4) and level in (None, its_level), "chunk list: levels")
        if form == 3:
            yield from items
            return
        for child, length in items:
            total = 0
            for segment in self.list_segments(child, its_level - 1):
                total += segment[0]
                yield segment
            need(total == length, "chunk list: lengths")

    def entries(self, root):
        """The entries of a tree in order, each checked against the one before."""
        last = None
        for entry in self.tree_entries(root, None):
            need(last is None or tree_order(last) < tree_order(entry.path), "tree: order of entries")
            last = entry.path
            yield entry

    def tree_entries(self, id, level):
        form, its_level, items = self.node(id)
        need(form in (1, 2) and level in (None, its_level), "tree: levels")
        if form == 1:
            yield from items
            return
        for child, first, count, length in items:
            for entry in self.tree_entries(child, its_level - 1):
                if first is not None:
                    need(entry.path == first, "tree: first path")
                    first = None
                count -= 1
                length -= entry.length
                yield entry
            need(count == 0 and length == 0, "tree: counts")

    def need_counting(self, agent, hash, name):
        """§4: of a revoked agent what it had added by then counts."""
        if agent[1] in self.config.revoked:
            counts = bytes.fromhex(hash) in self.config.revoked[agent[1]]
            need(counts, "%s: by an agent that was revoked, who hadn't added it by then" % name, Forged)

    # Tombstones and annotations (§13)

    def word(self, place, kind, power, name):
        """The body and the maker of a tombstone or an annotation."""
        data = self.object(place, name, kind, 64 << 20)
        path = "%s/%s" % (place, name)
        body, _, agent = self.envelope(data[8:], place[:-1].encode(), path, power)
        self.need_counting(agent, name, path)
        return Reader(body, path), agent

    def tombstone(self, name):
        """Ids of snapshots that are forgotten, and whether they are where they are still there (§13.1)."""
        r, agent = self.word("tombstones", TOMBSTONE, ADD, name)
        r.version("strongroom/tombstone/v1")
        r.u64()
        word, digest = r.u8(), lambda: r.raw(32)
        need(word in (1, 2, 3), "%s: word" % r.name, Unsupported)
        need(word == 3 or agent[2] & PRUNE, "%s: by an agent that may not prune" % r.name, Forged)
        before = r.list(digest)
        ids = [] if word == 3 else r.list(
            digest if word == 2 else lambda: (r.raw(32), r.raw(32), r.raw(32), r.u64())[0]
        )
        r.end()
        ascending(before, "%s: order" % r.name)
        ascending(ids, "%s: order" % r.name)
        need(ids if word == 1 else before, "%s: of nothing" % r.name)
        honoured = agent[1] in self.config.agents and self.config.agents[agent[1]][2] & PRUNE
        return (ids, honoured) if word == 1 else ([], False)

    def load_tombstones(self):
        """What is forgotten; gives what is wrong with tombstones."""
        self.gone, self.forgotten, failures = set(), set(), []
        for name in self.names("tombstones"):
            try:
                ids, honoured = self.tombstone(name)
                self.gone.update(ids)
                self.forgotten.update(ids if honoured else [])
            except Failure as problem:
                failures.append(problem)
        return failures

    # Snapshots (§12)

    def snapshot(self, name, contents=True):
        data = self.object("snapshots", name, SNAPSHOT, 64 << 20)
        r = Reader(data, "snapshots/" + name)
        r.raw(8)
        body, number, agent = self.envelope(r.lp(), b"snapshot", r.name)
        self.need_counting(agent, name, r.name)
        return Snapshot(self, name, body, number, agent, data[r.offset :])

    def snapshots(self):
        """The snapshots that open, oldest first, and what is wrong with the others and with tombstones."""
        found, failures, self.unread = [], self.load_tombstones(), []
        for name in self.names("snapshots"):
            try:
                found.append(self.snapshot(name))
            except Failure as problem:
                failures.append(problem)
                if not isinstance(problem, (Forged, Absent)) and bytes.fromhex(name) not in self.forgotten:
                    self.unread.append(name)
        # No snapshot is newer than those that its agent took after it, whatever a clock said that was ahead.
        bounds, times = {}, {}
        for snapshot in sorted(found, key=lambda snapshot: -snapshot.generation):
            bound = min(snapshot.time, bounds.get(snapshot.agent_key, snapshot.time))
            bounds[snapshot.agent_key] = times[snapshot.id] = bound
        found.sort(key=lambda snapshot: (times[snapshot.id], snapshot.generation, snapshot.id))
        return found, failures

    def chain_findings(self, snapshots):
        """Gaps of agents' chains (§12)."""
        here = {bytes.fromhex(name) for name in self.names("snapshots")} | self.gone
        findings = []
        for snapshot in snapshots:
            if any(snapshot.previous) and snapshot.previous not in here:
                findings.append("snapshots/%s: the one before is gone" % snapshot.id)
        return findings

    def forks(self, snapshots):
        """Forks of agents' chains (§12): reported, and no damage."""
        successors = {}
        for snapshot in snapshots:
            successors.setdefault((snapshot.agent, snapshot.previous), []).append(snapshot.id)
        return [
            "snapshots: %s has a fork at %s" % (agent, " and ".join(ids))
            for (agent, _), ids in successors.items() if len(ids) > 1
        ]

    # Everything (§15)

    def check(self):
        """What is wrong with the store: reads each object, and opens each piece of each snapshot."""
        findings = []

        def attempt(work, *arguments):
            try:
                return work(*arguments)
            except (Failure, OSError) as problem:
                findings.append(str(problem))

        for power in ("read", "write"):
            for record in self.config.keys[power]:
                for copy in "ab":
                    attempt(self.key_file, power, record, copy)
        rows, lengths = {}, {}
        for name in self.pack_names():
            made = attempt(self.check_pack, name)
            if made:
                lengths[name] = made[0]
                rows.update({(piece, (name,) + place): True for piece, place in made[1]})
        for name in self.names("index"):
            made = attempt(self.index_object, name)
            if not made:
                continue
            for pack in made[0]:
                if lengths.get(pack[0].hex()) != pack[1]:
                    findings.append("index/%s: packs/%s isn't there as it says" % (name, pack[0].hex()))
            for piece, place in made[1]:
                if (piece, place) not in rows and place[0] in lengths:
                    findings.append("index/%s: says otherwise than packs/%s" % (name, place[0]))
                self.add_place(piece, place)
        snapshots, failures = self.snapshots()
        findings += [str(problem) for problem in failures]
        findings += self.chain_findings(snapshots)
        for name in self.names("annotations"):
            attempt(self.word, "annotations", ANNOTATION, ADD, name)
        for snapshot in snapshots:
            # What it reaches may be on its way out.
            if bytes.fromhex(snapshot.id) in self.forgotten:
                continue
            for source in snapshot.sources:
                attempt(self.check_source, snapshot, source)
        return findings

    def check_pack(self, name):
        data = self.object("packs", name, PACK, 64 << 20)
        tail = lambda count: data[-count:]
        body_hash, body_length, count, _, rows = self.pack_header(tail, len(data), "packs/" + name)
        need(SHA256(data[:body_length]) == body_hash, "packs/%s: its pieces" % name)
        need(not any(data[body_length : -4 - count]), "packs/%s: padding" % name)
        return len(data), rows

    def check_source(self, snapshot, source):
        if source["root"] is None:
            return
        count = length = 0
        for entry in self.entries(source["root"]):
            count += 1
            length += entry.length
            if entry.kind == 2:
                for size, chunk, offset in self.segments(entry.content):
                    if chunk:
                        need(offset + size <= len(self.chunk(*chunk)), "segment: outside of its chunk")
        name = "snapshots/%s: %s" % (snapshot.id[:16], source["name"])
        need((count, length) == (source["entries"], source["length"]), name + ": counts")


def decode_node(children_part, content_part, name):
    """§9.1 and §9.2."""
    r = Reader(children_part, name)
    children = r.list(lambda: (r.u8(), (r.u32(), r.raw(32))), 65536)
    r.end()
    need(all(kind in (CHUNK, NODE) for kind, _ in children), "%s: kind of a child" % name, Unsupported)
    need(len(set(children)) == len(children), "%s: a child stands twice" % name)
    named = []

    def child(kind):
        position = r.u32()
        need(position < len(children) and children[position][0] == kind, "%s: children" % name)
        if position == len(named):
            named.append(position)
        need(position < len(named), "%s: order of children" % name)
        return children[position][1]

    def segment():
        if r.u8() == 0:
            length, chunk, offset = r.u64(), None, 0
        else:
            need(r.data[r.offset - 1] == 1, "%s: segment" % name, Unsupported)
            chunk, offset, length = child(CHUNK), r.u32(), r.u32()
        need(length > 0, "%s: an empty segment" % name)
        return length, chunk, offset

    def entry_branch():
        branch = child(NODE), r.lp(65535), r.u64(), r.u64()
        need(is_path(branch[1]), "%s: a path" % name)
        return branch

    r = Reader(content_part, name)
    form, level = r.u8(), r.u8()
    need(1 <= form <= 4, "%s: form" % name, Unsupported)
    need(level == 0 if form in (1, 3) else 1 <= level <= 16, "%s: level" % name)
    if form == 1:
        paths = [b""]

        def entry():
            made = Entry(r, paths[-1], segment, child)
            paths.append(made.path)
            return made

        items = r.list(entry)
    elif form == 2:
        items = r.list(entry_branch)
    elif form == 3:
        items = r.list(segment)
    else:
        items = r.list(lambda: (child(NODE), r.u64()))
    r.end()
    need(len(named) == len(children), "%s: a child that isn't named" % name)
    return form, level, items


def is_path(path):
    """§9.4: whether a path can be an entry's."""
    return path == b"" or (b"\0" not in path and all(c not in (b"", b".", b"..") for c in path.split(b"/")))


def tree_order(path):
    """`/` before every other byte."""
    return bytes(0 if byte == 0x2F else byte for byte in path)


class Entry:
    """§9.4."""

    def __init__(self, r, before, segment, child):
        shared, rest = r.u16(), r.lp(65535)
        need(shared <= len(before), "%s: a path" % r.name)
        self.path = before[:shared] + rest
        need(len(self.path) <= 65535 and is_path(self.path), "%s: a path" % r.name)
        common = len(os.path.commonprefix([before, self.path]))
        need(common == shared, "%s: a path that shares more" % r.name)
        self.mode, self.user, self.group = r.u16(), r.u32(), r.u32()
        need(self.mode <= 0o7777, "%s: mode" % r.name)
        self.names = r.lp(255), r.lp(255)
        seconds, nanoseconds = struct.unpack(">q", r.raw(8))[0], r.u32()
        need(nanoseconds < 10**9, "%s: time" % r.name)
        self.time = seconds * 10**9 + nanoseconds
        self.flags = r.u8()
        need(self.flags <= 1, "%s: flags" % r.name, Unsupported)
        self.attributes = r.list(lambda: (r.lp(255), r.lp(64 << 10)))
        ascending([name for name, _ in self.attributes], "%s: order of attributes" % r.name)
        need(all(name for name, _ in self.attributes), "%s: attributes" % r.name)
        need(sum(len(n) + len(v) for n, v in self.attributes) <= 1 << 20, "%s: attributes" % r.name)
        self.kind = r.u8()
        self.length, self.content, self.target, self.device = 0, None, None, None
        if self.kind == 2:
            self.length, form = r.u64(), r.u8()
            need(form in (1, 2), "%s: content" % r.name, Unsupported)
            value = r.list(segment, 8) if form == 1 else child(NODE)
            self.content = self.length, form, value
            if form == 1:
                need(sum(s[0] for s in value) == self.length, "%s: lengths" % r.name)
        elif self.kind in (3, 4):
            self.target = r.lp(65535)
            need(self.kind == 3 or (self.target and is_path(self.target)), "%s: a path" % r.name)
        elif self.kind in (7, 8):
            self.device = r.u32(), r.u32()
        else:
            need(self.kind in (1, 5, 6), "%s: kind of entry" % r.name, Unsupported)


class Snapshot:
    """§12."""

    def __init__(self, store, id, body, number, agent, sealed):
        self.id = id
        name = "snapshots/" + id
        r = Reader(body, name)
        r.version("strongroom/snapshot-header/v1")
        self.environment, self.agent = r.text(255), r.text(255)
        self.time = struct.unpack(">q", r.raw(8))[0]
        self.generation, self.previous, status, set_hash = r.u64(), r.lp32(), r.u8(), r.lp32()
        self.agent_key = agent[1]
        need(self.agent == agent[0], "%s: in another agent's name" % name, Forged)
        need(status in STATUS, "%s: status" % name, Unsupported)
        self.status = STATUS[status]
        need(self.generation >= 1 and (self.generation == 1) == (not any(self.previous)), "%s: chain" % name)
        self.revisions = r.list(lambda: (r.text(), r.lp(32)))
        ascending([source.encode() for source, _ in self.revisions], "%s: order of revisions" % name)
        need(all(len(commit) in (20, 32) for _, commit in self.revisions), "%s: revisions" % name)
        roots = r.list(lambda: (r.u32(), r.raw(32)))
        need(len(set(roots)) == len(roots), "%s: roots" % name)
        content_id, record, content_hash = r.raw(32), r.raw(132), r.raw(32)
        r.end()
        need(H(sealed) == content_hash, "%s: its content" % name)
        self.host, self.sources = None, []
        if not store.read_keys:
            # With a write key alone a store lists.
            return
        key = store.data_key(record, name)
        r = Reader(store.frame(sealed, b"snapshot-content", content_id, number, key, 32 << 20, name), name)
        r.version("strongroom/snapshot-content/v1")
        self.host = r.text()
        self.sources = r.list(lambda: self.source(r, roots))
        r.end()
        kinds = sorted((source["kind"], source["name"].encode()) for source in self.sources)
        need(set_hash == H(u32(len(kinds)) + b"".join(bytes([k]) + LP(n) for k, n in kinds)), "%s: source set" % name)

    @staticmethod
    def source(r, roots):
        source = {"name": r.text(), "kind": r.u8(), "status": r.u8(), "notes": r.list(r.text), "root": r.u32()}
        source.update({"entries": r.u64(), "length": r.u64(), "facts": r.list(lambda: (r.text(), r.lp()))})
        need(source["kind"] in KINDS and source["status"] in STATUS, "%s: a source" % r.name, Unsupported)
        need(source["root"] <= len(roots), "%s: roots" % r.name)
        name = source["name"].encode()
        need(is_path(name) and name and b"/" not in name and len(name) <= 255, "%s: a source's name" % r.name)
        ascending([name.encode() for name, _ in source["facts"]], "%s: order of facts" % r.name)
        source["root"] = roots[source["root"] - 1] if source["root"] else None
        return source


# Restoring


class Restoration:
    """Makes the entries of one source below a directory that holds nothing else. No link is ever followed."""

    def __init__(self, store, root, options):
        self.store, self.root, self.options = store, root, options
        self.problems, self.damaged, self.count = [], False, 0
        self.parent_path, self.parent = None, None

    def close(self):
        if self.parent is not None:
            os.close(self.parent)
            self.parent = None

    def open_parent(self, path):
        """A handle of the directory that holds `path`, reached through directories alone, and the last component."""
        folder, _, name = path.rpartition(b"/")
        if self.parent is None or folder != self.parent_path:
            self.close()
            handle = os.dup(self.root)
            for component in folder.split(b"/") if folder else []:
                try:
                    next = os.open(component, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
                finally:
                    os.close(handle)
                handle = next
            self.parent, self.parent_path = handle, folder
        return self.parent, name

    def problem(self, path, reason, is_damage=False):
        self.damaged = self.damaged or is_damage
        self.problems.append("%s: %s" % (printable(path), reason))

    def run(self, entries):
        directories, links = [], []
        for entry in entries:
            try:
                if entry.kind == 4:
                    links.append(entry)
                elif entry.kind == 1:
                    if entry.path:
                        parent, name = self.open_parent(entry.path)
                        os.mkdir(name, 0o700, dir_fd=parent)
                    directories.append(entry)
                    self.count += 1
                else:
                    need(entry.path, "only a directory can be the root")
                    if self.make(entry):
                        self.count += 1
                        self.describe(entry)
            except OSError as problem:
                self.refuse(entry, problem)
            except (Damaged, Absent) as problem:
                self.problem(entry.path, str(problem), is_damage=True)
            if entry.flags & 1:
                self.problem(entry.path, "changed while the snapshot was taken")
        for entry in links:
            try:
                source, source_name = self.open_parent(entry.target)
                source = os.dup(source)
                try:
                    facts = os.stat(source_name, dir_fd=source, follow_symlinks=False)
                    if not stat.S_ISREG(facts.st_mode):
                        raise OSError(errno.EINVAL, "its file is no file")
                    parent, name = self.open_parent(entry.path)
                    os.link(source_name, name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
                finally:
                    os.close(source)
                self.count += 1
            except OSError as problem:
                self.refuse(entry, problem)
        for entry in reversed(directories):
            try:
                self.describe(entry)
            except OSError as problem:
                self.refuse(entry, problem)
        self.close()

    def refuse(self, entry, problem):
        """A problem of this entry alone; what the whole disk suffers from ends the work."""
        if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE):
            raise problem
        self.problem(entry.path, "can't be made here: %s" % problem.strerror)

    def make(self, entry):
        parent, name = self.open_parent(entry.path)
        if entry.kind == 2:
            self.write(entry, parent, name)
        elif entry.kind == 3:
            os.symlink(entry.target, name, dir_fd=parent)
        elif entry.kind == 5:
            os.mkfifo(name, 0o600, dir_fd=parent)
        elif entry.kind == 6:
            os.mknod(name, 0o600 | stat.S_IFSOCK, dir_fd=parent)
        elif not self.options.owners:
            self.problem(entry.path, "a device: made with --owners alone")
            return False
        else:
            kind = stat.S_IFCHR if entry.kind == 7 else stat.S_IFBLK
            os.mknod(name, 0o600 | kind, os.makedev(*entry.device), dir_fd=parent)
        return True

    def write(self, entry, parent, name):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with open(os.open(name, flags, 0o600, dir_fd=parent), "wb") as file:
            try:
                end = 0
                for size, chunk, offset in self.store.segments(entry.content):
                    if chunk is not None:
                        data = self.take(entry, end, chunk, offset, size)
                        if data is not None:
                            file.seek(end)
                            file.write(data)
                    end += size
                file.truncate(end)
            except Failure:
                # Never a file that is shorter than it was, or otherwise.
                os.unlink(name, dir_fd=parent)
                raise

    def take(self, entry, start, chunk, offset, size):
        try:
            plain = self.store.chunk(*chunk)
            need(offset + size <= len(plain), "segment: outside of its chunk")
            return plain[offset : offset + size]
        except (Damaged, Absent) as problem:
            if not self.options.keep_damaged:
                raise
            reason = "%s; bytes %d to %d are zeros" % (problem, start, start + size)
            self.problem(entry.path, reason, is_damage=True)
            return None

    def describe(self, entry):
        """Owner, mode, attributes and time, in this order: each changes what stands before it."""
        if entry.path:
            parent, name = self.open_parent(entry.path)
            where = b"/proc/self/fd/%d/%s" % (parent, name)
            place = {"dir_fd": parent, "follow_symlinks": False}
        else:
            name = where = b"/proc/self/fd/%d/." % self.root
            place = {"follow_symlinks": False}
        if self.options.owners:
            os.chown(name, entry.user, entry.group, **place)
        if entry.kind != 3:
            # Without an owner no right is given to whoever restores.
            mode = entry.mode if self.options.owners else entry.mode & ~0o6000
            os.chmod(where, mode)
        for attribute, value in entry.attributes:
            try:
                os.setxattr(where, attribute, value, follow_symlinks=False)
            except OSError as problem:
                self.problem(entry.path, "attribute %s: %s" % (printable(attribute), problem.strerror))
        os.utime(name, ns=(entry.time, entry.time), **place)


def printable(path):
    text = path.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else "\\x%02x" % ord(c) for c in text)


def restore(store, snapshot, into, options):
    """Restores a snapshot's sources below `into`. Gives the problems, and whether one of them is damage."""
    os.makedirs(into, exist_ok=True)
    need(not os.listdir(into), "%s: not empty" % into, Usage)
    problems, damaged = [], False
    top = os.open(into, os.O_RDONLY | os.O_DIRECTORY)
    for source in snapshot.sources:
        if options.source and source["name"] not in options.source:
            continue
        label = "%s %s" % (KINDS[source["kind"]], printable(source["name"].encode()))
        for note in source["notes"]:
            # Of a complete source a note tells what was never meant to be in it.
            told = store.notes if STATUS[source["status"]] == "complete" else problems
            told.append("%s: %s" % (label, printable(note.encode())))
        if source["root"] is None:
            problems.append("%s: nothing was captured (%s)" % (label, STATUS[source["status"]]))
            continue
        place = open_new(top, KINDS[source["kind"]].encode(), may_exist=True)
        # A command is one file; the keyring's place is its own.
        if source["kind"] in (1, 3, 5):
            place = open_new(place, source["name"].encode(), may_exist=False)
        work = Restoration(store, place, options)
        counted = [0, 0]
        try:
            work.run(count_entries(store.entries(source["root"]), counted))
            need(counted == [source["entries"], source["length"]], "counts")
        except (Damaged, Absent) as problem:
            # The list of entries itself breaks off here.
            work.problem(b"", "%s: entries behind this place are missing" % problem, is_damage=True)
        finally:
            work.close()
        if source["kind"] == 3:
            folder = os.path.join(into, "repositories")
            recover_repository(place, os.fsencode(folder), source["name"].encode(), work)
        problems += ["%s: %s" % (label, problem) for problem in work.problems]
        damaged = damaged or work.damaged
        print("%s: %d entries" % (label, work.count))
    sync(into)
    return problems, damaged


def sync(place):
    """Puts what was restored on the disk: sync(1) of that file system alone, where there is one."""
    try:
        subprocess.run(["sync", "-f", place], check=True)
    except (OSError, subprocess.CalledProcessError):
        os.sync()


def count_entries(entries, counted):
    for entry in entries:
        counted[0] += 1
        counted[1] += entry.length
        yield entry


def open_new(parent, name, may_exist):
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        if not may_exist:
            raise
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)


# §11: repositories


def is_reference(name):
    """Whether git-check-ref-format(1) takes `name` as a full name."""
    parts = name.split(b"/")
    return (
        len(parts) > 1 and parts[0] == b"refs" and name[-1:] != b"." and b".." not in name and b"@{" not in name
        and all(part and part[:1] != b"." and not part.endswith(b".lock") for part in parts)
        and not re.search(rb"[\x00-\x20\x7f~^:?*\[\\]", name))


class RepositoryFacts:
    """The entry `facts`."""

    def __init__(self, data):
        r = Reader(data, "facts")
        r.version("strongroom/repository/v1")
        self.url, form = r.lp(), r.u8()
        need(form in (1, 2), "facts: object format", Unsupported)
        self.width = 20 if form == 1 else 32
        self.head = r.lp()
        reference = lambda: (r.lp(), r.raw(self.width))
        self.references = r.list(reference)
        self.count = r.u32()
        need(self.count <= 1 << 20, "facts: number of increments")
        self.lost = r.list(reference)
        outside = r.list(lambda: (r.u8(), r.lp(), r.lp()))
        r.end()
        for names in (self.references, self.lost):
            ascending([name for name, _ in names], "facts: order of references")
        ascending(outside, "facts: order of objects outside")
        need(all(is_reference(name) for name, _ in self.references + self.lost), "facts: the name of a reference")
        symbolic = self.head.startswith(b"ref: ")
        need(
            is_reference(self.head[5:]) if symbolic else re.fullmatch(b"[0-9a-f]{%d}" % (2 * self.width), self.head),
            "facts: HEAD")

    def bundle(self, number):
        return "increments/%06d.bundle" % number

    def blocked(self):
        """References that others are below: no repository's files can hold both."""
        both = self.references + self.lost
        folders = {name[:at] for name, _ in both for at in range(len(name)) if name[at:at + 1] == b"/"}
        return [(name, id) for name, id in both if name in folders]

    def restorable(self):
        blocked = set(self.blocked())
        return [pair for pair in self.references + self.lost if pair not in blocked]

    def packed(self):
        """All references as a file `packed-refs`."""
        names = sorted(self.restorable())
        return b"# pack-refs with: sorted \n" + b"".join(b"%s %s\n" % (i.hex().encode(), n) for n, i in names)

    def roots(self):
        head = [] if self.head.startswith(b"ref: ") else [bytes.fromhex(self.head.decode())]
        return [id for _, id in self.references + self.lost] + head


def open_in(place, path):
    """A file of a directory that was restored, no link followed at its end."""
    return open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=place), "rb")


def read_index(place, facts, number):
    """Length, prerequisites and commits of an increment."""
    name = "increments/%06d.index" % number
    with open_in(place, name) as file:
        r = Reader(file.read(), name)
    r.version("strongroom/increment/v1")
    need(r.u8() == (1 if facts.width == 20 else 2), "%s: object format" % name)
    length = r.u64()
    prerequisites, tips, commits = (r.list(lambda: r.raw(facts.width)) for _ in range(3))
    r.end()
    for ids in (prerequisites, tips, commits):
        ascending(ids, "%s: order" % name)
    return length, prerequisites, commits


def read_bundle_header(file, name):
    """The prerequisites of a bundle; the file is then at its pack (gitformat-bundle(5))."""
    need(file.readline() == b"# v2 git bundle\n", "%s: not a bundle" % name)
    prerequisites = []
    for line in iter(file.readline, b"\n"):
        need(line.endswith(b"\n"), "%s: a header that does not end" % name)
        if line.startswith(b"-"):
            prerequisites.append(bytes.fromhex(line[1:41].decode("ascii", "replace")))
    return prerequisites


class LooseObjects:
    """Objects of a repository, each in a file of its own; those that were used last are in memory."""

    types = {1: b"commit", 2: b"tree", 3: b"blob", 4: b"tag"}

    def __init__(self, repository):
        self.place = repository + b"/objects"
        self.kept, self.size, self.known = {}, 0, {}

    def path(self, id):
        return b"%s/%s/%s" % (self.place, id.hex()[:2].encode(), id.hex()[2:].encode())

    def keep(self, id, kind, data):
        self.kept[id] = (kind, data)
        self.size += len(data)
        while self.size > 256 << 20 and len(self.kept) > 1:
            self.size -= len(self.kept.pop(next(iter(self.kept)))[1])

    def add(self, kind, data):
        framed = b"%s %d\0" % (kind, len(data)) + data
        id = hashlib.sha1(framed).digest()
        if id not in self.known:
            self.known[id] = kind
            path = self.path(id)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444), "wb") as file:
                file.write(zlib.compress(framed, 1))
            self.keep(id, kind, data)
        return id

    def get(self, id):
        if id in self.kept:
            self.kept[id] = self.kept.pop(id)
            return self.kept[id]
        with open(self.path(id), "rb") as file:
            header, data = zlib.decompress(file.read()).split(b"\0", 1)
        self.keep(id, header.split(b" ")[0], data)
        return self.kept[id]


def inflate(data, start, size):
    """The `size` bytes that are deflated from `start` on, and where they end."""
    stream, parts, position = zlib.decompressobj(), [], start
    while not stream.eof:
        piece = data[position : position + max(512, min(size, 1 << 20))]
        need(piece, "a pack that ends early")
        parts.append(stream.decompress(piece))
        position += len(piece)
    plain = b"".join(parts)
    need(len(plain) == size, "an object of another length than it says")
    return plain, position - len(stream.unused_data)


def apply_delta(base, delta):
    """gitformat-pack(5), deltified representation."""
    position = 0

    def size():
        nonlocal position
        value = shift = 0
        while True:
            byte = delta[position]
            position += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    need(size() == len(base), "a delta of another base")
    length, parts = size(), []
    while position < len(delta):
        code = delta[position]
        position += 1
        if code & 128:
            values = [0, 0]
            for bit in range(7):
                if code & 1 << bit:
                    values[bit // 4] |= delta[position] << 8 * (bit % 4)
                    position += 1
            offset, count = values[0], values[1] or 0x10000
            need(offset + count <= len(base), "a delta beyond its base")
            parts.append(base[offset : offset + count])
        else:
            need(code and position + code <= len(delta), "a delta that ends early")
            parts.append(delta[position : position + code])
            position += code
    target = b"".join(parts)
    need(len(target) == length, "a delta of another length")
    return target


def unpack(data, start, objects):
    """Takes the objects of the pack at `start` of `data`; bases may be among `objects` already."""
    end = len(data) - 20
    need(data[start : start + 8] == b"PACK\0\0\0\2" and end >= start + 12, "not a pack of version 2")
    hashed = hashlib.sha1()
    for position in range(start, end, 1 << 20):
        hashed.update(data[position : min(position + (1 << 20), end)])
    need(hashed.digest() == data[end:], "a pack with another hash than its last bytes")
    position, places, waiting = start + 12, {}, []
    for _ in range(int.from_bytes(data[start + 8 : start + 12], "big")):
        first, byte = position, data[position]
        kind, size, shift = byte >> 4 & 7, byte & 15, 4
        while byte & 128:
            position += 1
            byte = data[position]
            size |= (byte & 127) << shift
            shift += 7
        position += 1
        base = None
        if kind == 6:
            byte = data[position]
            distance = byte & 127
            while byte & 128:
                position += 1
                byte = data[position]
                distance = distance + 1 << 7 | byte & 127
            position += 1
            base = first - distance
            need(start + 12 <= base < first, "a delta of what is not before it")
        elif kind == 7:
            base = data[position : position + 20]
            position += 20
        else:
            need(kind in objects.types, "an object of no known type")
        plain, position = inflate(data, position, size)
        if base is None:
            places[first] = objects.add(objects.types[kind], plain)
        else:
            waiting.append((first, base, plain))
    need(position == end, "bytes behind the pack's last object")
    while waiting:
        left = []
        for first, base, delta in waiting:
            id = base if isinstance(base, bytes) else places.get(base)
            if id is None or id not in objects.known:
                left.append((first, base, delta))
                continue
            kind, plain = objects.get(id)
            places[first] = objects.add(kind, apply_delta(plain, delta))
        need(len(left) < len(waiting), "a delta of an object that is not here")
        waiting = left


def check_closure(objects, roots):
    """Everything that `roots` reach is there and is what it is said to be."""
    seen, waiting = set(), [(id, None) for id in roots]
    while waiting:
        id, expected = waiting.pop()
        kind = objects.known.get(id)
        need(kind is not None and expected in (None, kind), "object %s is not there" % id.hex())
        if id in seen or kind == b"blob":
            continue
        seen.add(id)
        data = objects.get(id)[1]
        if kind == b"tree":
            position = 0
            while position < len(data):
                zero = data.index(b"\0", position)
                mode = int(data[position : data.index(b" ", position)], 8) & 0o170000
                position = zero + 21
                if mode != 0o160000:
                    waiting.append((data[zero + 1 : position], b"tree" if mode == 0o040000 else b"blob"))
            continue
        for line in data.split(b"\n\n", 1)[0].split(b"\n"):
            word, _, rest = line.partition(b" ")
            if kind == b"tag" and word == b"object":
                waiting.append((bytes.fromhex(rest.decode()), None))
            elif kind == b"commit" and word in (b"tree", b"parent"):
                waiting.append((bytes.fromhex(rest.decode()), b"tree" if word == b"tree" else b"commit"))
            elif kind == b"commit":
                break


class GitProgram:
    """The program `git`, without any configuration but the repository's own."""

    def __init__(self, repository):
        self.words = ["git", b"--git-dir=" + repository]
        self.environment = {
            "PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_NO_REPLACE_OBJECTS": "1"}

    def run(self, *words, **more):
        done = subprocess.run(self.words + list(words), env=self.environment, capture_output=True, **more)
        told = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
        need(done.returncode == 0, "git %s: %s" % (words[0], told))


def make_repository(place, facts, repository):
    """Makes the bare repository at the path `repository` of the bundles in the directory `place`."""
    os.mkdir(repository, 0o700)
    for folder in (b"objects/pack", b"objects/info", b"refs/heads", b"refs/tags"):
        os.makedirs(repository + b"/" + folder)
    config = b"[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
    for name, data in ((b"config", config), (b"HEAD", facts.head + b"\n")):
        with open(repository + b"/" + name, "wb") as file:
            file.write(data)
    git = GitProgram(repository) if shutil.which("git") else None
    objects = LooseObjects(repository)
    brought = set()
    for number in range(facts.count):
        name = facts.bundle(number)
        length, prerequisites, commits = read_index(place, facts, number)
        try:
            with open_in(place, name) as file:
                need(os.fstat(file.fileno()).st_size == length, "another length than its index says")
                need(sorted(read_bundle_header(file, name)) == prerequisites, "other prerequisites than its index says")
                need(brought.issuperset(prerequisites), "needs a commit that no bundle before it brings")
                start = file.tell()
                if git:
                    os.lseek(file.fileno(), start, os.SEEK_SET)
                    git.run("index-pack", "--stdin", "--fix-thin", stdin=file.fileno())
                else:
                    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                        unpack(data, start, objects)
        except (Damaged, IndexError, ValueError, zlib.error) as problem:
            raise Damaged("%s: %s" % (name, problem)) from None
        brought.update(commits)
    with open(repository + b"/packed-refs", "wb") as file:
        file.write(facts.packed())
    if git and facts.roots():
        roots = b"".join(b"%s\n" % id.hex().encode() for id in facts.roots())
        git.run("rev-list", "--objects", "--quiet", "--stdin", input=roots)
    elif not git:
        try:
            check_closure(objects, facts.roots())
        except (IndexError, ValueError) as problem:
            raise Damaged("an object that can't be parsed: %s" % problem) from None


def recover_repository(place, folder, name, work):
    """Makes `NAME.git` of what lies in `NAME`, which goes then; what can't be made is listed, and the bundles stay."""
    made = folder + b"/" + name + b".git"
    try:
        with open_in(place, "facts") as file:
            facts = RepositoryFacts(file.read())
    except (Failure, OSError) as problem:
        return work.problem(b"facts", str(problem), is_damage=True)
    try:
        need(facts.width == 20, "SHA-256 objects: use make-repository, and a git that knows them", Unsupported)
        make_repository(place, facts, made)
        for blocked, id in facts.blocked():
            work.problem(blocked, "left out, for other references are below it; the repository has its object, " + id.hex())
        shutil.rmtree(folder + b"/" + name)
    except FileExistsError:
        work.problem(name, "another source has the place of its repository")
        describe_repository(place, facts)
    except Failure as problem:
        shutil.rmtree(made, ignore_errors=True)
        work.problem(name, str(problem), is_damage=not isinstance(problem, Unsupported))
        describe_repository(place, facts)


def describe_repository(place, facts):
    """Writes beside a repository's bundles what its facts say, and the commands that put it together."""
    quoted = lambda data: b"'" + data.replace(b"'", b"'\\''") + b"'"
    lines = [b"#!/bin/sh", b"# Makes the repository of the bundles beside this file: sh make-repository DIRECTORY"]
    lines += [b"set -e", b'here=$(cd "$(dirname "$0")" && pwd)']
    form = b"sha1" if facts.width == 20 else b"sha256"
    lines += [b'git init --quiet --bare --object-format=%s "$1"' % form, b'cd "$1"']
    for number in range(facts.count):
        lines.append(b'git bundle unbundle "$here"/%s >/dev/null' % facts.bundle(number).encode())
    for name, id in facts.restorable():
        lines.append(b"git update-ref %s %s" % (quoted(name), id.hex().encode()))
    if facts.head.startswith(b"ref: "):
        lines.append(b"git symbolic-ref HEAD %s" % quoted(facts.head[5:]))
    else:
        lines.append(b"git update-ref --no-deref HEAD %s" % quoted(facts.head))
    listing = [b"%s %s" % (id.hex().encode(), name) for name, id in facts.references + facts.lost]
    for name, data in (("make-repository", lines), ("references", [b"# HEAD " + facts.head] + listing)):
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=place)
        with open(handle, "wb") as file:
            file.write(b"\n".join(data) + b"\n")


# The command


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("store", metavar="STORE")
    parser.add_argument("snapshot", metavar="SNAPSHOT", nargs="?")
    parser.add_argument("--into", metavar="DIR", help="where to restore to: absent or empty")
    parser.add_argument("--identity", "-i", metavar="FILE", action="append", default=[], help="for age; repeatable")
    parser.add_argument(
        "--secret", metavar="FILE", action="append", default=[],
        help="the 32 bytes of a read or write secret, instead of an identity; repeatable")
    parser.add_argument("--root", metavar="FINGERPRINT", help="of the store's first config: another store is refused")
    parser.add_argument("--source", metavar="NAME", action="append", default=[], help="this source alone; repeatable")
    parser.add_argument("--owners", action="store_true", help="owners, set-id bits and devices too (needs root)")
    parser.add_argument("--keep-damaged", action="store_true", help="keep damaged files, zeros where bytes are lost")
    parser.add_argument("--check", action="store_true", help="read everything, restore nothing")
    options = parser.parse_intermixed_args()
    if (options.snapshot is None) != (options.into is None) or (options.check and options.snapshot):
        parser.error("a SNAPSHOT and --into DIR, or --check, or neither to list the snapshots")
    return options


def run(options):
    store = Store(options.store, options.root)
    secrets = []
    for name in options.secret:
        with open(name, "rb") as file:
            secrets.append(file.read(33))
        need(len(secrets[-1]) == 32, "%s: not 32 bytes" % name, Usage)
    store.unlock(options.identity, secrets)
    if not options.root:
        print("recover.py: the store's root is %s (--root refuses another)" % store.fingerprint, file=sys.stderr)
    if options.check:
        need(store.read_keys, "no read key is at hand", NotForThisKey)
        for note in store.forks(store.snapshots()[0]):
            print("note: %s" % note)
        findings = store.check()
        for finding in findings:
            print("damaged: %s" % finding)
        return 9 if findings else 0
    snapshots, failures = store.snapshots()
    for problem in failures + store.chain_findings(snapshots) + store.forks(snapshots):
        print("recover.py: %s" % problem, file=sys.stderr)
    # One that is forgotten and still there is restored where its whole id is given, as far as its packs are there.
    kept = [snapshot for snapshot in snapshots if bytes.fromhex(snapshot.id) not in store.forgotten]
    if options.snapshot is None:
        for snapshot in kept:
            revisions = " ".join("%s@%s" % (s, c.hex()[:10]) for s, c in snapshot.revisions)
            words = (snapshot.id, time_text(snapshot.time), snapshot.environment, snapshot.status, revisions)
            print(" ".join(printable(word.encode()) for word in words).rstrip())
        return 9 if failures else 0
    need(store.read_keys, "the keys can add to this store, not read it", NotForThisKey)
    wanted = options.snapshot
    found = [s for s in kept if len(wanted) >= 8 and s.id.startswith(wanted)]
    found = found or [s for s in snapshots if s.id == wanted]
    if wanted == "latest":
        found = newest(kept)
        for snapshot in found:
            words = (snapshot.id, time_text(snapshot.time))
            print("recover.py: takes snapshot %s of %s" % words, file=sys.stderr)
    need(len(found) == 1, "%s: means %d snapshots that can be opened" % (wanted, len(found)), Usage)
    store.load_index()
    problems, damaged = restore(store, found[0], options.into, options)
    for problem in store.notes + problems:
        print("recover.py: %s" % problem, file=sys.stderr)
    unread = store.unread if wanted == "latest" else []
    for name in unread:
        words = (name, found[0].id)
        print("recover.py: snapshots/%s: can't be read and may be newer than %s, which is restored" % words, file=sys.stderr)
    return 9 if damaged or unread else 10 if problems else 0


def newest(snapshots):
    """The newest complete one of `snapshots`, oldest first; else the newest partial one, else the newest torn one."""
    for status in ("complete", "partial", "torn"):
        fitting = [snapshot for snapshot in snapshots if snapshot.status == status]
        if not fitting:
            continue
        if status != "complete":
            print("recover.py: %s: it is %s, none is complete" % (fitting[-1].id, status), file=sys.stderr)
        for other in reversed(snapshots[snapshots.index(fitting[-1]) + 1 :]):
            words = (other.id, other.status)
            print("recover.py: passed over: %s, newer and %s" % words, file=sys.stderr)
        return fitting[-1:]
    return []


def time_text(nanoseconds):
    import datetime

    start = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    try:
        return (start + datetime.timedelta(microseconds=nanoseconds // 1000)).isoformat()
    except OverflowError:
        return str(nanoseconds)


def main():
    try:
        return run(arguments())
    except Failure as problem:
        print("recover.py: %s" % problem, file=sys.stderr)
        return problem.code
    except OSError as problem:
        print("recover.py: %s" % problem, file=sys.stderr)
        return 7


if __name__ == "__main__":
    sys.exit(main())
