internal import Archives
package import Files
internal import Glibc
internal import Processes
internal import Subprocess
internal import SystemPackage

/// One run of a command whose standard output is to be archived, or of one that is run for what it does.
///
/// The command is started without a shell, in a process group of its own, with an empty standard input unless a file is named,
/// and no other environment than is given here. It is done when it has ended and its standard output is at its end: what it
/// started in the background may still write there. Past the deadline the whole group is ended; what it leaves running is
/// ended with it, and where this process ends before it, however that happens (`ProcessGroup`). Of its standard error the last lines are kept, for a failure to tell.
package struct CommandRun: Sendable {
    /// The program, looked up in PATH where it has no slash, and its arguments.
    package let arguments: [String]
    /// How long it may take.
    package let deadline: Duration
    /// Less output than this counts as a failure: an empty dump is no backup.
    package let minimumByteCount: UInt64
    /// All of its environment.
    package var environment = CommandRun.standardEnvironment
    /// Where it runs; nil for where the caller does.
    package var directory: Path?
    /// The file that it reads; nil for an empty input.
    package var input: Path?
    /// Whether it is done as soon as it has ended, whoever still holds its output: right for what starts a service.
    package var isDoneAtExit = false

    /// Whether it is ended where this process is, a kill included; else it goes on to its own end.
    package var endsWithUs = true

    /// The environment of a command that is given no other.
    package static let standardEnvironment = [
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
    ]

    /// A command with its deadline and the least output that counts.
    package init(arguments: [String], deadline: Duration, minimumByteCount: UInt64 = 1) {
        precondition(!arguments.isEmpty)
        self.arguments = arguments
        self.deadline = deadline
        self.minimumByteCount = minimumByteCount
    }

    /// What the pipe holds where the kernel lets it: the most that it gives everybody (pipe-max-size of pipe(7)).
    private static let pipeByteCount = 1 << 20

    /// The program: a path where it has a slash, else a name that is looked up in PATH.
    private var executable: Executable {
        arguments[0].utf8.contains(0x2F) ? .path(FilePath(arguments[0])) : .name(arguments[0])
    }

    /// How far a command read the file that it was given.
    package struct Intake: Sendable {
        /// Where its last read ended, as far as can be seen: what opens /dev/stdin anew, or maps it, is not.
        package let position: UInt64
        /// The file's length.
        package let byteCount: UInt64
    }

    /// Runs the command for what it does; what it prints is dropped. Returns how far it read `input`; nil where it had none.
    /// Throws `Failure`, and `CancellationError`.
    @discardableResult
    package func run() async throws -> Intake? {
        var buffer = [UInt8](repeating: 0, count: CommandRun.pipeByteCount)
        return try await execute { output in
            while true {
                var elements = buffer.mutableSpan
                var room = unsafe elements.mutableBytes
                guard output(&room) > 0 else { return }
            }
        }.intake
    }

    /// Runs the command and hands its output to `sink` as it comes, in order. Returns the number of bytes.
    ///
    /// Throws what `read` throws, and what `sink` throws; what was handed over by then is not to be used.
    package func stream(to sink: (RawSpan) async throws -> Void) async throws -> UInt64 {
        var buffer = [UInt8](repeating: 0, count: CommandRun.pipeByteCount)
        return try await read { output in
            while true {
                var elements = buffer.mutableSpan
                var room = unsafe elements.mutableBytes
                let count = output(&room)
                guard count > 0 else { return }
                try await sink(unsafe buffer.span.bytes.extracting(first: count))
            }
        }
    }

    /// Runs the command and lends its output to `reader`, who reads until 0 bytes come: each time as many as there are and
    /// have room, waiting for some, which blocks the thread. Returns the number of bytes.
    ///
    /// Throws `Failure` where the command failed, `CancellationError`, and what `reader` throws; what was read by then is
    /// not to be used.
    package func read(
        by reader: (_ output: (inout MutableRawSpan) -> Int) async throws -> Void
    ) async throws -> UInt64 {
        try await execute(by: reader).byteCount
    }

    private func execute(
        by reader: (_ output: (inout MutableRawSpan) -> Int) async throws -> Void
    ) async throws -> (byteCount: UInt64, intake: Intake?) {
        var intake: Intake?
        var options = PlatformOptions()
        // Without /bin/sh it has a group of its own.
        let group = endsWithUs ? try? ProcessGroup() : nil
        options.processGroupID = group?.number ?? 0
        var byteCount: UInt64 = 0
        var readerFailure: (any Error)?
        var end: CommandOutput.End?
        var said = ""
        let status: TerminationStatus
        let variables = environment.reduce(into: [Environment.Key: String]()) { variables, entry in
            if let key = Environment.Key(rawValue: entry.key) { variables[key] = entry.value }
        }
        // The command begins with the limit that others expect.
        DescriptorLimit.restore(of: 0)
        defer { DescriptorLimit.raiseAgain() }
        do {
            let feed = try FileDescriptor.open(
                FilePath(input.map { String(decoding: $0.bytes, as: UTF8.self) } ?? "/dev/null"), .readOnly,
                options: .closeOnExec)
            // One place in the file for both: where the command has read to is seen here.
            let place = input == nil ? -1 : fcntl(feed.rawValue, F_DUPFD_CLOEXEC, 0)
            defer { if place >= 0 { close(place) } }
            let (output, errors) = (try CommandRun.makePipe(), try CommandRun.makePipe())
            let result = try await Subprocess.run(
                executable, arguments: Arguments(Array(arguments.dropFirst())),
                environment: .custom(variables),
                workingDirectory: directory.map { FilePath(String(describing: $0)) },
                platformOptions: options,
                input: .fileDescriptor(feed, closeAfterSpawningProcess: true),
                output: .fileDescriptor(output.writer, closeAfterSpawningProcess: true),
                error: .fileDescriptor(errors.writer, closeAfterSpawningProcess: true)
            ) { execution in
                DescriptorLimit.raiseAgain()
                let heard = CommandOutput(
                    of: execution.processIdentifier.value, execution.processIdentifier.processDescriptor,
                    output: output.reader, errors: errors.reader, deadline: deadline,
                    isDoneAtExit: isDoneAtExit)
                do {
                    try await WorkExecutor.run { try await reader { heard.read(into: &$0) } }
                } catch {
                    readerFailure = error
                }
                (end, byteCount) = (heard.end, heard.byteCount)
                // What the command left running in its group ends with it. It isn't reaped yet: its number is nobody else's.
                if let group { group.end() } else { kill(-execution.processIdentifier.value, SIGKILL) }
                said = heard.words.text(hiding: environment)
            }
            status = result.terminationStatus
            intake = Intake(at: place)
        } catch is SubprocessError {
            throw Failure(.notStarted)
        } catch is Errno {
            throw Failure(.notStarted)
        }
        if let readerFailure { throw readerFailure }
        switch end {
        case .timedOut(isHeld: false): throw Failure(.timedOut, said)
        case .timedOut(isHeld: true): throw Failure(.heldOpen, said)
        case .cancelled: throw CancellationError()
        case .ended, nil: break
        }
        switch status {
        case .exited(0): break
        case .exited(let code): throw Failure(.exited(Int32(code)), said)
        case .signaled(let signal): throw Failure(.signalled(Int32(signal)), said)
        }
        guard byteCount >= minimumByteCount else { throw Failure(.tooShort(byteCount: byteCount), said) }
        return (byteCount, intake)
    }

    /// A pipe of which no other program gets an end (pipe2(2)).
    private static func makePipe() throws(Errno) -> (reader: CommandOutput.Reader, writer: FileDescriptor) {
        let (reader, writer) = try FileDescriptor.pipe(options: .closeOnExec)
        return (CommandOutput.Reader(reader.rawValue, byteCount: pipeByteCount), writer)
    }
}

extension CommandRun.Intake {
    /// What is seen at the descriptor `number`; nil where that is none of a file.
    fileprivate init?(at number: Int32) {
        var facts = stat()
        let position = lseek(number, 0, SEEK_CUR)
        guard position >= 0, unsafe fstat(number, &facts) == 0, facts.st_size >= 0 else { return nil }
        self.init(position: UInt64(position), byteCount: UInt64(facts.st_size))
    }

    /// What is to be said where the command ended well and wasn't seen to read everything; nil where it was.
    package var remark: String? {
        guard position < byteCount else { return nil }
        guard position > 0 else { return "it was not seen to read any of its \(byteCount) bytes" }
        return "it was seen to read \(position) of its \(byteCount) bytes"
    }
}
