import OpenSSL
package import Sodium

/// The two powers over a store's content; each has its secret in age files of its own recipients.
package enum StorePower: String, Sendable, CaseIterable {
    /// Opens data.
    case read
    /// Names, lists and adds data.
    case write
}

/// An opened `write` secret and the keys derived from it (FORMAT.md §5).
package final class WriteKey: Sendable {
    /// Which generation of `write` it is, from 1.
    package let number: UInt32
    /// Ids of chunks and nodes.
    let id: SecretBytes
    /// Ids of chunks, where they are made by HMAC.
    let chunk: SecretBytes
    /// How ids of chunks are made.
    let algorithm: StoreConfig.IDAlgorithm
    /// Index objects.
    let index: SecretBytes
    /// Headers of packs and snapshots, tombstones, annotations and leases.
    let header: SecretBytes
    /// Children lists of nodes.
    let tree: SecretBytes
    /// The gear table, of which that of number 1 is used.
    let gear: SecretBytes
    /// H of the secret, as the config has it.
    let check: [UInt8]

    /// The keys of a 32-byte `secret` of the store. Traps on another length.
    init(
        secret: borrowing SecretBytes, number: UInt32, store: StoreID,
        algorithm: StoreConfig.IDAlgorithm = .keyedBLAKE2b
    ) {
        precondition(secret.byteCount == 32)
        self.number = number
        self.algorithm = algorithm
        id = WriteKey.derive(secret, "strongroom id", store)
        chunk = WriteKey.derive(secret, "strongroom hmac", store)
        index = WriteKey.derive(secret, "strongroom index", store)
        header = WriteKey.derive(secret, "strongroom head", store)
        tree = WriteKey.derive(secret, "strongroom tree", store)
        gear = WriteKey.derive(secret, "strongroom gear", store)
        check = WriteKey.check(of: secret)
    }

    /// H of a secret.
    static func check(of secret: borrowing SecretBytes) -> [UInt8] {
        secret.withBytes { BLAKE2b.hash($0) }
    }

    /// Keyed BLAKE2b-256 of the store's id under the secret, personalised by the purpose.
    private static func derive(
        _ secret: borrowing SecretBytes, _ purpose: StaticString, _ store: StoreID
    ) -> SecretBytes {
        SecretBytes(byteCount: 32) { output in
            store.digest.bytes.withBytes { id in
                BLAKE2b.hash(id, key: secret, personal: purpose, into: &output)
            }
        }
    }

    /// Lends the key under which `kind` is sealed.
    func withBytes<Result: ~Copyable, Failure: Error>(
        for kind: SealedKind, _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        switch kind {
        case .index: try index.withBytes(body)
        case .nodeChildren: try tree.withBytes(body)
        default: try header.withBytes(body)
        }
    }

    /// The id of a chunk's plaintext.
    func chunkID(of plaintext: RawSpan) -> ChunkID {
        switch algorithm {
        case .keyedBLAKE2b:
            var stream = BLAKE2b.Stream(key: id, personal: "strongroom chunk")
            stream.update(plaintext)
            return ChunkID(keyNumber: number, hash: Digest(stream.finish()))
        case .hmacSHA256:
            let code = [UInt8].filled(count: 32) { output in
                chunk.withBytes { key in
                    if FastHMACSHA256.authenticate(plaintext, key: key, into: &output) { return }
                    HMACSHA256.authenticate(plaintext, key: key, into: &output)
                }
            }
            return ChunkID(keyNumber: number, hash: Digest(code))
        }
    }

    /// The id of a node: over the LP encodings of both of its parts.
    func nodeID(children: [UInt8], content: [UInt8]) -> NodeID {
        var stream = BLAKE2b.Stream(key: id, personal: "strongroom node")
        for part in [children, content] {
            stream.update([24, 16, 8, 0].map { UInt8(truncatingIfNeeded: part.count >> $0) })
            stream.update(part)
        }
        return NodeID(keyNumber: number, hash: Digest(stream.finish()))
    }

    /// 64 bits that decide whether a node ends behind the entry at `path`.
    func cutBits(of path: [UInt8]) -> UInt64 {
        var stream = BLAKE2b.Stream(key: id, personal: "strongroom cut")
        stream.update(path)
        return Digest(stream.finish()).words.0
    }
}

/// The public half of a generation of `read`: enough to seal, never to open.
package struct ReadPublicKey: Hashable, Sendable {
    /// From 1.
    package let number: UInt32
    /// X25519, 32 bytes.
    package let key: [UInt8]
}

/// An opened `read` secret.
package final class ReadIdentity: Sendable {
    /// Which generation of `read` it is, from 1.
    package let number: UInt32
    /// The scalar.
    let secret: SecretBytes
    /// Its public share.
    let publicKey: [UInt8]

    /// The identity of a 32-byte X25519 `secret`. Traps on another length.
    init(secret: borrowing SecretBytes, number: UInt32) {
        precondition(secret.byteCount == 32)
        self.number = number
        self.secret = secret.copy()
        publicKey = X25519.publicKey(of: secret)
    }
}

/// The key with which an agent signs what it adds: Ed25519 over FORMAT.md §2.3's message.
package final class AgentKey: Sendable {
    private let pair: Ed25519.KeyPair

    /// The key of a 32-byte `seed`. Traps on another length.
    package init(seed: borrowing SecretBytes) {
        pair = Ed25519.KeyPair(seed: seed)
    }

    /// 32 bytes, as the config enrols them.
    package var publicKey: [UInt8] { pair.publicKey }

    /// The 64-byte signature over `message`.
    func sign(_ message: [UInt8]) -> [UInt8] { pair.sign(message) }
}
