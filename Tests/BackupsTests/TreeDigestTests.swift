import Files
import Glibc
import Support
import Testing

@testable import Backups

/// Whether a tree was written to since it was looked at.
@Suite struct `Tree digest` {
    private let scratch = TemporaryDirectory("tree-digest")

    private func sh(_ script: String) {
        #expect(ShellCommand.run("sh", ["-euc", script], directory: scratch.path).status == 0, "\(script)")
    }

    private func digest(_ name: String = "tree") throws -> [UInt8] {
        try TreeDigest.of(Directory(Path(scratch.file(name))))
    }

    private func plant() {
        sh(
            """
            mkdir -p tree/a/b tree/empty; printf one > tree/a/file; printf two > tree/a/b/file; ln -s file tree/a/link
            ln tree/a/file tree/twin; mkfifo tree/pipe
            find tree -depth -exec touch -h -d '2020-01-01 UTC' {} +
            """)
    }

    @Test func `to be read, and to be moved, is no change`() throws {
        plant()
        let before = try digest()
        #expect(before.count == 32)
        sh("cat tree/a/b/file tree/twin; ls -lR tree; mkdir other; mv tree other; chmod 700 other/tree")
        #expect(try digest("other/tree") == before)
        sh("mv other/tree tree")
        #expect(try digest() == before)
    }

    @Test(arguments: [
        "printf new > tree/a/b/new", "printf ONE > tree/twin", "rm tree/a/link", "rmdir tree/empty",
        "chmod 600 tree/a/b/file", "mv tree/a/b/file tree/a/b/name", "ln tree/twin tree/a/third",
        "printf TWO > tree/a/b/file; touch -d '2020-01-01 UTC' tree/a/b/file",
        "ln -sf other tree/a/link; touch -h -d '2020-01-01 UTC' tree/a/link", "chmod 750 tree/a",
    ])
    func `every write is one`(change: String) throws {
        plant()
        let before = try digest()
        sh(change)
        #expect(try digest() != before)
    }

    @Test func `paths longer than any call takes are looked at as well`() throws {
        plant()
        let name = String(repeating: "n", count: 250)
        sh("cd tree; i=0; while [ $i -lt 40 ]; do mkdir \(name); cd -P \(name); i=$((i + 1)); done; : > deep")
        let before = try digest()
        sh("cd tree; i=0; while [ $i -lt 40 ]; do cd -P \(name); i=$((i + 1)); done; echo > deep")
        #expect(try digest() != before)
    }
}
