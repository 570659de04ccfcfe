import Testing

@testable import SSH

@Suite struct AuthorizedKeysTests {
    private let ada = SSHPublicKey(ed25519: [UInt8](repeating: 1, count: 32))
    private let bob = SSHPublicKey(ed25519: [UInt8](repeating: 2, count: 32))

    private func parse(_ text: String) throws(SSHError) -> AuthorizedKeys {
        try AuthorizedKeys(parsing: Array(text.utf8))
    }

    @Test func `keys are read with options, comments and line ends of both kinds`() throws {
        let text = """
            # keys of ada\r
            \(ada.text)

              \(bob.text) bob@example.org, at work\r
            restrict,command="echo \\"a b\\", c" \(ada.text) again
            no-pty \(SSHPublicKey(ed25519: [UInt8](repeating: 3, count: 32)).text)
            """
        let keys = try parse(text)
        #expect(keys.entries.map(\.line) == [2, 4, 6])
        #expect(keys.entries.map(\.key.ed25519) == [1, 2, 3].map { [UInt8](repeating: $0, count: 32) })
        #expect(keys.entries.map(\.comment) == ["", "bob@example.org, at work", ""])
        #expect(keys.passedOver.isEmpty)
    }

    @Test func `keys of unknown types and authorities are passed over by their lines`() throws {
        let text = """
            ssh-dss AAAAB3NzaC1kc3MAAACBAP1/U4Ed an old one
            cert-authority,permit-pty \(ada.text)
            \(bob.text)
            command="x" ssh-new@example.org AAAAC3NzaC1lZDI1NTE5 future
            """
        let keys = try parse(text)
        #expect(keys.entries.map(\.key) == [bob])
        #expect(keys.passedOver == [1, 2, 4])
        #expect(try parse("ssh-dss AAAAB3NzaC1kc3MAAACBAP1/U4Ed").entries.isEmpty)
    }

    @Test func `a line that is no key refuses the file`() {
        for line in [
            "hello world", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 \(bob.text)", "no-pty",
            "command=\"a \(bob.text)", "<!DOCTYPE html>", String(bob.text.dropLast(3)),
        ] {
            #expect(
                code { () throws(SSHError) in _ = try parse(ada.text + "\n" + line) } == .malformed, "\(line)"
            )
        }
        for empty in ["", "\n\n", "# only this\n"] {
            #expect(code { () throws(SSHError) in _ = try parse(empty) } == .noSigners)
        }
        let long = String(repeating: "#", count: AuthorizedKeys.byteLimit + 1)
        #expect(code { () throws(SSHError) in _ = try parse(long) } == .limitExceeded)
    }
}
