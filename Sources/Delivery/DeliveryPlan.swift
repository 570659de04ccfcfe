package import Files

/// What a delivery would do to a target, file by file; printable, for it holds no value. Made only by a target,
/// from an opened tree and what stands on the disk.
package struct DeliveryPlan: Sendable {
    /// What happens to one path below the target.
    package enum Action: String, Sendable, Hashable {
        /// The file is not there yet.
        case add
        /// The content differs.
        case change
        /// Only mode or owner differ.
        case metadata
        /// The file is not in the tree any more, and it was Strongroom that wrote it.
        case remove
    }

    /// One path and what happens to it.
    package struct Step: Sendable, Hashable {
        /// What happens.
        package let action: Action
        /// The path below the target.
        package let path: Path
    }

    /// What is delivered.
    package let tree: OpenedTree
    /// Where to.
    package let target: FilesTarget
    /// Everything that differs, in byte order of the paths.
    package let steps: [Step]
    /// How many files are in place already.
    package let unchangedCount: Int
    /// Whether the layout itself has yet to be set up, even if no file differs.
    let isFirst: Bool

    init(
        tree: OpenedTree, target: FilesTarget, steps: [Step], unchangedCount: Int, isFirst: Bool
    ) {
        self.tree = tree
        self.target = target
        self.steps = steps.sorted { ($0.path, $0.action.rawValue) < ($1.path, $1.action.rawValue) }
        self.unchangedCount = unchangedCount
        self.isFirst = isFirst
    }

    /// Whether the target is as it should be: nothing is switched, nobody needs to reload.
    package var isEmpty: Bool { steps.isEmpty && !isFirst }

    /// How many paths `action` happens to.
    package func count(_ action: Action) -> Int { steps.count { $0.action == action } }

    /// The plan for people: a line a path, and a last line with the counts.
    package var lines: [String] {
        steps.map { step in
            let word = step.action == .metadata ? "set mode" : step.action.rawValue
            return "\(word) \(step.path)"
        } + [summary]
    }

    /// The counts in one line.
    package var summary: String {
        "\(count(.add)) to add, \(count(.change)) to change, \(count(.metadata)) to set modes of, "
            + "\(count(.remove)) to remove, \(unchangedCount) unchanged"
    }
}
