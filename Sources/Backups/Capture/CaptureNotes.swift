internal import Archives
internal import Files
internal import Git

/// The notes of one source, bounded: what can't be listed is counted.
struct CaptureNotes {
    private var lines: [String] = []
    private var byteCount = 0
    private var droppedCount = 0

    private static let lineLimit = 1000
    private static let byteLimit = 1 << 20

    var isEmpty: Bool { lines.isEmpty }

    /// Adds a line.
    mutating func add(_ line: String) {
        guard lines.count < CaptureNotes.lineLimit, byteCount + line.utf8.count <= CaptureNotes.byteLimit,
            line.utf8.count <= 1 << 16
        else {
            droppedCount += 1
            return
        }
        byteCount += line.utf8.count
        lines.append(line)
    }

    /// All lines, and how many more there were.
    var all: [String] { droppedCount == 0 ? lines : lines + ["and \(droppedCount) more"] }

    /// Why a source or a file gave nothing, in words for people.
    static func reason(_ error: any Error) -> String {
        switch error {
        case let error as FileError: return error.description
        case let error as GitError:
            guard let cause = error.underlying as? FileError else { return error.context }
            return "\(error.context): \(cause.description)"
        case let error as ArchiveError: return error.underlying.map(reason) ?? error.context
        case let error as CommandRun.Failure: return error.words
        case let error as BackupError: return error.context
        default: return "\(type(of: error))"
        }
    }
}
