"""trees.py FOLDER [tree|big|change]…

The inputs of the measures of the archive store: the same bytes at each run on one machine.

    tree  about 2 GB in 41,000 files: programs, sources and documents of this machine by a fixed pick, and made-up live
          state: logs, JSON, pages of a database, media that are compressed already, an image of 200 MB
    big   big/a.bin: 2 GiB, one sixteenth of it text, the rest random; big2/a.bin: the same with 50 insertions of 4 KiB

`change` changes about 1 % of the tree in FOLDER in place: half of that modified, a quarter each removed and added, and the
image changed at three places with 1,000 bytes inserted.
"""
import json
import os
import random
import shutil
import stat
import struct
import sys
import zlib

from corpus import WORDS

EPOCH = 1_760_000_000


def put(path, data, time):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    os.utime(path, (time, time))


def listing(root):
    """Regular files below `root` that can be read, with their lengths, sorted by path."""
    found = []
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode) and os.access(path, os.R_OK):
                found.append((path, status.st_size))
    return sorted(found)


def pick(root, target, most_bytes=1 << 40, most_files=10**9, longest=60 << 20):
    """Copies files below `root`, in order, until one of the bounds is met."""
    total = count = 0
    for path, size in listing(root):
        if count >= most_files or total >= most_bytes:
            break
        if not 0 < size <= longest:
            continue
        copy = os.path.join(target, os.path.relpath(path, root))
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copyfile(path, copy)
        time = EPOCH + zlib.crc32(os.path.relpath(path, root).encode()) % 5_000_000
        os.utime(copy, (time, time))
        os.chmod(copy, 0o755 if os.stat(path).st_mode & 0o100 else 0o644)
        total += size
        count += 1


def log(source, size):
    """Lines of a log, `size` bytes of them."""
    lines, length, time = [], 0, EPOCH
    while length < size:
        time += source.randrange(1, 9)
        words = " ".join(source.choice(WORDS) for _ in range(source.randrange(4, 14)))
        line = (f"{time}.{source.randrange(1000):03d} {source.choice(('INFO', 'WARN', 'ERROR'))} "
                f"[{source.choice(WORDS)}-{source.randrange(64)}] {words} id={source.getrandbits(64):016x}\n")
        lines.append(line)
        length += len(line)
    return "".join(lines).encode()[:size]


def document(source, size):
    """A JSON list of about `size` bytes."""
    rows, length = [], 0
    while length < size:
        rows.append(json.dumps({
            "id": f"{source.getrandbits(96):024x}", "kind": source.choice(WORDS),
            "name": f"{source.choice(WORDS)}-{source.randrange(10**6)}", "time": EPOCH + source.randrange(10**7),
            "note": " ".join(source.choice(WORDS) for _ in range(source.randrange(3, 20)))}))
        length += len(rows[-1]) + 2
    return ("[" + ",\n".join(rows) + "]\n").encode()


def pages(source, count, size=8192):
    """Pages as of a database: a header, room, rows that are part text and part random."""
    out = bytearray()
    for number in range(count):
        rows = bytearray()
        while len(rows) < size * 6 // 10:
            rows += struct.pack("<IIQ", number, len(rows), source.getrandbits(64))
            rows += source.choice(WORDS).encode() * source.randrange(1, 3)
            rows += source.randbytes(source.randrange(8, 60))
        rows = rows[:size - 64]
        head = struct.pack("<QII", number, 0x12345678, source.getrandbits(32)).ljust(64, b"\0")
        out += head + bytes(size - 64 - len(rows)) + rows
    return bytes(out)


def tree(folder):
    """Makes the tree in `folder`, which must be empty or absent."""
    tools = os.path.dirname(os.path.dirname(os.path.realpath(shutil.which("swift"))))
    for root, name, bounds in (
        ("/usr/lib/python3", "app/python3", {}),
        ("/usr/lib/python3.11", "app/python3.11", {}),
        ("/usr/share/doc", "share/doc", {}),
        ("/usr/share/man", "share/man", {"most_files": 6000}),
        ("/usr/share/zoneinfo", "share/zoneinfo", {"most_files": 2000}),
        ("/usr/include", "include", {"most_files": 8000}),
        (f"{tools}/lib/swift", "swift/lib/swift", {"most_bytes": 820_000_000, "most_files": 1500}),
        (f"{tools}/lib/clang", "swift/lib/clang", {"most_bytes": 120_000_000, "most_files": 1500}),
        (f"{tools}/share", "swift/share", {"most_files": 1000}),
        ("/usr/bin", "bin", {"most_bytes": 150_000_000, "most_files": 600, "longest": 20 << 20}),
    ):
        pick(root, f"{folder}/{name}", **bounds)
    source = random.Random(20_261_122)
    for number in range(120):
        put(f"{folder}/live/log/app-{number:03d}.log", log(source, 500_000 + source.randrange(500_000)), EPOCH + number)
    for number in range(14_000):
        size = int(min(40_000, max(120, source.lognormvariate(7.2, 1.1))))
        put(f"{folder}/live/docs/{number % 256:02x}/{number:05d}.json", document(source, size), EPOCH + number)
    for number in range(12):
        put(f"{folder}/live/db/base/{16384 + number}", pages(source, 1024), EPOCH + number)
    for number in range(1500):
        size = int(min(4e6, max(4e3, source.lognormvariate(11.4, 0.9))))
        put(f"{folder}/live/media/{number % 40:02d}/{number:04d}.jpg", b"\xff\xd8\xff\xe0" + source.randbytes(size),
            EPOCH + number)
    image = bytearray()
    for number in range(200):
        kind = number % 4
        if kind < 2:
            image += source.randbytes(1_000_000)
        elif kind == 2:
            image += log(source, 1_000_000)
        else:
            image += pages(source, 122).ljust(1_000_000, b"\0")
    put(f"{folder}/live/volume.img", image, EPOCH)
    os.makedirs(f"{folder}/live/links")
    for number in range(300):
        os.symlink(f"../docs/{number % 256:02x}/{number:05d}.json", f"{folder}/live/links/l{number:03d}")


def change(folder):
    """Changes a tree in place: always the same way."""
    source = random.Random(4242)
    files = [path for path, _ in listing(folder) if not path.endswith("volume.img")]
    picked = source.sample(range(len(files)), len(files) * 3 // 400)
    modified = len(files) // 200
    time = EPOCH + 9_000_000
    for index in picked[:modified]:
        with open(files[index], "rb") as file:
            data = bytearray(file.read())
        offset = source.randrange(len(data))
        data[offset:offset + 32] = source.randbytes(32)
        if source.random() < 0.5:
            data[offset:offset] = log(source, 200)
        put(files[index], data, time)
    for index in picked[modified:]:
        os.unlink(files[index])
    for number in range(len(files) // 400):
        put(f"{folder}/live/new/{number:04d}.json", document(source, source.randrange(500, 30_000)), time)
    path = f"{folder}/live/volume.img"
    with open(path, "rb") as file:
        data = bytearray(file.read())
    for offset in (10_000_003, 80_500_000, 150_000_777):
        data[offset:offset + 4096] = source.randbytes(4096)
    data[120_000_001:120_000_001] = source.randbytes(1000)
    put(path, data, time)


def big(folder):
    """Makes big/a.bin and big2/a.bin in `folder`."""
    source = random.Random(99)
    size = 2 << 30
    places = sorted(source.sample(range(size), 50))
    text = log(random.Random(5), 1 << 22)
    for name in ("big", "big2"):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
    with open(f"{folder}/big/a.bin", "wb") as first, open(f"{folder}/big2/a.bin", "wb") as second:
        for number in range(size >> 20):
            start = number * 65536 % ((1 << 22) - 65536)
            block = source.randbytes((1 << 20) - (1 << 16)) + text[start:start + 65536]
            first.write(block)
            done = 0
            while places and places[0] < (number + 1) << 20:
                offset = places.pop(0) - (number << 20)
                second.write(block[done:offset] + source.randbytes(4096))
                done = offset
            second.write(block[done:])


if __name__ == "__main__":
    for part in sys.argv[2:] or ("tree", "big"):
        if part == "tree":
            tree(f"{sys.argv[1]}/tree")
        elif part == "big":
            big(sys.argv[1])
        else:
            change(sys.argv[1])
