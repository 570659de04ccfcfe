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
        /// By what the difference is known, where content differs: never a value.
        package let evidence: Evidence?

        init(action: Action, path: Path, evidence: Evidence? = nil) {
            self.action = action
            self.path = path
            self.evidence = evidence
        }
    }

    /// Lengths and keyed digests of what stands and of what is wanted.
    package struct Evidence: Sendable, Hashable {
        /// What stands: nil where nothing does.
        package let old: String?
        /// What is wanted: nil where nothing is.
        package let new: String?
        /// The values in a document that differ, a line each.
        package let values: [String]
    }

    /// What is delivered.
    package let tree: OpenedTree
    /// Where to.
    package let target: Target
    /// Everything that differs, in byte order of the paths.
    package internal(set) var steps: [Step]
    /// How many files are in place already.
    package let unchangedCount: Int
    /// Whether the layout itself has yet to be set up, even if no file differs.
    let isFirst: Bool
    /// Whether the command after a change is still to be run: it failed, or the run before was killed.
    package internal(set) var isCompletionDue = false
    /// What is to be known about the target.
    package internal(set) var notices: [String] = []

    init(
        tree: OpenedTree, target: Target, steps: [Step], unchangedCount: Int, isFirst: Bool
    ) {
        self.tree = tree
        self.target = target
        self.steps = steps.sorted { ($0.path, $0.action.rawValue) < ($1.path, $1.action.rawValue) }
        self.unchangedCount = unchangedCount
        self.isFirst = isFirst
    }

    /// Whether the target is as it should be: nothing is switched, nobody needs to reload.
    package var isEmpty: Bool { steps.isEmpty && !isFirst && !isCompletionDue }

    /// Whether what readers see changes: more than a command that is still to be run.
    package var changesContent: Bool { !steps.isEmpty || isFirst }

    /// How many paths `action` happens to.
    package func count(_ action: Action) -> Int { steps.count { $0.action == action } }

    /// The plan for people: a line a path, and a last line with the counts.
    package var lines: [String] {
        steps.map { step in
            let word = step.action == .metadata ? "set mode" : step.action.rawValue
            return "\(word) \(step.path)"
        } + [summary]
    }

    /// The plan for people who compare: a line a path with lengths and keyed digests of what stands and what is wanted,
    /// and below it a line for each value of a document that differs. Never a value.
    package var diff: [String] {
        steps.flatMap { step -> [String] in
            let word = step.action == .metadata ? "set mode" : step.action.rawValue
            guard let evidence = step.evidence else { return ["\(word) \(step.path)"] }
            let facts = [evidence.old, evidence.new].compactMap { $0 }.joined(separator: " -> ")
            return ["\(word) \(step.path)\(facts.isEmpty ? "" : "  \(facts)")"]
                + evidence.values.map { "  \($0)" }
        }
    }

    /// The counts in one line.
    package var summary: String {
        "\(count(.add)) to add, \(count(.change)) to change, \(count(.metadata)) to set modes of, "
            + "\(count(.remove)) to remove, \(unchangedCount) unchanged"
            + (isCompletionDue ? ", its command to run again" : "")
    }
}
