package import Encodings

/// How a snapshot, or one source in it, came out.
package enum SnapshotStatus: UInt8, Sendable, CaseIterable {
    /// All that was asked for.
    case complete = 1
    /// Something is missing: the sources say what.
    case partial = 2
    /// A source gave nothing usable.
    case failed = 3
    /// Revisions differed before and after the capture.
    case torn = 4

    /// The word of listings.
    package var name: String {
        switch self {
        case .complete: "complete"
        case .partial: "partial"
        case .failed: "failed"
        case .torn: "torn"
        }
    }
}

/// The commit of one synced source that was applied and healthy when the snapshot was taken.
package struct Revision: Hashable, Comparable, Sendable {
    /// The source's name in the environment.
    package let source: String
    /// The commit's id: 20 or 32 bytes.
    package let commit: [UInt8]

    /// The revision of `source` at `commit`.
    package init(source: String, commit: [UInt8]) {
        self.source = source
        self.commit = commit
    }

    /// By source, as bytes.
    package static func < (left: Revision, right: Revision) -> Bool {
        Array(left.source.utf8).lexicographicallyPrecedes(Array(right.source.utf8))
    }
}

/// What a snapshot says to every holder of `write`: what lists, chains, retention and reachability need.
package struct SnapshotHeader: Equatable, Sendable {
    /// What it is a snapshot of.
    package let environment: String
    /// The name of the agent who took it.
    package let agent: String
    /// When it was taken, by the agent's clock.
    package let time: Timestamp
    /// Counts this agent's snapshots in this store, from 1.
    package let generation: UInt64
    /// The id of the agent's snapshot before this one; zero for the first.
    package let previous: Digest
    /// How it came out.
    package let status: SnapshotStatus
    /// H of the sorted list of sources, by kind and name.
    package let sourceSet: Digest
    /// Sorted by source.
    package let revisions: [Revision]
    /// The roots of the sources' trees, named by position in the content.
    package let roots: [NodeID]
}

/// What is in a source.
package enum SourceKind: UInt8, Sendable, CaseIterable {
    /// A tree of files.
    case directory = 1
    /// One file: a command's output.
    case command = 2
    /// `facts`, `increments/<n>.bundle` and `increments/<n>.index` (FORMAT.md §11).
    case repository = 3
    /// The keyring, rules, settings and allowed signers of that time.
    case keyring = 4
    /// Objects of a cluster, a file each.
    case kubernetes = 5

    /// The word of listings.
    package var name: String {
        switch self {
        case .directory: "directory"
        case .command: "command"
        case .repository: "repository"
        case .keyring: "keyring"
        case .kubernetes: "kubernetes"
        }
    }
}

/// A named fact about a source.
package struct SourceFact: Hashable, Comparable, Sendable {
    /// The name.
    package let name: String
    /// The value's bytes.
    package let value: [UInt8]

    /// The fact `name` with `value`.
    package init(_ name: String, _ value: [UInt8]) {
        self.name = name
        self.value = value
    }

    /// By name, as bytes.
    package static func < (left: SourceFact, right: SourceFact) -> Bool {
        Array(left.name.utf8).lexicographicallyPrecedes(Array(right.name.utf8))
    }
}

/// One source of a snapshot: readable with `read` alone.
package struct SnapshotSource: Equatable, Sendable {
    /// The name.
    package var name: String
    /// What is in it.
    package var kind: SourceKind
    /// How it came out.
    package var status: SnapshotStatus
    /// What went wrong or was left out, one line each; empty where nothing was.
    package var notes: [String]
    /// The tree; nil where the source gave nothing.
    package var root: NodeID?
    /// Entries in the tree.
    package var entryCount: UInt64
    /// Logical length of all file contents.
    package var byteCount: UInt64
    /// Facts of the kind: `path`, `command`, `url` … Sorted by name, no name twice.
    package var facts: [SourceFact]

    /// A source with its tree. `facts` are sorted here.
    package init(
        name: String, kind: SourceKind, status: SnapshotStatus, notes: [String] = [], root: TreeRoot?,
        facts: [SourceFact] = []
    ) {
        self.name = name
        self.kind = kind
        self.status = status
        self.notes = notes
        self.root = root?.node
        entryCount = root?.entryCount ?? 0
        byteCount = root?.byteCount ?? 0
        self.facts = facts.sorted()
    }
}

/// The finished tree of one source.
package struct TreeRoot: Hashable, Sendable {
    /// The root node.
    package let node: NodeID
    /// All entries of the tree.
    package let entryCount: UInt64
    /// The logical length of its files' contents.
    package let byteCount: UInt64
}

/// What a snapshot is made of, before an agent signs it.
package struct SnapshotDraft: Sendable {
    /// What it is a snapshot of.
    package var environment: String
    /// When it was taken.
    package var time: Timestamp
    /// How it came out.
    package var status: SnapshotStatus
    /// Commits applied and healthy, in any order.
    package var revisions: [Revision]
    /// In any order; no kind and name twice.
    package var sources: [SnapshotSource]
    /// The name of the machine, for people.
    package var host: String

    /// A draft of `sources` of `environment` at `time`.
    package init(
        environment: String, time: Timestamp, status: SnapshotStatus, revisions: [Revision],
        sources: [SnapshotSource], host: String
    ) {
        self.environment = environment
        self.time = time
        self.status = status
        self.revisions = revisions
        self.sources = sources
        self.host = host
    }
}

/// A snapshot in the store, as `write` shows it.
package struct SnapshotRecord: Equatable, Sendable {
    /// H of the object.
    package let id: SnapshotID
    /// What `write` shows.
    package let header: SnapshotHeader
    /// Length of the object.
    package let objectByteCount: UInt64
}

/// A snapshot opened with `read`.
package struct Snapshot: Equatable, Sendable {
    /// What `write` shows.
    package let record: SnapshotRecord
    /// The name of the machine.
    package let host: String
    /// What it holds.
    package let sources: [SnapshotSource]

    /// The logical length of all sources.
    package var byteCount: UInt64 { sources.reduce(0) { $0 &+ $1.byteCount } }

    /// The source of that name, if there is one.
    package func source(named name: String) -> SnapshotSource? { sources.first { $0.name == name } }
}

/// The bytes of a snapshot object, ready to be put: an agent records them first and repeats them on a retry.
package struct PreparedSnapshot: Sendable, Equatable {
    /// H of the object.
    package let id: SnapshotID
    /// The whole object.
    package let bytes: [UInt8]
    /// What `write` shows.
    package let header: SnapshotHeader
}
