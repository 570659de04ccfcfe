import Encodings
import SSH
import Support
import Testing

@Suite struct SSHPublicKeyTests {
    private let files = KeyFiles()

    @Test(arguments: ["ed25519", "rsa", "ecdsa"])
    func `a key file of ssh-keygen gives its blob, text and fingerprint`(_ type: String) throws {
        let path = files.make(type, "key")
        let line = KeyFiles.read(path + ".pub")
        let key = try SSHPublicKey(text: line)
        #expect(Array((key.text + " a comment\n").utf8) == line)
        #expect(try SSHPublicKey(wire: key.wire) == key)
        let shown = ShellCommand.run("ssh-keygen", ["-l", "-f", path + ".pub"]).text
        #expect(shown.split(separator: " ")[1] == key.fingerprint)
        #expect(key.isSupported == (type == "ed25519"))
    }

    @Test func `types that are not supported yet are named`() throws {
        let key = [UInt8](repeating: 7, count: 32)
        let wires: [(SSHPublicKey.Kind, [UInt8])] = [
            (.securityKeyEd25519, string("sk-ssh-ed25519@openssh.com") + string(key) + string("ssh:")),
            (.ecdsaP384, string("ecdsa-sha2-nistp384") + string("nistp384") + string(key)),
            (.rsa, string("ssh-rsa") + string([1, 0, 1]) + string(key)),
        ]
        for (kind, wire) in wires {
            let key = try SSHPublicKey(wire: wire)
            #expect(key.kind == kind)
            #expect(!key.isSupported)
            #expect(key.wire == wire)
        }
        for name in ["ssh-dss", "ssh-ed25519-cert-v01@openssh.com", "ssh-ed448", ""] {
            #expect(
                code { () throws(SSHError) in _ = try SSHPublicKey(wire: string(name) + string(key)) }
                    == .unsupportedKeyType)
        }
    }

    @Test func `a truncated, longer or wrong blob is refused`() throws {
        let wire = SSHPublicKey(ed25519: [UInt8](repeating: 9, count: 32)).wire
        for length in 0..<wire.count {
            #expect(code { () throws(SSHError) in _ = try SSHPublicKey(wire: Array(wire[..<length])) } != nil)
        }
        #expect(code { () throws(SSHError) in _ = try SSHPublicKey(wire: wire + [0]) } == .malformed)
        let short = string("ssh-ed25519") + string([UInt8](repeating: 9, count: 31))
        #expect(code { () throws(SSHError) in _ = try SSHPublicKey(wire: short) } == .malformed)
        let huge = string("ssh-rsa") + string([1]) + string([UInt8](repeating: 1, count: 20_000))
        #expect(code { () throws(SSHError) in _ = try SSHPublicKey(wire: huge) } == .limitExceeded)
        // A length above all bytes must not be allocated.
        #expect(
            code { () throws(SSHError) in _ = try SSHPublicKey(wire: [0xFF, 0xFF, 0xFF, 0xFF]) } == .malformed
        )
    }

    @Test func `a flipped bit gives another key or none`() throws {
        let key = SSHPublicKey(ed25519: [UInt8](repeating: 9, count: 32))
        for offset in key.wire.indices {
            for bit in 0..<8 {
                var wire = key.wire
                wire[offset] ^= 1 << UInt8(bit)
                guard let other = try? SSHPublicKey(wire: wire) else { continue }
                #expect(other != key)
                #expect(other.wire == wire)
            }
        }
    }

    @Test func `a text that names another type, is not canonical or has lines around it is refused`() {
        let key = SSHPublicKey(ed25519: [UInt8](repeating: 9, count: 32))
        let base64 = Base64.standard.encode(key.wire)
        for text in [
            "", "ssh-ed25519", base64, "ssh-rsa \(base64)", "ssh-ed25519 \(base64)\n\n", " \(key.text)",
            "ssh-ed25519 \(base64)=", "\(key.text)\r\n", "SSH-ED25519 \(base64)", "\(key.text) a\nb",
        ] {
            #expect(code { () throws(SSHError) in _ = try SSHPublicKey(text: text) } == .malformed, "\(text)")
        }
    }

    @Test func `keys are ordered by their wire bytes`() {
        let low = SSHPublicKey(ed25519: [UInt8](repeating: 0, count: 32))
        let high = SSHPublicKey(ed25519: [UInt8](repeating: 0xFF, count: 32))
        #expect(low < high)
        #expect(!(high < low))
    }
}
