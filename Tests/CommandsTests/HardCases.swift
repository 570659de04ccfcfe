import Support
import Testing

/// Trees and stores of what is hard to keep, and what looks at them: Python, for names that no `String` holds.
enum HardCases {
    /// What a script prints; an issue where it fails.
    @discardableResult
    static func run(
        _ script: String, _ arguments: [String], with interpreter: String = "python3", stdin: [UInt8] = []
    ) -> String {
        let outcome = ShellCommand.run(interpreter, ["-B", "-c", script] + arguments, stdin: stdin)
        #expect(outcome.status == 0, "\(outcome.text)\n\(outcome.errorText)")
        return outcome.text
    }

    /// Makes a tree of what is hard to keep.
    static let make = #"""
        import os, random, sys
        top = os.fsencode(sys.argv[1])
        os.makedirs(top + b"/d/e")
        def write(path, data, mode=0o640):
            with open(top + b"/" + path, "wb") as file:
                file.write(data)
            os.chmod(top + b"/" + path, mode)
        random.seed(1)
        write(b"plain", b"hello\n")
        write(b"empty", b"")
        write(b"large", random.randbytes(30 << 20))
        for name in (b"\xff\xfe\nname", "caf\u00e9".encode(), "cafe\u0301".encode(), b"-rf", b"a" * 255, b"%2F"):
            write(name, name)
        write(b"d/script", b"#!/bin/sh\n", 0o4755)
        with open(top + b"/sparse", "wb") as file:
            file.truncate(64 << 20)
            file.seek(20 << 20)
            file.write(b"middle")
        with open(top + b"/hole", "wb") as file:
            file.truncate(1 << 20)
        for name in (b"Again", b"d/e/zz", b"zz"):
            os.link(top + b"/plain", top + b"/" + name)
        os.symlink("../nowhere", top + b"/link")
        os.symlink(b"\xff\n", top + b"/strange link")
        os.mkfifo(top + b"/pipe", 0o622)
        if os.geteuid() == 0:
            os.mknod(top + b"/null", 0o20666, os.makedev(1, 3))
            os.chown(top + b"/empty", 4294967294, 7)
        os.setxattr(top + b"/plain", "user.note", b"\0\x01\xff")
        os.setxattr(top + b"/d", "user.empty", b"")
        os.setxattr(top + b"/d/script", "system.posix_acl_access", bytes.fromhex(
            "0200000001000700ffffffff02000700d204000004000500ffffffff10000700ffffffff20000500ffffffff"))
        deep = top + b"/deep" + (b"/" + b"n" * 200) * 3
        os.makedirs(deep)
        with open(deep + b"/file", "wb") as file:
            file.write(b"deep")
        for number in range(300):
            write(b"d/e/%d" % number, b"small %d" % number)
        # bsdtar (libarchive 3.6) reads fractions of seconds before 1970 otherwise than they are written.
        times = ((b"plain", 1700000000123456789), (b"empty", -1500000000 if len(sys.argv) > 2 else -2000000000), (b"d", 1),
                 (b"link", 5000000000000000005), (b"large", -123456789012 if len(sys.argv) > 2 else -123000000000))
        for name, time in times:
            os.utime(top + b"/" + name, ns=(time, time), follow_symlinks=False)
        os.chmod(top + b"/d/e", 0o550)
        """#

    /// Compares two trees in all that a file system says of them.
    static let compare = #"""
        import hashlib, os, stat, sys
        def facts(top):
            found, names = {}, {}
            def visit(path, name):
                s = os.lstat(path)
                kind = stat.S_IFMT(s.st_mode)
                fact = [kind, stat.S_IMODE(s.st_mode), s.st_uid, s.st_gid, s.st_mtime_ns, s.st_rdev]
                attributes = sorted(os.listxattr(path, follow_symlinks=False))
                fact.append([(n, os.getxattr(path, n, follow_symlinks=False)) for n in attributes])
                if kind == stat.S_IFLNK:
                    fact.append(os.readlink(path))
                if kind == stat.S_IFREG:
                    with open(path, "rb") as file:
                        fact += [s.st_size, hashlib.sha256(file.read()).digest(), s.st_blocks * 512 < s.st_size]
                    names.setdefault(s.st_ino, []).append(name)
                found[name] = fact
                if kind == stat.S_IFDIR:
                    for child in os.listdir(path):
                        visit(path + b"/" + child, name + b"/" + child)
            visit(os.fsencode(top), b"")
            return found, sorted(sorted(n) for n in names.values() if len(n) > 1)
        (before, links), (after, made) = facts(sys.argv[1]), facts(sys.argv[2])
        for name in sorted(set(before) | set(after)):
            if before.get(name) != after.get(name):
                print("differs:", name, before.get(name), after.get(name))
        assert before == after and links == made, (links, made)
        print(len(before), "entries,", len(links[0]), "names of one file")
        """#

    /// Runs the script `recover.py`, the second argument says whether it finds git.
    static let recover = #"""
        import os, sys
        sys.path.insert(0, os.path.dirname(sys.argv[1]))
        import recover
        if not sys.argv[2]:
            recover.shutil.which = lambda name: None
        sys.argv[1:] = sys.argv[3:]
        print("status %d" % recover.main())
        """#

    /// Bits of a bundle's pack are changed: none makes a repository.
    static let spoil = #"""
        import hashlib, os, subprocess, sys
        sys.path.insert(0, os.path.dirname(sys.argv[1]))
        import recover
        if not sys.argv[2]:
            recover.shutil.which = lambda name: None
        place, source = sys.argv[3:5]
        os.makedirs(place + "/a/increments")
        git = lambda *words: subprocess.run(["git", "-C", source] + list(words), check=True, capture_output=True).stdout
        git("bundle", "create", "-q", place + "/a/increments/000000.bundle", "--all")
        with open(place + "/a/increments/000000.bundle", "rb") as file:
            whole = file.read()
        references = [line.split(b" ") for line in git("for-each-ref", "--format=%(objectname) %(refname)").split(b"\n") if line]
        pairs = sorted((name, bytes.fromhex(id.decode())) for id, name in references)
        commits = sorted(bytes.fromhex(id) for id in git("rev-list", "--all").decode().split())
        u32, LP, empty = recover.u32, recover.LP, recover.u32(0)
        listed = u32(len(pairs)) + b"".join(LP(name) + id for name, id in pairs)
        facts = LP(b"strongroom/repository/v1") + LP(b"") + b"\1" + LP(b"ref: refs/heads/main") + listed + u32(1)
        index = LP(b"strongroom/increment/v1") + b"\1" + recover.u64(len(whole)) + empty + empty + u32(len(commits)) + b"".join(commits)
        def lay(lost):
            for name, data in (("facts", facts + lost + empty), ("increments/000000.index", index)):
                with open(place + "/a/" + name, "wb") as file:
                    file.write(data)
        lay(empty)
        class Work:
            def problem(self, path, reason, is_damage=False):
                self.told = reason
        def attempt(data):
            with open(place + "/a/increments/000000.bundle", "wb") as file:
                file.write(data)
            for name in ("make-repository", "references"):
                if os.path.exists(place + "/a/" + name):
                    os.unlink(place + "/a/" + name)
            work = Work()
            work.told = None
            handle = os.open(place + "/a", os.O_RDONLY)
            recover.recover_repository(handle, place.encode(), b"a", work)
            os.close(handle)
            return work.told
        start = whole.index(b"PACK")
        for position in range(start, len(whole), max(1, (len(whole) - start) // 12)):
            changed = bytearray(whole)
            changed[position] ^= 4
            told = attempt(bytes(changed))
            assert told and "000000.bundle" in told, (position, told)
            assert os.path.exists(place + "/a/make-repository") and not os.path.exists(place + "/a.git"), position
        # A pack that is whole in itself, with an object too few.
        last = told
        assert attempt(whole[: start + 200]) is not None
        assert attempt(whole) is None and os.path.exists(place + "/a.git/packed-refs") and not os.path.exists(place + "/a")
        # A reference that another is below is left out and named.
        recover.shutil.rmtree(place + "/a.git")
        os.makedirs(place + "/a/increments")
        lay(u32(1) + LP(pairs[0][0] + b"/x") + pairs[0][1])
        told = attempt(whole)
        assert told and told.endswith("the repository has its object, " + pairs[0][1].hex()), told
        packed = open(place + "/a.git/packed-refs", "rb").read()
        assert pairs[0][0] + b"/x\n" in packed and pairs[0][0] + b"\n" not in packed, packed
        print("refused: " + last)
        """#

    /// Flips bits all over a store, one at a time, and checks it each time; then the same with objects whose names fit
    /// again.
    static let flip = #"""
        import os, sys
        sys.path.insert(0, os.path.dirname(sys.argv[1]))
        import recover
        top = sys.argv[2]
        store = recover.Store(top)
        secrets = [store.open_key_file(power, store.config.keys[power][0], sys.argv[3:]) for power in ("read", "write")]
        def findings():
            try:
                again = recover.Store(top, store.fingerprint)
                again.unlock([], secrets)
                return again.check()
            except recover.Failure as failure:
                return [str(failure)]
        assert findings() == [], findings()
        count = 0
        files = sorted(os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names)
        for number, path in enumerate(files):
            with open(path, "rb") as file:
                data = file.read()
            for position in range(number % 5, len(data), 5):
                changed = bytearray(data)
                changed[position] ^= 1 << count % 8
                count += 1
                with open(path, "wb") as file:
                    file.write(changed)
                assert findings(), (path, position)
                if len(os.path.basename(path)) == 64 and position % 7 == 0:
                    name = os.path.join(os.path.dirname(path), (recover.SHA256 if "/packs/" in path else recover.H)(bytes(changed)).hex())
                    if "/packs/" in path:
                        name = os.path.join(top, "packs", os.path.basename(name))
                    os.rename(path, name)
                    assert findings(), (path, position)
                    os.rename(name, path)
            with open(path, "wb") as file:
                file.write(data[:-1])
            assert findings(), path
            os.unlink(path)
            # What an index object says the packs say too.
            assert findings() or "/index/" in path or "/snapshots/" in path, path
            with open(path, "wb") as file:
                file.write(data)
        assert findings() == []
        print("noticed", count, "in", len(files), "files")
        """#

    /// Flips a bit in the middle of the largest pack.
    static let damage = #"""
        import os, sys
        packs = [os.path.join(f, n) for f, _, names in os.walk(sys.argv[1] + "/packs") for n in names]
        with open(max(packs, key=os.path.getsize), "r+b") as file:
            file.seek(5 << 20)
            byte = file.read(1)[0]
            file.seek(5 << 20)
            file.write(bytes([byte ^ 4]))
        """#

    /// Entries that would leave their directory, through links and through directories that are not there.
    static let escape = #"""
        import os, sys
        from types import SimpleNamespace as Thing
        sys.path.insert(0, os.path.dirname(sys.argv[1]))
        import recover
        top = sys.argv[2]
        os.makedirs(top + "/in")
        with open(top + "/sentinel", "w") as file:
            file.write("untouched")
        def entry(path, kind, target=None):
            return Thing(path=path, kind=kind, target=target, mode=0o777, user=0, group=0, attributes=[], time=0, flags=0,
                         content=(1, 1, [(1, None, 0)]))
        entries = [entry(b"", 1), entry(b"out", 3, b".."), entry(b"out/sentinel", 2), entry(b"out/new", 2),
                   entry(b"out/made", 1), entry(b"link", 3, b"../sentinel"), entry(b"link", 2), entry(b"hard", 4, b"link"),
                   entry(b"hard2", 4, b"out/sentinel"), entry(b"none/file", 2), entry(b"good", 2)]
        root = os.open(top + "/in", os.O_RDONLY | os.O_DIRECTORY)
        store = Thing(segments=lambda content: content[2])
        work = recover.Restoration(store, root, Thing(owners=False, keep_damaged=False))
        work.run(entries)
        for path in (b"/etc/x", b"../x", b"a/../x", b"a//b", b"a/.", b"a\0b"):
            assert not recover.is_path(path), path
        with open(top + "/sentinel") as file:
            assert file.read() == "untouched"
        assert sorted(os.listdir(top)) == ["in", "sentinel"]
        assert sorted(os.listdir(top + "/in")) == ["good", "link", "out"], os.listdir(top + "/in")
        assert os.stat(top + "/sentinel").st_nlink == 1
        assert len(work.problems) == 7 and work.count == 4, (work.problems, work.count)
        print("nothing escaped")
        """#

    /// Compares what GNU tar and bsdtar list of an archive with the names of a tree.
    static let list = #"""
        import os, subprocess, sys
        archive, top = sys.argv[1], os.fsencode(sys.argv[2])
        names = [b"."]
        for folder, folders, files in os.walk(top):
            names += [os.path.relpath(os.path.join(folder, name), top) for name in folders + files]
        environment = dict(os.environ, LC_ALL="C")
        gnu = subprocess.run(["tar", "--quoting-style=literal", "--null", "-tf", archive], capture_output=True, env=environment)
        bsd = subprocess.run(["/usr/bin/bsdtar", "-tf", archive], capture_output=True, env=environment)
        assert gnu.returncode == 0 and bsd.returncode == 0, (gnu.stderr, bsd.stderr)
        def plain(text):
            return sorted(line.rstrip(b"/") for line in text.split(b"\n"))
        wanted = plain(b"\n".join(names + [b""]))
        assert plain(gnu.stdout) == wanted, (plain(gnu.stdout), wanted)
        def unquoted(text):
            import re
            text = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), text)
            return text.replace(b"\\n", b"\n").replace(b"\\\\", b"\\")
        assert plain(unquoted(bsd.stdout)) == wanted, (plain(unquoted(bsd.stdout)), wanted)
        print(len(names), "names, the same in both")
        """#

    /// Extracts the archive of standard input with GNU tar.
    static let unpack = #"""
        import os, subprocess, sys
        os.makedirs(sys.argv[1])
        options = ["--same-permissions", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--acls"]
        sys.exit(subprocess.run(["tar", "-x", "-C", sys.argv[1]] + options).returncode)
        """#
}
