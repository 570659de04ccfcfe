import Files
import Testing

@Suite struct PathTests {
    @Test func `paths compare as bytes, not as text`() {
        #expect(Path("\u{E9}") != Path("e\u{301}"))
        #expect(Set([Path("\u{E9}"), Path("e\u{301}")]).count == 2)
        #expect(Path([0xFF]) > Path([0x7F]))
    }

    @Test func `a path splits into parent and name`() {
        #expect(Path("/a/b").parent == "/a")
        #expect(Path("/a").parent == "/")
        #expect(Path("a").parent == ".")
        #expect(Path("a//b/").name == "b")
        #expect(Path("/").name == "")
        #expect(Path("/").parent == "/")
        #expect(Path("a").appending("b") == "a/b")
        #expect(Path("/").appending("b") == "/b")
    }

    @Test(arguments: ["", ".", "..", "a/b", "a\u{0}b", "/"])
    func `what can't stand in a directory is no name`(text: String) {
        #expect(!Path(text).isName)
    }

    @Test func `a name has at most 255 bytes`() {
        #expect(Path([UInt8](repeating: 0x61, count: 255)).isName)
        #expect(!Path([UInt8](repeating: 0x61, count: 256)).isName)
    }

    @Test func `a path is shown without control characters`() {
        #expect(Path([0x61, 0x0A, 0x1B, 0xFF]).description == "a\\x0a\\x1b\\xff")
        #expect(Path("caf\u{E9}").description == "caf\u{E9}")
    }
}
