internal import Archives
internal import Files

/// Files that a restore which did not come to its end has left. Nothing of them is trusted: bytes count where they have the
/// id of the chunk that belongs there, and are read from the store where they have not.
struct EarlierFiles: Sendable {
    /// The directories in which one source grew, the newest first.
    private let roots: [RestoreRoot]

    /// Files of the source whose entries lie beneath `roots`.
    init(_ roots: [RestoreRoot] = []) { self.roots = roots }

    /// Whether there are none.
    var isEmpty: Bool { roots.isEmpty }

    /// One file of an earlier run, open.
    final class Handle {
        private let file: Descriptor

        init(_ file: consuming Descriptor) { self.file = file }

        /// The bytes at `offset`; nil where they are not all there.
        func read(_ byteCount: Int, at offset: UInt64) -> [UInt8]? {
            guard let offset = Int64(exactly: offset), let bytes = try? file.read(byteCount, at: offset),
                bytes.count == byteCount
            else { return nil }
            return bytes
        }
    }

    /// What earlier runs have of the file at `path`, the newest first. Links are not followed.
    func handles(_ path: [UInt8]) -> [Handle] {
        roots.compactMap { root in
            try? root.directory.reaching(path) { directory, name throws(FileError) in
                Handle(try directory.openFile(name))
            }
        }
    }

    /// Removes the file at `path`, whose content stands in the new place now.
    func remove(_ path: [UInt8]) {
        for root in roots {
            try? root.directory.reaching(path) { directory, name throws(FileError) in
                try directory.removeFile(name)
            }
        }
    }
}

extension RestoreStaging {
    /// What earlier runs left of the source whose place beneath the restored directory is `path`.
    borrowing func earlierFiles(_ path: Path) -> EarlierFiles {
        EarlierFiles(earlierRoots(path))
    }
}
