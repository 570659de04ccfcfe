import Files
import Keyrings
import SSH
import Sodium
import Support
import Testing

/// The repository's Keys folder holds public material only.
@Suite struct PublicMaterialTests {
    /// Two components up from Tests/CommandsTests is the package.
    private static let package = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        .dropLast(3).joined(separator: "/")

    @Test func `nothing in Keys is an identity or a private key`() throws {
        let tree = try #require(try FileTree(PublicMaterialTests.package + "/Keys"))
        #expect(!tree.entries.isEmpty)
        for (path, entry) in tree.entries where entry.kind != .directory {
            #expect(entry.kind == .regular, "\(path)")
            #expect(!isPrivate(entry.content), "\(path)")
        }
    }

    @Test func `what is private is recognized`() throws {
        let world = World()
        for name in ["alice.identity", "alice"] {
            let bytes = try #require(world.bytes(name))
            #expect(isPrivate(bytes), "\(name)")
            #expect(isPrivate(Array("# hidden below a comment\n\n".utf8) + bytes + [0x0A]), "\(name)")
            #expect(isPrivate(Array(String(decoding: bytes, as: UTF8.self).lowercased().utf8)), "\(name)")
        }
        for name in ["alice.pub", "alice.recipient", "config/Keys/prod.yaml", "allowed_signers"] {
            #expect(!isPrivate(try #require(world.bytes(name))), "\(name)")
        }
    }

    private func isPrivate(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self).uppercased()
        if ["AGE-SECRET-KEY-", "AGE-PLUGIN-", "PRIVATE KEY-----"].contains(where: text.contains) {
            return true
        }
        let secret = bytes.withBytes { SecretBytes(copying: $0) }
        if (try? IdentityFile.parse(secret)) != nil { return true }
        do {
            _ = try SigningKey(openSSH: secret)
            return true
        } catch {
            return false
        }
    }
}
