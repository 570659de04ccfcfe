internal import ArgumentParser
internal import Files
internal import Keyrings
internal import Sealing

/// Whether a verb that makes a new epoch seals the tree anew to it.
struct ResealOptions: ParsableArguments {
    @Flag(
        inversion: .prefixedNo,
        help: "Seal what the tree holds anew to the new epoch; an identity that opens it is needed.")
    var reseal = true

    /// Reseals what the tree holds of the environments `renewed`, whose new epochs `work` has put in force, prints what
    /// is done, and says what is next. `former` are the identities of a rebased branch.
    ///
    /// Throws `partial` where something is left, unless resealing is not `isRequired`.
    func finish(
        _ work: borrowing KeyringWork, _ renewed: [String], former: [String: OpenedKeyring] = [:],
        isRequired: Bool = true
    ) throws {
        guard !renewed.isEmpty else { return }
        guard reseal else {
            return Console.note(
                "strongroom: next: strongroom reseal, then commit the keyring with what it changed")
        }
        let resealing = try work.reseal(renewed, former: former) { Console.print(TreeResealing.line($0)) }
        resealing.report()
        if !isRequired, resealing.failures.isEmpty, !resealing.closed.isEmpty {
            return Console.note(
                "strongroom: next: a member runs strongroom reseal; commit the keyring with what it changes")
        }
        try resealing.finish()
        Console.note("strongroom: next: commit the keyring with what was resealed")
    }
}

/// Files of the tree sealed anew, and what is said about it: what reseal does, and what every verb ends with that makes a
/// new epoch.
struct TreeResealing {
    /// What was done, in the order of the files.
    private(set) var changes: [TreeResealer.Change] = []
    /// Files that were left as they are, and why.
    private(set) var failures: [Failure] = []
    /// Environments that no identity here opens.
    private(set) var closed: [String] = []
    private let isDryRun: Bool

    /// Reseals the files at `places` of `checkout`. `onChange` gets each change when it is done.
    init(
        _ checkout: Checkout, at places: [[UInt8]] = [[]], with resealer: TreeResealer, dryRun: Bool = false,
        onChange: (TreeResealer.Change) -> Void
    ) throws {
        isDryRun = dryRun
        var resealer = resealer
        var unread: [Failure] = []
        try checkout.forEachFile(at: places, unread: { unread.append($0) }) { path in
            do {
                guard let change = try resealer.reseal(path) else { return }
                changes.append(change)
                onChange(change)
            } catch let error as FileError where error.code == .permission {
                failures.append(Failure(error))
            } catch let error as SealingError {
                failures.append(Failure(error))
            } catch let error as TreeResealer.FileLeft {
                failures.append(error.failure)
            }
        }
        failures += unread
    }

    /// Reseals what the tree holds of `environments`, which have a new epoch in their keyrings by now; `former` are the
    /// identities of a rebased branch. Those that none of `identities` opens are left out.
    init(
        _ checkout: Checkout, of environments: [String], with identities: [MemberIdentity],
        trust: TrustOptions, former: [String: OpenedKeyring] = [:],
        onChange: (TreeResealer.Change) -> Void
    ) throws {
        var keys: [String: TreeResealer.Keys] = [:]
        var closed: [String] = []
        for environment in environments {
            do {
                keys[environment] = try checkout.resealingKeys(environment, with: identities, trust: trust)
                keys[environment]?.former = former[environment]
            } catch let error as Failure where error.code == .cannotDecrypt {
                closed.append(environment)
            }
        }
        let opened = keys
        try self.init(
            checkout, with: TreeResealer(checkout, dryRun: false) { opened[$0] }, onChange: onChange)
        self.closed = closed
    }

    /// Says how much was done, and what was not.
    func report() {
        for failure in failures { Console.note("strongroom: not resealed: \(failure.message)") }
        let values = changes.reduce(0) { $0 + $1.valueCount }
        let files = changes.count { $0.isFile }
        let verb = isDryRun ? "would reseal" : "resealed"
        Console.note(
            "strongroom: \(verb) \(values) values in \(changes.count - files) files, and \(files) sealed files"
        )
    }

    /// Throws `partial` where files were left as they are.
    func finish() throws {
        guard failures.isEmpty else {
            throw Failure(
                .partial,
                "\(failures.count) \(failures.count == 1 ? "file was left as it is" : "files were left as they are")",
                hints: [
                    "strongroom explain FILE says why a token does not open; strongroom rebind FILE takes up a move; strongroom reseal does the rest"
                ])
        }
        guard closed.isEmpty else {
            throw Failure(
                .partial,
                "\(closed.joined(separator: ", ")): not resealed: no identity here belongs to a member",
                hints: [
                    "a member runs strongroom reseal, and commits the keyring with what it changed; --no-reseal leaves it to him from the start"
                ])
        }
    }

    /// What becomes of one file, in words.
    static func line(_ change: TreeResealer.Change) -> String {
        let what =
            change.isFile ? "the file" : "\(change.valueCount) \(change.valueCount == 1 ? "value" : "values")"
        let path = String(decoding: change.path, as: UTF8.self)
        return "\(path): \(what) to \(change.key.environment)-\(change.key.epoch)"
    }
}

/// A resealed file as `--json` shows it.
struct ResealedDocument: Encodable {
    private let path: String
    private let values: Int
    private let file: Bool
    private let environment: String
    private let epoch: UInt64

    /// The change of one file.
    init(_ change: TreeResealer.Change) {
        path = String(decoding: change.path, as: UTF8.self)
        values = change.valueCount
        file = change.isFile
        environment = change.key.environment
        epoch = change.key.epoch
    }
}
