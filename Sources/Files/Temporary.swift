import Glibc

/// A temporary file of this process: removed when the value ends without a rename.
struct Temporary: ~Copyable {
    let file: Descriptor
    private let directory: Directory
    private let name: Path
    private var isRenamed = false

    /// Makes `.<name>.tmp-<random>`, mode 0600, locked so that `removeStaleTemporaries` lets it be.
    init(for name: Path, in directory: borrowing Directory) throws(FileError) {
        let holder = try directory.duplicate()
        for _ in 0..<100 {
            let candidate = try Temporary.name(for: name)
            let made = try holder.createFile(candidate)
            // Between these two calls somebody may have taken the file for a dead one.
            guard try FileLock.take(made), try made.metadata().linkCount == 1 else { continue }
            self.init(file: made, directory: holder, name: candidate)
            return
        }
        throw .refused(.locked, "flock(2)", directory.shown(name))
    }

    private init(file: consuming Descriptor, directory: consuming Directory, name: Path) {
        self.file = file
        self.directory = directory
        self.name = name
    }

    deinit { if !isRenamed { try? directory.removeFile(name) } }

    mutating func rename(to final: Path, overwriting: Bool) throws(FileError) {
        do {
            try directory.rename(name, to: final, overwriting ? .replacing : .exclusive)
            isRenamed = true
        } catch  where error.errno == EINVAL && !overwriting {
            // A file system without RENAME_NOREPLACE: a second name, never over a taken one. deinit drops the
            // first.
            try directory.link(name, to: final)
        }
    }

    /// 16 random hexadecimal digits, for a name beside `path`. Throws where the kernel has none (getentropy(3)): the
    /// standard library would end the process.
    static func randomSuffix(beside path: Path) throws(FileError) -> String {
        var number: UInt64 = 0
        guard unsafe getentropy(&number, 8) == 0 else { throw FileError(errno: errno, "getentropy(3)", path) }
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: suffixLength - digits.count) + digits
    }

    /// Whether a name is one that `Temporary` makes.
    static func isTemporary(_ name: Path) -> Bool {
        guard name.bytes.first == 0x2E else { return false }
        let head = name.bytes.dropLast(suffixLength)
        guard head.count + suffixLength == name.bytes.count, head.suffix(marker.count) == marker[...] else {
            return false
        }
        return name.bytes.suffix(suffixLength).allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
        }
    }

    private static let suffixLength = 16
    private static let marker = Array(".tmp-".utf8)

    private static func name(for name: Path) throws(FileError) -> Path {
        // The longest name must still leave room for the dot, the marker and the digits.
        let kept = name.bytes.prefix(Path.nameLimit - 1 - marker.count - suffixLength)
        return Path([0x2E] + kept + marker + Array(try randomSuffix(beside: name).utf8))
    }
}

extension Directory {
    /// Removes the temporary files that killed writers left in this directory, all or those of one file; those of
    /// living writers hold their lock and stay. Returns how many went.
    @discardableResult
    package borrowing func removeStaleTemporaries(of file: Path? = nil) throws(FileError) -> Int {
        var count = 0
        let prefix = file.map { [0x2E] + $0.bytes + Array(".tmp-".utf8) } ?? []
        for entry in try entries()
        where entry.name.bytes.starts(with: prefix) && Temporary.isTemporary(entry.name) {
            if try removeIfStale(entry.name) { count += 1 }
        }
        return count
    }

    /// Whether there is any temporary file in this directory, of a living writer or a killed one.
    package borrowing func holdsTemporaries() throws(FileError) -> Bool {
        try entries().contains { Temporary.isTemporary($0.name) }
    }

    /// Whether there is nothing but directories and temporary files in this directory, and below it: what a writer leaves
    /// that was killed before its first file.
    package borrowing func holdsNoFile() throws(FileError) -> Bool {
        for entry in try entries() {
            if try metadataIfPresent(of: entry.name)?.kind == .directory {
                guard try openDirectory(entry.name).holdsNoFile() else { return false }
            } else if !Temporary.isTemporary(entry.name) {
                return false
            }
        }
        return true
    }

    /// The time that this directory's file system gives to a file made now: its own clock's, which on a network is not
    /// this machine's. Makes a temporary file and removes it.
    package borrowing func fileSystemTime() throws(FileError) -> FileTime {
        let file = try Temporary(for: Path("clock"), in: self)
        return try file.file.metadata().modified
    }

    private borrowing func removeIfStale(_ name: Path) throws(FileError) -> Bool {
        do {
            let file = try openFile(name)
            guard try FileLock.take(file) else { return false }
            try removeFile(name)
            return true
        } catch  where error.code == .notFound || error.code == .isLink || error.code == .notRegular {
            // Gone meanwhile, or nothing that a writer of ours makes.
            return false
        } catch  where error.code == .isDirectory {
            return false
        }
    }
}
