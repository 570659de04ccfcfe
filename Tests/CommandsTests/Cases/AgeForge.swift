import Keyrings
import Sodium
import Support
import Testing

/// age files made piece by piece (C2SP age.md), as no honest writer would make them.
final class AgeForge: Sendable {
    /// One chunk of a payload, at the place `index` of the stream, sealed as the last one or not.
    struct Chunk {
        let plaintext: [UInt8]
        let index: UInt8
        let isLast: Bool
    }

    static let chunkByteCount = 64 << 10
    private let fileKey = FileKey()
    private let nonce = [UInt8](repeating: 7, count: 16)
    /// The X25519 stanza and the one that binds the file to its place.
    let stanzas: [Stanza]

    /// For the environment prod of `world`, at the place of the file `path`, which is sealed for that.
    init(_ world: World, at path: String) throws {
        world.config.write(path, "x")
        world.must("seal", path)
        let sealed = world.bytes("config/\(path)") ?? []
        let header = try sealed.withBytes { try AgeHeader(parsing: $0) }
        let keyring = try Keyring(parsing: world.bytes("config/Keys/prod.yaml") ?? [], environment: "prod")
        stanzas = try keyring.sealingKey.recipient.wrap(fileKey) + [header.stanzas[1]]
    }

    /// For `recipient` alone, bound to nothing.
    init(_ recipient: String) throws { stanzas = try X25519Recipient(text: recipient).wrap(fileKey) }

    /// A header of `stanzas`, whatever they are, with the right MAC, where the module would make it.
    func header(_ stanzas: [Stanza]) throws -> [UInt8] {
        try AgeHeader(stanzas: stanzas, fileKey: fileKey).encoded
    }

    /// A whole file of `chunks`.
    func file(_ chunks: [Chunk], stanzas: [Stanza]? = nil) throws -> [UInt8] {
        try header(stanzas ?? self.stanzas) + nonce + chunks.flatMap(seal)
    }

    /// A whole file with `plaintext` as it should be.
    func file(_ plaintext: [UInt8]) throws -> [UInt8] { try file(AgeForge.chunks(plaintext)) }

    /// The chunks of a payload as it should be.
    static func chunks(_ plaintext: [UInt8]) -> [Chunk] {
        let count = max(1, (plaintext.count + chunkByteCount - 1) / chunkByteCount)
        return (0..<count).map { number in
            let bytes = plaintext.dropFirst(number * chunkByteCount).prefix(chunkByteCount)
            return Chunk(plaintext: Array(bytes), index: UInt8(number), isLast: number == count - 1)
        }
    }

    private func seal(_ chunk: Chunk) -> [UInt8] {
        let key = fileKey.derive(salt: nonce, info: "payload")
        let place = [UInt8](repeating: 0, count: 10) + [chunk.index, chunk.isLast ? 1 : 0]
        return chunk.plaintext.withBytes { plaintext in
            key.withBytes { key in
                [UInt8].filled(count: chunk.plaintext.count + 16) { output in
                    ChaCha20Poly1305.seal(plaintext, key: key, nonce: place, into: &output)
                }
            }
        }
    }
}
