import Files
import Support
import Testing

@testable import Git

@Suite struct BundleTests {
    private let scratch = TemporaryDirectory()

    private var bundlePath: String { scratch.file("b.bundle") }

    private func makeSource(_ name: String = "source") -> ScratchRepository {
        let source = ScratchRepository(creating: scratch.file(name))
        for number in 1...5 {
            source.write("dir/file\(number)", String(repeating: "line \(number)\n", count: 200))
            source.write("changing", "version \(number)\n")
            source.commit("commit \(number)")
        }
        source.git("tag", "-a", "v1", "-m", "annotated", "HEAD~1")
        source.git("tag", "-a", "v1-of-tag", "-m", "a tag of a tag", "v1")
        source.git("branch", "side", "HEAD~2")
        source.git("notes", "add", "-m", "a note")
        source.git("update-ref", "refs/odd/blob", source.object("blob", Array("odd".utf8)))
        source.git("update-ref", "refs/odd/tree", "HEAD^{tree}")
        return source
    }

    private func bundle(
        _ repository: Repository, _ references: References, excluding: [ObjectID] = []
    ) throws -> (bytes: [UInt8], header: BundleHeader) {
        var bytes: [UInt8] = []
        let header = try repository.writeBundle(of: references, excluding: excluding) { chunk in
            bytes += chunk.array
        }
        return (bytes, header)
    }

    private func take(_ bytes: [UInt8], into repository: Repository, pieces: Int = 4096) throws(GitError)
        -> BundleHeader
    {
        var receiver = try BundleReceiver(into: repository)
        var rest = bytes[...]
        while !rest.isEmpty {
            try receiver.append(Array(rest.prefix(pieces)))
            rest = rest.dropFirst(pieces)
        }
        return try receiver.finish()
    }

    private func listed(_ repository: ScratchRepository) -> String {
        repository.git("for-each-ref", "--format=%(objectname) %(refname)")
    }

    private func fsck(_ name: String) -> ShellCommand.Outcome {
        ScratchRepository(at: scratch.file(name)).run("fsck", "--full", "--strict")
    }

    @Test func `git verifies, lists and clones a bundle of ours`() throws {
        let source = makeSource()
        let repository = try Repository(at: Path(source.path))
        let references = try repository.references()
        let (bytes, header) = try bundle(repository, references)
        #expect(header.prerequisites.isEmpty)
        ScratchRepository(at: scratch.path).write("b.bundle", bytes)
        #expect(source.run("bundle", "verify", bundlePath).status == 0)
        let heads = source.git("bundle", "list-heads", bundlePath)
        #expect(heads.split(separator: "\n").count == references.entries.count + 1)
        let clone = ScratchRepository.git(["clone", "-q", bundlePath, scratch.file("clone")])
        #expect(clone.status == 0, "\(clone.errorText)")
        #expect(ShellCommand.run("cat", [scratch.file("clone/changing")]).text == "version 5")
        #expect(fsck("clone").status == 0)
    }

    @Test func `a bundle restores to a bare repository with every ref and HEAD`() throws {
        let source = makeSource()
        let repository = try Repository(at: Path(source.path))
        let references = try repository.references()
        let (bytes, header) = try bundle(repository, references)
        let restored = try Repository.create(at: Path(scratch.file("restored.git")))
        #expect(try take(bytes, into: restored) == header)
        try restored.setReferences(references)
        #expect(try restored.references() == references)
        #expect(listed(ScratchRepository(at: scratch.file("restored.git"))) == listed(source))
        #expect(fsck("restored.git").status == 0)
        #expect(fsck("restored.git").text == "")
        let mirror = try Mirror.fetch(
            RemoteLocation(scratch.file("restored.git")), into: Path(scratch.file("m")))
        #expect(mirror.references == references)
        let clone = ScratchRepository.git([
            "clone", "-q", scratch.file("restored.git"), scratch.file("clone"),
        ])
        #expect(clone.status == 0, "\(clone.errorText)")
    }

    @Test func `increments stand on what came before and bring only what is new`() throws {
        let source = makeSource()
        let repository = try Repository(at: Path(source.path))
        let before = try repository.references()
        let (base, _) = try bundle(repository, before)
        let tip = source.git("rev-parse", "HEAD").id
        source.write("new", "new\n")
        source.commit("commit 6")
        source.git("tag", "-a", "v2", "-m", "on an old commit", "HEAD~3")
        source.git("branch", "again", "side")
        let after = try repository.references()
        let changed = after.entries.filter { before[$0.name] != $0.target }
        var increment: [UInt8] = []
        let header = try repository.writeBundle(
            of: changed, head: after.headTarget, excluding: before.entries.map(\.target)
        ) { increment += $0.array }
        #expect(header.prerequisites.contains(tip))
        #expect(increment.count < base.count / 2)
        ScratchRepository(at: scratch.path).write("b.bundle", increment)
        #expect(source.run("bundle", "verify", bundlePath).status == 0)

        let restored = try Repository.create(at: Path(scratch.file("restored.git")))
        #expect(
            code { () throws(GitError) in _ = try take(increment, into: restored) } == .prerequisiteMissing)
        _ = try take(base, into: restored)
        _ = try take(increment, into: restored, pieces: 7)
        try restored.setReferences(after)
        #expect(listed(ScratchRepository(at: scratch.file("restored.git"))) == listed(source))
        #expect(fsck("restored.git").status == 0)
        // Plain git does the same from the same files.
        let plain = ScratchRepository(creating: scratch.file("plain.git"), bare: true)
        ScratchRepository(at: scratch.path).write("base.bundle", base)
        plain.git("fetch", "-q", scratch.file("base.bundle"), "+refs/*:refs/*")
        plain.git("fetch", "-q", bundlePath, "+refs/*:refs/*")
        #expect(listed(plain) == listed(source))
    }

    @Test func `an increment of refs at old commits alone has an empty pack`() throws {
        let source = makeSource()
        let repository = try Repository(at: Path(source.path))
        let before = try repository.references()
        let (base, _) = try bundle(repository, before)
        source.git("branch", "again", "HEAD~1")
        let name = "refs/heads/again".ref
        let target = source.git("rev-parse", "again").id
        var increment: [UInt8] = []
        let header = try repository.writeBundle(
            of: [References.Entry(name, target)], head: nil, excluding: before.entries.map(\.target)
        ) { increment += $0.array }
        #expect(header.prerequisites == [target])
        let restored = try Repository.create(at: Path(scratch.file("restored.git")))
        _ = try take(base, into: restored)
        #expect(try take(increment, into: restored).references == [References.Entry(name, target)])
        ScratchRepository(at: scratch.path).write("b.bundle", increment)
        #expect(source.run("bundle", "verify", bundlePath).status == 0)
    }

    @Test func `an empty repository has a bundle too`() throws {
        let source = ScratchRepository(creating: scratch.file("empty"))
        let repository = try Repository(at: Path(source.path))
        let references = try repository.references()
        let (bytes, _) = try bundle(repository, references)
        let restored = try Repository.create(at: Path(scratch.file("restored.git")), head: "refs/heads/x".ref)
        #expect(try take(bytes, into: restored).references.isEmpty)
        try restored.setReferences(references)
        #expect(try restored.references() == references)
        #expect(
            ScratchRepository(at: scratch.file("restored.git")).git("symbolic-ref", "HEAD")
                == "refs/heads/main")
        #expect(fsck("restored.git").status == 0)
    }

    @Test func `bundles made by git are taken, thin ones too`() throws {
        let source = makeSource()
        source.git("bundle", "create", "-q", scratch.file("one"), "HEAD~2", "side", stdin: [])
        let references = try Repository(at: Path(source.path)).references()
        source.git("bundle", "create", "-q", scratch.file("base"), "side")
        source.git("bundle", "create", "-q", scratch.file("rest"), "--all", "^side")
        let restored = try Repository.create(at: Path(scratch.file("restored.git")))
        _ = try take(ShellCommand.run("cat", [scratch.file("base")]).stdout, into: restored)
        let header = try take(ShellCommand.run("cat", [scratch.file("rest")]).stdout, into: restored)
        #expect(!header.prerequisites.isEmpty)
        try restored.setReferences(references)
        #expect(listed(ScratchRepository(at: scratch.file("restored.git"))) == listed(source))
        #expect(fsck("restored.git").status == 0)
    }

    @Test func `a mirror gives bundles like any repository`() throws {
        let source = makeSource()
        let mirror = try Mirror.fetch(RemoteLocation(source.path), into: Path(scratch.file("m.git")))
        let (bytes, _) = try bundle(mirror.repository, mirror.references)
        ScratchRepository(at: scratch.path).write("b.bundle", bytes)
        #expect(source.run("bundle", "verify", bundlePath).status == 0)
    }

    @Test func `a bundle cut off anywhere or with a flipped bit changes nothing`() throws {
        let source = ScratchRepository(creating: scratch.file("small"))
        source.write("a", "1")
        source.commit("first")
        let repository = try Repository(at: Path(source.path))
        let (bytes, header) = try bundle(repository, repository.references())
        let restored = try Repository.create(at: Path(scratch.file("restored.git")))
        let empty = ShellCommand.run("find", [scratch.file("restored.git"), "-type", "f"]).text
        for length in stride(from: 0, to: bytes.count, by: 5) {
            let result = code { () throws(GitError) in _ = try take(Array(bytes[..<length]), into: restored) }
            #expect([.malformedBundle, .brokenPack].contains(result), "cut to \(length)")
        }
        // The header has no checksum: names of refs are for the caller to compare.
        for index in stride(from: header.encoded.count, to: bytes.count, by: 3) {
            var changed = bytes
            changed[index] ^= 0x10
            let result = code { () throws(GitError) in _ = try take(changed, into: restored) }
            #expect(result != nil, "bit of byte \(index)")
        }
        let trailing = code { () throws(GitError) in _ = try take(bytes + [0], into: restored) }
        #expect(trailing == .brokenPack)
        #expect(ShellCommand.run("find", [scratch.file("restored.git"), "-type", "f"]).text == empty)
    }

    @Test func `a pack without what its refs need is refused and leaves nothing`() throws {
        let source = makeSource()
        let repository = try Repository(at: Path(source.path))
        // The pack of the second commit alone, under a header that names no prerequisite.
        var bytes: [UInt8] = []
        let tip = source.git("rev-parse", "HEAD").id
        let entry = References.Entry("refs/heads/main".ref, tip)
        let header = try repository.writeBundle(
            of: [entry], head: nil, excluding: [source.git("rev-parse", "HEAD~1").id]
        ) { bytes += $0.array }
        let lie = BundleHeader(prerequisites: [], references: [entry], head: nil)
        let changed = lie.encoded + bytes.dropFirst(header.encoded.count)
        let restored = try Repository.create(at: Path(scratch.file("restored.git")))
        #expect(code { () throws(GitError) in _ = try take(changed, into: restored) } == .brokenPack)
        #expect(try !restored.contains(tip))
        let left = ShellCommand.run("find", [scratch.file("restored.git/objects"), "-type", "f"]).text
        #expect(left == "")
    }

    @Test func `refs to what is not here are not set`() throws {
        let restored = try Repository.create(at: Path(scratch.file("restored.git")))
        let missing = String(repeating: "1", count: 40).id
        let references = try References(
            [References.Entry("refs/heads/main".ref, missing)], head: .detached(missing))
        #expect(code { () throws(GitError) in try restored.setReferences(references) } == .objectMissing)
        #expect(try restored.references().entries.isEmpty)
    }

    @Test func `a repository is not made over something else`() throws {
        ScratchRepository(at: scratch.path).write("r.git/x", "x")
        let result = code { () throws(GitError) in _ = try Repository.create(at: Path(scratch.file("r.git")))
        }
        #expect(result == .repositoryExists)
        #expect(ShellCommand.run("ls", ["-A", scratch.path]).text == "r.git")
    }

    @Test func `a sink that fails stops the bundle with its own error`() throws {
        struct Full: Error {}
        let source = makeSource()
        let repository = try Repository(at: Path(source.path))
        do {
            try repository.writeBundle(of: repository.references()) { _ in throw Full() }
            Issue.record("nothing was thrown")
        } catch {
            #expect(error.code == .stoppedByCaller)
            #expect(error.underlying is Full)
        }
        var calls = 0
        let later = code { () throws(GitError) in
            try repository.writeBundle(of: repository.references()) { _ in
                calls += 1
                if calls > 1 { throw Full() }
            }
        }
        #expect(later == .stoppedByCaller)
    }

    @Test func `what parses as a header encodes to the same bytes`() throws {
        let id = String(repeating: "1", count: 40)
        let text = "# v2 git bundle\n-\(id) \n\(id) HEAD\n\(id) refs/heads/main\n\n"
        #expect(try BundleHeader(Array(text.utf8)).encoded == Array(text.utf8))
    }

    @Test(arguments: [
        "", "\n\n", "# v2 git bundle\n", "# v1 git bundle\n\n", "# v2 git bundle\nx\n\n",
        "# v2 git bundle\n1111111111111111111111111111111111111111\n\n",
        "# v2 git bundle\n1111111111111111111111111111111111111111 HEAD\n1111111111111111111111111111111111111111 HEAD\n\n",
        "# v2 git bundle\n1111111111111111111111111111111111111111 refs/a/b\n-1111111111111111111111111111111111111111 \n\n",
        "# v2 git bundle\n-111111111111111111111111111111111111111 \n\n",
        "# v2 git bundle\n-1111111111111111111111111111111111111111x\n\n",
        "# v2 git bundle\n-1111111111111111111111111111111111111111\n-1111111111111111111111111111111111111111\n\n",
    ])
    func `a header that is not one is refused`(_ text: String) {
        #expect(code { () throws(GitError) in _ = try BundleHeader(Array(text.utf8)) } == .malformedBundle)
    }

    @Test func `a header with a hostile ref is refused`() {
        let text = "# v2 git bundle\n1111111111111111111111111111111111111111 refs/heads/../../x\n\n"
        #expect(code { () throws(GitError) in _ = try BundleHeader(Array(text.utf8)) } == .invalidName)
        let later = Array("# v3 git bundle\n@object-format=sha256\n\n".utf8)
        #expect(code { () throws(GitError) in _ = try BundleHeader(later) } == .unsupportedRepository)
    }
}
