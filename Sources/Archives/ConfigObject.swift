import Encodings
import SSH
import Storage
import Trust

/// One object of `config/`: a generation's signed header and its body (FORMAT.md §4).
struct ConfigObject {
    /// The header with its signatures.
    let generation: SignedGeneration
    /// The opened body.
    let config: StoreConfig
    /// The body's bytes, which the header names.
    let body: [UInt8]

    /// The object of a signed header and its config.
    init(generation: SignedGeneration, config: StoreConfig) {
        self.generation = generation
        self.config = config
        body = config.encoded
    }

    /// The name of a generation's object: eight decimal digits.
    static func name(_ generation: UInt64) throws(ArchiveError) -> ObjectName {
        let digits = String(generation)
        let padding = String(repeating: "0", count: max(0, 8 - digits.utf8.count))
        return try ObjectPlace.config.name(padding + digits)
    }

    /// Preamble, LP of the header, the list of LP of each signature, LP of the body.
    var encoded: [UInt8] {
        var writer = CanonicalWriter()
        writer.raw(ObjectKind.config.preamble)
        writer.lp(generation.header.bytes)
        writer.count(generation.signatures.count)
        for signature in generation.signatures { writer.lp(signature.blob) }
        writer.lp(body)
        return writer.bytes
    }

    /// The generation in `bytes`; nothing of it is verified yet. Throws `damaged`, `unsupported`.
    init(decoding bytes: [UInt8], _ name: String) throws(ArchiveError) {
        try ObjectKind.config.check(bytes, name)
        self = try decoding(name) {
            var reader = CanonicalReader(bytes, name)
            _ = try reader.raw(ObjectKind.preambleByteCount)
            let header = try GenerationHeader(
                bytes: try reader.lp(limit: GenerationHeader.byteLimit), purpose: .store)
            var signatures: [SSHSignature] = []
            for _ in 0..<(try reader.count(itemSize: 4)) {
                signatures.append(try SSHSignature(blob: try reader.lp(limit: SSHSignature.byteLimit)))
            }
            let body = try reader.lp(limit: ObjectPlace.configByteLimit)
            try reader.end()
            let object = ConfigObject(
                generation: SignedGeneration(header: header, signatures: signatures),
                config: try StoreConfig(decoding: body))
            guard object.encoded == bytes else { throw ArchiveError.damaged("\(name): order of signatures") }
            return object
        }
    }
}
