import Encodings
import SSH
import Sodium
import Support
import Testing

@Suite struct SigningKeyTests {
    private let files = KeyFiles()

    @Test func `a private key file of ssh-keygen gives its public key`() throws {
        let path = files.make("ed25519", "key")
        let key = try SigningKey(openSSH: SecretBytes(file: KeyFiles.read(path)))
        let publicKey = try SSHPublicKey(text: KeyFiles.read(path + ".pub"))
        #expect(key.publicKey == publicKey)
    }

    @Test func `comments of every length are read past`() throws {
        for comment in ["x", "12", "123", "1234", "12345", "123456", "1234567", "12345678"] {
            let path = files.make("ed25519", "key-\(comment)", options: ["-C", comment])
            #expect(code { () throws(SSHError) in try open(KeyFiles.read(path)) } == nil)
        }
    }

    @Test func `a seed gives the key of RFC 8032`() throws {
        let seed = try Hex.decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        let key = SigningKey(seed: SecretBytes(file: seed))
        let expected = try Hex.decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        #expect(key.publicKey.ed25519 == expected)
    }

    @Test func `an encrypted key and other types are named as what they are`() {
        let encrypted = files.make("ed25519", "encrypted", passphrase: "secret words")
        #expect(code { () throws(SSHError) in try open(KeyFiles.read(encrypted)) } == .encryptedKey)
        for type in ["rsa", "ecdsa"] {
            let path = files.make(type, type)
            #expect(code { () throws(SSHError) in try open(KeyFiles.read(path)) } == .unsupportedKeyType)
        }
    }

    @Test func `a truncated key file is refused at each length`() {
        let file = KeyFiles.read(files.make("ed25519", "key"))
        // Without its final line feed it is whole.
        for length in 0..<(file.count - 1) {
            #expect(code { () throws(SSHError) in try open(Array(file[..<length])) } != nil)
        }
        #expect(code { () throws(SSHError) in try open(Array(file.dropLast())) } == nil)
        #expect(code { () throws(SSHError) in try open(file + file) } == .malformed)
        #expect(code { () throws(SSHError) in try open([]) } == .malformed)
    }

    @Test func `no change of the binary contents gives another key in silence`() throws {
        let file = KeyFiles.read(files.make("ed25519", "key"))
        let lines = file.split(separator: 0x0A)
        let binary = try Base64.standard.decode(Array(lines[1..<(lines.count - 1)].joined()))
        let genuine = try SigningKey(openSSH: SecretBytes(file: file)).publicKey
        for offset in binary.indices {
            for bit in [0, 3, 7] {
                var changed = binary
                changed[offset] ^= 1 << UInt8(bit)
                guard let key = publicKey(of: armor(changed)) else { continue }
                // Only the comment may differ.
                #expect(key == genuine)
                #expect(binary[offset...].count < 9 + 8 + 8)
            }
        }
        for length in 0..<binary.count {
            #expect(publicKey(of: armor(Array(binary[..<length]))) == nil)
        }
    }

    private func armor(_ binary: [UInt8]) -> [UInt8] {
        let name = "OPENSSH PRIVATE KEY-----"
        return Array("-----BEGIN \(name)\n\(Base64.standard.encode(binary))\n-----END \(name)\n".utf8)
    }

    private func open(_ file: [UInt8]) throws(SSHError) {
        _ = try SigningKey(openSSH: SecretBytes(file: file))
    }

    private func publicKey(of file: [UInt8]) -> SSHPublicKey? {
        do {
            return try SigningKey(openSSH: SecretBytes(file: file)).publicKey
        } catch {
            return nil
        }
    }
}
