/// What a snapshot holds, a line a fact: Python, for names that no `String` holds. A line is a tuple as Python prints it.
///
///     ('entry', path, type, mode, user, group, user name, group name, time, length, SHA-256, target, device)   as tar(5) says
///     ('attribute', path, name, value)         of what was restored
///     ('reference', repository, name, commit)  HEAD among them
///     ('restore', exit code)
enum FrozenListing {
    private static let common = #"""
        import ast, hashlib, os, stat, subprocess, sys, tarfile
        from decimal import Decimal
        raw = lambda text: text.encode("utf-8", "surrogateescape")

        def entries(archive):
            with tarfile.open(archive) as tar:
                for item in tar:
                    content = tar.extractfile(item).read() if item.isreg() else None
                    time = int(Decimal(str(item.pax_headers.get("mtime", int(item.mtime)))) * 10**9)
                    yield ("entry", raw(item.name), item.type.decode(), item.mode, item.uid, item.gid, item.uname, item.gname,
                           time, len(content or b""), content is not None and hashlib.sha256(content).hexdigest(),
                           raw(item.linkname), (item.devmajor, item.devminor) if item.ischr() or item.isblk() else None)

        def restored(top):
            for folder, folders, files in os.walk(os.fsencode(top)):
                for name in folders + files:
                    path = folder + b"/" + name
                    if os.path.islink(path) or b"/repositories/" in path:
                        continue
                    for key in sorted(os.listxattr(path)):
                        if key.startswith(("user.", "system.posix_acl_")):
                            yield ("attribute", os.path.relpath(path, os.fsencode(top)), key, os.getxattr(path, key).hex())
            place = top + "/repositories"
            for name in sorted(os.listdir(place)) if os.path.isdir(place) else []:
                git = lambda *words: subprocess.run(
                    ["git", "-C", place + "/" + name] + list(words), check=True, capture_output=True, text=True,
                    env=dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", HOME="/nonexistent")).stdout
                assert not git("fsck", "--full", "--strict", "--no-dangling")
                with open(place + "/" + name + "/HEAD") as file:
                    yield ("reference", name, "HEAD", file.read().strip())
                for line in git("for-each-ref", "--format=%(refname) %(objectname)").splitlines():
                    yield ("reference", name, *line.split(" "))
        """#

    /// ARCHIVE DIRECTORY STATUS: the lines of what was exported and what was restored.
    static let make =
        common + #"""

            for fact in list(entries(sys.argv[1])) + sorted(restored(sys.argv[2])) + [("restore", int(sys.argv[3]))]:
                print(fact)
            """#

    /// FILE ARCHIVE DIRECTORY: whether what was exported (where ARCHIVE is not empty) and what was restored is what the file says.
    static let compare =
        common + #"""

            with open(sys.argv[1]) as file:
                expected = [ast.literal_eval(line) for line in file]
            listed = [fact for fact in expected if fact[0] == "entry"]
            if sys.argv[2]:
                found = list(entries(sys.argv[2]))
                assert found == listed, [pair for pair in zip(found, listed) if pair[0] != pair[1]] or (len(found), len(listed))
            top = sys.argv[3]
            described = [fact for fact in expected if fact[0] in ("attribute", "reference")]
            found = sorted(restored(top))
            assert found == described, (found, described)
            names = set()
            lists = {fact[1:3] for fact in found}
            for _, name, kind, mode, _, _, _, _, time, length, digest, target, _ in listed:
                name = name.rstrip(b"/")
                path = os.fsencode(top) + b"/" + name
                if name.startswith(b"repositories/") or kind in "34":
                    continue
                names.add(name)
                facts = os.lstat(path)
                if kind == "1":
                    assert os.path.samefile(path, os.fsencode(top) + b"/" + target), name
                    continue
                kinds = {"5": stat.S_ISDIR, "2": stat.S_ISLNK, "6": stat.S_ISFIFO}
                assert kinds.get(kind, stat.S_ISREG)(facts.st_mode), name
                if kind == "2":
                    assert os.readlink(path) == target, name
                elif name.startswith(b"directories/"):
                    # With an ACL the group's bits are its mask, in the archive the group's own.
                    bits = 0o1707 if (name, "system.posix_acl_access") in lists else 0o1777
                    assert stat.S_IMODE(facts.st_mode) & bits == mode & bits, (name, facts.st_mode, mode)
                if name.startswith(b"directories/"):
                    assert facts.st_mtime_ns == time, (name, facts.st_mtime_ns, time)
                if stat.S_ISREG(facts.st_mode):
                    with open(path, "rb") as file:
                        content = file.read()
                    assert len(content) == length and (not digest or hashlib.sha256(content).hexdigest() == digest), name
            for folder, folders, files in os.walk(os.fsencode(top) + b"/directories"):
                for name in folders + files:
                    path = os.path.relpath(folder + b"/" + name, os.fsencode(top))
                    # No archive holds a socket.
                    assert stat.S_ISSOCK(os.lstat(folder + b"/" + name).st_mode) or path in names or path.count(b"/") < 2, path
            print(len(listed), "entries are as they were")
            """#
}
