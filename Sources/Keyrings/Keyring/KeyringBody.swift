internal import Encodings

/// What a keyring says of its newest generation: members and epochs. Its exact bytes are what the generation's
/// header names by their hash (FORMAT.md §2).
package struct KeyringBody: Hashable, Sendable {
    /// The members, in the order of the wrapped identities' stanzas.
    package let members: [Member]
    /// The epochs, by ascending number; the last one is open, all others are closed.
    package let epochs: [KeyEpoch]

    /// The most members that a keyring can have.
    package static let memberLimit = 512
    /// The most epochs that a keyring can have.
    package static let epochLimit = 4_096
    /// The longest body that is read.
    package static let byteLimit = 16 << 20
    private static let domain = "strongroom/keyring-body/v1"

    /// A body of `members` and `epochs`.
    ///
    /// Throws `badMember` where there is no member, too many, or two of one name or recipient; `malformed` where
    /// the epochs' order or states are not as said above, an epoch has no reader, or a wrapped identity is not
    /// an age file with one stanza for each of its readers.
    package init(members: [Member], epochs: [KeyEpoch]) throws(KeyringError) {
        self.members = members
        self.epochs = epochs
        try checkMembers()
        try checkEpochs()
    }

    /// The members that can open the epoch `number`, in order.
    package func readers(of number: UInt64) -> [Member] {
        members.filter { $0.firstEpoch <= number }
    }

    /// The body of the exact `bytes`. Throws `malformed` for anything but the one encoding, `unsupported` for
    /// codes that this version doesn't know, and as `init(members:epochs:)`.
    package init(bytes: [UInt8]) throws(KeyringError) {
        guard bytes.count <= KeyringBody.byteLimit else {
            throw KeyringError(.malformed, "keyring body: too long")
        }
        do {
            self = try KeyringBody.decode(bytes)
        } catch let error as KeyringError {
            throw error
        } catch {
            throw KeyringError(.malformed, "keyring body: not the encoding of a body", underlying: error)
        }
    }

    /// The exact bytes.
    package var bytes: [UInt8] {
        var writer = CanonicalWriter()
        writer.text(KeyringBody.domain)
        writer.count(members.count)
        for member in members {
            writer.text(member.name)
            writer.text(member.recipient.text)
            writer.count(member.roles.count)
            for role in member.roles { writer.uint64(role.rawValue) }
            writer.uint64(member.firstEpoch)
        }
        writer.count(epochs.count)
        for epoch in epochs {
            writer.uint64(epoch.number)
            writer.uint64(KeyEpoch.suite)
            writer.lp(epoch.recipient.publicKey)
            writer.uint64(epoch.state.rawValue)
        }
        writer.count(epochs.count)
        for epoch in epochs { writer.lp(epoch.wrappedIdentity) }
        return writer.bytes
    }

    private static func decode(_ bytes: [UInt8]) throws -> KeyringBody {
        var reader = CanonicalReader(bytes, "keyring body")
        guard try reader.lp(limit: 64) == Array(domain.utf8) else {
            throw KeyringError(.malformed, "keyring body: not one of this version")
        }
        var members: [Member] = []
        for _ in 0..<(try reader.count(itemSize: 20)) { members.append(try member(&reader)) }
        let count = try reader.count(itemSize: 28)
        var epochs: [(number: UInt64, recipient: X25519Recipient, state: KeyEpoch.State)] = []
        for _ in 0..<count { epochs.append(try epoch(&reader)) }
        guard try reader.count(itemSize: 4) == count else {
            throw KeyringError(.malformed, "keyring body: epochs and wrapped identities differ in number")
        }
        let whole = try epochs.map { epoch in
            KeyEpoch(
                number: epoch.number, recipient: epoch.recipient, state: epoch.state,
                wrappedIdentity: try reader.lp(limit: byteLimit))
        }
        try reader.end()
        return try KeyringBody(members: members, epochs: whole)
    }

    private static func member(_ reader: inout CanonicalReader) throws -> Member {
        let name = try reader.text(limit: 64)
        let text = try reader.text(limit: 1_024)
        var roles: [Member.Role] = []
        for _ in 0..<(try reader.count(itemSize: 8)) {
            guard let role = Member.Role(rawValue: try reader.uint64()) else {
                throw KeyringError(.unsupported, "keyring body: a role that is not known here")
            }
            roles.append(role)
        }
        let member = try Member(
            name: name, recipient: text, roles: Set(roles), firstEpoch: try reader.uint64())
        guard member.roles == roles else {
            throw KeyringError(.malformed, "keyring body: roles out of order or repeated")
        }
        // An SSH key's line may hold a comment elsewhere; here one key has one text.
        guard member.recipient.text.utf8.elementsEqual(text.utf8) else {
            throw KeyringError(.malformed, "keyring body: a recipient in another than its one form")
        }
        return member
    }

    private static func epoch(
        _ reader: inout CanonicalReader
    ) throws -> (number: UInt64, recipient: X25519Recipient, state: KeyEpoch.State) {
        let number = try reader.uint64()
        guard try reader.uint64() == KeyEpoch.suite else {
            throw KeyringError(.unsupported, "epoch \(number): of a suite that is not known here")
        }
        let recipient = try X25519Recipient(publicKey: try reader.lp(limit: 32))
        guard let state = KeyEpoch.State(rawValue: try reader.uint64()) else {
            throw KeyringError(.unsupported, "epoch \(number): in a state that is not known here")
        }
        return (number, recipient, state)
    }

    private func checkMembers() throws(KeyringError) {
        guard (1...KeyringBody.memberLimit).contains(members.count) else {
            throw KeyringError(.badMember, "a keyring has 1 to \(KeyringBody.memberLimit) members")
        }
        var names: Set<String> = []
        var recipients: Set<[UInt8]> = []
        for member in members {
            guard names.insert(member.name).inserted, recipients.insert(member.recipient.wire).inserted else {
                throw KeyringError(
                    .badMember, "member \(member.name): name or recipient is in the list already")
            }
            guard member.firstEpoch <= epochs.last?.number ?? 0 else {
                throw KeyringError(.badMember, "member \(member.name): reads no epoch")
            }
            // Sealed to its own key, an epoch would hold a copy of itself that says nothing.
            guard !epochs.contains(where: { $0.recipient.publicKey == member.recipient.wire }) else {
                throw KeyringError(.badMember, "member \(member.name): is an epoch of this very environment")
            }
        }
    }

    private func checkEpochs() throws(KeyringError) {
        guard (1...KeyringBody.epochLimit).contains(epochs.count) else {
            throw KeyringError(.malformed, "a keyring has 1 to \(KeyringBody.epochLimit) epochs")
        }
        var before: UInt64 = 0
        for epoch in epochs {
            guard epoch.number > before, epoch.number <= KeyEpoch.numberLimit else {
                throw KeyringError(.malformed, "epochs are not in ascending order from 1")
            }
            before = epoch.number
            guard (epoch.state == .open) == (epoch.number == epochs.last?.number) else {
                throw KeyringError(.malformed, "the newest epoch is open, and no other")
            }
            try WrappedIdentity.checkShape(epoch, readers: readers(of: epoch.number))
        }
        guard Set(epochs.map(\.recipient)).count == epochs.count else {
            throw KeyringError(.malformed, "two epochs have one key")
        }
    }
}
