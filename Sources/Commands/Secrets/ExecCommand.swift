internal import ArgumentParser
internal import Documents
internal import Files
internal import Glibc
internal import Keyrings
internal import Sealing
internal import Sodium

/// `strongroom exec`: a program with opened values in its environment, or in files that only it sees, for members.
struct ExecCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec", abstract: "Run a program with opened values in its environment or in files.",
        discussion: """
            The values of dotenv files, of Secrets and ConfigMaps, and those at the top of other documents, by their \
            names. By default the program gets them as environment variables and takes this process's place, so that \
            signals reach it and its exit code is the one that is seen. With --files it finds them in a directory in \
            memory that STRONGROOM_FILES names and that is removed when it ends; signals are handed on and its exit \
            code is passed through, 128 and the signal's number where one ended it.

              strongroom exec --file infra/prod.env --prefix TF_VAR_ -- terraform plan
            """)

    @Option(
        name: [.customLong("file"), .customLong("environment-from")],
        help: ArgumentHelp("A file of this repository; repeatable, later ones win.", valueName: "file"))
    var sources: [String] = []

    @Flag(name: .customLong("files"), help: "Hand the values over as files, mode 0400.")
    var asFiles = false

    @Option(
        help: ArgumentHelp("Put this before the name of each variable, as TF_VAR_.", valueName: "text"))
    var prefix: String?

    @OptionGroup var identities: IdentityOptions
    @OptionGroup var trust: TrustOptions

    @Argument(parsing: .postTerminator, help: "The program and its arguments, after --.")
    var command: [String] = []

    func validate() throws {
        guard !sources.isEmpty else { throw ValidationError("--file names the file with the values") }
        guard !command.isEmpty else { throw ValidationError("the program comes after --") }
        guard prefix == nil || !asFiles else {
            throw ValidationError("--prefix is for variables, and --files sets none")
        }
    }

    func run() async throws {
        guard asFiles else {
            try forEachValue { name, value in try setVariable(name, value) }
            try ChildRun.replaceProcess(by: command)
        }
        SignalWatch.begin()
        defer { SignalWatch.end() }
        let directory = try PrivateDirectory()
        defer { directory.remove() }
        var values: [[UInt8]: SecretBox] = [:]
        try forEachValue { name, value in values[name] = SecretBox(SecretBytes(copying: value)) }
        for (name, value) in values {
            try value.bytes.withBytes { try directory.write($0, to: name, mode: 0o400) }
        }
        try SignalWatch.check()
        unsafe setenv("STRONGROOM_FILES", directory.path, 1)
        let status = try ChildRun.run(command, .forwards)
        guard status == 0 else { throw ExitCode(status) }
    }

    /// A value in a dictionary, which holds nothing that can't be copied.
    private final class SecretBox {
        let bytes: SecretBytes

        init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
    }

    private func forEachValue(_ body: ([UInt8], RawSpan) throws -> Void) throws {
        let own = try identities.load()
        var openers: [String: DocumentOpener] = [:]
        for source in sources {
            let checkout = try Checkout(around: Path(source).parent.description)
            let path = try checkout.path(of: source)
            let rule = try checkout.rule(for: path, source)
            let key = "\(rule.environment) \(checkout.root)"
            let opener =
                try openers[key]
                ?? DocumentOpener(
                    rules: checkout.rules,
                    keyring: try checkout.opened(rule.environment, with: own, trust: trust), enforcing: false,
                    door: "exec")
            openers[key] = opener
            let bytes = try WorkFile(source).read(limit: DocumentLimits().byteCount)
            var count = 0
            try opener.withValues(of: bytes, path: path) { name, value in
                count += 1
                try body(name, value)
            }
            guard count > 0 else {
                throw Failure(.refused, "\(source): no named values in this file")
            }
        }
    }

    /// Puts a value into this process's environment, which the program gets.
    private func setVariable(_ name: [UInt8], _ value: RawSpan) throws {
        let name = Array((prefix ?? "").utf8) + name
        let text = String(decoding: name, as: UTF8.self)
        let isName = name.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || byte == 0x5F
        }
        guard isName, let first = name.first, !(0x30...0x39).contains(first) else {
            throw Failure(
                .usage, "\(text): no name for an environment variable",
                hints: ["--files hands values over as files, by any name"])
        }
        guard !(0..<value.byteCount).contains(where: { value[$0] == 0 }) else {
            throw Failure(
                .usage, "\(text): a value with a zero byte can't stand in the environment",
                hints: ["--files hands values over as files"])
        }
        let terminated = SecretBytes(byteCount: value.byteCount + 1) { value.copy(into: &$0) }
        let isSet = terminated.withBytes { bytes in
            unsafe bytes.withUnsafeBytes { buffer in
                guard let start = buffer.baseAddress else { return false }
                return unsafe setenv(text, start.assumingMemoryBound(to: CChar.self), 1) == 0
            }
        }
        guard isSet else { throw Failure(.inputOutput, "\(text): the environment can't take it") }
    }
}
