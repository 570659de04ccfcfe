import Encodings
import Sodium
import Support
import Testing

@testable import Keyrings
@testable import Sealing

@Suite struct `a sealed file` {
    private static let path = Array("tls/site.key".utf8)

    private static func repository(_ text: String = DocumentFixture.repository) throws -> RepositoryID {
        try RepositoryID(text)
    }

    private static func seal(_ bytes: [UInt8]) throws -> [UInt8] {
        let repository = try repository()
        return try bytes.withBytes { (span) throws(SealingError) in
            try SealedFile.seal(span, to: SealingFixture.key(), repository: repository, path: path)
        }
    }

    private static func open(
        _ bytes: [UInt8], keyring: OpenedKeyring = SealingFixture.keyring(), repository: RepositoryID? = nil,
        path: [UInt8] = path
    ) throws -> [UInt8] {
        let repository = try repository ?? Self.repository()
        return try SealedFile.open(bytes, with: keyring, repository: repository, path: path).withBytes {
            $0.array
        }
    }

    private static func code(
        _ bytes: [UInt8], keyring: OpenedKeyring = SealingFixture.keyring(), repository: RepositoryID? = nil,
        path: [UInt8] = path
    ) -> SealingError.Code? {
        do {
            _ = try open(bytes, keyring: keyring, repository: repository, path: path)
            return nil
        } catch { return (error as? SealingError)?.code }
    }

    @Test(arguments: [0, 1, 65_535, 65_536, 200_000]) func `opens at its place to the same bytes`(count: Int)
        throws
    {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(try Self.open(try Self.seal(bytes)) == bytes)
    }

    @Test func `streams in pieces, and releases nothing of a moved file`() throws {
        let bytes = [UInt8](repeating: 7, count: 150_000)
        let repository = try Self.repository()
        var sealed: [UInt8] = []
        var encryptor = try SealedFile.encryptor(
            to: SealingFixture.key(), repository: repository, path: Self.path)
        try bytes.withBytes { span in
            try encryptor.update(span.extracting(0..<70_001)) { sealed += $0.array }
            try encryptor.update(span.extracting(70_001..<150_000)) { sealed += $0.array }
        }
        try encryptor.finish { sealed += $0.array }
        func read(_ path: [UInt8]) -> (code: SealingError.Code?, plaintext: [UInt8]) {
            var plaintext: [UInt8] = []
            var opener = SealedFileOpener(
                keyring: SealingFixture.keyring(), repository: repository, path: path)
            do throws(SealingError) {
                for start in stride(from: 0, to: sealed.count, by: 4_099) {
                    try sealed.withBytes { (span) throws(SealingError) in
                        try opener.update(span.extracting(start..<min(start + 4_099, sealed.count))) {
                            plaintext += $0.array
                        }
                    }
                }
                try opener.finish { plaintext += $0.array }
                return (nil, plaintext)
            } catch { return (error.code, plaintext) }
        }
        #expect(read(Self.path).plaintext == bytes)
        #expect(read(Self.path).code == nil)
        #expect(read([0x61]).code == .notAuthentic)
        #expect(read([0x61]).plaintext.isEmpty)
    }

    @Test func `F020, F025: another path, repository, environment, epoch or key does not open it`() throws {
        let sealed = try Self.seal([1, 2, 3])
        #expect(Self.code(sealed) == nil)
        #expect(Self.code(sealed, path: Array("tls/other.key".utf8)) == .notAuthentic)
        #expect(
            Self.code(sealed, repository: try Self.repository("00000000000000000000000000000000"))
                == .notAuthentic)
        #expect(Self.code(sealed, keyring: SealingFixture.keyring(environment: "dev")) == .notAuthentic)
        #expect(Self.code(sealed, keyring: SealingFixture.keyring(epoch: 4)) == .notAuthentic)
        #expect(Self.code(sealed, keyring: SealingFixture.keyring(2)) == .notAuthentic)
    }

    @Test func `F017, F018: every flipped bit and every truncation of a file is refused`() throws {
        let sealed = try Self.seal(Array("secret".utf8))
        let accepted: Set<SealingError.Code?> = [.malformed, .notAuthentic, .unknownVersion]
        for offset in sealed.indices {
            for bit in 0..<8 {
                var flipped = sealed
                flipped[offset] ^= 1 << UInt8(bit)
                #expect(accepted.contains(Self.code(flipped)), "byte \(offset), bit \(bit)")
            }
            #expect(accepted.contains(Self.code(Array(sealed[..<offset]))), "length \(offset)")
        }
        #expect(accepted.contains(Self.code(sealed + [0])))
        #expect(accepted.contains(Self.code(sealed + sealed)))
    }

    @Test func `exactly the two stanzas are taken, in order, in their one form`() throws {
        let repository = try Self.repository()
        let digest = SealedFile.digest("prod", 3, repository: repository, path: Self.path)
        let scope = Stanza(type: "strongroom-scope", arguments: [Base64.unpadded.encode(digest)], body: [])
        func file(_ extra: [Stanza], recipients: Int = 1) throws -> [UInt8] {
            try [UInt8]([1]).withBytes { plaintext in
                try Age.encrypt(
                    plaintext, to: (0..<recipients).map { _ in SealingFixture.key().recipient },
                    extraStanzas: extra)
            }
        }
        #expect(Self.code(try file([scope])) == nil)
        for extra in [
            [], [scope, scope], [Stanza(type: "other", arguments: [], body: [])],
            [Stanza(type: scope.type, arguments: scope.arguments, body: [1])],
            [Stanza(type: scope.type, arguments: scope.arguments + ["x"], body: [])],
            [Stanza(type: scope.type, arguments: [], body: [])],
            [Stanza(type: scope.type, arguments: [Base64.unpadded.encode(digest.dropLast())], body: [])],
            [Stanza(type: scope.type, arguments: [Base64.unpadded.encode(digest) + "="], body: [])],
        ] { #expect(Self.code(try file(extra)) == .malformed) }
        #expect(Self.code(try file([scope], recipients: 2)) == .malformed)
    }

    @Test func `the epoch is found without a key`() throws {
        let header = try Self.seal([]).withBytes { try AgeHeader(parsing: $0) }
        let repository = try Self.repository()
        #expect(
            try SealedFile.epoch(
                of: header, environment: "prod", epochs: [1, 2, 3], repository: repository, path: Self.path)
                == 3)
    }

    @Test func `a commit's file is opened whole, and an age file without scope is refused`() throws {
        let rules = try DocumentFixture(
            #"{ paths: ["tls/*"], environment: prod, sealed: file, required: true }"#
        ).parsed()
        let opener = DocumentOpener(rules: rules, keyring: SealingFixture.keyring(), enforcing: true)
        let opened = try opener.openFile(try Self.seal([1, 2]), path: Self.path)
        let bytes = opened.bytes.withBytes { $0.array }
        #expect(bytes == [1, 2] && opened.openedCount == 1)
        func code(_ bytes: [UInt8], _ path: [UInt8] = Self.path) -> SealingError.Code? {
            do throws(SealingError) {
                _ = try opener.openFile(bytes, path: path)
                return nil
            } catch { return error.code }
        }
        #expect(code([1, 2]) == .plaintext)
        #expect(code([1, 2], [0x61]) == nil)
        let plain = try [UInt8]([1]).withBytes { try Age.encrypt($0, to: [SealingFixture.key().recipient]) }
        #expect(code(plain) == .malformed)
        #expect(code(plain, [0x61]) == .malformed)
        #expect(code(try Self.seal(Array("a: sealed.v1.x".utf8))) == .nestedToken)
    }

    @Test func `stock age opens our file, and we open one that stock age made`() throws {
        guard ShellCommand.run("age", ["--version"]).status == 0 else {
            #expect(!Vectors.isCI, "no stock age here")
            return
        }
        let directory = TemporaryDirectory("sealed-file")
        let identity = SealingFixture.identity().encoded().withBytes { $0.array } + [0x0A]
        let file = directory.file("identity")
        #expect(
            ShellCommand.run("sh", ["-c", "umask 077 && cat > \"$1\"", "sh", file], stdin: identity).status
                == 0)
        let secret = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let opened = ShellCommand.run("age", ["-d", "-i", file], stdin: try Self.seal(secret))
        #expect(opened.status == 0 && opened.stdout == secret)
        let recipient = SealingFixture.key().recipient.text
        let theirs = ShellCommand.run("age", ["-r", recipient], stdin: secret).stdout
        let plain = try Age.decrypt(theirs, with: [SealingFixture.identity()]).withBytes { $0.array }
        #expect(plain == secret)
        // Not bound to a place: opened by the plain door alone.
        #expect(Self.code(theirs) == .malformed)
    }

    @Test func `what is no sealed file does not open where the rule seals the whole file`() throws {
        let rules = try DocumentFixture(#"{ paths: ["**"], environment: prod, sealed: file }"#).parsed()
        let path = Array("a.key".utf8)
        let sealed = try [UInt8]([1, 2, 3]).withBytes { (span) throws(SealingError) in
            try SealedFile.seal(span, to: SealingFixture.key(), repository: rules.repository, path: path)
        }
        let opener = DocumentOpener(rules: rules, keyring: SealingFixture.keyring(), enforcing: false)
        func code(_ bytes: [UInt8]) -> SealingError.Code? {
            DocumentFixture.refusal { () throws(SealingError) in _ = try opener.openFile(bytes, path: path) }?
                .code
        }
        #expect(code(sealed) == nil)
        #expect(code([0x20] + sealed) == .malformed)
        for count in 0..<40 { #expect(code(Array(sealed.prefix(count))) == .malformed) }
        for index in 0..<18 {
            var broken = sealed
            broken[index] ^= 1
            #expect(code(broken) == .malformed)
        }
        #expect(code(Array("plaintext".utf8)) == .malformed)
    }
}
