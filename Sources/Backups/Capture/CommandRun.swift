package import Files
internal import Glibc
internal import Subprocess
internal import SystemPackage

/// One run of a command whose standard output is to be archived.
///
/// The command is started without a shell, in a process group of its own, with an empty standard input and the
/// caller's environment; its standard error goes to ours. Past the deadline the whole group is ended.
package struct CommandRun: Sendable {
    /// The program, looked up in PATH where it has no slash, and its arguments.
    package let arguments: [String]
    /// How long it may take.
    package let deadline: Duration
    /// Less output than this counts as a failure: an empty dump is no backup.
    package let minimumByteCount: UInt64
    /// Variables beside the caller's.
    package var environment: [String: String] = [:]
    /// Where it runs; nil for where the caller does.
    package var directory: Path?
    /// The file that it reads; nil for an empty input.
    package var input: Path?

    /// A command with its deadline and the least output that counts.
    package init(arguments: [String], deadline: Duration, minimumByteCount: UInt64 = 1) {
        precondition(!arguments.isEmpty)
        self.arguments = arguments
        self.deadline = deadline
        self.minimumByteCount = minimumByteCount
    }

    /// Why a command's output was not archived.
    package enum Failure: Error, Sendable, Equatable {
        /// The program can't be started.
        case notStarted
        /// It ended with this status, whatever it printed before.
        case exited(Int32)
        /// A signal ended it.
        case signalled(Int32)
        /// It was still running at the deadline.
        case timedOut
        /// It printed less than the least that counts.
        case tooShort(byteCount: UInt64)
        /// It printed so much less than the last time that something must be wrong.
        case shrunken(from: UInt64, to: UInt64)
    }

    /// The program: a path where it has a slash, else a name that is looked up in PATH.
    private var executable: Executable {
        arguments[0].utf8.contains(0x2F) ? .path(FilePath(arguments[0])) : .name(arguments[0])
    }

    /// Runs the command for what it does; what it prints is dropped. Throws `Failure`.
    package func run() async throws { _ = try await stream { _ in } }

    /// Runs the command and hands its output to `sink` as it comes, in order. Returns the number of bytes. Throws
    /// `Failure` where the command failed, and what `sink` throws; what was handed over by then is not to be used.
    package func stream(to sink: (RawSpan) async throws -> Void) async throws -> UInt64 {
        var options = PlatformOptions()
        options.processGroupID = 0
        var byteCount: UInt64 = 0
        var sinkFailure: (any Error)?
        var watch: Task<Bool, any Error>?
        var group: pid_t?
        let status: TerminationStatus
        // The command begins with the limit that others expect.
        DescriptorLimit.restore(of: 0)
        defer { DescriptorLimit.raiseAgain() }
        let variables = environment.reduce(into: [Environment.Key: String?]()) { variables, entry in
            if let key = Environment.Key(rawValue: entry.key) { variables[key] = entry.value }
        }
        do {
            let feed = try FileDescriptor.open(
                FilePath(input.map { String(describing: $0) } ?? "/dev/null"), .readOnly,
                options: .closeOnExec)
            let result = try await Subprocess.run(
                executable, arguments: Arguments(Array(arguments.dropFirst())),
                environment: .inherit.updating(variables),
                workingDirectory: directory.map { FilePath(String(describing: $0)) },
                platformOptions: options,
                input: .fileDescriptor(feed, closeAfterSpawningProcess: true), output: .sequence,
                error: .currentStandardError
            ) { execution in
                // The group is ended by a task beside the reading loop, which goes on until the command has ended:
                // a silent command yields no output, and one may close its output and live on.
                let leader = execution.processIdentifier.value
                group = leader
                DescriptorLimit.raiseAgain()
                watch = Task { [deadline] in
                    try await Task.sleep(for: deadline)
                    kill(-leader, SIGKILL)
                    return true
                }
                do {
                    for try await buffer in execution.standardOutput {
                        byteCount += UInt64(buffer.count)
                        try await sink(buffer.bytes)
                    }
                } catch {
                    sinkFailure = error
                    kill(-leader, SIGKILL)
                }
            }
            status = result.terminationStatus
        } catch is SubprocessError {
            throw Failure.notStarted
        } catch is Errno {
            throw Failure.notStarted
        }
        watch?.cancel()
        // What the command left running in its group ends with it.
        if let group { kill(-group, SIGKILL) }
        let timedOut = (try? await watch?.value) ?? false
        if let sinkFailure { throw sinkFailure }
        guard !timedOut else { throw Failure.timedOut }
        switch status {
        case .exited(0): break
        case .exited(let code): throw Failure.exited(Int32(code))
        case .signaled(let signal): throw Failure.signalled(Int32(signal))
        }
        guard byteCount >= minimumByteCount else { throw Failure.tooShort(byteCount: byteCount) }
        return byteCount
    }
}
