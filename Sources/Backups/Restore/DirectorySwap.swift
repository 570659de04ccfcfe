package import Files

/// A directory and the restored one that is to take its place: what has to be known to go on with the exchange, or to take
/// it back, after a kill at any moment.
package struct DirectorySwap: Sendable, Hashable {
    /// The directory's path.
    package let target: Path
    /// What was restored.
    package let new: FileIdentity
    /// What stood there before; nil where nothing did.
    package let old: FileIdentity?
    /// What the restored directory looked like before the exchange (`TreeDigest`); nil where that is not known.
    package let digest: [UInt8]?

    /// The exchange at `target` of these two, of which the new one looked like `digest`.
    package init(target: Path, new: FileIdentity, old: FileIdentity?, digest: [UInt8]?) {
        self.target = target
        self.new = new
        self.old = old
        self.digest = digest
    }

    /// Puts the restored directory in its place (RENAME_EXCHANGE of renameat2(2)): whoever looks sees the one or the other.
    /// Does nothing where it stands there. Throws `occupied` where something else stands there by now.
    package func exchange() throws(BackupError) {
        do {
            try RestoreStaging.markExchanged(for: target)
        } catch {
            throw BackupError.wrapping(error)
        }
        try change(from: old, to: new)
    }

    /// Puts what stood there before back. Does nothing where it stands there.
    package func takeBack() throws(BackupError) {
        try change(from: new, to: old)
        do {
            try RestoreStaging.unmarkExchanged(for: target, holding: new)
        } catch {
            throw BackupError.wrapping(error)
        }
    }

    /// To be called after `takeBack`: where the restored directory was written to since it was exchanged, gives it a name of its
    /// own beside the target (`<name>.undone`, or with a number) and returns that; `tell` is told it before. One that is as it
    /// was restored is among the leavings from then on, and nil is returned.
    package func keepWritten(_ tell: (Path) -> Void) throws(BackupError) -> Path? {
        do {
            return try RestoreStaging.keep(new, for: target, unless: digest, tell)
        } catch {
            throw BackupError.wrapping(error)
        }
    }

    private func change(from first: FileIdentity?, to second: FileIdentity?) throws(BackupError) {
        do {
            let parent = try Directory(target.parent)
            let found = try parent.metadataIfPresent(of: target.name).map { FileIdentity($0) }
            guard found != second else { return }
            guard found == first else {
                throw BackupError(.occupied, "\(target): something else stands there by now")
            }
            let staging = try RestoreStaging.directory(for: target)
            try RestoreStaging.exchange(
                target.name, in: parent, with: staging, hasOld: first != nil, hasNew: second != nil)
        } catch {
            throw BackupError.wrapping(error)
        }
    }
}
