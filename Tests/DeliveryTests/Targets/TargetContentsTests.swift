import Encodings
import Files
import Sodium
import Support
import Testing

@testable import Delivery

@Suite struct TargetContentsTests {
    let fixture = Fixture()

    private func names(_ tree: OpenedTree) -> [String] { tree.files.map(\.path.description) }

    private func globs(_ patterns: String...) throws -> [Glob] {
        try patterns.map { try Glob(Array($0.utf8)) }
    }

    @Test func `a target gets the part of the tree that it names`() throws {
        let tree = try fixture.tree([
            "app/a.yaml": "1", "app/deep/b.yaml": "2", "app/c.txt": "3", "other/d": "4",
        ])
        #expect(names(try tree.arranged(for: TargetContents())).count == 4)
        #expect(
            names(try tree.arranged(for: TargetContents(path: "app"))) == ["a.yaml", "c.txt", "deep/b.yaml"])
        let chosen = TargetContents(path: "app", include: try globs("*.yaml", "deep/**"))
        #expect(names(try tree.arranged(for: chosen)) == ["a.yaml", "deep/b.yaml"])
        #expect(
            code { () throws(DeliveryError) in try tree.arranged(for: TargetContents(path: "none")) }
                == .emptyTree)
    }

    @Test func `F061 two files for one path, or a file where a directory is needed, are refused`() throws {
        let (one, other) = (try fixture.tree(["a/b": "1"]), try fixture.tree(["a/b": "2"]))
        #expect(code { () throws(DeliveryError) in try OpenedTree.merged([one, other]) } == .targetCollision)
        let nested = try fixture.tree(["a": "1"])
        #expect(
            code { () throws(DeliveryError) in try OpenedTree.merged([one, nested]) } == .targetCollision)
        let merged = try #require(try OpenedTree.merged([one, try fixture.tree(["a/c": "2"])]))
        #expect(names(merged) == ["a/b", "a/c"])
        let same = TargetContents(
            outputs: [try ComposedFile(.value(try ValueReference(parsing: Array("a/b".utf8))), at: "a/b")])
        #expect(code { () throws(DeliveryError) in try one.arranged(for: same) } == .targetCollision)
    }

    @Test(arguments: ["", "/etc/passwd", "../x", "a/../b", "."])
    func `a path that leads elsewhere is none for a file in a target`(path: String) {
        #expect(
            code { () throws(DeliveryError) in try ComposedFile(.template("a"), at: Path(path)) }
                == .unusableRequest)
    }

    @Test func `a value that is nowhere is told before anything is written`() throws {
        let tree = try fixture.tree(["a.in": "x ${b.yaml:c}"])
        let contents = TargetContents(outputs: [try ComposedFile(.template("a.in"), at: "a")])
        #expect(code { () throws(DeliveryError) in try tree.arranged(for: contents) } == .sourceMissing)
    }
}

/// Values of a sealed repository, through the whole flow, into files.
@Suite struct ComposedFileTests {
    let world: World

    init() throws {
        world = try World()
        world.write(
            rules: """
                  - { paths: ["deploy/prod/*.env"], environment: prod, values: ["**"], scope: file, multiline: true }
                  - { paths: ["deploy/prod/*.bin"], environment: prod, sealed: file }
                  - { paths: ["deploy/prod/**"], environment: prod }
                """)
        try world.seal("deploy/prod/database.yaml", World.secret(World.canary))
    }

    private func content(
        _ outputs: [ComposedFile], _ name: String = "out"
    ) throws -> [UInt8] {
        world.repository.commit("next")
        let tree = try world.reconciliation().open(at: time(1_700_001_000))
        let arranged = try tree.arranged(for: TargetContents(include: [], outputs: outputs))
        return try arranged.file(at: Path(name)).held().withBytes { $0.array }
    }

    private func refusal(_ outputs: [ComposedFile]) throws -> DeliveryError.Code? {
        world.repository.commit("next")
        let tree = try world.reconciliation().open(at: time(1_700_001_000))
        return code { () throws(DeliveryError) in try tree.arranged(for: TargetContents(outputs: outputs)) }
    }

    @Test func `F067 a template takes values byte for byte and leaves all else alone`() throws {
        let values = [
            "newline": "one\ntwo\n", "command": "$(id) `id` ${database.yaml} $HOME", "dash": "--help",
            "quotes": #"it's "so" \n"#, "long": String(repeating: "x", count: 1 << 20),
        ]
        var secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: n}\ndata:\n"
        for (name, value) in values.sorted(by: { $0.key < $1.key }) where name != "long" {
            secret += "  \(name): \(Base64.standard.encode(Array(value.utf8)))\n"
        }
        try world.seal("deploy/prod/values.yaml", secret)
        try world.sealFile("deploy/prod/long.bin", Array((values["long"] ?? "").utf8))
        world.repository.write(
            "deploy/prod/a.in", "$ $x $${y} {z} <${database.yaml:stringData.password}>\n")
        #expect(
            String(decoding: try content([try ComposedFile(.template("a.in"), at: "out")]), as: UTF8.self)
                == "$ $x ${y} {z} <\(World.canary)>\n")
        for (name, value) in values {
            let place = name == "long" ? "long.bin" : "values.yaml:data.\(name)"
            world.repository.write("deploy/prod/a.in", "[${\(place)}]")
            #expect(
                try content([try ComposedFile(.template("a.in"), at: "out")]) == Array("[\(value)]".utf8))
            let reference = try ValueReference(parsing: Array(place.utf8))
            #expect(try content([try ComposedFile(.value(reference), at: "out")]) == Array(value.utf8))
        }
    }

    @Test func `F067 a zero byte in text is refused, and kept where a value is a file`() throws {
        try world.sealFile("deploy/prod/zero.bin", [1, 0, 2])
        world.repository.write("deploy/prod/a.in", "${zero.bin}")
        #expect(try refusal([try ComposedFile(.template("a.in"), at: "out")]) == .malformedContent)
        let reference = try ValueReference(parsing: Array("zero.bin".utf8))
        #expect(try content([try ComposedFile(.value(reference), at: "out")]) == [1, 0, 2])
        let secret = """
            apiVersion: v1
            kind: Secret
            metadata: {name: s, namespace: n}
            data: {zero: AQAC}
            """
        try world.seal("deploy/prod/zero.yaml", secret)
        #expect(try refusal([try ComposedFile(.environment(["zero.yaml"]), at: "out")]) == .malformedContent)
    }

    @Test func `F067 a file of variables holds values that its readers take as those bytes`() throws {
        let secret = """
            apiVersion: v1
            kind: Secret
            metadata: {name: s, namespace: n}
            data:
              COMMAND: \(Base64.standard.encode(Array("$(id) `id` $HOME".utf8)))
              DASH: \(Base64.standard.encode(Array("-x".utf8)))
              LINES: \(Base64.standard.encode(Array("one\ntwo\n".utf8)))
              QUOTES: \(Base64.standard.encode(Array(#"it's "so" \n"#.utf8)))
            """
        try world.seal("deploy/prod/s.yaml", secret)
        let made = try content([try ComposedFile(.environment(["s.yaml"]), at: "out")])
        #expect(
            String(decoding: made, as: UTF8.self) == #"""
                COMMAND='$(id) `id` $HOME'
                DASH="-x"
                LINES="one
                two
                "
                QUOTES="it's \"so\" \\n"

                """#)
        #expect(
            try refusal([try ComposedFile(.environment(["s.yaml", "s.yaml"]), at: "out")])
                == .malformedContent)
    }

    @Test func `what is made of values and would hold a token or a marker is refused`() throws {
        world.repository.write("deploy/prod/parts.yaml", "first: sea\nsecond: led.v1.prod-1.e.AAAA\n")
        world.repository.write("deploy/prod/a.in", "${parts.yaml:first}${parts.yaml:second}")
        #expect(try refusal([try ComposedFile(.template("a.in"), at: "out")]) == .stillSealed)
        let marker = Base64.standard.encode(Array("ENC[AES256_GCM,data:x]".utf8))
        world.repository.write(
            "deploy/prod/s.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: n}\ndata: {A: \(marker)}\n")
        let reference = try ValueReference(parsing: Array("s.yaml:data.A".utf8))
        #expect(try refusal([try ComposedFile(.value(reference), at: "out")]) == .stillSealed)
        #expect(try refusal([try ComposedFile(.environment(["s.yaml"]), at: "out")]) == .stillSealed)
    }

    @Test(arguments: ["${app.yaml", "${app.yaml:}", "${:x}", "${}"])
    func `a placeholder that is none is refused with its line`(text: String) throws {
        world.repository.write("deploy/prod/a.in", "first\n\(text)\n")
        #expect(try refusal([try ComposedFile(.template("a.in"), at: "out")]) == .malformedContent)
    }

    @Test func `a key path that leads nowhere is refused without a value in the words`() throws {
        world.repository.write("deploy/prod/a.in", "${database.yaml:stringData.none}")
        #expect(try refusal([try ComposedFile(.template("a.in"), at: "out")]) == .malformedContent)
    }
}
