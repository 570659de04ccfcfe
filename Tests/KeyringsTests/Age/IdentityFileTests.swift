import Encodings
import Files
import Glibc
import Sodium
import Support
import Testing

@testable import Keyrings

@Suite struct IdentityFileTests {
    private static let first = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
    private static let second = String(decoding: identity(2).encoded().array, as: UTF8.self)

    private static func recipients(_ text: String) throws -> [X25519Recipient] {
        try IdentityFile.parse(SecretBytes(text)).map(\.recipient)
    }

    @Test func `F032: identities, comments and blank lines are read, with LF and CRLF`() throws {
        let own = identity(0x42).recipient
        let texts = [
            Self.first, Self.first + "\n", Self.first + "\r\n", "# created: today\r\n\r\n" + Self.first,
            "\n\n#\n# é ü\n" + Self.first + "\n\n",
        ]
        for text in texts { #expect(try Self.recipients(text) == [own]) }
        let two = "# a\n" + Self.first + "\n# b\n\n" + Self.second + "\n"
        #expect(try Self.recipients(two) == [own, identity(2).recipient])
    }

    @Test func `F032: any other line is refused by its number and never quoted`() {
        let cases: [(text: String, line: Int?)] = [
            ("", nil), ("\n\n", nil), ("# nothing\n", nil), ("\u{FEFF}" + Self.first, 1),
            ("\u{FEFF}# a\n" + Self.first, 1),
            ("# a\n" + Self.first.dropLast(), 2), (Self.first + "\n" + Self.second.dropLast() + "Q\n", 2),
            (Self.first + " \n", 1), (" " + Self.first, 1), ("\t# a\n" + Self.first, 1),
            (" \n" + Self.first, 1),
            (Self.first + "\r\r\n", 1), (Self.first + "\r", 1), (Self.first.lowercased(), 1),
            ("\n" + identity(1).recipient.text + "\n", 2), (Self.first + Self.first, 1),
            (Self.first + " # mine", 1),
            ("# a\u{0}\n" + Self.first, 1), (Self.first + "\nAGE-PLUGIN-X-1QQQQ\n", 2),
        ]
        for (text, line) in cases {
            do throws(AgeError) {
                _ = try IdentityFile.parse(SecretBytes(text))
                Issue.record("accepted: \(text.debugDescription)")
            } catch {
                #expect(error.code == .identity)
                if let line {
                    #expect(error.context.hasPrefix("line \(line): "), "\(text.debugDescription): \(error)")
                }
                #expect(!error.context.contains("SECRET") && !error.context.contains("SJZGF"))
            }
        }
        let latin1 = SecretBytes(Array("# caf".utf8) + [0xE9, 0x0A] + Array(Self.first.utf8))
        #expect(ageCode { _ = try IdentityFile.parse(latin1) } == .identity)
    }

    @Test func `F032: a key file cut anywhere is refused`() {
        for count in 0..<Self.first.utf8.count {
            #expect(ageCode { _ = try Self.recipients(String(Self.first.prefix(count))) } == .identity)
        }
    }

    @Test func `the written file is read again and looks as age-keygen's`() throws {
        let own = identity(0x42)
        let content = IdentityFile.content(of: own, created: Timestamp(nanoseconds: 0))
        let expected =
            "# created: 1970-01-01T00:00:00Z\n# public key: \(own.recipient.text)\n\(Self.first)\n"
        #expect(String(decoding: content.array, as: UTF8.self) == expected)
        #expect(try IdentityFile.parse(content).map(\.recipient) == [own.recipient])
        let isEncrypted = IdentityFile.isEncrypted(content)
        #expect(!isEncrypted)
    }

    @Test func `F033: a passphrase protects the file, and another one opens nothing`() throws {
        let content = IdentityFile.content(of: identity(0x42), created: Timestamp(nanoseconds: 0))
        let file = SecretBytes(
            try IdentityFile.encrypt(content, passphrase: SecretBytes("correct horse"), logN: 4))
        let isEncrypted = IdentityFile.isEncrypted(file)
        #expect(isEncrypted)
        let opened = try IdentityFile.decrypt(file, passphrase: SecretBytes("correct horse"))
        #expect(opened.map(\.recipient) == [identity(0x42).recipient])
        #expect(
            ageCode { _ = try IdentityFile.decrypt(file, passphrase: SecretBytes("battery staple")) }
                == .noMatch)
        #expect(ageCode { _ = try IdentityFile.decrypt(file, passphrase: SecretBytes("")) } == .noMatch)
        #expect(ageCode { _ = try IdentityFile.parse(file) } == .identity)
        let binary = SecretBytes(try Armor.decode(file.array))
        #expect(try IdentityFile.decrypt(binary, passphrase: SecretBytes("correct horse")).count == 1)
        let noKey = SecretBytes(
            try IdentityFile.encrypt(SecretBytes("# a\n"), passphrase: SecretBytes("p"), logN: 4))
        #expect(ageCode { _ = try IdentityFile.decrypt(noKey, passphrase: SecretBytes("p")) } == .identity)
    }

    @Test func `a new file has mode 0600 and replaces nothing`() throws {
        let directory = TemporaryDirectory()
        let path = Path(directory.file("key.txt"))
        let content = IdentityFile.content(of: identity(1), created: Timestamp(nanoseconds: 0))
        try content.withBytes { (bytes) throws in try IdentityFile.create(path, content: bytes) }
        let read = try IdentityFile.read(path, user: geteuid())
        let isSame = read.isEqual(to: content)
        #expect(isSame)
        let metadata = try Directory(path.parent).metadata(of: path.name)
        #expect(metadata.mode & 0o777 == 0o600)
        let other = SecretBytes("other")
        let code = ageCode {
            try other.withBytes { (bytes) throws in try IdentityFile.create(path, content: bytes) }
        }
        #expect(code == .unreadable)
        let isUnchanged = try IdentityFile.read(path, user: geteuid()).isEqual(to: content)
        #expect(isUnchanged)
    }

    @Test func `F031: a key file that others could read or exchange is refused unless allowed`() throws {
        let directory = TemporaryDirectory()
        let path = Path(directory.file("key.txt"))
        try SecretBytes(Self.first).withBytes { (bytes) throws in
            try IdentityFile.create(path, content: bytes)
        }
        func code(user: UInt32 = geteuid(), allowed: Bool = false) -> AgeError.Code? {
            ageCode { _ = try IdentityFile.read(path, user: user, allowingExposure: allowed) }
        }
        #expect(code() == nil)
        for mode in [0o644, 0o640, 0o620, 0o604, 0o602] as [mode_t] {
            unsafe chmod(directory.file("key.txt"), mode)
            #expect(code() == .exposed)
            #expect(code(allowed: true) == nil)
        }
        unsafe chmod(directory.file("key.txt"), 0o400)
        #expect(code() == nil)
        for mode in [0o770, 0o707, 0o777] as [mode_t] {
            unsafe chmod(directory.path, mode)
            #expect(code() == .exposed)
        }
        unsafe chmod(directory.path, 0o1777)
        #expect(code() == nil)
        unsafe chmod(directory.path, 0o700)
        // A file of root is not another user's; one of anybody else is.
        #expect(code(user: 54_321) == (geteuid() == 0 ? nil : .exposed))
    }

    @Test func `absent files, links and devices are not read`() {
        let directory = TemporaryDirectory()
        #expect(
            ageCode { _ = try IdentityFile.read(Path(directory.file("none")), user: geteuid()) }
                == .unreadable)
        unsafe symlink("/dev/null", directory.file("link"))
        #expect(
            ageCode { _ = try IdentityFile.read(Path(directory.file("link")), user: geteuid()) }
                == .unreadable)
        unsafe mkfifo(directory.file("fifo"), 0o600)
        #expect(
            ageCode { _ = try IdentityFile.read(Path(directory.file("fifo")), user: geteuid()) }
                == .unreadable)
        #expect(ageCode { _ = try IdentityFile.read(Path(directory.path), user: geteuid()) } == .unreadable)
    }
}
