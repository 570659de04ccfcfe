/// Somebody who can open what is sealed for an environment: a person, a machine, an escrow.
package struct Member: Hashable, Sendable {
    /// What a member is besides a reader. The raw values are the codes of FORMAT.md §2.2.
    package enum Role: UInt64, Sendable, CaseIterable, Comparable {
        /// An offline recipient for the day when all others are lost.
        case escrow = 1
        /// An agent that opens only to prove that it can (drills).
        case drill = 2

        /// The word in the keyring file.
        package var name: String {
            switch self {
            case .escrow: "escrow"
            case .drill: "drill"
            }
        }

        package static func < (left: Role, right: Role) -> Bool { left.rawValue < right.rawValue }
    }

    /// 1 to 64 of letters, digits and `. _ @ + -`, beginning with a letter or digit.
    package let name: String
    /// The public key that the epochs' identities are wrapped to.
    package let recipient: MemberRecipient
    /// The roles, in the order of their codes, each once.
    package let roles: [Role]
    /// The oldest epoch whose identity is wrapped to the member; 1 for all of them.
    package let firstEpoch: UInt64

    /// A member with a usable recipient. Sorts `roles`. Throws `badMember` for a name outside the rule above.
    package init(
        name: String, recipient: MemberRecipient, roles: Set<Role> = [], firstEpoch: UInt64 = 1
    ) throws(KeyringError) {
        guard Member.isName(name) else {
            throw KeyringError(
                .badMember,
                "a member's name has 1 to 64 letters, digits and . _ @ + -, and begins with a letter or digit"
            )
        }
        guard firstEpoch >= 1 else { throw KeyringError(.badMember, "member \(name): epochs begin at 1") }
        self.name = name
        self.recipient = recipient
        self.roles = roles.sorted()
        self.firstEpoch = firstEpoch
    }

    /// A member with the recipient that `text` encodes. Throws `badMember`, naming the member, for a text that is
    /// none or a point of low order (CASES F004).
    package init(
        name: String, recipient text: String, roles: Set<Role> = [], firstEpoch: UInt64 = 1
    ) throws(KeyringError) {
        guard Member.isName(name) else {
            // The same refusal as above, before the name is put into a message.
            throw KeyringError(
                .badMember,
                "a member's name has 1 to 64 letters, digits and . _ @ + -, and begins with a letter or digit"
            )
        }
        let recipient: MemberRecipient
        do {
            recipient = try MemberRecipient(text: text)
        } catch {
            throw KeyringError(.badMember, "member \(name): \(error.context)", underlying: error)
        }
        try self.init(name: name, recipient: recipient, roles: roles, firstEpoch: firstEpoch)
    }

    /// The same member with what is given changed.
    package func with(
        recipient: MemberRecipient? = nil, roles: Set<Role>? = nil, firstEpoch: UInt64? = nil
    ) throws(KeyringError) -> Member {
        try Member(
            name: name, recipient: recipient ?? self.recipient, roles: roles ?? Set(self.roles),
            firstEpoch: firstEpoch ?? self.firstEpoch)
    }

    private static func isName(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
        }
        guard (1...64).contains(bytes.count), isAlphanumeric(bytes[0]) else { return false }
        let others = Array("._@+-".utf8)
        return bytes.allSatisfy { isAlphanumeric($0) || others.contains($0) }
    }
}
