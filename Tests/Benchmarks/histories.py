"""histories.py START COUNT

A made-up history for `git fast-import`, the same at each run: commits START to START + COUNT - 1 on `main`, each of which
changes, or adds, one to four of some hundred text files of about 10 KB; a tag each five hundred.
"""
import random
import sys

from corpus import WORDS

EPOCH = 1_760_000_000


def line(draw):
    return " ".join(draw.choice(WORDS) for _ in range(8)) + f" {draw.getrandbits(32):08x}"


def commits(count):
    """Yields (number, {path: bytes that changed}); the state is played through from the first commit on."""
    draw, files = random.Random(1711), {}
    for number in range(count):
        changed = {}
        for _ in range(draw.randint(1, 4)):
            if len(files) < 40 or draw.random() < 0.25:
                path = f"{draw.choice(WORDS)}/{draw.choice(WORDS)}-{draw.randrange(1500)}.txt"
            else:
                path = draw.choice(sorted(files))
            if path in files:
                lines = list(files[path])
                place = draw.randrange(len(lines))
                lines[place : place + draw.randint(1, 4)] = [line(draw) for _ in range(draw.randint(1, 5))]
            else:
                lines = [line(draw) for _ in range(draw.randint(20, 300))]
            files[path] = changed[path] = lines
        yield number, {path: ("\n".join(lines) + "\n").encode() for path, lines in changed.items()}


def stream(start, count, out):
    for number, changed in commits(start + count):
        if number < start:
            continue
        out.write(b"commit refs/heads/main\nmark :%d\n" % (number + 1))
        out.write(b"committer A U Thor <a@example.org> %d +0000\n" % (EPOCH + number * 86400))
        out.write(b"data <<.\ncommit %d\n.\n" % number)
        if number == start and start > 0:
            out.write(b"from refs/heads/main^0\n")
        for path, data in changed.items():
            out.write(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))
        if number % 500 == 499:
            out.write(b"reset refs/tags/v%d\nfrom :%d\n\n" % (number // 500, number + 1))


if __name__ == "__main__":
    stream(int(sys.argv[1]), int(sys.argv[2]), sys.stdout.buffer)
