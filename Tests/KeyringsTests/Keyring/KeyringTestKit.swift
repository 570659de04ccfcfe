import Encodings
import SSH
import Sodium
import Support
import Testing
import Trust

@testable import Keyrings

/// The known answers of Sources/Keyrings/FORMAT.md §7, read from that file: text and code can't part.
enum Vector: String {
    case wrappedIdentity = "The wrapped identity in base64:"
    case body = "The body in hex:"
    case mixedBody = "A body with members of each kind in hex:"
    case bodyHash = "H of the body:"
    case header =
        "The header of generation 1 for the environment `prod`, with the one admin and threshold 1, in hex:"
    case fingerprint = "Its fingerprint:"
    case signature = "The signature's blob in base64:"
    case derivedKey = "The public key derived from the member's identity (section 4):"

    /// The indented lines after the heading, joined.
    var text: String {
        let path = #filePath.replacing("/Tests/KeyringsTests/Keyring/KeyringTestKit.swift", with: "")
        let file = ShellCommand.run("cat", [path + "/Sources/Keyrings/FORMAT.md"]).text
        let lines = file.split(separator: "\n", omittingEmptySubsequences: false)
        guard let heading = lines.firstIndex(of: rawValue[...]) else { preconditionFailure(rawValue) }
        let block = lines[(heading + 2)...].prefix { $0.hasPrefix("    ") }
        return block.map { String($0.dropFirst(4)) }.joined()
    }

    /// The bytes that the text stands for.
    var bytes: [UInt8] {
        get throws {
            switch self {
            case .wrappedIdentity, .signature: try Base64.standard.decode(text)
            default: try Hex.decode(text)
            }
        }
    }
}

/// The code of the `KeyringError` that `body` throws; nil where it throws none.
func keyringCode(_ body: () throws -> Void) -> KeyringError.Code? {
    do {
        try body()
        return nil
    } catch {
        guard let error = error as? KeyringError else {
            Issue.record("an error of another module: \(error)")
            return nil
        }
        return error.code
    }
}

/// An admin's key that nobody uses: the seed is 32 times `byte`.
func admin(_ byte: UInt8) -> SigningKey {
    SigningKey(seed: SecretBytes([UInt8](repeating: byte, count: 32)))
}

/// A member whose identity is `identity(byte)`.
func member(
    _ name: String, _ byte: UInt8, roles: Set<Member.Role> = [], firstEpoch: UInt64 = 1
) throws -> Member {
    try Member(
        name: name, recipient: .x25519(identity(byte).recipient), roles: roles, firstEpoch: firstEpoch)
}

/// A signer with the admin keys of these bytes.
func signer(_ bytes: UInt8...) -> Keyring.Signer {
    { header in bytes.map { SignedGeneration.signature(over: header, by: admin($0)) } }
}

/// An epoch whose identity is `identity(byte)`, wrapped to `readers`.
func epoch(
    _ number: UInt64, _ byte: UInt8, _ state: KeyEpoch.State, _ readers: [Member]
) throws -> KeyEpoch {
    KeyEpoch(
        number: number, recipient: identity(byte).recipient, state: state,
        wrappedIdentity: try WrappedIdentity.wrap(identity(byte), to: readers))
}
