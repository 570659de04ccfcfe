import Files
import Git
import Support
import Testing

@testable import Delivery

/// What is picked of a source, and what going forward means for each kind of revision.
@Suite struct RevisionTests {
    private let scratch = TemporaryDirectory("strongroom-revision")
    private let repository: ScratchRepository

    init() {
        repository = ScratchRepository(creating: scratch.file("app"))
        repository.write("a", "0")
        repository.commit("first")
    }

    private func tag(_ name: String, isAnnotated: Bool = true) -> String {
        repository.write("a", name)
        let commit = repository.commit(name)
        if isAnnotated {
            repository.git("tag", "-f", "-a", name, "-m", "release \(name)")
        } else {
            repository.git("tag", "-f", name)
        }
        return commit
    }

    private func pull(
        tag: String? = nil, versions: String? = nil, branch: String? = nil, mark: PulledCommit? = nil
    ) throws(DeliveryError) -> PulledCommit {
        let source = try Source(
            name: "app", url: repository.path, branch: branch, tag: tag, versions: versions)
        return try PulledCommit.pull(
            source, into: Path(scratch.file("m.git")),
            mark: mark.map { HighWaterMark(commit: $0.id, tag: $0.markTag) })
    }

    @Test func `a tag is peeled, and its objects are handed on as they are`() throws {
        let commit = tag("v1.0.0")
        repository.git("tag", "-a", "outer", "v1.0.0", "-m", "outer")
        let pulled = try pull(tag: "outer")
        #expect(pulled.id.hex == commit)
        #expect(pulled.tag?.description == "refs/tags/outer")
        #expect(pulled.chosenBy?.objects.count == 2)
        let outer = ShellCommand.run("git", ["-C", repository.path, "cat-file", "tag", "outer"]).stdout
        #expect(pulled.chosenBy?.objects.first?.bytes == outer)
        let light = tag("light", isAnnotated: false)
        let lightweight = try pull(tag: "light")
        #expect(lightweight.id.hex == light)
        #expect(lightweight.chosenBy?.objects.isEmpty == true)
        repository.git("tag", "-a", "tree", "HEAD^{tree}", "-m", "x")
        #expect(code { () throws(DeliveryError) in try pull(tag: "tree") } == .malformedSource)
        #expect(code { () throws(DeliveryError) in try pull(tag: "gone") } == .branchMissing)
    }

    @Test func `the highest version of a range is taken`() throws {
        _ = tag("v1.9.0")
        let highest = tag("v1.10.0", isAnnotated: false)
        _ = tag("v2.0.0")
        _ = tag("v1.11.0-rc.1")
        _ = tag("nightly")
        #expect(try pull(versions: "^1.2").id.hex == highest)
        #expect(try pull(versions: "^1.2").tag?.description == "refs/tags/v1.10.0")
        #expect(code { () throws(DeliveryError) in try pull(versions: "^3") } == .branchMissing)
    }

    @Test func `versions rise, from one release branch to another too`() throws {
        _ = tag("v1.0.0")
        repository.git("checkout", "-q", "-b", "two")
        let second = tag("v2.0.0")
        repository.git("checkout", "-q", "main")
        _ = tag("v1.0.1")
        let old = try pull(versions: "~1.0")
        let new = try pull(versions: ">=1", mark: old)
        #expect(new.id.hex == second)
        #expect(!(try new.mirror.repository.isAncestor(old.id, of: new.id)))
    }

    @Test func `F046 a version that vanishes or is moved is refused`() throws {
        _ = tag("v1.0.0")
        _ = tag("v1.1.0")
        let last = try pull(versions: "^1")
        repository.git("tag", "-d", "v1.1.0")
        #expect(code { () throws(DeliveryError) in try pull(versions: "^1", mark: last) } == .nonFastForward)
        // A lower name for the delivered commit opens no way back.
        repository.git("tag", "v0.0.1", last.id.hex)
        #expect(code { () throws(DeliveryError) in try pull(versions: "*", mark: last) } == .nonFastForward)
        // The same version on another commit, which even descends.
        repository.write("a", "moved")
        repository.commit("moved")
        repository.git("tag", "v1.1.0")
        #expect(code { () throws(DeliveryError) in try pull(versions: "^1", mark: last) } == .nonFastForward)
        repository.git("tag", "v1.2.0")
        #expect(try pull(versions: "^1", mark: last).tag?.description == "refs/tags/v1.2.0")
    }

    @Test func `a higher version of what lies before the delivered commit is no way forward`() throws {
        let first = tag("v1.0.0")
        _ = tag("v1.1.0")
        let last = try pull(versions: "^1")
        repository.git("tag", "v1.9.0", first)
        #expect(code { () throws(DeliveryError) in try pull(versions: "^1", mark: last) } == .nonFastForward)
    }

    @Test func `a lower version of the delivered commit does not lower what was seen`() throws {
        _ = tag("v1.0.0")
        repository.git("tag", "v1.2.0")
        let high = try pull(versions: "^1")
        #expect(high.tag?.description == "refs/tags/v1.2.0")
        repository.git("tag", "-d", "v1.2.0")
        let low = try pull(versions: "^1", mark: high)
        #expect(low.id == high.id && low.tag?.description == "refs/tags/v1.0.0")
        #expect(low.markTag?.description == "refs/tags/v1.2.0")
        _ = tag("v1.1.0")
        #expect(code { () throws(DeliveryError) in try pull(versions: "^1", mark: low) } == .nonFastForward)
    }

    @Test func `two tags of one version must name one commit`() throws {
        let commit = tag("v1.0.0")
        repository.git("tag", "1.0.0")
        #expect(try pull(versions: "^1").id.hex == commit)
        repository.git("tag", "-a", "v1.0.0+build", "-m", "x", "HEAD~1")
        #expect(code { () throws(DeliveryError) in try pull(versions: "^1") } == .malformedSource)
    }

    @Test func `F046 a tag that moves forward is followed, one that moves aside is refused`() throws {
        _ = tag("stable")
        let first = try pull(tag: "stable")
        let forward = tag("stable")
        #expect(try pull(tag: "stable", mark: first).id.hex == forward)
        repository.git("checkout", "-q", "-b", "aside", first.id.hex + "~1")
        repository.write("b", "what makes it another commit than the first")
        _ = tag("stable")
        #expect(code { () throws(DeliveryError) in try pull(tag: "stable", mark: first) } == .nonFastForward)
    }

    @Test(arguments: [
        "../x", "", "-x", "a b", "x\u{202E}", String(repeating: "a", count: 300), "/x", "a\u{0}",
    ])
    func `F039 hostile tags are refused before anything is done`(name: String) {
        #expect(
            code { () throws(DeliveryError) in try Source(name: "app", url: "/srv/x", tag: name) }
                == .unusableRequest)
    }

    @Test func `exactly one kind of revision is given`() {
        let revisions: [(branch: String?, tag: String?, versions: String?)] = [
            (nil, nil, nil), ("main", "v1", nil), (nil, "v1", "^1"), (nil, nil, "nonsense"),
        ]
        for revision in revisions {
            let refusal = code { () throws(DeliveryError) in
                try Source(
                    name: "a", url: "/x", branch: revision.branch, tag: revision.tag,
                    versions: revision.versions)
            }
            #expect(refusal == .unusableRequest)
        }
    }

    @Test func `F036 the last good commit can be recalled while the source is away`() throws {
        let pulled = try pull(branch: "main")
        #expect(ShellCommand.run("mv", [repository.path, scratch.file("away")]).status == 0)
        #expect(code { () throws(DeliveryError) in try pull(branch: "main") } == .sourceMissing)
        let recalled = try PulledCommit.recall(pulled.source, from: Path(scratch.file("m.git")))
        #expect(recalled.id == pulled.id)
        let never = code { () throws(DeliveryError) in
            try PulledCommit.recall(pulled.source, from: Path(scratch.file("never.git")))
        }
        #expect(never == .sourceMissing)
    }
}
