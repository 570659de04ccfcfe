import Files
import Support
import Testing

@testable import Git

@Suite struct HistoryTests {
    private let scratch = TemporaryDirectory()

    /// A repository with a line of commits, a side branch that is merged, and one that is not.
    private func make() -> ScratchRepository {
        let made = ScratchRepository(creating: scratch.file("r"))
        made.write("a/x", "1")
        made.write("a/y", "1")
        made.write("top", "1")
        at(100, made, "first")
        made.git("checkout", "-q", "-b", "side")
        made.write("a/y", "side")
        made.write("a.b", "sorts before the directory a")
        at(200, made, "side")
        made.git("checkout", "-q", "main")
        made.write("a/x", "2")
        made.git("rm", "-q", "top")
        made.write("top/now/a/directory", "1")
        at(300, made, "main")
        made.git("merge", "-q", "--no-ff", "-m", "merge", "side", adding: time(400))
        made.git("branch", "-q", "-D", "side")
        made.git("checkout", "-q", "-b", "other", "HEAD~1")
        #expect(ShellCommand.run("ln", ["-sf", "/etc/passwd", made.path + "/a/x"]).status == 0)
        at(500, made, "other")
        made.git("tag", "-a", "-m", "t", "v1")
        made.git("checkout", "-q", "main")
        return made
    }

    private func time(_ seconds: Int) -> [String: String] { ["GIT_COMMITTER_DATE": "@\(seconds) +0000"] }

    private func at(_ seconds: Int, _ made: ScratchRepository, _ message: String) {
        made.git("add", "-A")
        made.git("commit", "-q", "-m", message, adding: time(seconds))
    }

    private func open(_ name: String = "r") throws -> Repository {
        try Repository(at: Path(scratch.file(name)), allowingShallow: true)
    }

    @Test func `a graph has every commit of its starts, parents first, the older first`() throws {
        let made = make()
        let repository = try open()
        let graph = try repository.graph(from: repository.references().entries.map(\.target))
        #expect(graph.nodes.map(\.time) == [100, 200, 300, 400, 500])
        #expect(graph.nodes.map(\.parents) == [[], [0], [0], [2, 1], [2]])
        #expect(!graph.isCut)
        #expect(graph.position(of: made.git("rev-parse", "main").id) == 3)
        #expect(graph.position(of: made.git("rev-parse", "v1").id) == nil)
        for (position, node) in graph.nodes.enumerated() {
            for ancestor in graph.nodes.indices {
                let told = made.run("merge-base", "--is-ancestor", graph.nodes[ancestor].id.hex, node.id.hex)
                #expect(graph.isAncestor(ancestor, of: position) == (told.status == 0))
            }
        }
        #expect(
            code { () throws(GitError) in
                _ = try repository.graph(from: [graph.nodes[3].id], limit: 3)
            } == .limitExceeded)
        let blob = made.git("rev-parse", "main:a/x").id
        #expect(try repository.graph(from: [blob, String(repeating: "9", count: 40).id]).nodes.isEmpty)
    }

    @Test func `the files that differ are those that Git tells`() throws {
        let made = make()
        let repository = try open()
        let graph = try repository.graph(from: repository.references().entries.map(\.target))
        var difference = TreeDifference(in: repository)
        for old in graph.nodes {
            for new in graph.nodes {
                let told = made.git(
                    "diff-tree", "-r", "--raw", "--no-renames", "--no-abbrev", old.id.hex, new.id.hex)
                let expected = told.split(separator: "\n").compactMap { line -> String? in
                    let words = line.dropFirst().split { $0 == " " || $0 == "\t" }
                    let (before, after) = (
                        words[0].hasPrefix("100") ? words[2] : "-", words[1].hasPrefix("100") ? words[3] : "-"
                    )
                    return before == after ? nil : "\(words[5]) \(before) \(after)"
                }
                let found = try difference.changes(from: old.tree, to: new.tree).map { change in
                    "\(String(decoding: change.path, as: UTF8.self)) \(change.old?.hex ?? "-") \(change.new?.hex ?? "-")"
                }
                #expect(found.sorted() == expected.sorted())
            }
        }
        let all = try difference.changes(from: nil, to: graph.nodes[3].tree)
        #expect(all.count == 4 && all.allSatisfy { $0.old == nil && $0.new != nil })
        #expect(try difference.changes(from: graph.nodes[3].tree, to: nil).count == 4)
    }

    @Test func `a shallow clone's history is said to be cut off`() throws {
        let made = make()
        ScratchRepository.git([
            "clone", "-q", "--depth", "2", "file://" + made.path, scratch.file("shallow"),
        ])
        #expect(
            code { () throws(GitError) in
                _ = try Repository(at: Path(scratch.file("shallow")))
            } == .unsupportedRepository)
        let repository = try open("shallow")
        let head = try #require(try repository.references().headTarget)
        let graph = try repository.graph(from: [head])
        #expect(graph.nodes.map(\.isCut) == [true, true, false])
        #expect(graph.isCut)
    }

    @Test func `a broken directory is refused`() throws {
        let made = make()
        let repository = try open()
        var difference = TreeDifference(in: repository)
        let tree = made.object("tree", Array("100644 name-without-an-id\u{0}123".utf8)).id
        #expect(
            code { () throws(GitError) in _ = try difference.changes(from: nil, to: tree) } == .malformedTree)
    }
}
