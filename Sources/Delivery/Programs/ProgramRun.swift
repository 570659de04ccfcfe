internal import Processes
internal import Sodium

/// Runs a program for a delivery: its output is held in memory that is wiped, its words are shown only after every
/// secret was taken out of them.
struct ProgramRun {
    /// The program.
    let program: ChildProgram
    /// What messages call it, as `target app: reload`.
    let purpose: String
    /// What its failure is.
    let failure: DeliveryError.Code
    /// The bytes of standard output that are taken; more ends the run.
    let outputLimit: Int
    /// What is taken out of its words.
    let secrets: () throws(DeliveryError) -> SecretIndex

    /// Bytes of standard error that are kept, the last ones.
    private static let errorLimit = 16 << 10
    /// Characters of them that are shown.
    private static let shownLimit = 600
    /// Bytes read at a time.
    private static let stepByteCount = 1 << 16

    /// Runs it with `input` and returns its standard output.
    ///
    /// Throws `failure` where it can't be started, ends otherwise than with status 0, is too slow, says too much, or, where
    /// it `mustRead`, leaves some of its input unread; also where the task was cancelled.
    func run(_ input: RawSpan, mustRead: Bool) throws(DeliveryError) -> SecretBytes {
        var output = GrowingBuffer(limit: outputLimit)
        var errors = TailBuffer(limit: ProgramRun.errorLimit)
        var room = WipedBuffer(byteCount: ProgramRun.stepByteCount)
        let outcome: ChildOutcome
        do throws(ProcessError) {
            outcome = try room.withMutableBytes(first: room.byteCount) { (buffer) throws(ProcessError) in
                try ChildProcess.run(program, input: input, buffer: &buffer) { stream, bytes in
                    guard stream == .output else {
                        errors.append(bytes)
                        return true
                    }
                    return output.append(bytes)
                }
            }
        } catch {
            throw DeliveryError(failure, "\(purpose): can't be run: \(error.context)", underlying: error)
        }
        if let reason = reason(outcome, mustRead: mustRead) {
            let said = try words(&errors)
            throw DeliveryError(failure, "\(purpose): \(reason)\(said.isEmpty ? "" : ": \(said)")")
        }
        return output.held()
    }

    /// Why the run failed, nil where it did not.
    private func reason(_ outcome: ChildOutcome, mustRead: Bool) -> String? {
        switch outcome.ending {
        case .exited(0) where mustRead && outcome.unreadCount > 0:
            "ended without reading what it was given"
        case .exited(0): nil
        case .exited(let status): "ended with status \(status)"
        case .signaled(let signal): "was ended by signal \(signal)"
        case .timedOut: "took longer than \(program.timeout.components.seconds) s, and was ended"
        case .stopped: "said more than \(outputLimit) bytes, and was ended"
        case .cancelled: "was ended, for the run was"
        }
    }

    /// The last lines of its standard error, without secrets, in one line.
    private func words(_ errors: inout TailBuffer) throws(DeliveryError) -> String {
        guard errors.count > 0 else { return "" }
        let index = try secrets()
        let shown = errors.withWholeLines { index.redacted($0) }
        let lines = shown.split(separator: "\n").map { line in
            line.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
        }
        var words = lines.suffix(3).joined(separator: " / ")
        if words.count > ProgramRun.shownLimit { words = "…" + words.suffix(ProgramRun.shownLimit) }
        return words
    }
}

/// The last bytes of what comes in pieces, wiped when they go.
private struct TailBuffer: ~Copyable {
    private var buffer: WipedBuffer
    private(set) var count = 0
    private var isCut = false
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
        buffer = WipedBuffer(byteCount: limit)
    }

    mutating func append(_ bytes: RawSpan) {
        let piece = bytes.byteCount > limit ? bytes.extracting(last: limit) : bytes
        let kept = min(count, limit - piece.byteCount)
        if kept < count || piece.byteCount < bytes.byteCount { isCut = true }
        let dropped = count - kept
        buffer.withMutableBytes(first: limit) { room in
            if dropped > 0 {
                for place in 0..<kept {
                    let byte = unsafe room.bytes.unsafeLoad(fromByteOffset: dropped + place, as: UInt8.self)
                    room.storeBytes(of: byte, toByteOffset: place, as: UInt8.self)
                }
            }
            piece.copy(into: &room, at: kept)
        }
        count = kept + piece.byteCount
    }

    /// Lends what is kept; where something was dropped, without the line that this cut.
    func withWholeLines(_ body: (RawSpan) -> String) -> String {
        buffer.withBytes(first: count) { bytes in
            guard isCut else { return body(bytes) }
            guard let end = (0..<bytes.byteCount).first(where: { bytes[$0] == 0x0A }) else { return "" }
            return body(bytes.extracting((end + 1)..<bytes.byteCount))
        }
    }
}
