import Files
import Support
import Testing

@testable import Git

@Suite struct MirrorTests {
    private let scratch = TemporaryDirectory()

    private var source: ScratchRepository { ScratchRepository(at: scratch.file("source")) }
    private var mirrorPath: Path { Path(scratch.file("mirror.git")) }
    private var plainMirror: ScratchRepository { ScratchRepository(at: scratch.file("mirror.git")) }

    private func makeSource() -> ScratchRepository { ScratchRepository(creating: scratch.file("source")) }

    private func fetch(rebuilding: Bool = false) throws(GitError) -> Mirror {
        try Mirror.fetch(RemoteLocation(scratch.file("source")), into: mirrorPath, rebuilding: rebuilding)
    }

    private func listed(_ repository: ScratchRepository) -> [String] {
        repository.git("for-each-ref", "--format=%(objectname) %(refname)").split(separator: "\n").map(
            String.init)
    }

    private func listed(_ references: References) -> [String] {
        references.entries.map { "\($0.target.hex) \($0.name)" }
    }

    @Test func `a mirror has every ref and HEAD of its source, and git finds no fault`() throws {
        let source = makeSource()
        source.write("a/b", "1")
        let first = source.commit("first")
        source.git("tag", "-a", "v1", "-m", "annotated")
        source.git("tag", "light")
        source.git("branch", "feature/x")
        source.git("notes", "add", "-m", "note")
        source.git("update-ref", "refs/odd/blob", source.object("blob", Array("blob".utf8)))
        source.git("update-ref", "refs/odd/tree", "HEAD^{tree}")
        let mirror = try fetch()
        #expect(listed(mirror.references) == listed(source))
        #expect(listed(plainMirror) == listed(source))
        #expect(mirror.references.head == .symbolic("refs/heads/main".ref))
        #expect(mirror.references.headTarget == first.id)
        #expect(try mirror.references[ReferenceName(branch: "feature/x")] == first.id)
        #expect(try mirror.repository.peel(#require(mirror.references["refs/tags/v1".ref])) == first.id)
        #expect(plainMirror.run("fsck", "--strict", "--full").status == 0)
        #expect(plainMirror.git("symbolic-ref", "HEAD") == "refs/heads/main")
    }

    @Test func `the next fetch brings what is new and drops what vanished`() throws {
        let source = makeSource()
        source.write("a", "1")
        source.commit("first")
        source.git("branch", "old")
        _ = try fetch()
        source.write("b", "2")
        let second = source.commit("second")
        source.git("branch", "-D", "old")
        source.git("branch", "old/below")
        let mirror = try fetch()
        #expect(listed(mirror.references) == listed(source))
        #expect(listed(plainMirror) == listed(source))
        #expect(mirror.references["refs/heads/main".ref] == second.id)
        #expect(plainMirror.run("fsck", "--strict").status == 0)
        let opened = try Mirror(at: mirrorPath)
        #expect(opened.references == mirror.references)
    }

    @Test func `a fetch of nothing new writes nothing`() throws {
        let source = makeSource()
        source.write("a", "1")
        source.commit("first")
        _ = try fetch()
        let before = ShellCommand.run("find", [scratch.file("mirror.git"), "-printf", "%p %T@ %i\n"]).text
        _ = try fetch()
        let after = ShellCommand.run(
            "find", [scratch.file("mirror.git"), "-type", "f", "-printf", "%p %T@ %i\n"]
        ).text
        #expect(after.split(separator: "\n").allSatisfy { before.contains($0) })
    }

    @Test func `a forced branch and a detached HEAD are followed`() throws {
        let source = makeSource()
        source.write("a", "1")
        let first = source.commit("first")
        source.write("a", "2")
        let second = source.commit("second")
        _ = try fetch()
        source.git("reset", "-q", "--hard", first)
        source.git("checkout", "-q", "--detach", first)
        let mirror = try fetch()
        #expect(mirror.references["refs/heads/main".ref] == first.id)
        #expect(mirror.references.head == .detached(first.id))
        #expect(try mirror.repository.isAncestor(first.id, of: second.id))
    }

    @Test func `F046 an empty repository is an empty mirror with an unborn HEAD`() throws {
        _ = makeSource()
        let mirror = try fetch()
        #expect(mirror.references.entries.isEmpty)
        #expect(mirror.references.head == .symbolic("refs/heads/main".ref))
        #expect(mirror.references.headTarget == nil)
        #expect(plainMirror.run("fsck").status == 0)
    }

    @Test func `bare repositories, linked work trees and file URLs are sources`() throws {
        let source = makeSource()
        source.write("a", "1")
        let first = source.commit("first")
        source.git("worktree", "add", "-q", "-b", "side", scratch.file("linked"))
        source.git("pack-refs", "--all")
        source.git("gc", "-q")
        ScratchRepository.git(["clone", "-q", "--mirror", scratch.file("source"), scratch.file("bare.git")])
        for text in [
            scratch.file("linked"), scratch.file("bare.git"), "file://" + scratch.file("source"),
            scratch.file("source/.git"),
        ] {
            let mirror = try Mirror.fetch(RemoteLocation(text), into: Path(scratch.file("m")))
            #expect(mirror.references["refs/heads/main".ref] == first.id, "\(text)")
            #expect(mirror.references["refs/heads/side".ref] == first.id, "\(text)")
        }
    }

    @Test func `F044 nothing of the source's configuration runs or is read`() throws {
        let source = makeSource()
        source.write("a", "1")
        source.commit("first")
        let marker = scratch.file("ran")
        for hook in ["post-checkout", "pre-auto-gc", "reference-transaction", "post-update"] {
            source.write(".git/hooks/\(hook)", "#!/bin/sh\ntouch \(marker)\n")
            _ = ShellCommand.run("chmod", ["+x", scratch.file("source/.git/hooks/\(hook)")])
        }
        // A configuration that libgit2 would refuse if it looked, and programs that it would run.
        source.write(
            ".git/config",
            """
            [core]
            \trepositoryformatversion = 0
            \tbare = nonsense
            \tfsmonitor = touch \(marker)
            \tsshCommand = touch \(marker)
            [include]
            \tpath = /dev/full
            [include]
            \tpath = \(scratch.file("broken"))
            [pack]
            \tdeltaCacheSize = nonsense
            """)
        ScratchRepository(at: scratch.path).write("broken", "[[[")
        let mirror = try fetch()
        #expect(mirror.references.entries.count == 1)
        #expect(ShellCommand.run("test", ["-e", marker]).status == 1)
        #expect(!plainMirror.git("config", "--list", "--local").contains("nonsense"))
    }

    @Test func `repositories of other kinds are refused in words`() throws {
        let sha256 = ScratchRepository.git(["init", "-q", "--object-format=sha256", scratch.file("sha256")])
        #expect(sha256.status == 0)
        let source = makeSource()
        source.write("a", "1")
        source.commit("first")
        source.commit("second")
        ScratchRepository.git(
            ["clone", "-q", "--depth=1", "file://" + scratch.file("source"), scratch.file("shallow")])
        for name in ["sha256", "shallow"] {
            let result = code { () throws(GitError) in
                _ = try Mirror.fetch(RemoteLocation(scratch.file(name)), into: Path(scratch.file("m")))
            }
            #expect(result == .unsupportedRepository, "\(name)")
            #expect(
                code { () throws(GitError) in _ = try Repository(at: Path(scratch.file(name))) }
                    == .unsupportedRepository)
        }
    }

    @Test func `a source that is not there is told from one that is`() throws {
        #expect(code { () throws(GitError) in _ = try fetch() } == .repositoryMissing)
        ScratchRepository(at: scratch.path).write("plain/file", "x")
        let result = code { () throws(GitError) in
            _ = try Mirror.fetch(RemoteLocation(scratch.file("plain")), into: mirrorPath)
        }
        #expect(result == .repositoryMissing)
    }

    @Test func `a path that holds something else is never replaced`() throws {
        let source = makeSource()
        source.write("a", "1")
        source.commit("first")
        ScratchRepository(at: scratch.path).write("mirror.git/precious", "x")
        #expect(code { () throws(GitError) in _ = try fetch() } == .repositoryExists)
        #expect(code { () throws(GitError) in _ = try fetch(rebuilding: true) } == .repositoryExists)
        #expect(ShellCommand.run("cat", [scratch.file("mirror.git/precious")]).text == "x")
    }

    @Test func `F047 what a killed fetch leaves is cleared by the next`() throws {
        let source = makeSource()
        source.write("a", "1")
        source.commit("first")
        _ = try fetch()
        let root = ScratchRepository(at: scratch.path)
        root.write("mirror.git/objects/incoming/pack/pack_git2_abc", "half")
        root.write("mirror.git/objects/pack/pack_git2_abc", "half")
        root.write("mirror.git/objects/pack/pack-1234.idx", "half")
        root.write("mirror.git/packed-refs.lock", "")
        root.write("mirror.git/HEAD.lock", "")
        root.write("mirror.git/.packed-refs.tmp-0123456789abcdef", "half")
        root.write("mirror.git/refs/heads/main.lock", "")
        root.write("mirror.git/refs/heads/stray", String(repeating: "0", count: 39) + "1\n")
        root.write("mirror.git/config", "[include]\n\tpath = /etc/passwd\n")
        root.write(".mirror.git.new-0123456789abcdef/objects/x", "half")
        source.write("a", "2")
        source.commit("second")
        let mirror = try fetch()
        #expect(listed(mirror.references) == listed(source))
        #expect(plainMirror.run("fsck", "--strict").status == 0)
        let left = ShellCommand.run(
            "sh",
            [
                "-c",
                "find . -name '*.lock' -o -name '*git2*' -o -name '*.tmp-*' -o -name '*new-*' -o -name incoming",
            ],
            directory: scratch.path)
        #expect(left.text == "./.mirror.git.lock")
    }

    @Test(arguments: ["HEAD", "packed-refs", "objects", "pack", "idx", "refs"])
    func `F047 a mirror with a damaged part is made anew`(_ part: String) throws {
        let source = makeSource()
        source.write("a", String(repeating: "line\n", count: 1000))
        source.commit("first")
        _ = try fetch()
        let damage =
            switch part {
            case "HEAD": "printf garbage > HEAD"
            case "packed-refs": "printf 'garbage garbage\\n' >> packed-refs"
            case "objects": "rm -r objects"
            case "refs": "rm -r refs"
            case "pack": "for f in objects/pack/*.pack; do chmod u+w $f; truncate -s 20 $f; done"
            default: "for f in objects/pack/*.idx; do chmod u+w $f; truncate -s 100 $f; done"
            }
        #expect(ShellCommand.run("sh", ["-c", damage], directory: scratch.file("mirror.git")).status == 0)
        let mirror = try fetch()
        #expect(listed(mirror.references) == listed(source))
        #expect(plainMirror.run("fsck", "--strict", "--full").status == 0)
    }

    @Test func `a mirror with rot inside a pack says so on reading and is made anew when asked`() throws {
        let source = makeSource()
        var random = SystemRandomNumberGenerator()
        source.write("a", (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &random) })
        source.commit("first")
        let blob = source.git("rev-parse", "HEAD:a")
        let mirror = try fetch()
        let rot =
            "for f in objects/pack/*.pack; do chmod u+w $f; printf xxxx | dd of=$f bs=1 seek=5000 conv=notrunc; done"
        #expect(ShellCommand.run("sh", ["-c", rot], directory: scratch.file("mirror.git")).status == 0)
        let reopened = try Mirror(at: mirrorPath)
        let read = code { () throws(GitError) in _ = try reopened.repository.blob(blob.id) }
        #expect(read == .damaged)
        let rebuilt = try fetch(rebuilding: true)
        #expect(try rebuilt.repository.blob(blob.id).count == 100_000)
        #expect(rebuilt.references == mirror.references)
    }

    @Test func `a source that lacks objects changes nothing`() throws {
        let source = makeSource()
        source.write("a", "1")
        source.commit("first")
        let before = try fetch().references
        source.write("b", "2")
        source.commit("second")
        let blob = source.git("rev-parse", "HEAD:b")
        let file = scratch.file("source/.git/objects/\(blob.prefix(2))/\(blob.dropFirst(2))")
        #expect(ShellCommand.run("rm", ["-f", file]).status == 0)
        #expect(code { () throws(GitError) in _ = try fetch() } == .objectMissing)
        #expect(try Mirror(at: mirrorPath).references == before)
        #expect(plainMirror.run("fsck", "--strict").status == 0)
    }

    @Test func `F040 F042 hostile trees and submodules are mirrored as they are and told on reading`() throws
    {
        let source = makeSource()
        let blob = source.object("blob", Array("x".utf8)).id
        let tree = source.object("tree", Array("100644 ..\u{0}".utf8) + blob.bytes)
        let commit = source.object(
            "commit", Array("tree \(tree)\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\ns\n".utf8))
        source.git("update-ref", "refs/heads/hostile", commit)
        let gone = String(repeating: "a", count: 40)
        let module = source.object("tree", Array("160000 sub\u{0}".utf8) + gone.id.bytes)
        let second = source.object(
            "commit", Array("tree \(module)\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\ns\n".utf8))
        source.git("update-ref", "refs/heads/module", second)
        let mirror = try fetch()
        let read = code { () throws(GitError) in _ = try mirror.repository.walk(tree: tree.id) }
        #expect(read == .hostileName)
        let entries = try mirror.repository.walk(tree: module.id)
        #expect(
            entries == [TreeWalkEntry(path: Array("sub".utf8), mode: .submodule, id: gone.id, byteCount: nil)]
        )
    }

    @Test func `F045 thousands of directories below each other cost no stack`() throws {
        let source = makeSource()
        let depth = 3_000
        let made = ShellCommand.run(
            "python3",
            [
                "-c",
                """
                import hashlib, os, sys, zlib
                def put(kind, body):
                    raw = kind + b' ' + str(len(body)).encode() + b'\\0' + body
                    name = hashlib.sha1(raw).hexdigest()
                    folder = os.path.join('.git/objects', name[:2])
                    os.makedirs(folder, exist_ok=True)
                    path = os.path.join(folder, name[2:])
                    if not os.path.exists(path):
                        with open(path, 'wb') as f: f.write(zlib.compress(raw, 1))
                    return name
                node = put(b'tree', b'100644 f\\0' + bytes.fromhex(put(b'blob', b'x')))
                for _ in range(\(depth)):
                    node = put(b'tree', b'40000 d\\0' + bytes.fromhex(node))
                print(put(b'commit', ('tree %s\\nauthor A <a@b> 1 +0000\\ncommitter A <a@b> 1 +0000\\n\\ns\\n' % node).encode()))
                """,
            ], directory: scratch.file("source"))
        #expect(made.status == 0, "\(made.errorText)")
        source.git("update-ref", "refs/heads/deep", made.text)
        let mirror = try fetch()
        let tree = try mirror.repository.commit(made.text.id).tree
        let read = code { () throws(GitError) in _ = try mirror.repository.walk(tree: tree) }
        #expect(read == .limitExceeded)
    }

    @Test func `F048 a second fetch at the same time is told that the mirror is locked`() throws {
        let source = makeSource()
        source.write("a", "1")
        source.commit("first")
        let parent = try Directory(Path(scratch.path))
        let lock = try FileLock(".mirror.git.lock", in: parent)
        #expect(code { () throws(GitError) in _ = try fetch() } == .locked)
        _ = consume lock
        #expect(code { () throws(GitError) in _ = try fetch() } == nil)
    }
}
