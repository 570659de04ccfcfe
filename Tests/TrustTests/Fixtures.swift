import Encodings
import SSH
import Sodium
import Trust

/// Admins with fixed keys.
enum Admins {
    /// The signing key whose seed is 32 times `byte`.
    static func key(_ byte: UInt8) -> SigningKey {
        SigningKey(seed: [UInt8](repeating: byte, count: 32).withBytes { SecretBytes(copying: $0) })
    }

    /// Its public key.
    static func publicKey(_ byte: UInt8) -> SSHPublicKey { key(byte).publicKey }
}

/// A chain in the making, whose every field a test can bend.
struct ChainMaker {
    var purpose = ChainPurpose.keyring
    var generations: [SignedGeneration] = []

    /// Adds a generation of `admins` (seeds), signed by `signers` (seeds).
    mutating func add(
        _ body: String, admins: [UInt8], threshold: UInt64 = 1, signers: [UInt8]
    ) throws {
        let header: GenerationHeader
        let keys = admins.map(Admins.publicKey)
        if let last = generations.last {
            header = try GenerationHeader(
                after: last.header, threshold: threshold, admins: keys, body: Array(body.utf8))
        } else {
            header = try GenerationHeader(
                first: purpose, subject: "prod", threshold: threshold, admins: keys, body: Array(body.utf8))
        }
        generations.append(ChainMaker.sign(header, signers))
    }

    /// The verified chain.
    func verified() throws(TrustError) -> GenerationChain {
        try GenerationChain(verifying: generations, purpose: purpose, subject: "prod")
    }

    /// The code with which the chain is refused; nil where it verifies.
    var refusal: TrustError.Code? {
        do {
            _ = try verified()
            return nil
        } catch {
            return error.code
        }
    }

    static func sign(_ header: GenerationHeader, _ signers: [UInt8]) -> SignedGeneration {
        SignedGeneration(
            header: header,
            signatures: signers.map { SignedGeneration.signature(over: header, by: Admins.key($0)) })
    }
}

/// The code of the error that `body` throws, nil where it throws none.
func code(_ body: () throws(TrustError) -> Void) -> TrustError.Code? {
    do {
        try body()
        return nil
    } catch {
        return error.code
    }
}
