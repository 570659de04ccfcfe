import Documents
import Testing

@testable import Sealing

struct DocumentMergeTests {
    private static let base = """
        # the database
        apiVersion: v1
        kind: Secret
        metadata:
          name: db
        stringData:
          # who
          user: ada
          password: sealed.v1.prod-1.o.AAAA
          port: 5432  # standard
        """ + "\n"

    private func merge(
        _ base: String, _ ours: String, _ theirs: String, _ format: DocumentFormat = .yaml
    ) throws(SealingError) -> (text: String, conflicts: [String]) {
        let merge = try DocumentMerge(
            base: Array(base.utf8), ours: Array(ours.utf8), theirs: Array(theirs.utf8), format: format,
            path: Array("a.yaml".utf8))
        return (String(decoding: merge.bytes, as: UTF8.self), merge.conflicts)
    }

    private func changed(_ text: String, _ old: String, _ new: String) -> String {
        guard let place = text.firstRange(of: old) else { return "nothing to change" }
        return text.replacingCharacters(place, new)
    }

    @Test func `changes of neighbouring lines merge`() throws {
        let ours = changed(Self.base, "user: ada", "user: grace")
        let theirs = changed(Self.base, "prod-1.o.AAAA", "prod-2.o.BBBB")
        let result = try merge(Self.base, ours, theirs)
        #expect(result.conflicts.isEmpty)
        #expect(result.text == changed(ours, "prod-1.o.AAAA", "prod-2.o.BBBB"))
    }

    @Test func `one key changed on both sides conflicts alone`() throws {
        let ours = changed(changed(Self.base, "AAAA", "BBBB"), "user: ada", "user: grace")
        let theirs = changed(changed(Self.base, "AAAA", "CCCC"), "5432", "5433")
        let result = try merge(Self.base, ours, theirs)
        #expect(result.conflicts == ["Secret/db: stringData.password"])
        #expect(
            result.text
                == """
                # the database
                apiVersion: v1
                kind: Secret
                metadata:
                  name: db
                stringData:
                  # who
                  user: grace
                <<<<<<< ours
                  password: sealed.v1.prod-1.o.BBBB
                =======
                  password: sealed.v1.prod-1.o.CCCC
                >>>>>>> theirs
                  port: 5433  # standard

                """)
    }

    @Test func `the same change on both sides is no conflict`() throws {
        let ours = changed(Self.base, "AAAA", "BBBB")
        let result = try merge(Self.base, ours, ours)
        #expect(result.conflicts.isEmpty && result.text == ours)
    }

    @Test func `keys that both sides add in one place stand one behind the other`() throws {
        let result = try merge(
            Self.base, Self.base + "  first: 1\n", Self.base + "  second: 2\n")
        #expect(result.conflicts.isEmpty)
        #expect(result.text == Self.base + "  first: 1\n  second: 2\n")
    }

    @Test func `one key added on both sides with two values conflicts`() throws {
        let result = try merge(Self.base, Self.base + "  more: 1\n", Self.base + "  more: 2\n")
        #expect(result.conflicts == ["Secret/db: stringData.more"])
        #expect(
            result.text == Self.base
                + "<<<<<<< ours\n  more: 1\n=======\n  more: 2\n>>>>>>> theirs\n")
    }

    @Test func `a key taken out on one side goes, its neighbours' changes stay`() throws {
        let ours = changed(Self.base, "  # who\n  user: ada\n", "")
        let theirs = changed(Self.base, "AAAA", "BBBB")
        let result = try merge(Self.base, ours, theirs)
        #expect(result.conflicts.isEmpty && result.text == changed(ours, "AAAA", "BBBB"))
    }

    @Test func `a key taken out and changed conflicts`() throws {
        let ours = changed(Self.base, "  password: sealed.v1.prod-1.o.AAAA\n", "")
        let theirs = changed(Self.base, "AAAA", "BBBB")
        let result = try merge(Self.base, ours, theirs)
        #expect(result.conflicts == ["Secret/db: stringData.password"])
        #expect(
            result.text
                == changed(
                    ours, "  port",
                    "<<<<<<< ours\n=======\n  password: sealed.v1.prod-1.o.BBBB\n>>>>>>> theirs\n  port"))
    }

    @Test func `comments, order and the missing last line end are kept`() throws {
        let base = "b: 1 # one\n\n# about a\na: 2"
        let result = try merge(base, "b: 1 # eins\n\n# about a\na: 2", "b: 1 # one\n\n# about a\na: 3")
        #expect(result.conflicts.isEmpty && result.text == "b: 1 # eins\n\n# about a\na: 3")
        let moved = try merge("a: 1\nb: 2\nc: 3\n", "c: 3\na: 1\nb: 2\n", "a: 1\nb: 4\nc: 3\nd: 5\n")
        #expect(moved.conflicts.isEmpty && moved.text == "c: 3\nd: 5\na: 1\nb: 4\n")
    }

    @Test func `JSON merges by key, commas included`() throws {
        let base = "{\n  \"a\": 1,\n  \"b\": {\"x\": 1, \"y\": 2}\n}\n"
        let ours = "{\n  \"b\": {\"x\": 3, \"y\": 2},\n  \"c\": 3\n}\n"
        let theirs = "{\n  \"a\": 1,\n  \"b\": {\"x\": 1, \"y\": 4},\n  \"d\": [1]\n}\n"
        let result = try merge(base, ours, theirs, .json)
        #expect(result.conflicts.isEmpty)
        #expect(result.text == "{\n  \"b\": {\"x\": 3, \"y\": 4},\n  \"c\": 3,\n  \"d\": [1]\n}\n")
        let empty = try merge("{}", "{\"a\": 1}", "{\"b\": 2}", .json)
        #expect(empty.conflicts.isEmpty && empty.text == "{\"a\": 1,\"b\": 2}")
    }

    @Test func `a conflict inside brackets takes their line, with the rest merged on both sides`() throws {
        let result = try merge(
            "m: {a: 1, b: 2, c: 3} # m\n", "m: {a: 5, b: 4, c: 3} # m\n", "m: {a: 6, b: 2, c: 7} # m\n")
        #expect(result.conflicts == ["m.a"])
        #expect(
            result.text
                == "<<<<<<< ours\nm: {a: 5, b: 4, c: 7} # m\n=======\nm: {a: 6, b: 4, c: 7} # m\n>>>>>>> theirs\n"
        )
    }

    @Test func `elements with names merge wherever they stand`() throws {
        let base = "env:\n- name: A\n  value: 1\n- name: B\n  value: 2\n"
        let ours = "env:\n- name: Z\n  value: 0\n- name: A\n  value: 1\n- name: B\n  value: 3\n"
        let theirs = "env:\n- name: A\n  value: 9\n- name: B\n  value: 2\n- name: C\n  value: 4\n"
        let result = try merge(base, ours, theirs)
        #expect(result.conflicts.isEmpty)
        #expect(
            result.text
                == "env:\n- name: Z\n  value: 0\n- name: A\n  value: 9\n- name: B\n  value: 3\n- name: C\n  value: 4\n"
        )
    }

    @Test
    func `elements without names merge in their places, and are refused where both sides count otherwise`()
        throws
    {
        let result = try merge("- a\n- b\n- c\n", "- x\n- b\n- c\n", "- a\n- b\n- z\n")
        #expect(result.text == "- x\n- b\n- z\n")
        #expect(try merge("- a\n", "- a\n- b\n", "- a\n").text == "- a\n- b\n")
        #expect { try merge("- a\n- b\n", "- b\n", "- a\n- b\n- c\n") } throws: { error in
            (error as? SealingError)?.code == .notSupported
        }
    }

    @Test func `documents are told apart by their objects`() throws {
        func object(_ name: String, _ value: Int) -> String {
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \(name)}\ndata:\n  k: \"\(value)\"\n"
        }
        let base = object("a", 1) + "---\n" + object("b", 1)
        let ours = base + "---\n" + object("c", 1)
        let theirs = object("a", 2) + "---\n# second\n" + object("b", 1) + "---\n" + object("d", 1)
        let result = try merge(base, ours, theirs)
        #expect(result.conflicts.isEmpty)
        #expect(
            result.text == object("a", 2) + "---\n# second\n" + object("b", 1) + "---\n" + object("c", 1)
                + "---\n" + object("d", 1))
    }

    @Test func `block scalars, anchors, CR LF and odd layout keep their bytes`() throws {
        let base =
            "a: &x |\r\n  one\r\n  two\r\nb: *x\r\nc:\r\n    - !!str 1\r\n    -   k: v\r\n        l: w\r\nd:\r\n"
        let ours = changed(base, "two", "TWO")
        let theirs = changed(changed(base, "l: w", "l: W"), "d:\r\n", "d: 1\r\n")
        let result = try merge(base, ours, theirs)
        #expect(result.conflicts.isEmpty)
        #expect(result.text == changed(theirs, "two", "TWO"))
        let kept = "a: |+\n  x\n\n\nb: 1\n"
        #expect(
            try merge(kept, changed(kept, "x", "y"), changed(kept, "b: 1", "b: 2")).text
                == "a: |+\n  y\n\n\nb: 2\n")
    }

    @Test func `dotenv merges by key`() throws {
        let base = "# c\nexport A=1\nB='2'\nC=3"
        let result = try merge(
            base, "# c\nexport A=9\nB='2'\nC=3", "# c\nexport A=1\nB='8' # b\nC=3\nD=4\n", .dotenv)
        #expect(result.conflicts.isEmpty && result.text == "# c\nexport A=9\nB='8' # b\nC=3\nD=4\n")
        let conflict = try merge(base, "# c\nexport A=8\nB='2'\nC=3", "# c\nexport A=9\nB='2'\nC=3", .dotenv)
        #expect(conflict.conflicts == ["A"])
    }

    @Test func `a comment alone merges with nothing, by lines`() {
        #expect(throws: SealingError.self) { try merge("# a\n", "# b\n", "A=1\n", .dotenv) }
        #expect(throws: SealingError.self) { try merge("# a\n", "# b\n", "a: 1\n", .yaml) }
    }

    @Test func `what cannot be merged by key path is refused`() {
        for (base, ours, theirs, code) in [
            ("a: 1\n", "a: [1\n", "a: 2\n", SealingError.Code.malformed),
            ("a: 1\nb: 2\nc: 3\n", "b: 2\na: 1\nc: 3\n", "a: 1\nc: 3\nb: 2\n", .notSupported),
            ("{a: 1, b: 2}\n", "{b: 2}\n", "{a: 3, b: 2}\n", .notSupported),
            ("? a\n: 1\n", "? a\n: 2\n", "? a\n: 1\n? b\n: 1\n", .notSupported),
            ("a: &x 1\nc: 1\n", "a: &x 1\nb: &x 2\nc: 1\n", "a: &x 1\nc: 1\nd: *x\n", .notSupported),
        ] as [(String, String, String, SealingError.Code)] {
            do throws(SealingError) {
                let result = try merge(base, ours, theirs)
                Issue.record("merged: \(result.text)")
            } catch {
                #expect(error.code == code, "\(base)")
            }
        }
    }

    // MARK: TOML

    private static let toml = """
        # the service
        title = "x"
        owner.name = "ada"

        [database]
        # who
        user = "app"
        password = "sealed.v1.prod-1.f.AAAA"
        ports = [
          1, # first
          2,
        ]

        [[server]]
        name = "a"
        ip = "10.0.0.1"

        [[server]]
        name = "b"
        ip = "10.0.0.2"
        """ + "\n"

    @Test func `neighbouring keys of TOML merge, and a header's keys stay below it`() throws {
        let ours = changed(
            changed(Self.toml, "\"app\"", "\"web\""), "owner.name = \"ada\"\n",
            "owner.name = \"ada\"\nours = 1\n")
        let theirs = changed(
            changed(Self.toml, "AAAA", "BBBB"), "ip = \"10.0.0.1\"\n", "ip = \"10.0.0.9\"\nport = 22\n")
        let result = try merge(Self.toml, ours, theirs, .toml)
        #expect(result.conflicts.isEmpty)
        #expect(
            result.text
                == changed(
                    changed(ours, "AAAA", "BBBB"), "ip = \"10.0.0.1\"\n", "ip = \"10.0.0.9\"\nport = 22\n"))
        let both = try merge(Self.toml, Self.toml + "[last]\na = 1\n", Self.toml + "[end]\nb = 1\n", .toml)
        #expect(both.conflicts.isEmpty && both.text == Self.toml + "[last]\na = 1\n[end]\nb = 1\n")
    }

    @Test func `one key of TOML that both sides changed conflicts alone`() throws {
        let result = try merge(
            Self.toml, changed(changed(Self.toml, "AAAA", "BBBB"), "\"x\"", "\"y\""),
            changed(Self.toml, "AAAA", "CCCC"),
            .toml)
        #expect(result.conflicts == ["database.password"])
        let lines = result.text.split(separator: "\n")
        #expect(
            lines.count { $0.hasPrefix("<<<<<<<") } == 1
                && lines.count == Self.toml.split(separator: "\n").count + 4)
        let named = try merge(
            Self.toml, changed(Self.toml, "10.0.0.2", "10.0.0.3"), changed(Self.toml, "10.0.0.2", "10.0.0.4"),
            .toml)
        #expect(named.conflicts == ["server[name=\"b\"].ip"])
    }

    @Test func `TOML that can't be told apart by key is not merged by key`() {
        // An unnamed element that both sides put in front; a header behind that of a table in its own.
        for (base, ours, theirs) in [
            ("[[x]]\na = 1\n", "[[x]]\na = 2\n[[x]]\na = 1\n", "[[x]]\na = 3\n"),
            ("[a.b]\nc = 1\n[a]\nd = 1\n", "[a.b]\nc = 2\n[a]\nd = 1\n", "[a.b]\nc = 1\n[a]\nd = 2\n"),
        ] {
            #expect { try merge(base, ours, theirs, .toml) } throws: { error in
                (error as? SealingError)?.code == .notSupported
            }
        }
    }
}

extension String {
    fileprivate func firstRange(of other: String) -> Range<Int>? {
        let (mine, word) = (Array(utf8), Array(other.utf8))
        guard mine.count >= word.count else { return nil }
        let start = (0...(mine.count - word.count)).first { mine[$0...].starts(with: word) }
        return start.map { $0..<$0 + word.count }
    }

    fileprivate func replacingCharacters(_ range: Range<Int>, _ new: String) -> String {
        var bytes = Array(utf8)
        bytes.replaceSubrange(range, with: Array(new.utf8))
        return String(decoding: bytes, as: UTF8.self)
    }
}
