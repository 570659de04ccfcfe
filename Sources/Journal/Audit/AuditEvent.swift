package import Encodings

/// What is written into the audit log: that something was opened, overridden or taken back, and by whom. Names,
/// commits and counts; never a value.
package struct AuditEvent: Sendable, Hashable {
    /// What happened.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// A new log; the first line of each.
        case begin
        /// Bytes that a killed writer left after the last whole line were cut off.
        case repair
        /// A commit's sealed values and files are about to be opened.
        case open
        /// A check that would have refused was set aside by hand.
        case override
        /// A commit was chosen by hand, or gone back to after a failed health check.
        case rollback
        /// A commit is not to be delivered again.
        case quarantine
        /// An environment is left alone from now on.
        case suspend
        /// An environment is taken care of again.
        case resume
        /// What somebody else had changed at a target was put back.
        case heal
        /// An archive's content was restored.
        case restore
        /// The service started.
        case start
        /// The service stopped.
        case stop
        /// The service read its settings again.
        case reload
    }

    /// What happened.
    package var kind: Kind
    /// Particulars by key: `environment`, `source`, `commit`, `by`, `reason` and others. A key is a lower-case
    /// letter and then letters; `index`, `time`, `event` and `hash` are taken.
    package var fields: [String: String]

    /// An event with these particulars. Empty values are left out.
    package init(_ kind: Kind, _ fields: [String: String] = [:]) {
        self.kind = kind
        self.fields = fields.filter { !$0.value.isEmpty }
    }
}

/// One line of the audit log as it stands there.
package struct AuditEntry: Sendable, Hashable {
    /// Its number, from 1.
    package let index: UInt64
    /// When it was written.
    package let time: Timestamp
    /// The event's name; one that this version does not know is kept as it is.
    package let event: String
    /// The particulars.
    package let fields: [String: String]
    /// The keyed hash of the line and all lines before it: 32 bytes.
    package let hash: [UInt8]
}

/// A place in the audit log: how many lines there were, and the hash of the last.
package struct AuditHead: Sendable, Hashable, CustomStringConvertible {
    /// The number of the last line; 0 for an empty log.
    package let index: UInt64
    /// Its hash, 32 bytes.
    package let hash: [UInt8]

    /// A head of these values.
    package init(index: UInt64, hash: [UInt8]) {
        self.index = index
        self.hash = hash
    }

    /// What every log begins with.
    static let empty = AuditHead(index: 0, hash: [UInt8](repeating: 0, count: 32))

    /// `<index>:<64 hex digits>`.
    package var description: String { "\(index):\(Hex.encode(hash))" }

    /// Reads `description`. Throws for any other text.
    package init(_ text: String) throws(EncodingError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let index = UInt64(parts[0]), String(index) == parts[0],
            let hash = try? Hex.decode(String(parts[1])), hash.count == 32
        else { throw EncodingError(.invalidCharacter, "audit head: expected INDEX:HASH with 64 hex digits") }
        self.init(index: index, hash: hash)
    }
}
