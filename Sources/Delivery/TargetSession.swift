package import Encodings
internal import Files

/// A target, locked: from the plan to the receipt nobody else delivers to it. The lock goes with the value.
package struct TargetSession: ~Copyable {
    private enum Layout: ~Copyable {
        case generation(GenerationTarget)
        case files(SharedTarget)
    }

    private let layout: Layout

    private init(_ layout: consuming Layout) { self.layout = layout }

    /// Locks `target` at the time `now`, and clears what killed runs left there.
    ///
    /// On disk: makes what the layout needs beside or in the target; removes left-overs, and generations that
    /// were switched away from ten minutes or more before `now`. Throws `targetNotOurs`, `locked`,
    /// `targetRefused`, `noSpace` or `io`.
    package static func open(
        _ target: FilesTarget, now: Timestamp
    ) throws(DeliveryError) -> TargetSession {
        switch target.layout {
        case .generation: TargetSession(.generation(try GenerationTarget.open(target, now: now)))
        case .files: TargetSession(.files(try SharedTarget.open(target)))
        }
    }

    /// What delivering `tree` would change.
    package borrowing func plan(_ tree: OpenedTree) throws(DeliveryError) -> DeliveryPlan {
        switch layout {
        case .generation(let target): try target.plan(tree)
        case .files(let target): try target.plan(tree)
        }
    }

    /// Carries out `plan`, made by this session, and ends it. A plan that changes nothing touches nothing.
    ///
    /// When this throws, the layout `generation` still shows the old generation, except where only the fsync
    /// after the switch failed; the layout `files` may show some files old and some new.
    package consuming func deliver(
        _ plan: DeliveryPlan, at now: Timestamp
    ) throws(DeliveryError) -> Receipt {
        guard !plan.isEmpty else { return Receipt(plan, .unchanged, now) }
        switch consume layout {
        case .generation(var target): try target.deliver(plan)
        case .files(var target): try target.deliver(plan)
        }
        return Receipt(plan, .applied, now)
    }
}

extension FilesTarget {
    /// What delivering `tree` would change, seen without lock, clean-up or any other trace on disk.
    package func preview(_ tree: OpenedTree) throws(DeliveryError) -> DeliveryPlan {
        switch layout {
        case .generation: try GenerationTarget.preview(tree, self)
        case .files: try SharedTarget.preview(tree, self)
        }
    }
}
