import Support
import Testing

@testable import Git

@Suite struct TreeObjectTests {
    private static let id = (1...20).map { UInt8($0) }

    private func entry(_ mode: String, _ name: [UInt8], _ id: [UInt8] = TreeObjectTests.id) -> [UInt8] {
        Array(mode.utf8) + [0x20] + name + [0] + id
    }

    private func entry(_ mode: String, _ name: String) -> [UInt8] { entry(mode, Array(name.utf8)) }

    private func refusal(_ raw: [UInt8]) -> GitError.Code? {
        code { () throws(GitError) in _ = try TreeObject(raw: raw) }
    }

    @Test func `a tree made by git parses to what git lists`() throws {
        let scratch = TemporaryDirectory()
        let repository = ScratchRepository(creating: scratch.file("r"))
        for name in ["a", "a.b", "a-b/c", "a0", "z/y/x", "ä", ".gitignore", ".github/w", "git~2"] {
            repository.write(name, name)
        }
        repository.git("add", "-A")
        repository.git("update-index", "--chmod=+x", "a0")
        let tree = repository.git("write-tree")
        let parsed = try TreeObject(raw: repository.run("cat-file", "tree", tree).stdout)
        let listed = repository.run("ls-tree", "-z", tree).stdout.split(separator: 0)
        let mine = parsed.entries.map { entry in
            let digits = String(repeating: "0", count: 6 - entry.mode.digits.count) + entry.mode.digits
            let kind = entry.mode == .directory ? "tree" : "blob"
            return Array("\(digits) \(kind) \(entry.id.hex)\t".utf8) + entry.name
        }
        #expect(mine == listed.map { Array($0) })
        let raw = parsed.entries.flatMap { entry($0.mode.digits, $0.name, $0.id.bytes) }
        #expect(raw == repository.run("cat-file", "tree", tree).stdout)
    }

    @Test func `an empty tree is a tree`() throws { #expect(try TreeObject(raw: []).entries.isEmpty) }

    @Test(arguments: [
        "", ".", "..", ".git", ".GIT", ".Git", "git~1", "GIT~1", ".git\u{200C}", ".g\u{200D}it",
        "\u{FEFF}.git",
        ".gi\u{202A}t", ".git\u{206F}", "a/b", "a\\..\\b", "\\", "/", ".git ", ".git.", ".git. .",
        ".git::$INDEX_ALLOCATION",
        "git~1 ", ".git:x",
    ])
    func `F040 a name that would not stay where it is is refused`(_ name: String) {
        #expect(refusal(entry("100644", name)) == .hostileName)
        #expect(refusal(entry("40000", name)) == .hostileName)
    }

    @Test func `F040 a name above 255 bytes is refused`() {
        #expect(refusal(entry("100644", [UInt8](repeating: 0x61, count: 256))) == .hostileName)
        #expect(refusal(entry("100644", [UInt8](repeating: 0x61, count: 255))) == nil)
    }

    @Test(arguments: [
        ".gitignore", ".gitmodules", "git", "...", "git~12", ".git-x", "-rf", " ", "\u{200C}", "a\u{301}",
    ])
    func `a name that only looks like one of Git's is accepted`(_ name: String) {
        #expect(refusal(entry("100644", name)) == nil)
    }

    @Test func `names that are not UTF-8 are bytes`() throws {
        let tree = try TreeObject(raw: entry("100644", [0xFF, 0xFE]))
        #expect(tree.entries[0].name == [0xFF, 0xFE])
        #expect(tree.entry(named: [0xFF, 0xFE]) != nil)
        #expect(tree.entry(named: [0xFF]) == nil)
    }

    @Test(arguments: ["100600", "040000", "0", "100777", "140000", "20000", "1006440", "", "100644x"])
    func `a mode that Git does not write is refused`(_ mode: String) {
        #expect([.invalidMode, .malformedTree].contains(refusal(entry(mode, "a"))))
    }

    @Test func `the group-writable mode of old trees is a file`() throws {
        #expect(try TreeObject(raw: entry("100664", "a")).entries[0].mode == .file)
    }

    @Test func `duplicates are refused, beside each other and apart`() {
        #expect(refusal(entry("100644", "a") + entry("100644", "a")) == .duplicateEntry)
        #expect(refusal(entry("100644", "a") + entry("40000", "a")) == .duplicateEntry)
        #expect(
            refusal(entry("100644", "a") + entry("100644", "a.b") + entry("40000", "a")) == .duplicateEntry)
    }

    @Test func `entries out of order are refused`() {
        #expect(refusal(entry("100644", "b") + entry("100644", "a")) == .entryOrder)
        #expect(refusal(entry("40000", "a") + entry("100644", "a.b")) == .entryOrder)
        #expect(refusal(entry("100644", "a.b") + entry("40000", "a")) == nil)
    }

    @Test func `a tree without an object's name is refused`() {
        #expect(refusal(entry("100644", Array("a".utf8), [UInt8](repeating: 0, count: 20))) == .malformedTree)
    }

    @Test func `a tree cut off inside an entry is refused at each length`() {
        let first = entry("100644", "a")
        let whole = first + entry("40000", "b")
        for length in 1..<whole.count where length != first.count {
            #expect(refusal(Array(whole[..<length])) != nil)
        }
    }

    @Test func `no flipped bit crashes, and what parses has another encoding`() throws {
        let whole = entry("100644", "a") + entry("40000", "b") + entry("120000", "c")
        let original = try TreeObject(raw: whole).entries
        for index in whole.indices {
            for bit in 0..<8 {
                var bytes = whole
                bytes[index] ^= 1 << UInt8(bit)
                guard let tree = try? TreeObject(raw: bytes) else { continue }
                let isLegacyMode = bytes.starts(with: "100664".utf8)
                #expect(tree.entries != original || isLegacyMode)
            }
        }
    }
}
