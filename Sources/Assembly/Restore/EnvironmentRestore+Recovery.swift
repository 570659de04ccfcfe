internal import Backups
internal import Delivery
package import Files
internal import Journal
internal import Settings

extension EnvironmentRestore {
    /// What became of a restore that was cut off.
    package struct Recovery: Sendable {
        /// What was restored and written to since, and where that is now.
        package struct Kept: Sendable {
            /// The directory in use.
            package let target: Path
            /// Beside it, what stood there until it was taken back.
            package let path: Path
        }

        /// The snapshot that was being restored.
        package let snapshot: String
        /// Whether all was done and it was brought to its end; else it was taken back.
        package let isEnded: Bool
        /// What was written to after its exchange: it is taken out of use and kept.
        package fileprivate(set) var kept: [Kept] = []
    }

    /// Takes back what a run that was cut off has begun, or ends it where all was done. Returns what became of it; nil where
    /// there was none. What was written to a directory after its exchange is kept beside it, for somebody to look at.
    package func recover() async throws -> Recovery? {
        let directory = try own()
        let lock = try await lock(directory)
        defer { _ = lock }
        return try await recover(directory)
    }

    /// As above, for who has the lock of `directory`.
    @discardableResult
    func recover(_ directory: borrowing Directory) async throws -> Recovery? {
        guard try directory.metadataIfPresent(of: RestoreRecord.fileName) != nil else { return nil }
        let bytes = try directory.read(RestoreRecord.fileName, limit: RestoreRecord.byteLimit)
        guard let record = RestoreRecord(String(decoding: bytes, as: UTF8.self)) else {
            throw BackupError(
                .files, "\(directory.path)/\(RestoreRecord.fileName): not a record of a restore")
        }
        var recovery = Recovery(snapshot: record.snapshot, isEnded: record.phase == .done)
        if record.phase != .done {
            try takeBack(record.swaps)
            for swap in record.swaps {
                let kept = try swap.keepWritten { path in
                    tell("\(swap.target): it was written to after the exchange; that is kept as \(path)")
                }
                if let kept { recovery.kept.append(.init(target: swap.target, path: kept)) }
            }
            try await takeBackRevision(record)
        }
        for target in record.targets {
            try StagedRestore.removeLeftovers(of: target, isDone: record.phase == .done)
        }
        try directory.removeFile(RestoreRecord.fileName)
        try directory.synchronize()
        return recovery
    }

    private func takeBack(_ swaps: [DirectorySwap]) throws(BackupError) {
        // One that can't be taken back keeps none of the others from it.
        var failure: BackupError?
        for swap in swaps.reversed() {
            do throws(BackupError) {
                try swap.takeBack()
            } catch {
                tell("\(swap.target): not taken back: \(error.context)")
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    /// Each step is one that may be repeated: a run that is killed here is gone on with from the start.
    private func takeBackRevision(_ record: RestoreRecord) async throws {
        let journal = memory.journal
        if record.phase == .setting {
            if try journal.hold(environment: name) != record.hold {
                try write(.resume, ["lifted": "hold of a restore in place"])
                try journal.setHold(record.hold, environment: name)
            }
            try takeBackSuspension(record)
            do {
                _ = try await deliver()
            } catch let error as DeliveryError {
                tell("\(name): not delivered again: \(error.context)")
            }
        }
        try takeBackSuspension(record)
    }

    /// Puts the suspension back to what it was; one that somebody else ordered meanwhile stays.
    private func takeBackSuspension(_ record: RestoreRecord) throws {
        let order = try memory.journal.suspension(environment: name)
        guard order != record.suspension, order == nil || order?.reason == record.reason else { return }
        try write(.resume, ["lifted": "restore in place"])
        try memory.journal.setSuspension(record.suspension, environment: name)
    }
}
