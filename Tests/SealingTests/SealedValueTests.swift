import Encodings
import Sodium
import Testing

@testable import Documents
@testable import Keyrings
@testable import Sealing

/// A key pair with fixed bytes, and what is sealed to it.
struct SealingFixture {
    static let plain = SealedRecord.Head(format: .yaml, style: .plain, indentation: 0)

    static func identity(_ seed: UInt8 = 1) -> X25519Identity {
        X25519Identity(secret: (0..<32).map { UInt8($0) &+ seed }.withBytes { SecretBytes(copying: $0) })
    }

    static func key(
        _ seed: UInt8 = 1, environment: String = "prod", epoch: UInt64 = 3
    ) -> EnvironmentPublicKey {
        EnvironmentPublicKey(environment: environment, epoch: epoch, recipient: identity(seed).recipient)
    }

    static func keyring(
        _ seed: UInt8 = 1, environment: String = "prod", epoch: UInt64 = 3
    ) -> OpenedKeyring {
        OpenedKeyring(environment: environment, identities: [epoch: identity(seed)])
    }

    static func seal(
        _ text: String, _ head: SealedRecord.Head = plain, at coordinates: Coordinates = .environment,
        to key: EnvironmentPublicKey = key(), randomness: UInt8 = 0xA0
    ) throws(SealingError) -> SealedToken {
        try Array(text.utf8).withBytes { source throws(SealingError) in
            try SealedValue.seal(
                source, as: head, to: key, at: coordinates,
                randomness: .fixed([UInt8](repeating: randomness, count: 32)))
        }
    }

    static func open(
        _ token: SealedToken, at coordinates: Coordinates = .environment,
        with keyring: OpenedKeyring = keyring()
    ) throws(SealingError) -> (SealedRecord.Head, [UInt8]) {
        let opened = try SealedValue.open(token, with: keyring, at: coordinates)
        return (opened.head, opened.withSource { $0.array })
    }

    static func code(
        _ token: SealedToken, at coordinates: Coordinates = .environment,
        with keyring: OpenedKeyring = keyring()
    ) -> SealingError.Code? {
        do {
            _ = try open(token, at: coordinates, with: keyring)
            return nil
        } catch {
            return error.code
        }
    }
}

@Suite struct `a sealed value` {
    @Test(arguments: [0, 1, 25, 26, 27, 58, 59, 4_096, SealingLimit.sourceByteCount])
    func `opens to its source and style at its place`(count: Int) throws {
        let text = String(repeating: "x", count: count)
        let head = SealedRecord.Head(format: .yaml, style: count == 0 ? .empty : .folded, indentation: 0xABCD)
        let token = try SealingFixture.seal(text, head)
        #expect(token.recordByteCount % 32 == 0)
        let opened = try SealingFixture.open(try SealedToken(token.text))
        #expect(opened.0 == head)
        #expect(opened.1 == Array(text.utf8))
    }

    @Test func `a source above the limit is refused`() {
        let text = String(repeating: "x", count: SealingLimit.sourceByteCount + 1)
        do {
            _ = try SealingFixture.seal(text)
            Issue.record("sealed")
        } catch { #expect(error.code == .limitExceeded) }
    }

    @Test func `a token is never sealed into another`() {
        for text in ["sealed.v1.prod-1.o.AAAA", "x sealed.v2.", "ENC[AES256_GCM,data:"] {
            do {
                _ = try SealingFixture.seal(text)
                Issue.record("sealed")
            } catch { #expect(error.code == .nestedToken) }
        }
    }

    @Test func `E depends on randomness, value, place and key, so that K is never used twice`() throws {
        let base = try SealingFixture.seal("value")
        #expect(try SealingFixture.seal("value").ephemeral == base.ephemeral)
        #expect(try SealingFixture.seal("value", randomness: 0xA1).ephemeral != base.ephemeral)
        #expect(try SealingFixture.seal("valuf").ephemeral != base.ephemeral)
        #expect(try SealingFixture.seal("value", to: SealingFixture.key(2)).ephemeral != base.ephemeral)
        #expect(
            try SealingFixture.seal("value", to: SealingFixture.key(epoch: 4)).ephemeral
                != base.ephemeral)
    }

    @Test func `F025: another key, environment or epoch does not open it`() throws {
        let token = try SealingFixture.seal("value")
        #expect(SealingFixture.code(token, with: SealingFixture.keyring(2)) == .notAuthentic)
        #expect(SealingFixture.code(token, with: SealingFixture.keyring(epoch: 4)) == .noKey)
        #expect(SealingFixture.code(token, with: SealingFixture.keyring(environment: "dev")) == .noKey)
        for other in [("prof", 3 as UInt64), ("prod", 4)] {
            let moved = SealedToken(
                environment: other.0, epoch: other.1, scope: token.scope, payload: token.payload)
            let keyring = SealingFixture.keyring(environment: other.0, epoch: other.1)
            #expect(SealingFixture.code(moved, with: keyring) == .notAuthentic)
        }
    }

    @Test func `F017 every flipped bit after the prefix is refused`() throws {
        let text = try SealingFixture.seal("value").text
        let prefix = "sealed.v1.".utf8.count
        for offset in prefix..<text.count {
            for bit in 0..<8 {
                var flipped = text
                flipped[offset] ^= 1 << UInt8(bit)
                let code: SealingError.Code?
                do {
                    code = SealingFixture.code(try SealedToken(flipped))
                } catch { code = error.code }
                #expect([.malformed, .notAuthentic, .noKey].contains(code), "byte \(offset) bit \(bit)")
            }
        }
    }

    @Test func `an ephemeral share of low order is refused`() throws {
        let token = try SealingFixture.seal("value")
        for share in [[UInt8](repeating: 0, count: 32), [1] + [UInt8](repeating: 0, count: 31)] {
            let forged = SealedToken(
                environment: "prod", epoch: 3, scope: .environment, payload: share + token.payload[32...])
            #expect(SealingFixture.code(forged) == .notAuthentic)
        }
    }

    @Test func `a record that is not in its one form is refused`() {
        func code(_ bytes: [UInt8]) -> SealingError.Code? {
            do {
                _ = try bytes.withBytes { (span) throws(SealingError) in try SealedRecord.parse(span) }
                return nil
            } catch { return error.code }
        }
        func record(_ head: [UInt8], _ source: String = "x", marker: UInt8 = 0x80) -> [UInt8] {
            let bytes = head + Array(source.utf8) + [marker]
            return bytes + [UInt8](repeating: 0, count: (32 - bytes.count % 32) % 32)
        }
        #expect(code(record([1, 1, 1, 0, 0])) == nil)
        #expect(code(record([2, 1, 1, 0, 0])) == .unknownVersion)
        #expect(code(record([0, 1, 1, 0, 0])) == .unknownVersion)
        #expect(code(record([1, 0, 1, 0, 0])) == .unknownVersion)
        #expect(code(record([1, 6, 1, 0, 0])) == .unknownVersion)
        #expect(code(record([1, 1, 8, 0, 0])) == .unknownVersion)
        #expect(code(record([1, 2, 4, 0, 0])) == .malformed)
        #expect(code(record([1, 1, 0, 0, 0])) == .malformed)
        #expect(code(record([1, 1, 0, 0, 0], "")) == nil)
        #expect(code(record([1, 1, 1, 0, 0], marker: 0x81)) == .malformed)
        #expect(code(record([1, 1, 1], "")) == .malformed)
        #expect(code(record([1, 1, 1, 0, 0]) + [UInt8](repeating: 0, count: 32)) == .malformed)
        #expect(code(Array(record([1, 1, 1, 0, 0]).dropLast())) == .malformed)
        #expect(code([]) == .malformed)
        #expect(code(record([1, 1, 1, 0, 0], "sealed.v1.")) == .nestedToken)
    }
}

@Suite struct `coordinates` {
    private static func path(_ keys: String...) -> SlotPath {
        SlotPath(keys.map { .key(Array($0.utf8)) })
    }

    private static func object(_ kind: String, _ namespace: String?, _ name: String, group: String = "")
        -> KubernetesObject
    {
        KubernetesObject(
            group: Array(group.utf8), kind: Array(kind.utf8), namespace: namespace.map { Array($0.utf8) },
            name: Array(name.utf8))
    }

    private static func places() throws -> [Coordinates] {
        let a = object("Secret", "n", "a")
        let repository = try RepositoryID("000102030405060708090a0b0c0d0e0f")
        let other = try RepositoryID("000102030405060708090a0b0c0d0e10")
        func place(
            _ path: SlotPath, object: KubernetesObject? = nil, unique: Bool = true, document: Int = 0,
            item: Int? = nil
        ) -> SlotPlace {
            SlotPlace(document: document, item: item, object: object, isObjectUnique: unique, path: path)
        }
        func file(_ place: SlotPlace, _ name: String = "a.yaml", in repository: RepositoryID = repository)
            -> Coordinates
        {
            .file(repository: repository, file: Array(name.utf8), place: place)
        }
        let namespace = Array("n".utf8)
        return [
            .environment,
            .object(a, namespace: namespace, path: path("data", "b")),
            .object(a, namespace: namespace, path: path("data", "c")),
            .object(a, namespace: namespace, path: path("stringData", "b")),
            .object(a, namespace: namespace, path: path("metadata", "b")),
            .object(a, namespace: Array("m".utf8), path: path("data", "b")),
            .object(object("Secret", "n", "b"), namespace: namespace, path: path("data", "b")),
            .object(object("ConfigMap", "n", "a"), namespace: namespace, path: path("data", "b")),
            .object(object("Secret", "n", "a", group: "x.io"), namespace: namespace, path: path("data", "b")),
            file(place(path("a.b"))),
            file(place(path("a", "b"))),
            file(place(path("a", "b")), "b.yaml"),
            file(place(path("a", "b")), in: other),
            file(place(path("to:to"))),
            file(place(path("to", "to"))),
            file(place(path("a", "b"), document: 1)),
            file(place(path("a", "b"), document: 0, item: 1)),
            file(place(path("a", "b"), document: 1, item: 0)),
            file(place(path("a", "b"), object: a)),
            file(place(path("a", "b"), object: object("Secret", nil, "a"))),
            file(place(path("a", "b"), object: object("Secret", "", "a"))),
            file(place(SlotPath([.key(Array("a".utf8)), .index(0)]))),
            file(place(SlotPath([.key(Array("a".utf8)), .named(.name, Array("0".utf8))]))),
            file(place(SlotPath([.key(Array("a".utf8)), .named(.id, Array("0".utf8))]))),
            file(place(SlotPath([.key(Array("a".utf8)), .key(Array("0".utf8))]))),
            file(place(SlotPath([]))),
        ]
    }

    @Test func `F019 F020 F021 no two places share their coordinates`() throws {
        let places = try Self.places()
        #expect(Set(places).count == places.count)
    }

    @Test func `F019 F020 F021 a value opens at its own place alone`() throws {
        let places = try Self.places()
        for (index, place) in places.enumerated() {
            let token = try SealingFixture.seal("value", at: place)
            for (other, elsewhere) in places.enumerated() {
                let code = SealingFixture.code(token, at: elsewhere)
                #expect(code == (other == index ? nil : .notAuthentic), "\(index) at \(other)")
            }
        }
    }

    @Test func `an object that is not unique is named by its ordinal`() throws {
        let repository = try RepositoryID("000102030405060708090a0b0c0d0e0f")
        let a = Self.object("Secret", "n", "a")
        let path = Self.path("data", "b")
        let twin = SlotPlace(document: 2, item: nil, object: a, isObjectUnique: false, path: path)
        let plain = SlotPlace(document: 2, item: nil, object: nil, isObjectUnique: true, path: path)
        #expect(
            Coordinates.file(repository: repository, file: [0x61], place: twin)
                == Coordinates.file(repository: repository, file: [0x61], place: plain))
    }
}
