/// What a probe found out about one thing that the archive store relies on, or makes use of.
package struct ProbeFinding: Hashable, Sendable {
    /// What was looked at.
    package enum Check: String, CaseIterable, Hashable, Sendable {
        /// The place answers, and accepts the credentials.
        case access
        /// What was put is read, whole and at once.
        case readAfterWrite = "read-after-write"
        /// What was put over an object is read at once, and never a mix.
        case replace
        /// What was put, or removed, shows in the next list.
        case listAfterWrite = "list-after-write"
        /// A range of an object is read, and one beyond its end refused.
        case ranges
        /// A taken name is kept by a put that must not replace (`If-None-Match`).
        case putOnce = "put-once"
        /// The same for objects uploaded in parts.
        case putOnceInParts = "put-once-in-parts"
        /// An object uploaded in parts is whole, and not seen before.
        case parts
        /// A removed object is gone, and removing it once more is no error.
        case remove
        /// Whether the bucket keeps versions of what is removed.
        case versions
        /// Whether the bucket can lock objects, and does so by default.
        case objectLock = "object-lock"
        /// How far the clocks are apart.
        case clock
    }

    /// What came of it.
    package enum Outcome: String, Hashable, Sendable {
        /// As the store relies on it, or has it best.
        case holds
        /// Not so; see `isRequired`.
        case fails
        /// The place does not have it; the store works without.
        case absent
        /// It could not be found out.
        case unknown
    }

    /// What was looked at.
    package let check: Check
    /// What came of it.
    package let outcome: Outcome
    /// Whether the store must not be used where it fails.
    package let isRequired: Bool
    /// One line for people: what was seen, and what to do about it. No credential, nothing that an endpoint wrote.
    package let detail: String
}

/// All findings of one probe, in the order in which they were made.
package struct ProbeReport: Sendable {
    /// The store's place, as `s3://bucket/prefix`; of a directory `store`.
    package let place: String
    /// One finding a check; checks that came after a failure to get in at all are not there.
    package let findings: [ProbeFinding]
    /// Why there was no way in, where there was none.
    package let failure: StorageError?

    /// Whether nothing that is required fails or is unknown.
    package var isUsable: Bool { !findings.contains { $0.isRequired && $0.outcome != .holds } }

    /// The finding of `check`, where there is one.
    package subscript(check: ProbeFinding.Check) -> ProbeFinding? { findings.first { $0.check == check } }

    /// Whether the settings have to say that `ifAbsent` can't be left to the endpoint
    /// (`S3Settings.usesConditionalPuts` = false).
    package var needsUnconditionalPuts: Bool {
        [.putOnce, .putOnceInParts].contains { self[$0]?.outcome == .fails }
    }
}
