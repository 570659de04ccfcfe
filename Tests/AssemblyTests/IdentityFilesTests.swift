import Encodings
import Files
import Glibc
import Keyrings
import Sodium
import Support
import Testing

@testable import Assembly

@Suite struct IdentityFilesTests {
    private let scratch = TemporaryDirectory("identities")

    @Test func `identities come in the order of their files`() throws {
        let (one, two) = (X25519Identity.generate(), X25519Identity.generate())
        let paths = [try write("b", one), try write("a", two)]
        #expect(try files().load(paths).map(\.recipient) == [.x25519(one.recipient), .x25519(two.recipient)])
        #expect(try files().load([]).isEmpty)
    }

    @Test func `an encrypted file is opened with its passphrase, and no other`() throws {
        let identity = X25519Identity.generate()
        let path = try write("locked", identity, passphrase: "open sesame")
        #expect(try files("open sesame").load([path]).map(\.recipient) == [.x25519(identity.recipient)])
        let wrong = failure { _ = try files("close sesame").load([path]) }
        #expect(wrong?.code == .noMatch)
        #expect(wrong?.context.hasPrefix(path) == true)
        #expect(wrong?.context.contains("sesame") == false)
    }

    @Test func `a file that others can read needs the user's word`() throws {
        let path = try write("open", X25519Identity.generate(), mode: 0o644)
        #expect(failure { _ = try files().load([path]) }?.code == .exposed)
        #expect(try files(allowExposed: true).load([path]).count == 1)
    }

    @Test func `an SSH key is refused in words, and anything else without an excerpt`() throws {
        ScratchRepository(at: scratch.path).write("ssh", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")
        ScratchRepository(at: scratch.path).write("other", "AGE-SECRET-KEY-1CANARY\n")
        for name in ["ssh", "other"] { unsafe chmod(scratch.file(name), 0o600) }
        #expect(failure { _ = try files().load([scratch.file("ssh")]) }?.context.contains("OpenSSH") == true)
        let other = failure { _ = try files().load([scratch.file("other")]) }
        #expect(other?.code == .identity)
        #expect(other?.context.contains("CANARY") == false)
        #expect(failure { _ = try files().load([scratch.file("absent")]) }?.code == .unreadable)
    }

    @Test func `owners are names or numbers of this system`() throws {
        #expect(try Accounts.owner(user: nil, group: nil) == nil)
        let root = FileOwner(user: 0, group: 0)
        #expect(try Accounts.owner(user: "root", group: nil) == root)
        #expect(try Accounts.owner(user: "0", group: nil) == root)
        #expect(
            try Accounts.owner(user: nil, group: "root") == FileOwner(user: FileOwner.unchanged, group: 0))
        #expect(
            try Accounts.owner(user: "4000000000", group: nil)
                == FileOwner(user: 4_000_000_000, group: FileOwner.unchanged))
        #expect(try Accounts.owner(user: "root", group: "77") == FileOwner(user: 0, group: 77))
        #expect(throws: (any Error).self) { try Accounts.owner(user: "nobody-of-this-name", group: nil) }
        #expect(throws: (any Error).self) { try Accounts.owner(user: nil, group: "nobody-of-this-name") }
        #expect(throws: (any Error).self) { try Accounts.owner(user: "4294967295", group: nil) }
    }

    /// A file of `identity`, encrypted where a passphrase is given (with a work factor that is for tests alone).
    private func write(
        _ name: String, _ identity: X25519Identity, passphrase: String? = nil, mode: mode_t = 0o600
    ) throws -> String {
        let content = IdentityFile.content(of: identity, created: Timestamp(nanoseconds: 0))
        let path = scratch.file(name)
        if let passphrase {
            let encrypted = try IdentityFile.encrypt(content, passphrase: secret(passphrase), logN: 8)
            try encrypted.withBytes { try IdentityFile.create(Path(path), content: $0) }
        } else {
            try content.withBytes { try IdentityFile.create(Path(path), content: $0) }
        }
        unsafe chmod(path, mode)
        return path
    }

    private func secret(_ text: String) -> SecretBytes {
        Array(text.utf8).withBytes { SecretBytes(copying: $0) }
    }

    private func files(_ passphrase: String = "", allowExposed: Bool = false) -> IdentityFiles {
        IdentityFiles(user: geteuid(), allowExposed: allowExposed) { _ in
            Array(passphrase.utf8).withBytes { SecretBytes(copying: $0) }
        }
    }

    /// The code and words of the `AgeError` that `body` throws.
    private func failure(_ body: () throws -> Void) -> (code: AgeError.Code, context: String)? {
        do {
            try body()
        } catch let error as AgeError {
            return (error.code, error.context)
        } catch {
            Issue.record("another error: \(type(of: error))")
        }
        return nil
    }
}
