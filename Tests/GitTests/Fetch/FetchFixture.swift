import Files
import Glibc
import Support

@testable import Git

/// A repository that is served, a mirror of it, and the process that fetches.
struct FetchFixture {
    let scratch = TemporaryDirectory("strongroom-fetch")
    let source: ScratchRepository

    /// A repository with a few commits, branches and tags in a directory that servers take as their root.
    init() {
        let root = scratch.file("root")
        unsafe mkdir(root, 0o755)
        source = ScratchRepository(creating: root + "/app.git")
        source.write("a/b", "1")
        source.commit("first")
        source.git("tag", "-a", "v1.0.0", "-m", "annotated")
        source.git("branch", "feature/x")
        source.git("update-ref", "refs/pull/1/head", "HEAD")
    }

    var root: String { scratch.file("root") }
    var mirrorPath: Path { Path(scratch.file("mirror.git")) }
    var plainMirror: ScratchRepository { ScratchRepository(at: scratch.file("mirror.git")) }

    /// The program that fetches.
    static var probe: String { CrashPoints.products + "/FetchProbe" }

    /// Fetches `url` with these means.
    @discardableResult
    func fetch(
        _ url: String, access: RemoteAccess = RemoteAccess(), program: String = FetchFixture.probe,
        limits: FetchLimits = FetchLimits(), scope: ReferenceScope = .all
    ) throws(GitError) -> Mirror {
        var options = FetchOptions(process: FetchProcess(program: [program]))
        options.access = access
        options.limits = limits
        options.scope = scope
        return try Mirror.fetch(RemoteLocation(url, allowingPlainHTTP: true), into: mirrorPath, options)
    }

    /// The error of a fetch, nil where it succeeds.
    func failure(
        _ url: String, access: RemoteAccess = RemoteAccess(), limits: FetchLimits = FetchLimits()
    ) -> GitError? {
        do throws(GitError) {
            try fetch(url, access: access, limits: limits)
            return nil
        } catch {
            return error
        }
    }

    func listed(_ repository: ScratchRepository) -> [String] {
        repository.git("for-each-ref", "--format=%(objectname) %(refname)").split(separator: "\n").map(
            String.init)
    }

    /// Whether the mirror has the source's refs, nothing that git finds fault with, and nothing left beside it.
    var isComplete: Bool {
        listed(plainMirror) == listed(source) && plainMirror.run("fsck", "--strict", "--full").status == 0
            && leftovers.isEmpty
    }

    /// What fetches left beside the mirror.
    var leftovers: String {
        ShellCommand.run("sh", ["-c", "ls -A | grep '^.mirror.git.new-'"], directory: scratch.path).text
    }

    /// The mirror's files and their content.
    var mirrorState: String {
        ShellCommand.run(
            "sh", ["-c", "find . -type f | sort | xargs sha256sum"], directory: scratch.file("mirror.git")
        ).text
    }
}

/// A secret that is none.
struct TestSecret: RemoteSecret {
    let bytes: [UInt8]

    init(_ text: String) { bytes = Array(text.utf8) }
    init(file: String) { bytes = ShellCommand.run("cat", [file]).stdout }

    func withBytes(_ body: (RawSpan) throws(GitError) -> Void) throws(GitError) {
        try unsafe body(bytes.span.bytes)
    }
}
