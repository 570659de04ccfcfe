// Running another program to its end: no shell, no inherited environment, no inherited descriptor, a time-out, a bound
// on what it prints. What is handed to it goes through pipes and unnamed files in memory, never through a path.
internal import CSpawn
internal import Files
internal import Glibc

/// Runs other programs: the one place that starts, feeds, hears, ends and reaps a child process.
package enum ChildProcess {
    /// Where output came from.
    package enum Stream: Sendable, Hashable, CaseIterable {
        /// Standard output.
        case output
        /// Standard error.
        case error
    }

    /// Runs `program` to its end, as the leader of a process group of its own, with `input` on its standard input,
    /// which is a pipe, as output and error are; `files` are descriptors 3, 4 and so on, each read from its beginning.
    ///
    /// Blocks its thread. What the program writes is read into `buffer` and lent to `sink` piece by piece; where that
    /// returns false, when the time is up, or where the task is cancelled, the whole process group is ended, by SIGTERM
    /// and after the grace by SIGKILL. Once the program has ended, pipes that a descendant still holds are heard a second
    /// longer. A program that does not read its input is no failure here: see `unreadCount`. No other descriptor is
    /// inherited, close-on-exec or not; signals have their defaults. Throws `notFound`, `invalidName`, `notStarted`, `io`.
    package static func run(
        _ program: ChildProgram, input: RawSpan, files: [[UInt8]] = [], buffer: inout MutableRawSpan,
        sink: (Stream, RawSpan) -> Bool
    ) throws(ProcessError) -> ChildOutcome {
        let path = try program.executable()
        var memory: [MemoryFile] = []
        for file in files { memory.append(try MemoryFile(file)) }
        // Our own hand on the read end tells what was left unread, and that nobody reads is no signal to us.
        let inlet = try Pipe.make()
        let output = try Pipe.make()
        let errors = try Pipe.make()
        let given = [inlet.reader.number, output.writer.number, errors.writer.number]
        let process = try spawn(program, path, given + memory.map { $0.handle.number })
        var exchange = ChildExchange(
            process, program, inlet: inlet, output: output, errors: errors)
        let ending = try exchange.run(input, &buffer, sink)
        return ChildOutcome(
            ending: ending, unreadCount: exchange.unreadCount + input.byteCount - exchange.writtenCount)
    }

    /// Runs `program` as `run(_:input:files:buffer:sink:)` does, for what is no secret, and takes up to `limit` bytes of
    /// its standard output; more ends it (`stopped`). Its standard error goes nowhere.
    package static func output(
        of program: ChildProgram, input: [UInt8] = [], files: [[UInt8]] = [], limit: Int
    ) throws(ProcessError) -> (ending: ChildEnding, output: [UInt8]) {
        var output: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 1 << 14)
        var span = room.mutableSpan
        var buffer = unsafe span.mutableBytes
        let outcome = try run(program, input: unsafe input.span.bytes, files: files, buffer: &buffer) {
            stream, bytes in
            guard stream == .output else { return true }
            guard bytes.byteCount <= limit - output.count else { return false }
            unsafe bytes.withUnsafeBytes { unsafe output.append(contentsOf: $0) }
            return true
        }
        return (outcome.ending, output)
    }

    /// Starts the program with `descriptors` as its own, from 0 on (posix_spawn(3)).
    static func spawn(
        _ program: ChildProgram, _ path: Path, _ descriptors: [Int32]
    ) throws(ProcessError) -> pid_t {
        let words = program.arguments
        let variables = program.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let texts = words + variables
        guard texts.allSatisfy({ !$0.utf8.contains(0) }), !program.directory.bytes.contains(0) else {
            throw ProcessError(.invalidName, "\(path): an argument or a variable holds a zero byte")
        }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for (target, descriptor) in descriptors.enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(target))
        }
        unsafe spawn_close_from(&actions, Int32(descriptors.count))
        unsafe spawn_in(&actions, program.directory.bytes.map { CChar(bitPattern: $0) } + [0])
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        unsafe sigemptyset(&none)
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        unsafe posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let file = path.bytes.map { CChar(bitPattern: $0) } + [0]
        var process: pid_t = 0
        let failure = unsafe withPointers(words) { argv in
            unsafe withPointers(variables) { envp in
                unsafe posix_spawn(&process, file, &actions, &attributes, argv, envp)
            }
        }
        guard failure == 0 else {
            let reason = unsafe strerror(failure).map { unsafe String(cString: $0) } ?? "errno \(failure)"
            throw ProcessError(failure == ENOENT ? .notFound : .notStarted, "\(path): \(reason)")
        }
        DescriptorLimit.restore(of: process)
        return process
    }

    private static func withPointers<Value>(
        _ words: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Value
    ) -> Value {
        var pointers = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("no list of arguments") }
            return unsafe body(base)
        }
    }
}
