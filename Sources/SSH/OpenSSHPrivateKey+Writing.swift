internal import Encodings
package import Sodium

extension OpenSSHPrivateKey {
    /// The private key file of an Ed25519 key, without a passphrase, in guarded memory (openssh-portable: PROTOCOL.key).
    /// Traps where the seed has not 32 bytes.
    ///
    /// - Parameter comment: What stands behind the key in lists of keys; one line.
    package static func file(seed: borrowing SecretBytes, comment: String) -> SecretBytes {
        precondition(seed.byteCount == 32, "an Ed25519 seed has 32 bytes")
        let publicKey = SSHPublicKey(ed25519: Ed25519.publicKey(of: seed))
        let check = RandomBytes.make(4)
        // What comes before and behind the seed.
        var head = magic
        head += string("none") + string("none")
        head += string("") + number(1)
        head += string(publicKey.wire)
        let kind = string(SSHPublicKey.Kind.ed25519.rawValue)
        let key = publicKey.ed25519 ?? []
        var lead = check + check
        lead += kind + string(key)
        lead += number(64)
        var tail = key + string(comment)
        let count = lead.count + 32 + tail.count
        let padding = (8 - count % 8) % 8
        for value in 0..<padding { tail.append(UInt8(value + 1)) }
        head += number(count + padding) + lead
        let binary = SecretBytes(byteCount: head.count + 32 + tail.count) { output in
            head.withBytes { $0.copy(into: &output) }
            seed.withBytes { $0.copy(into: &output, at: head.count) }
            tail.withBytes { $0.copy(into: &output, at: head.count + 32) }
        }
        return armored(binary)
    }

    private static let lineLength = 70

    private static func armored(_ binary: borrowing SecretBytes) -> SecretBytes {
        let digits = SecretBytes(byteCount: Base64.standard.encodedCount(binary.byteCount)) { output in
            binary.withBytes { Base64.standard.encode($0, into: &output) }
        }
        let lineCount = (digits.byteCount + lineLength - 1) / lineLength
        return SecretBytes(byteCount: begin.count + digits.byteCount + lineCount + end.count + 1) { output in
            begin.withBytes { $0.copy(into: &output) }
            var position = begin.count
            digits.withBytes { digits in
                for start in stride(from: 0, to: digits.byteCount, by: lineLength) {
                    let line = digits.extracting(start..<min(start + lineLength, digits.byteCount))
                    line.copy(into: &output, at: position)
                    position += line.byteCount
                    output.storeBytes(of: 0x0A, toByteOffset: position, as: UInt8.self)
                    position += 1
                }
            }
            end.withBytes { $0.copy(into: &output, at: position) }
            output.storeBytes(of: 0x0A, toByteOffset: position + end.count, as: UInt8.self)
        }
    }

    private static func number(_ value: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    private static func string(_ bytes: [UInt8]) -> [UInt8] { number(bytes.count) + bytes }

    private static func string(_ text: String) -> [UInt8] { string(Array(text.utf8)) }
}
