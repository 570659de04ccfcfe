import Glibc

/// Runs one command again and again, stopped or failed at one of its state-changing system calls each time,
/// by the CrashHarness executable (see its main.c). The package's test target must depend on "CrashHarness".
package struct CrashPoints: Sendable {
    /// What happens to the call that is chosen, by its number from 1.
    package enum Fault: Sendable {
        /// Nothing: a clean run.
        case none
        /// The command and its descendants are killed when the call has returned.
        case killAfter(Int)
        /// The call is not made, and returns this errno; with `persistent`, all later ones too.
        case fail(Int, errno: Int32, persistent: Bool = false)
        /// The write(2) or pwrite64(2) of this number, counted by themselves, gets half of its bytes.
        case shortWrite(Int)
    }

    /// Which calls are counted and failed.
    package enum Calls: Sendable {
        /// Those that change files or names, or force them to the disk.
        case changing
        /// Those that ask for random bytes: getrandom(2), and opening the devices of such.
        case random
        /// getrandom(2) alone.
        case getrandom
    }

    /// What one run left behind.
    package struct Outcome: Sendable {
        /// Whether the chosen call came.
        package let isReached: Bool
        /// The command's exit status; 128 + signal where a signal ended it.
        package let status: Int32
        /// The most memory that the command had in use at any time, in bytes.
        package let peakByteCount: Int
        /// How many such calls there were.
        package let callCount: Int
        /// How many of them were write(2) or pwrite64(2).
        package let writeCount: Int
        /// A line for each call: number, name, path, result.
        package let calls: [String]
        /// What each call did to which file, where it succeeded.
        package let changes: [FileChange]
        /// The command's standard output.
        package let stdout: [UInt8]
        /// The command's standard error.
        package let stderr: [UInt8]
    }

    private let command: [String]
    private let environment: [String: String]?
    private let directory: String?
    private let stdin: [UInt8]

    /// The command to run; see `ShellCommand.run` for what the parts mean.
    package init(
        _ executable: String, _ arguments: [String] = [], environment: [String: String]? = nil,
        directory: String? = nil, stdin: [UInt8] = []
    ) {
        command = [executable] + arguments
        self.environment = environment
        self.directory = directory
        self.stdin = stdin
    }

    /// Runs the command once with a fault. Traps where the harness itself can't work: no test can say
    /// anything then.
    package func run(_ fault: Fault, of calls: Calls = .changing) -> Outcome {
        let scratch = TemporaryDirectory("crash")
        let log = scratch.file("log")
        var options: [String]
        switch fault {
        case .none: options = ["--count"]
        case .killAfter(let number): options = ["--kill-after", "\(number)"]
        case .fail(let number, let errno, let isPersistent):
            options = ["--fail", "\(number)", "\(errno)"] + (isPersistent ? ["--persistent"] : [])
        case .shortWrite(let number): options = ["--short-write", "\(number)"]
        }
        switch calls {
        case .changing: break
        case .random: options.append("--random")
        case .getrandom: options.append("--getrandom")
        }
        options += ["--log", log, "--"]
        let outcome = ShellCommand.run(
            CrashPoints.products + "/CrashHarness", options + command, environment: environment,
            directory: directory, stdin: stdin)
        precondition([0, 100].contains(outcome.status), "CrashHarness: \(outcome.errorText)")
        let lines = ShellCommand.run("cat", [log]).text.split(separator: "\n").map(String.init)
        func total(_ name: String) -> Int {
            lines.last { $0.hasPrefix(name + " ") }.flatMap { Int($0.dropFirst(name.count + 1)) } ?? -1
        }
        // A clean run ends with the harness's own line: the number of calls.
        let isClean = if case .none = fault { true } else { false }
        let ownBytes = isClean ? "\(total("calls"))\n".utf8.count : 0
        return Outcome(
            isReached: outcome.status == 0, status: Int32(total("status")),
            peakByteCount: total("peak") * 1024, callCount: total("calls"),
            writeCount: total("writes"),
            calls: lines.dropLast(4).map { String($0.prefix { $0 != "\t" }) },
            changes: lines.dropLast(4).compactMap(FileChange.init), stdout: outcome.stdout.dropLast(ownBytes),
            stderr: outcome.stderr)
    }

    /// `count` numbers spread evenly over 1...total, the first and the last among them; all where there are
    /// no more.
    package static func spread(_ count: Int, over total: Int) -> [Int] {
        guard total > count, count > 1 else { return Array(1..<max(total, 0) + 1) }
        return (0..<count).map { 1 + $0 * (total - 1) / (count - 1) }
    }

    /// Each number of 1...total where the environment has STRONGROOM_EVERY_CALL, else `count` spread ones: how many there are is
    /// told then.
    package static func every(orSpread count: Int, over total: Int) -> [Int] {
        guard unsafe getenv("STRONGROOM_EVERY_CALL") != nil else { return spread(count, over: total) }
        print("\(total) calls")
        return Array(1..<max(total, 0) + 1)
    }

    /// The directory of the package's executables: the one that the running tests stand in. proc(5),
    /// /proc/self/exe.
    package static var products: String {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe readlink("/proc/self/exe", &path, path.count)
        precondition(count > 0, "readlink: errno \(errno)")
        let text = String(decoding: path.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.split(separator: "/").dropLast().reduce(into: "") { $0 += "/" + $1 }
    }
}
