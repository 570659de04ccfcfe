package import Archives
internal import Files
internal import Sodium

/// What this machine's pruner has seen of stores, one file a location beside the pin: `store@<H of the location>.prune`.
extension StorePins {
    private static let prunerByteLimit = 256 << 20

    /// What was seen of the store at `location`; nothing where there is no file, or one that can't be used: then all is
    /// seen for the first time, and waits anew.
    package func prunerState(for location: String) throws -> PrunerState {
        // The real path of a directory first: it has one state, however it is written.
        for name in StorePins.names(of: location).reversed() {
            let state = try state(for: name)
            if state != PrunerState() { return state }
        }
        return PrunerState()
    }

    private func state(for location: String) throws -> PrunerState {
        do throws(FileError) {
            let bytes = try Directory(directory).read(
                StorePins.name(location, "prune"), limit: StorePins.prunerByteLimit)
            return (try? PrunerState(decoding: bytes)) ?? PrunerState()
        } catch {
            guard error.code == .notFound else { throw error }
            return PrunerState()
        }
    }

    /// Records what has been seen of the store at `location`. Throws where the file can't be written.
    package func record(_ state: PrunerState, for location: String) throws {
        let folder = try Directory.makePath(directory)
        let name = StorePins.names(of: location).last ?? location
        try state.encoded.withBytes { try folder.write($0, to: StorePins.name(name, "prune")) }
    }

    /// Lets annotations that were seen of the store at `location` be missing: those that are there count from now on. Throws
    /// where the file can't be read or written.
    package func acceptMissingAnnotations(at location: String) throws {
        var state = try prunerState(for: location)
        state.acceptMissingAnnotations()
        guard state != PrunerState() else { return }
        try record(state, for: location)
    }
}
