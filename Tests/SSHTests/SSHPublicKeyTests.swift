import Encodings
import SSH
import Support
import Testing

@Suite struct SSHPublicKeyTests {
    private let files = KeyFiles()

    @Test(arguments: [
        ["ed25519"], ["rsa", "-b", "2048"], ["rsa", "-b", "3072"], ["ecdsa", "-b", "256"],
        ["ecdsa", "-b", "384"], ["ecdsa", "-b", "521"],
    ])
    func `a key file of ssh-keygen gives its blob, text and fingerprint`(_ type: [String]) throws {
        let path = files.make(type[0], "key", options: Array(type.dropFirst()))
        let line = KeyFiles.read(path + ".pub")
        let key = try SSHPublicKey(text: line)
        #expect(Array((key.text + " a comment\n").utf8) == line)
        #expect(try SSHPublicKey(wire: key.wire) == key)
        let shown = ShellCommand.run("ssh-keygen", ["-l", "-f", path + ".pub"]).text
        #expect(shown.split(separator: " ")[1] == key.fingerprint)
        #expect(key.isSupported)
    }

    /// A point's form alone: whether it lies on its curve is seen when a signature is verified.
    private func point(_ half: Int) -> [UInt8] { [4] + [UInt8](repeating: 7, count: 2 * half) }

    @Test func `every type is known by its own strings`() throws {
        let key = [UInt8](repeating: 7, count: 32)
        let modulus = string([UInt8](repeating: 7, count: 256))
        let wires: [(SSHPublicKey.Kind, [UInt8])] = [
            (.ed25519, string("ssh-ed25519") + string(key)),
            (.securityKeyEd25519, string("sk-ssh-ed25519@openssh.com") + string(key) + string("ssh:")),
            (.ecdsaP256, string("ecdsa-sha2-nistp256") + string("nistp256") + string(point(32))),
            (.ecdsaP384, string("ecdsa-sha2-nistp384") + string("nistp384") + string(point(48))),
            (.ecdsaP521, string("ecdsa-sha2-nistp521") + string("nistp521") + string(point(66))),
            (
                .securityKeyECDSA,
                string("sk-ecdsa-sha2-nistp256@openssh.com") + string("nistp256") + string(point(32))
                    + string("ssh:")
            ),
            (.rsa, string("ssh-rsa") + string([1, 0, 1]) + modulus),
        ]
        #expect(
            wires.map(\.0) == SSHPublicKey.Kind.allCases.sorted { a, b in index(a, wires) < index(b, wires) })
        for (kind, wire) in wires {
            let key = try SSHPublicKey(wire: wire)
            #expect(key.kind == kind)
            #expect(key.wire == wire)
            for length in 0..<wire.count {
                #expect(
                    code { () throws(SSHError) in _ = try SSHPublicKey(wire: Array(wire[..<length])) } != nil)
            }
            #expect(code { () throws(SSHError) in _ = try SSHPublicKey(wire: wire + [0]) } == .malformed)
        }
        for name in ["ssh-dss", "ssh-ed25519-cert-v01@openssh.com", "ssh-ed448", ""] {
            #expect(
                code { () throws(SSHError) in _ = try SSHPublicKey(wire: string(name) + string(key)) }
                    == .unsupportedKeyType)
        }
    }

    private func index(_ kind: SSHPublicKey.Kind, _ wires: [(SSHPublicKey.Kind, [UInt8])]) -> Int {
        wires.firstIndex { $0.0 == kind } ?? -1
    }

    @Test func `a key whose parts are not in their one form is refused`() {
        let rsa = string("ssh-rsa")
        let modulus = [UInt8](repeating: 7, count: 256)
        let ecdsa = string("ecdsa-sha2-nistp256")
        let compressed: [UInt8] = [2] + [UInt8](repeating: 7, count: 32)
        for wire in [
            rsa + string([1, 0, 1]) + string([0] + modulus), rsa + string([0, 1, 0, 1]) + string(modulus),
            rsa + string([1, 0, 1]) + string([0x80] + modulus), rsa + string([0x81]) + string(modulus),
            rsa + string([]) + string(modulus), rsa + string([0]) + string(modulus),
            rsa + string([1, 0, 1]) + string([]), ecdsa + string("nistp384") + string(point(32)),
            ecdsa + string("nistp256") + string(point(31)), ecdsa + string("nistp256") + string(point(48)),
            ecdsa + string("nistp256") + string(compressed), ecdsa + string("nistp256") + string([0]),
            ecdsa + string("") + string(point(32)),
            string("sk-ssh-ed25519@openssh.com") + string([UInt8](repeating: 7, count: 31)) + string("ssh:"),
        ] {
            #expect(code { () throws(SSHError) in _ = try SSHPublicKey(wire: wire) } == .malformed)
        }
    }

    @Test func `RSA keys that are too weak to verify by are told apart`() throws {
        func key(bits: Int, exponent: [UInt8]) throws -> SSHPublicKey {
            let first = UInt8(1 << ((bits - 1) % 8))
            let modulus = (first >= 0x80 ? [0] : []) + [first] + [UInt8](repeating: 1, count: (bits - 1) / 8)
            return try SSHPublicKey(wire: string("ssh-rsa") + string(exponent) + string(modulus))
        }
        #expect(try key(bits: 2048, exponent: [1, 0, 1]).isSupported)
        #expect(try key(bits: 16_384, exponent: [35]).isSupported)
        #expect(try key(bits: 2048, exponent: [3]).isSupported)
        #expect(try !key(bits: 2047, exponent: [1, 0, 1]).isSupported)
        #expect(try !key(bits: 1024, exponent: [1, 0, 1]).isSupported)
        #expect(try !key(bits: 2048, exponent: [1]).isSupported)
        #expect(try !key(bits: 2048, exponent: [2]).isSupported)
        #expect(try !key(bits: 2048, exponent: [1, 0, 0]).isSupported)
        #expect(try !key(bits: 2048, exponent: [1] + [UInt8](repeating: 1, count: 8)).isSupported)
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
