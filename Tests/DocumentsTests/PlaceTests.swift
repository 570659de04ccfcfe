import Testing

@testable import Documents

/// Key paths, names of sequence elements, aliases, Kubernetes objects.
struct PlaceTests {
    private func paths(_ document: TextDocument) -> [String] {
        document.slots.map { document.path(of: $0).text }
    }

    @Test func `F021: paths that join to the same text differ`() throws {
        let document = try Fixture.yaml("a.b: 1\na:\n  b: 2\nto:to: 3\nto:\n  to: 4\n")
        #expect(paths(document) == ["[\"a.b\"]", "a.b", "to:to", "to.to"])
        #expect(Set(document.slots.map { document.path(of: $0) }).count == 4)
    }

    @Test func `sequence elements are named by name, key or id where no sibling has the same`() throws {
        let document = try Fixture.yaml(
            """
            env:
            - {name: A, value: 1}
            - {value: 2, id: x, key: K}
            - {name: B, value: 3}
            - {name: B, value: 4}
            - {value: 5}
            - scalar
            - {name: [n], id: 7}
            - {id: "7"}
            - {key: A, value: 6}
            - [nested]

            """)
        #expect(
            paths(document) == [
                "env[name=\"A\"].name", "env[name=\"A\"].value", "env[key=\"K\"].value", "env[key=\"K\"].id",
                "env[key=\"K\"].key", "env[2].name", "env[2].value", "env[3].name", "env[3].value",
                "env[4].value", "env[5]", "env[6].name[0]", "env[6].id", "env[7].id", "env[key=\"A\"].key",
                "env[key=\"A\"].value", "env[9][0]",
            ])
        #expect(document.slots.filter(\.namesElement).map(document.valueText) == ["A", "K", "A"])
    }

    @Test func `a sealed scalar names nothing`() throws {
        let document = try Fixture.yaml(
            "- {name: sealed.v1.prod-1.o.AAAA, key: k, v: 1}\n- {name: sealed.v1.x, v: 2}\n")
        #expect(
            paths(document) == ["[key=\"k\"].name", "[key=\"k\"].key", "[key=\"k\"].v", "[1].name", "[1].v"])
        let sealed = try document.sealed([try document.slot("[0].key")]).document
        #expect(paths(sealed).first == "[0].name")
    }

    @Test func `a slot is found by path, index or name`() throws {
        let document = try Fixture.yaml(
            "data: {tls.crt: a, \"b\": c}\nenv:\n- name: DB\n  value: v\n- name: X\n  value: w\n- name: X\n---\nx: y\n"
        )
        #expect(document.valueText(try document.slot("data[\"tls.crt\"]")) == "a")
        #expect(document.valueText(try document.slot("data.tls\\.crt")) == "a")
        #expect(document.valueText(try document.slot("env[name=DB].value")) == "v")
        #expect(document.valueText(try document.slot("env[0].value")) == "v")
        #expect(document.valueText(try document.slot("env[1].value")) == "w")
        #expect(document.valueText(try document.slot("x", document: 1)) == "y")
        func code(_ path: String, _ number: Int = 0) -> DocumentError.Code? {
            Fixture.code { _ = try document.slot(at: SlotPath(parsing: Array(path.utf8)), document: number) }
        }
        #expect(code("env[name=X].value") == .conflict)
        #expect(code("env") == .conflict)
        #expect(code("x", 2) == .notFound)
        for path in [
            "nope", "data.nope", "env[9]", "env[name=nope].value", "data.b.c", "data[0]", "env.name",
        ] {
            #expect(try document.slot(at: SlotPath(parsing: Array(path.utf8)), document: 0) == nil)
        }
    }

    @Test(arguments: [
        ("a", "a"), ("a.b", "a.b"), ("a\\.b", "[\"a.b\"]"), ("[\"a.b\"].c", "[\"a.b\"].c"),
        ("a[0][12].b", "a[0][12].b"),
        ("a[name=x y]", "a[name=\"x y\"]"), ("a[id=\"]\"]", "a[id=\"]\"]"), ("[\"\"]", "[\"\"]"),
        ("a\\\\b", "[\"a\\\\b\"]"),
        ("[\"q\\\"\"]", "[\"q\\\"\"]"), ("ä.ß", "ä.ß"), ("a\\[0]".replacing("]", with: "\\]"), "[\"a[0]\"]"),
    ])
    func `a key path is read and written`(_ text: String, _ canonical: String) throws {
        let path = try SlotPath(parsing: Array(text.utf8))
        #expect(path.text == canonical)
        #expect(try SlotPath(parsing: Array(canonical.utf8)) == path)
    }

    @Test(arguments: [
        "", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[-1]", "a[01]", "a[0", "a[name", "a[name=x",
        "a[foo=x]", "a]",
        "a\\", "a[\"x]", "a[\"x\"", "a[0]b", "a[99999999999]", "a[\"\\n\"]",
    ])
    func `a key path that is not well-formed is refused`(_ text: String) {
        #expect(Fixture.code { _ = try SlotPath(parsing: Array(text.utf8)) } == .path)
    }

    @Test func `values under an aliased anchor or a merge key are met at more than one place`() throws {
        let document = try Fixture.yaml(
            """
            base: &base
              deep: {x: 1}
            own: &unused 2
            list: [&s 3, *s]
            derived:
              <<: *base
              y: 4
            inline:
              <<: {z: 5}
            ---
            base: &base 6

            """)
        #expect(document.slots.filter(\.isAliasedOrMerged).map(document.valueText) == ["1", "3", "5"])
        #expect(
            Fixture.code { _ = try document.slot(at: SlotPath(parsing: Array("list[1]".utf8)), document: 0) }
                == .conflict)
        #expect(
            Fixture.code {
                _ = try document.slot(at: SlotPath(parsing: Array("derived.<<.deep".utf8)), document: 0)
            } == .conflict)
    }

    @Test func `Kubernetes objects are told apart, list items too`() throws {
        let document = try Fixture.yaml(
            """
            apiVersion: v1
            kind: Secret
            metadata: {name: a, namespace: prod}
            stringData: {k: one}
            ---
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: b}
            spec: {x: two}
            ---
            apiVersion: v1
            kind: List
            note: none
            items:
            - apiVersion: v1
              kind: Secret
              metadata: {name: a, namespace: prod}
              data: {k: three}
            - {x: four}
            ---
            - five
            ---
            apiVersion: v1
            kind: Secret
            metadata: {name: sealed.v1.prod-1.o.AAAA}
            data: {k: six}
            ---
            apiVersion: v1
            kind: Secret
            metadata: {<<: {namespace: other}, name: c}
            data: {k: seven}

            """)
        func place(_ value: String) throws -> SlotPlace {
            document.place(of: try #require(document.slots.first { document.valueText($0) == value }))
        }
        func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
        let secret = KubernetesObject(
            group: [], kind: bytes("Secret"), namespace: bytes("prod"), name: bytes("a"))
        let deployment = KubernetesObject(
            group: bytes("apps"), kind: bytes("Deployment"), namespace: nil, name: bytes("b"))
        #expect(document.objects.map(\.object) == [secret, deployment, secret])
        let one = try place("one")
        #expect((one.document, one.item, one.object, one.isObjectUnique) == (0, nil, secret, false))
        #expect(one.path.text == "stringData.k")
        let two = try place("two")
        #expect((two.document, two.item, two.object, two.isObjectUnique) == (1, nil, deployment, true))
        let three = try place("three")
        #expect((three.document, three.item, three.object, three.path.text) == (2, 0, secret, "data.k"))
        let four = try place("four")
        #expect((four.document, four.item, four.object, four.path.text) == (2, 1, nil, "x"))
        #expect(try place("none").item == nil)
        #expect(try place("five").path.text == "[0]")
        #expect(try place("six").object == nil)
        #expect(try place("seven").object == nil)
    }

    @Test func `a file name tells its format`() {
        #expect(DocumentFormat(path: Array("a/b.yaml".utf8)) == .yaml)
        #expect(DocumentFormat(path: Array("b.YML".utf8)) == .yaml)
        #expect(DocumentFormat(path: Array("x.json".utf8)) == .json)
        for name in ["yaml", "a.yaml/b", "a.txt", "", "."] {
            #expect(DocumentFormat(path: Array(name.utf8)) == nil)
        }
    }
}
