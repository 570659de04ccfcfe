import Sodium
import Testing

@testable import Keyrings

/// What came of an attempt on an age file: all plaintext that was released, and the failure if there was one.
struct Attempt {
    var released: [UInt8] = []
    var code: AgeError.Code?
}

/// Opens `file`, handed over in pieces of `pieceByteCount`.
func attempt(
    _ file: [UInt8], _ identities: [any AgeIdentity], armored: Bool = false, pieceByteCount: Int = .max
) -> Attempt {
    var result = Attempt()
    var decryptor = AgeDecryptor(identities: identities)
    var armor = ArmorDecoder()
    do {
        var rest = file[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieceByteCount))
            rest = rest.dropFirst(piece.count)
            let bytes = armored ? try piece.withBytes { (text) throws in try armor.update(text) } : piece
            try bytes.withBytes { (bytes) throws in
                try decryptor.update(bytes) { result.released += $0.array }
            }
        }
        if armored { _ = try armor.finish() }
        try decryptor.finish { result.released += $0.array }
    } catch {
        result.code = (error as? AgeError)?.code
        if result.code == nil { Issue.record("an error of another module: \(error)") }
    }
    return result
}

/// The code of the `AgeError` that `body` throws; nil where it throws none.
func ageCode(_ body: () throws -> Void) -> AgeError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? AgeError)?.code
    }
}

extension SecretBytes {
    /// A copy of `text`, for test passphrases and test keys.
    init(_ text: String) {
        self = Array(text.utf8).withBytes { SecretBytes(copying: $0) }
    }

    /// A copy of `bytes`.
    init(_ bytes: [UInt8]) {
        self = bytes.withBytes { SecretBytes(copying: $0) }
    }

    /// The content, which in tests is no secret.
    var array: [UInt8] { withBytes { $0.array } }
}

/// A test key that nobody uses: 32 bytes of `byte`.
func identity(_ byte: UInt8) -> X25519Identity {
    X25519Identity(secret: SecretBytes([UInt8](repeating: byte, count: 32)))
}
