import Files
import Glibc
import Support
import Testing

@testable import Delivery

/// Who could see what while it is written, and after.
@Suite struct ExposureTests {
    private let fixture = Fixture()

    /// Wakes at every event of inotify(7) below a directory and notes the modes that it finds there.
    private static let watcher = """
        import ctypes, json, os, select, stat, struct, sys
        root, stop, ready = sys.argv[1:4]
        libc = ctypes.CDLL(None)
        events = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        places, open_to_others, sightings = {}, set(), 0
        def look(path):
            global sightings
            try: mode = os.lstat(path).st_mode
            except OSError: return
            if stat.S_ISLNK(mode): return
            sightings += 1
            if mode & 0o077: open_to_others.add("%s %o" % (os.path.relpath(path, root), mode))
            if stat.S_ISDIR(mode) and path not in places.values():
                number = libc.inotify_add_watch(events, path.encode(), 0x2 | 0x4 | 0x80 | 0x100)
                if number < 0: return
                places[number] = path
                try: names = os.listdir(path)
                except OSError: return
                for name in names: look(os.path.join(path, name))
        places[libc.inotify_add_watch(events, root.encode(), 0x2 | 0x4 | 0x80 | 0x100)] = root
        for name in os.listdir(root): look(os.path.join(root, name))
        open(ready, "w").close()
        while True:
            if not select.select([events], [], [], 0.2)[0]:
                if os.path.exists(stop): break
                continue
            data = os.read(events, 1 << 16)
            while data:
                number, mask, _, length = struct.unpack_from("iIII", data)
                name = data[16:16 + length].rstrip(b"\\0").decode()
                data = data[16 + length:]
                if mask & 0x8000: places.pop(number, None)
                elif number in places: look(os.path.join(places[number], name))
        print(json.dumps({"sightings": sightings, "open": sorted(open_to_others)}))
        """

    @Test(arguments: FilesTarget.Layout.allCases)
    func
        `F059 a watcher by inotify sees nothing that others could read, under umask 000 and over a 0644 file`(
            layout: FilesTarget.Layout
        ) throws
    {
        let umask = Umask.begin(0)
        defer { umask.end() }
        let beside = TemporaryDirectory("strongroom-watch")
        ScratchRepository(at: beside.path).write("watcher.py", ExposureTests.watcher)
        unsafe chmod(fixture.scratch.path, 0o700)
        let (stop, ready, log) = (beside.file("stop"), beside.file("ready"), beside.file("log"))
        if layout == .files { unsafe mkdir(fixture.app, 0o700) }
        let watcher = BackgroundProcess(
            "python3", [beside.file("watcher.py"), fixture.scratch.path, stop, ready], log: log)
        while unsafe access(ready, F_OK) != 0 { usleep(10_000) }
        let target = try fixture.target(layout)
        for round in 0..<100 {
            try fixture.deliver(
                try fixture.tree([
                    "a.txt": "round \(round)", "deep/b.txt": "round \(round)", "run*": "#!/bin/sh",
                    "deep/\(round)/c": "x",
                ]), to: target, at: 1_000 + Int64(round) * 700)
        }
        ScratchRepository(at: beside.path).write("stop", "")
        #expect(watcher.wait() == 0)
        let seen = ShellCommand.run(
            "python3",
            ["-c", "import json,sys; d=json.load(open(sys.argv[1])); print(d['sightings'], d['open'])", log])
        let words = seen.text.split(separator: " ", maxSplits: 1)
        #expect((words.first.flatMap { Int($0) } ?? 0) > 500, "\(seen.errorText)\(seen.text)")
        #expect(words.last == "[]", "\(seen.text)")
    }

    @Test(arguments: FilesTarget.Layout.allCases)
    func `F059 a file that somebody opened up is replaced by one that is closed`(
        layout: FilesTarget.Layout
    ) throws {
        let target = try fixture.target(layout)
        try fixture.deliver(try fixture.tree(["a.txt": "one"]), to: target)
        unsafe chmod(fixture.app + "/a.txt", 0o644)
        let reader = unsafe open(fixture.app + "/a.txt", O_RDONLY | O_CLOEXEC)
        defer { close(reader) }
        try fixture.deliver(try fixture.tree(["a.txt": "two"]), to: target)
        #expect(fixture.listing(fixture.app + "/").contains("a.txt f 400"))
        // Who had it open has the old content: the new one was never in that file.
        var text = [UInt8](repeating: 0, count: 8)
        #expect(unsafe read(reader, &text, 8) == 3 && text.prefix(3) == Array("one".utf8)[...])
    }

    /// Sets a default access control list by which the user 65534 may do everything with all that is made below.
    private static let opener = """
        import os, struct, sys
        entries = [(1, 7, -1), (2, 7, 65534), (4, 7, -1), (16, 7, -1), (32, 7, -1)]
        acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", t, p, i & 0xFFFFFFFF) for t, p, i in entries)
        os.setxattr(sys.argv[1], "system.posix_acl_default", acl)
        """
    private static let canSetLists: Bool = {
        let scratch = TemporaryDirectory("strongroom-lists")
        return geteuid() == 0 && ShellCommand.run("python3", ["-c", opener, scratch.path]).status == 0
    }()

    @Test(.enabled(if: canSetLists, "not root, or the file system of /tmp has no access control lists"))
    func `F059 a default access control list opens nothing to those whom the mode shuts out`() throws {
        for (layout, mode) in [
            (FilesTarget.Layout.generation, UInt16(0o400)), (.generation, 0o440), (.files, 0o400),
        ] {
            let fixture = Fixture()
            unsafe chmod(fixture.scratch.path, 0o711)
            _ = ShellCommand.run("python3", ["-c", ExposureTests.opener, fixture.scratch.path])
            try fixture.deliver(
                try fixture.tree(["a.txt": "one", "deep/b.txt": "two"]),
                to: try fixture.target(layout, mode: mode))
            let script = """
                import os, sys
                os.setgroups([]); os.setgid(65534); os.setuid(65534)
                for name in sys.argv[2:]:
                    try: print(open(os.path.join(sys.argv[1], name)).read())
                    except PermissionError: print("refused")
                """
            let read = ShellCommand.run("python3", ["-c", script, fixture.app, "a.txt", "deep/b.txt"])
            #expect(read.text == "refused\nrefused", "\(layout) \(mode) \(read.errorText)")
        }
    }
}
