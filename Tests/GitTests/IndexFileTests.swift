import Files
import Support
import Testing

@testable import Git

@Suite struct IndexFileTests {
    private let scratch = TemporaryDirectory()

    private func make() -> ScratchRepository {
        let made = ScratchRepository(creating: scratch.file("r"))
        for number in 0..<40 { made.write("team/long-name-\(number % 7)/file-\(number)", "\(number)") }
        made.write("a", "1")
        made.write("run", "2")
        made.git("update-index", "--add", "--", "a")
        made.git("add", "-A")
        made.git("update-index", "--chmod=+x", "run")
        let commit = made.git("commit-tree", "4b825dc642cb6eb9a060e54bf8d69288fbee4904", "-m", "x")
        made.git("update-index", "--add", "--cacheinfo", "160000,\(commit.prefix(40)),module")
        let target = made.git("hash-object", "-w", "--stdin", stdin: Array("a".utf8))
        made.git("update-index", "--add", "--cacheinfo", "120000,\(target.prefix(40)),link")
        return made
    }

    private func read(_ made: ScratchRepository, _ file: String = ".git/index") throws -> [IndexEntry] {
        try WorkTree.discover(from: Path(made.path)).indexEntries(file: Path("\(made.path)/\(file)"))
    }

    /// What Git says is in the index: regular files alone.
    private func listed(_ made: ScratchRepository) -> [IndexEntry] {
        made.run("ls-files", "-s", "-z").stdout.split(separator: 0).compactMap { line in
            guard let tab = line.firstIndex(of: 0x09), line.starts(with: Array("100".utf8)) else {
                return nil
            }
            let id = line[..<tab].split(separator: 0x20)[1]
            return (try? ObjectID(hex: id)).map { IndexEntry(path: Array(line[(tab + 1)...]), id: $0) }
        }
    }

    @Test(arguments: ["2", "3", "4"])
    func `an index holds what Git lists, whatever its version`(version: String) throws {
        let made = make()
        made.git("update-index", "--index-version", version)
        if version == "3" {
            // Only an entry with more flags makes Git write version 3.
            made.write("later", "3")
            made.git("add", "--intent-to-add", "later")
        }
        let bytes = try Directory(Path(made.path)).read(Path(".git/index"), limit: 1 << 20)
        #expect(bytes[7] == UInt8(version))
        let entries = try read(made)
        #expect(entries.count >= 42)
        #expect(entries == listed(made))
    }

    @Test func `a path in conflict has every stage`() throws {
        let made = make()
        let id = made.git("hash-object", "-w", "--stdin", stdin: Array("9".utf8)).prefix(40)
        let lines = (1...3).map { "100644 \(id) \($0)\tboth\n" }.joined()
        made.git("update-index", "--index-info", stdin: Array(lines.utf8))
        let entries = try read(made)
        #expect(entries.count { $0.path == Array("both".utf8) } == 3)
        #expect(entries == listed(made))
    }

    @Test func `an absent index is an empty one`() throws {
        let made = ScratchRepository(creating: scratch.file("r"))
        #expect(try read(made).isEmpty)
    }

    @Test func `a split index is refused`() throws {
        let made = make()
        made.git("update-index", "--split-index")
        #expect(code { () throws(GitError) in _ = try IndexFile.entries(bytes(made)) } == .library)
    }

    @Test func `an index that is cut or changed is refused or read without a trap`() throws {
        let made = make()
        for version in ["2", "4"] {
            made.git("update-index", "--index-version", version)
            let whole = bytes(made)
            for count in 0..<whole.count {
                let part = Array(whole[..<count])
                #expect(code { () throws(GitError) in _ = try IndexFile.entries(part) } == .library)
            }
            for offset in whole.indices {
                var changed = whole
                changed[offset] ^= 0xFF
                let isKnown =
                    switch code({ () throws(GitError) in _ = try IndexFile.entries(changed) }) {
                    case nil, .library, .limitExceeded: true
                    default: false
                    }
                #expect(isKnown)
            }
        }
    }

    private func bytes(_ made: ScratchRepository) -> [UInt8] {
        ShellCommand.run("cat", ["\(made.path)/.git/index"]).stdout
    }
}
