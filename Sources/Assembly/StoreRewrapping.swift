package import Archives
package import Keyrings
internal import Sodium

// Age files of a store's secrets, made anew: for other recipients, and for secrets that are added (FORMAT.md §5).
extension StoreAccess {
    /// The recipients that a config names. Throws `AgeError` for texts that no recipient has.
    package static func recipients(_ texts: [String]) throws -> [MemberRecipient] {
        try texts.map { try MemberRecipient(text: $0) }
    }

    /// Puts into `renewal` age files for `readers` and `writers`: of the powers whose recipients change, and of those that
    /// are `rotated`, which get a fresh secret besides. Older secrets are opened with `identities`.
    ///
    /// Throws `AgeError` `noMatch` where these open not all of them.
    package static func rewrap(
        _ renewal: inout StoreRenewal, of store: Store, readers: [MemberRecipient],
        writers: [MemberRecipient], rotated: Set<StorePower>, identities: [MemberIdentity]
    ) async throws {
        let changes = Set(readers.map(\.text)) != Set(renewal.readers)
        let changesWriters = changes || Set(writers.map(\.text)) != Set(renewal.writers)
        renewal.setRecipients(readers: readers.map(\.text), writers: writers.map(\.text))
        if changes || rotated.contains(.read) {
            try await rewrap(&renewal, .read, of: store, to: readers, rotated.contains(.read), identities)
        }
        if changesWriters || rotated.contains(.write) {
            // Whoever reads can also list and check.
            let all = readers + writers.filter { !readers.contains($0) }
            try await rewrap(&renewal, .write, of: store, to: all, rotated.contains(.write), identities)
        }
    }

    private static func rewrap(
        _ renewal: inout StoreRenewal, _ power: StorePower, of store: Store, to recipients: [MemberRecipient],
        _ isRotated: Bool, _ identities: [MemberIdentity]
    ) async throws {
        let all = recipients.map(\.ageRecipient)
        var wrapped: [[UInt8]] = []
        for number in store.keyNumbers(power) {
            let secret = try await secret(power, number, of: store, identities)
            wrapped.append(try Age.encrypt(secret, to: all))
        }
        guard isRotated else { return try renewal.rewrap(power, wrapped) }
        let secret = SecretBytes(randomCount: 32)
        wrapped.append(try Age.encrypt(secret, to: all))
        try renewal.rewrap(power, wrapped, adding: StoreRenewal.check(of: secret, power))
    }
}
