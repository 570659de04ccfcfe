import Encodings
import Sodium
import Support
import Testing

@testable import Documents
@testable import Keyrings
@testable import Sealing

/// The vectors of FORMAT.md §10. They were computed apart from this code, from the text of FORMAT.md alone.
@Suite struct `the vectors of FORMAT.md` {
    /// A vector: its place, how its source is written, the source.
    struct Vector: Sendable {
        let number: Int
        let coordinates: Coordinates
        let head: SealedRecord.Head
        let source: String
    }

    private static func key(_ text: String) -> SlotPath.Component { .key(Array(text.utf8)) }

    private static func object(_ group: String, _ kind: String, _ namespace: String?, _ name: String)
        -> KubernetesObject
    {
        KubernetesObject(
            group: Array(group.utf8), kind: Array(kind.utf8), namespace: namespace.map { Array($0.utf8) },
            name: Array(name.utf8))
    }

    private static func file(_ path: String, _ place: SlotPlace) throws -> Coordinates {
        .file(repository: try RepositoryID(DocumentFixture.repository), file: Array(path.utf8), place: place)
    }

    private static func head(
        _ format: SealedRecord.Format, _ style: SealedRecord.Style, _ indentation: UInt16
    ) -> SealedRecord.Head {
        SealedRecord.Head(format: format, style: style, indentation: indentation)
    }

    private static func vectors() throws -> [Vector] {
        let shop = Array("shop".utf8)
        let data = SlotPath([key("data"), key("k")])
        let env = SlotPath([key("spec"), key("env"), .named(.name, Array("DB".utf8)), key("value")])
        return [
            Vector(number: 1, coordinates: .environment, head: head(.yaml, .plain, 0), source: "hunter2"),
            Vector(
                number: 2,
                coordinates: .object(
                    object("", "Secret", "shop", "db"), namespace: shop,
                    path: SlotPath([key("data"), key("password")])),
                head: head(.yaml, .plain, 2), source: "aHVudGVyMg=="),
            Vector(
                number: 3,
                coordinates: .object(object("apps", "Deployment", "shop", "web"), namespace: shop, path: env),
                head: head(.yaml, .double, 6), source: "\"x\""),
            Vector(
                number: 4,
                coordinates: try file(
                    "conf/app.yaml",
                    SlotPlace(
                        document: 0, item: nil, object: nil, isObjectUnique: false,
                        path: SlotPath([key("a.b"), .index(2)]))),
                head: head(.yaml, .literal, 0), source: "|\n  two\n  lines"),
            Vector(
                number: 5,
                coordinates: try file(
                    "conf/list.json",
                    SlotPlace(document: 0, item: 7, object: nil, isObjectUnique: false, path: data)),
                head: head(.json, .plain, 0), source: "1.10"),
            Vector(
                number: 6,
                coordinates: try file(
                    "conf/a.yaml",
                    SlotPlace(
                        document: 3, item: nil, object: object("", "ConfigMap", nil, "cm"),
                        isObjectUnique: true, path: data)),
                head: head(.yaml, .empty, 2), source: ""),
        ]
    }

    /// The text of FORMAT.md, and its lines that are a token.
    private static func format() -> (text: String, tokens: [String]) {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(
            separator: "/")
        let text = ShellCommand.run("cat", [root + "/Sources/Sealing/FORMAT.md"]).text
        let lines = text.split(separator: "\n").map { line in String(line.drop { $0 == " " }) }
        return (text, lines.filter { $0.hasPrefix("sealed.v1.prod-3.") })
    }

    @Test func `are what this code makes, and opens`() throws {
        let (text, tokens) = Self.format()
        let vectors = try Self.vectors()
        #expect(tokens.count == vectors.count)
        for (vector, expected) in zip(vectors, tokens) {
            if vector.number > 1 {
                #expect(text.contains("coordinates \(Hex.encode(vector.coordinates.bytes))\n"))
            }
            let token = try SealingFixture.seal(vector.source, vector.head, at: vector.coordinates)
            #expect(String(decoding: token.text, as: UTF8.self) == expected, "\(vector.number)")
            let opened = try SealingFixture.open(SealedToken(Array(expected.utf8)), at: vector.coordinates)
            #expect(opened.0 == vector.head && opened.1 == Array(vector.source.utf8))
        }
    }

    @Test func `say the key, the hash of the place, the ephemeral key and the commitment`() throws {
        let (text, tokens) = Self.format()
        #expect(text.contains(Hex.encode(SealingFixture.key().key)))
        let aad = SealedValue.associatedData(environment: "prod", epoch: 3, coordinates: .environment)
        #expect(text.contains("AAD        \(Hex.encode(aad))\n"))
        #expect(text.contains("H(AAD)     \(Hex.encode(BLAKE2b.hash(aad)))\n"))
        let token = try SealedToken(Array(tokens[0].utf8))
        #expect(text.contains("E          \(Hex.encode(token.ephemeral))\n"))
        #expect(text.contains("commitment \(Hex.encode(token.payload[32..<64]))\n"))
    }

    @Test func `say the digest of a sealed file`() throws {
        let digest = SealedFile.digest(
            "prod", 3, repository: try RepositoryID(DocumentFixture.repository),
            path: Array("tls/site.key".utf8))
        let text = Self.format().text
        #expect(text.contains(Hex.encode(digest)) && text.contains(Base64.unpadded.encode(digest)))
    }
}
