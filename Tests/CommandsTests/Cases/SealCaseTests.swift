import Support
import Testing

/// F001 to F003, F005, F008 to F011: what is sealed, what is kept, and what is refused, by the real program.
@Suite struct SealCaseTests {
    @Test(arguments: [
        (
            "cases/a.yaml",
            "a: \"\"\nb: ''\nc: ' '\nd: \"\\n\"\ne:\nf: ~\ng: null\nh: |\n\ni: [\"\", ' ', ~]\n", 11
        ),
        ("cases/a.json", "{\"a\": \"\", \"b\": \" \", \"c\": \"\\n\", \"d\": null, \"e\": []}", 4),
        ("cases/a.env", "A=\nB=''\nC=\"\"\nD=' '\nE= # nothing\nF=", 6),
        ("cases/a.ini", "[a]\nb=\nc = \nd:\n", 3),
        ("cases/a.toml", "a = \"\"\nb = ''\nc = ' '\nd = \"\"\"\n\n\"\"\"\ne = []\n", 4),
    ])
    func `F001: empty, blank and null values seal and open back to the same bytes`(
        file: String, text: String, count: Int
    ) {
        let world = World.withCases()
        let sealed = world.expectRoundTrip(file, Array(text.utf8), tokens: count)
        // Equal values don't look equal: whether one is empty is not to be seen, but that it is there.
        #expect(Set(World.tokens(sealed)).count == count)
    }

    @Test func `F001: a missing key is not an empty one, and an empty file is one`() {
        let world = World.withCases()
        world.config.write("cases/a.conf.yaml", "a: ''\n")
        world.must("seal", "cases/a.conf.yaml")
        #expect(world.must("explain", "cases/a.conf.yaml", identity: "alice").contains("a: "))
        #expect(world.must("open", "cases/a.conf.yaml", identity: "alice") == "a: ''")
        for content in ["", " ", "\n", " \n \n"] {
            world.config.write("cases/a.bin", content)
            expect(world.run("seal", "cases/a.bin"), 0, "sealed the file")
            #expect(world.text("config/cases/a.bin").hasPrefix("age-encryption.org/v1\n"))
            let opened = world.run("open", "cases/a.bin", identity: "alice")
            #expect(opened.status == 0 && opened.stdout == Array(content.utf8))
        }
    }

    @Test func `F002: what is sealed is never sealed again, and stays byte for byte`() throws {
        let world = World.withCases()
        for (file, text) in [
            ("cases/a.yaml", "a: 1\nb: two\n"), ("cases/a.json", "{\"a\": [1, \"x\"]}"),
            ("cases/a.env", "A=1\n"),
            ("cases/a.ini", "[a]\nb = c\n"), ("cases/a.toml", "a = 1\n"),
        ] {
            world.config.write(file, text)
            world.must("seal", file)
            let before = try FileTree(world.config.path, withTimes: true)
            expect(world.run("seal", file), 0, "sealed 0 values", "sealed before")
            #expect(try FileTree(world.config.path, withTimes: true) == before)
        }
        world.config.write("cases/a.bin", "CANARY")
        world.must("seal", "cases/a.bin")
        let before = try FileTree(world.config.path, withTimes: true)
        expect(world.run("seal", "cases/a.bin"), 0, "sealed 0 files")
        #expect(try FileTree(world.config.path, withTimes: true) == before)
        // One more value: the others keep their tokens.
        let sealed = world.text("config/cases/a.yaml")
        world.config.write("cases/a.yaml", sealed + "c: 3\n")
        expect(world.run("seal", "cases/a.yaml"), 0, "sealed 1 value", "2 sealed before")
        #expect(world.text("config/cases/a.yaml").hasPrefix(sealed))
        // A token as the value of another key is no plaintext either.
        let token = World.tokens(sealed)[0]
        try world.expectRefused(5, ["sealed token"], ["set", "cases/a.yaml", "c"], stdin: token)
        world.config.write("cases/b.yaml", "a: 'x \(token)'\n")
        try world.expectRefused(5, ["cases/b.yaml", "line 1"], ["seal", "cases/b.yaml"])
    }

    @Test(arguments: [
        ("cases/a.yaml", "other: CANARY\n"), ("cases/a.json", "{\"other\": \"CANARY\"}"),
        ("cases/a.ini", "[other]\nkey = CANARY\n"), ("cases/a.toml", "other = \"CANARY\"\n"),
        ("cases/a.env", "OTHER=CANARY\n"), ("cases/b.yaml", "# nothing\n"), ("cases/b.env", ""),
        ("cases/a.txt", "password: CANARY\n"), ("elsewhere/a.yaml", "secret: CANARY\n"),
        (
            "deploy/prod/map.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: n}\ndata: {password: CANARY}\n"
        ),
    ])
    func `F003: a selector that matches no value is told, and nothing is written`(
        file: String, text: String
    ) throws {
        let world = World()
        world.addRule(
            "{ paths: [\"cases/**\"], environment: prod, scope: file, values: [\"**.secret\", \"/^none$/\"] }"
        )
        world.config.write(file, text)
        try world.expectRefused(2, [file, "0 values matched"], ["seal", file])
        try world.expectRefused(2, [file, "0 values matched"], ["seal", "--dry-run", file])
    }

    @Test(arguments: [
        ("cases/a.yaml", "a: 1\nb:\n  c: CANARY1\n  d: 2\n  c: CANARY2\n", 3, 5),
        ("cases/a.yaml", "a: 1\n\n\"\\x61\": CANARY\n", 1, 3), ("cases/a.yaml", "x: {a: 1,\n  a: 2}\n", 1, 2),
        ("cases/a.json", "{\"a\": 1,\n\n\"\\u0061\": \"CANARY\"}", 1, 3),
        ("cases/a.env", "A=1\n# c\nexport A='CANARY'\n", 1, 3), ("cases/a.env", "A='\n'\nB=1\nA=2", 1, 4),
        ("cases/a.toml", "a = 1\n[b]\nc = 1\n[b]\nd = 2\n", 2, 4),
    ])
    func `F005: a key twice is refused with both lines`(
        file: String, text: String, first: Int, second: Int
    ) throws {
        let world = World.withCases()
        world.config.write(file, text)
        try world.expectRefused(3, [file, "line \(second)", "line \(first)"], ["seal", file])
    }

    @Test func `F008: only the chosen values change, and every other byte is kept`() {
        let text = """
            %YAML 1.1
            ---
            # head\t
            secret:   &top "one"    # beside
            keep: [a,  b , {secret: 'two',c: "d"}]
            list:
            -   secret: |+2
                   three

                   # no comment

                other:  *top2
            -     {secret: four}
            x: &top2
                 secret:     >-
                   five
                   six
                 '  odd  ':   "k\\u00e9y"
            ...
            # between
            --- # two
            -    - secret: !!str 7
                 -   plain
            ---
            secret: last without an end
            """.replacing("*top2", with: "'t'")
        let world = World()
        world.addRule("{ paths: [\"cases/**\"], environment: prod, scope: file, values: [\"**.secret\"] }")
        let sealed = world.expectRoundTrip("cases/a.yaml", Array(text.utf8), tokens: 7)
        var frame = text
        for value in [
            "\"one\"", "'two'", "|+2\n       three\n\n       # no comment", "four",
            ">-\n       five\n       six", "7", "last without an end",
        ] {
            #expect(frame.contains(value))
            frame = frame.replacing(value, with: "T", maxReplacements: 1)
        }
        #expect(World.frame(sealed) == frame)
    }

    @Test(arguments: [
        "1.10", "0x1F", "yes", "~", "1e3", "012", "12345678901234567890", "null", "2001-12-14", ".inf", "0o7",
        "190:20:30", "-0", "True", "=", "<<", "2001-12-14t21:59:43.10-05:00", "1_000", "+1",
    ])
    func `F009: an unquoted scalar keeps its text and so its type`(scalar: String) {
        let world = World.withCases()
        // A colon is a sign of YAML's own in brackets, where such values have to be quoted.
        let isInBrackets = !scalar.contains(":")
        let text = "a: \(scalar)\nb: \(isInBrackets ? "[\(scalar), 1]" : "x")\n"
        world.expectRoundTrip("cases/a.yaml", Array(text.utf8), tokens: isInBrackets ? 3 : 2)
    }

    @Test func `F010: dotenv is read line by line, and CRLF, quotes and export are kept`() {
        let world = World.withCases(", multiline: true")
        let text =
            "# head\r\nexport A='a # b'   # c\r\n\r\nB=\"x\\\"y # z\"\r\nC='one\r\ntwo = 2\r\n# three'\r\n"
            + "  export\tD = word  # d\r\nE=\r\nF=\"\"\r\n#G=1\r\nH=a=b#c\r\nlast_1.x-y=end"
        let sealed = world.expectRoundTrip("cases/a.env", Array(text.utf8), tokens: 8)
        #expect(
            World.frame(sealed)
                == "# head\r\nexport A=T   # c\r\n\r\nB=T\r\nC=T\r\n  export\tD = T  # d\r\nE=T\r\nF=T\r\n"
                + "#G=1\r\nH=T\r\nlast_1.x-y=T")
        // As Compose, systemd and the libraries read it.
        let plain = "URL=postgres://u:p@h/db?a=1&b=2\nMOTD=hello world\nP=it's (a) \"test\"; ok\n"
        world.expectRoundTrip("cases/b.env", Array(plain.utf8), tokens: 3)
    }

    @Test func `F011: what is not UTF-8, and NUL, are refused wherever they stand`() throws {
        let world = World.withCases()
        let good = [
            "yaml": "a: X\n", "json": "{\"a\": \"X\"}", "env": "A=X\n", "ini": "[a]\nb = X\n",
            "toml": "a = 'X'\n",
        ]
        for (format, text) in good {
            let file = "cases/a.\(format)"
            for bytes: [UInt8] in [
                [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0x00],
            ] {
                let place = text.utf8.firstIndex(of: UInt8(ascii: "X")) ?? text.utf8.endIndex
                let offset = text.utf8.distance(from: text.utf8.startIndex, to: place)
                let all = Array(text.utf8)
                world.config.write(file, Array(all[..<offset] + bytes + all[(offset + 1)...]))
                try world.expectRefused(3, [file], ["seal", file])
                if format != "json" {
                    world.config.write(file, all + Array("# ".utf8) + bytes + [0x0A])
                    try world.expectRefused(3, [file], ["seal", file])
                }
            }
            for mark in ["\u{FEFF}", "\u{2028}", "\u{2029}"] {
                world.config.write(file, text.replacing("X", with: "CANARY\(mark)x"))
                try world.expectRefused(3, [file, "line "], ["seal", file])
            }
        }
    }

    @Test(arguments: [
        ("cases/a.yaml", "\u{FEFF}# one\u{2028}# two\na: x # c\u{2029}\nb: y\n", 2),
        ("cases/a.json", "\u{FEFF}{\"k\u{2028}\": 1, \"l\u{FEFF}\": 2}\n", 2),
        ("cases/a.env", "\u{FEFF}A=x\n# \u{2028}\u{2029}\u{FEFF}\nB=y # \u{2028}\n", 2),
        ("cases/a.ini", "\u{FEFF}[s\u{2028}]\n; \u{FEFF}\nk\u{2029} = x\n", 1),
        ("cases/a.toml", "\u{FEFF}a = 1 # \u{2028}\n\"b\u{2029}\" = 2\n", 2),
    ])
    func `F011: byte order marks and line separators outside of values are kept`(
        file: String, text: String, count: Int
    ) {
        let world = World.withCases()
        world.expectRoundTrip(file, Array(text.utf8), tokens: count)
    }
}
