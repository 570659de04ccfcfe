/// How prune works.
package struct PruneOptions: Sendable {
    /// How long a pack stays marked before it may go. Zero: nobody else writes to the store, and it goes at once.
    package var grace: Duration
    /// The share of a pack, from 0 to 1, that may be unused before it is packed anew.
    package var maximumUnused: Double
    /// Whether only the plan is made.
    package var isDryRun: Bool

    /// A day: as long as writers promise to be over after their last beat.
    package static let standardGrace = Duration.seconds(86_400)
    /// A tenth: what moving the rest costs is won back by then.
    package static let standardUnused = 0.1

    /// Options, with the defaults of the program.
    package init(
        grace: Duration = PruneOptions.standardGrace, maximumUnused: Double = PruneOptions.standardUnused,
        isDryRun: Bool = false
    ) {
        self.grace = max(.zero, grace)
        self.maximumUnused = min(1, max(0, maximumUnused))
        self.isDryRun = isDryRun
    }
}

/// What prune is going to do, or has done.
package struct PruneReport: Sendable, Equatable {
    /// Packs and their bytes.
    package struct Amount: Sendable, Equatable {
        /// How many packs.
        package var packCount = 0
        /// Their bytes.
        package var byteCount: UInt64 = 0

        mutating func add(_ bytes: UInt64) {
            packCount += 1
            byteCount &+= bytes
        }
    }

    /// Whether this is a plan only.
    package var isDryRun = false
    /// Snapshots that the store holds.
    package var snapshotCount = 0
    /// All packs that were there.
    package var present = Amount()
    /// Packs of which nothing is used, marked by this run.
    package var marked = Amount()
    /// Packs that are packed anew by this run, because too little of them is used.
    package var repacked = Amount()
    /// What is used of those, in new packs. A plan names the bytes alone.
    package var moved = Amount()
    /// Packs that were removed.
    package var removed = Amount()
    /// Packs that are marked and wait.
    package var waiting = Amount()
    /// Why they wait: one line each.
    package var reasons: [String] = []
    /// Packs that were marked, and are used again.
    package var returned = Amount()
    /// Packs that stay, though they can't be used as they are: something in them may be needed. `store check` names them.
    package var unproven = Amount()
    /// Packs that are damaged, and of which something is needed that lies nowhere else.
    package var damaged = Amount()
    /// Whether the place was full, so that its reserve was given back.
    package internal(set) var releasedReserve = false
    /// The highest generation seen of each agent, by public key: for `StoreTrust`.
    package var generations: [[UInt8]: UInt64] = [:]
    /// Index objects that were written anew.
    package var indexObjectCount = 0

    /// Whether there was nothing to do.
    package var isIdle: Bool {
        [marked, repacked, removed, waiting, returned, unproven, damaged].allSatisfy { $0.packCount == 0 }
    }
}
