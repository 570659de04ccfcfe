package import Encodings
internal import Files

/// A target, locked: from the plan to the receipt nobody else delivers to it. The lock goes with the value.
package struct TargetSession: ~Copyable {
    private enum Layout: ~Copyable {
        case generation(GenerationTarget)
        case files(SharedTarget)
        case command(CommandTarget)
        case credentials(CredentialTarget)
    }

    private let layout: Layout
    private let notices: [String]

    private init(_ layout: consuming Layout, notices: [String] = []) {
        self.layout = layout
        self.notices = notices
    }

    /// Locks `target` at the time `now`, and clears what killed runs left there. Commands and credentials have no lock
    /// of their own: that of the environment is held.
    ///
    /// On disk: makes what the layout needs beside or in the target; removes left-overs, and generations that
    /// were switched away from ten minutes or more before `now`. Throws `targetNotOurs`, `locked`,
    /// `targetRefused`, `noSpace` or `io`.
    package static func open(_ target: Target, now: Timestamp) throws(DeliveryError) -> TargetSession {
        switch target {
        case .files(let target): try open(target, now: now)
        case .command(let target): TargetSession(.command(target))
        case .credentials(let target): TargetSession(.credentials(target))
        }
    }

    /// As `open` of a target that is a directory.
    package static func open(_ target: FilesTarget, now: Timestamp) throws(DeliveryError) -> TargetSession {
        if target.makesParent { try onTarget { () throws(FileError) in try target.makeParent() } }
        let notices = try target.memoryNotices()
        return switch target.layout {
        case .generation:
            TargetSession(.generation(try GenerationTarget.open(target, now: now)), notices: notices)
        case .files: TargetSession(.files(try SharedTarget.open(target)), notices: notices)
        }
    }

    /// What delivering `tree` would change.
    package borrowing func plan(_ tree: OpenedTree) throws(DeliveryError) -> DeliveryPlan {
        var plan: DeliveryPlan
        switch layout {
        case .generation(let target):
            plan = try target.plan(tree)
            plan.isCompletionDue = plan.hasCompletion ? try target.isCompletionDue() : false
        case .files(let target):
            plan = try target.plan(tree)
            plan.isCompletionDue = plan.hasCompletion ? try target.isCompletionDue() : false
        case .command(let target): plan = try CommandExchange(target, tree).plan()
        case .credentials(let target): plan = try target.plan(tree)
        }
        if !plan.isEmpty { plan.notices = notices }
        return plan
    }

    /// Carries out `plan`, made by this session, runs what is to be run after a change, and ends the session. A plan that
    /// changes nothing touches nothing and runs nothing.
    ///
    /// When this throws, the layout `generation` still shows the old generation, except where only the fsync
    /// after the switch failed; the layout `files` may show some files old and some new. With `reloadFailed`, all is
    /// delivered, and the command after it is run again with the next session's plan.
    package consuming func deliver(
        _ plan: DeliveryPlan, at now: Timestamp
    ) throws(DeliveryError) -> Receipt {
        guard !plan.isEmpty else { return Receipt(plan, .unchanged, now) }
        switch consume layout {
        case .generation(var target):
            if plan.changesContent {
                if plan.hasCompletion { try target.noteCompletion() }
                try target.deliver(plan)
            }
            try target.complete(plan.tree)
        case .files(var target):
            if plan.changesContent {
                if plan.hasCompletion { try target.noteCompletion() }
                try target.deliver(plan)
            }
            try target.complete(plan.tree)
        case .command(let target): try CommandExchange(target, plan.tree).apply()
        case .credentials(let target): try target.deliver(plan)
        }
        return Receipt(plan, .applied, now)
    }
}

/// A session among others in an array, which holds nothing that can't be copied.
final class HeldSession {
    private var session: TargetSession?

    init(_ session: consuming TargetSession) { self.session = consume session }

    /// See `TargetSession.plan`.
    func plan(_ tree: OpenedTree) throws(DeliveryError) -> DeliveryPlan {
        switch session {
        case .some(let session): try session.plan(tree)
        case .none: preconditionFailure("a session is over once it has delivered")
        }
    }

    /// See `TargetSession.deliver`.
    func deliver(_ plan: DeliveryPlan, at now: Timestamp) throws(DeliveryError) -> Receipt {
        guard let session = session.take() else {
            preconditionFailure("a session is over once it has delivered")
        }
        return try session.deliver(plan, at: now)
    }
}

extension DeliveryPlan {
    /// Whether something is to be run after a change.
    fileprivate var hasCompletion: Bool {
        guard case .files(let target) = target else { return false }
        return target.completion != nil
    }
}

extension FilesTarget {
    /// What delivering `tree` would change, seen without lock, clean-up or any other trace on disk.
    package func preview(_ tree: OpenedTree) throws(DeliveryError) -> DeliveryPlan {
        if makesParent, try !hasParent() {
            return DeliveryPlan(
                tree: tree, target: .files(self), steps: ObservedTree(empty: tree.files).steps,
                unchangedCount: 0, isFirst: true)
        }
        let notices = try memoryNotices()
        var plan: DeliveryPlan
        switch layout {
        case .generation:
            plan = try GenerationTarget.preview(tree, self)
            plan.isCompletionDue = completion != nil ? try GenerationTarget.isCompletionDue(self) : false
        case .files:
            plan = try SharedTarget.preview(tree, self)
            plan.isCompletionDue = completion != nil ? try SharedTarget.isCompletionDue(self) : false
        }
        if !plan.isEmpty { plan.notices = notices }
        return plan
    }

    private func hasParent() throws(DeliveryError) -> Bool {
        try onTarget { () throws(FileError) in
            try Directory(parent.parent).metadataIfPresent(of: parent.name) != nil
        }
    }

    /// Makes the parent where it is missing: others pass through it, and see no names.
    fileprivate func makeParent() throws(FileError) {
        let above = try Directory(parent.parent)
        do throws(FileError) {
            try above.makeDirectory(parent.name, mode: 0o711)
        } catch {
            guard error.code == .exists else { throw error }
        }
    }

    /// What is to be said where the target is not in memory. Throws `targetRefused` where it must be.
    fileprivate func memoryNotices() throws(DeliveryError) -> [String] {
        guard memory != .any else { return [] }
        let isInMemory = try onTarget { () throws(FileError) in
            let parent = try Directory(parent)
            guard layout == .files, try parent.metadataIfPresent(of: name)?.kind == .directory else {
                return parent.isInMemory
            }
            return try parent.openDirectory(name).isInMemory
        }
        guard !isInMemory else { return [] }
        guard memory == .warned else {
            throw DeliveryError(
                .targetRefused, "target \(directory): not on a tmpfs, and it is required to be")
        }
        return ["target \(directory): not on a tmpfs: what is delivered there reaches a disk"]
    }
}
