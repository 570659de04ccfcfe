internal import Files
internal import Processes

/// `git pack-objects`, where Git is installed: it copies what is packed already and makes thin packs, which libgit2 does not.
///
/// It runs in an empty bare directory of ours that borrows the objects it is to pack, with our configuration, arguments that
/// never change and an environment of ours alone: no hook, configuration, replacement, commit graph or bitmap of a
/// repository is obeyed, and nothing is fetched. On disk, while it lasts: `.<mirror's name>.new-<16 hex digits>/`.
struct PackProgram {
    /// The directory of objects.
    let objects: Path
    /// Beside which the passing directory is made.
    let mirror: MirrorDirectory
    /// Of these, the number of bytes counts, and the time where it is longer than an hour.
    let limits: FetchLimits

    private static let bufferByteCount = 1 << 16

    private static let environment = [
        "PATH": ChildProgram.standardPath, "LC_ALL": "C", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "", "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
    ]

    // One thread: the same objects make the same pack.
    private static let arguments = [
        "git", "--git-dir=.", "-c", "core.commitGraph=false", "-c", "core.multiPackIndex=false",
        "-c", "core.fsync=none", "pack-objects", "-q", "--revs", "--threads=1", "--delta-base-offset",
        "--no-use-bitmap-index",
    ]

    /// Hands the pack of what `revisions` name (git-pack-objects(1), `--revs`) to `sink`. False, and nothing handed out,
    /// where there is no Git.
    ///
    /// What isn't thin goes to a file first: then Git compares what it copies with the checksums of the packs that it comes from,
    /// which it leaves to the receiver otherwise. Of a thin pack nothing is checked.
    ///
    /// Blocks. Throws `damaged` where Git fails: objects are missing or broken; `limitExceeded`, `timedOut`,
    /// `stoppedByCaller` with what `sink` threw.
    func write(
        _ revisions: [UInt8], isThin: Bool, to sink: (RawSpan) throws -> Void
    ) throws(GitError) -> Bool {
        let place = MirrorDirectory(at: mirror.temporaryPath)
        var program = ChildProgram(
            PackProgram.arguments + (isThin ? ["--stdout", "--thin"] : ["objects/pack/pack"]),
            environment: PackProgram.environment, directory: place.path,
            timeout: .seconds(max(limits.seconds, 3600)))
        do throws(ProcessError) {
            program.arguments[0] = String(decoding: try program.executable().bytes, as: UTF8.self)
        } catch {
            return false
        }
        defer { place.remove() }
        try place.makePassing(files: [
            .init(name: "objects/info/alternates", bytes: PackProgram.line(for: objects))
        ])
        guard !isThin else {
            try run(program, revisions, sink)
            return true
        }
        // Its name, and a line break, are what is printed.
        var name: [UInt8] = []
        try run(program, revisions) { name += $0.array }
        try hand(
            Path(Array("objects/pack/pack-".utf8) + name.dropLast() + Array(".pack".utf8)), in: place,
            to: sink)
        return true
    }

    private func hand(
        _ pack: Path, in place: MirrorDirectory, to sink: (RawSpan) throws -> Void
    ) throws(GitError) {
        var room = [UInt8](repeating: 0, count: PackProgram.bufferByteCount)
        var offset: Int64 = 0
        var failure: (any Error)?
        try GitError.onFiles("read \(pack) of \(place.path)") { () throws(FileError) in
            let file = try Directory(place.path).openFile(pack)
            let byteCount = try file.metadata().byteCount
            guard byteCount <= limits.byteCount else {
                failure = GitError(.limitExceeded, "more than \(limits.byteCount) new bytes")
                return
            }
            while failure == nil {
                var span = room.mutableSpan
                var bytes = unsafe span.mutableBytes
                let count = try file.read(into: &bytes, at: offset)
                guard count > 0 else { return }
                offset += Int64(count)
                do { try sink(bytes.bytes.extracting(0..<count)) } catch { failure = error }
            }
        }
        guard let failure else { return }
        if let failure = failure as? GitError { throw failure }
        throw GitError(.stoppedByCaller, "the pack's sink failed", underlying: failure)
    }

    private func run(
        _ program: ChildProgram, _ revisions: [UInt8], _ sink: (RawSpan) throws -> Void
    ) throws(GitError) {
        var room = [UInt8](repeating: 0, count: PackProgram.bufferByteCount)
        var span = room.mutableSpan
        var buffer = unsafe span.mutableBytes
        var byteCount = 0
        var failure: (any Error)?
        let limit = limits.byteCount
        let outcome: ChildOutcome
        do throws(ProcessError) {
            outcome = try ChildProcess.run(
                program, input: unsafe revisions.span.bytes, buffer: &buffer
            ) { stream, bytes in
                guard stream == .output else { return true }
                byteCount += bytes.byteCount
                guard byteCount <= limit else { return false }
                do { try sink(bytes) } catch { failure = error }
                return failure == nil
            }
        } catch {
            throw GitError(.processFailed, "git pack-objects: \(error.context)", underlying: error)
        }
        if let failure {
            throw GitError(.stoppedByCaller, "the pack's sink failed", underlying: failure)
        }
        guard byteCount <= limit else { throw GitError(.limitExceeded, "more than \(limit) new bytes") }
        switch outcome.ending {
        case .exited(0): return
        case .exited(let status):
            throw GitError(.damaged, "git pack-objects ended with status \(status)")
        case .signaled(let signal): throw GitError(.processFailed, "signal \(signal) ended git pack-objects")
        case .timedOut: throw GitError(.timedOut, "git pack-objects was not done in time")
        case .cancelled, .stopped:
            throw GitError(.stoppedByCaller, "git pack-objects was stopped", underlying: CancellationError())
        }
    }

    /// A line of `objects/info/alternates` (gitrepository-layout(5)): a path with a line break is quoted as in C.
    static func line(for path: Path) -> [UInt8] {
        guard path.bytes.contains(0x0A) else { return path.bytes + [0x0A] }
        var line: [UInt8] = [0x22]
        for byte in path.bytes {
            switch byte {
            case 0x0A: line += Array("\\n".utf8)
            case 0x22, 0x5C: line += [0x5C, byte]
            default: line.append(byte)
            }
        }
        return line + [0x22, 0x0A]
    }
}
