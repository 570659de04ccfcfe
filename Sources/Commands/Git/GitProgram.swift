internal import Subprocess

/// The `git` program, for what Git alone knows: its configuration, hooks and staged changes. It gets the environment
/// of this process, which a hook runs in with variables of Git's own.
struct GitProgram {
    /// Where it runs.
    let directory: String

    /// What a run gave.
    struct Outcome {
        /// The exit status; 128 + signal where a signal ended it.
        let status: Int32
        /// Standard output.
        let output: [UInt8]

        /// Standard output as text, without one trailing line feed.
        var text: String {
            String(decoding: output.last == 0x0A ? output.dropLast() : output[...], as: UTF8.self)
        }
    }

    /// Runs git, whatever comes of it. Standard error goes to the user, or nowhere where `isQuiet`.
    func run(
        _ arguments: [String], input: [UInt8] = [], limit: Int = 64 << 20, isQuiet: Bool = false
    ) async throws -> Outcome {
        let status: TerminationStatus
        let output: [UInt8]
        do {
            if isQuiet {
                let result = try await Subprocess.run(
                    .name("git"), arguments: Arguments(["-C", directory] + arguments),
                    input: .array(input), output: .bytes(limit: limit), error: .discarded)
                (status, output) = (result.terminationStatus, result.standardOutput)
            } else {
                let result = try await Subprocess.run(
                    .name("git"), arguments: Arguments(["-C", directory] + arguments),
                    input: .array(input), output: .bytes(limit: limit), error: .currentStandardError)
                (status, output) = (result.terminationStatus, result.standardOutput)
            }
        } catch is SubprocessError {
            throw Failure(.usage, "git cannot be run, or says too much", hints: ["install git"])
        }
        switch status {
        case .exited(let code): return Outcome(status: Int32(code), output: output)
        case .signaled(let signal): return Outcome(status: 128 + Int32(signal), output: output)
        }
    }

    /// Runs git and gives its output. Throws `inputOutput` where it fails.
    func output(_ arguments: String..., input: [UInt8] = [], limit: Int = 64 << 20) async throws -> [UInt8] {
        let outcome = try await run(arguments, input: input, limit: limit)
        guard outcome.status == 0 else {
            throw Failure(.inputOutput, "git \(arguments.first ?? ""): exit status \(outcome.status)")
        }
        return outcome.output
    }

    /// The content of objects by their names (`:path`, `HEAD:path`, ids); nil for those that are not there. Names
    /// hold no line feed. Throws `limitExceeded` where they have more than `limit` bytes together.
    func objects(_ names: [[UInt8]], limit: Int = 64 << 20) async throws -> [[UInt8]?] {
        guard !names.isEmpty else { return [] }
        let input = GitProgram.lines(names)
        let output = try await output(
            "cat-file", "--batch", input: input, limit: limit + names.count * 8_192)
        var position = 0
        return try names.map { _ in
            guard let end = output[position...].firstIndex(of: 0x0A) else {
                throw Failure(.inputOutput, "git cat-file: it ended early")
            }
            let words = output[position..<end].split(separator: 0x20)
            position = end + 1
            guard words.count == 3, let size = Int(String(decoding: words[2], as: UTF8.self)) else {
                return nil
            }
            guard size >= 0, size < output.count - position else {
                throw Failure(.inputOutput, "git cat-file: it ended early")
            }
            defer { position += size + 1 }
            return Array(output[position..<position + size])
        }
    }

    /// The sizes of objects by their ids; nil for those that are not there.
    func sizes(_ ids: [[UInt8]]) async throws -> [Int?] {
        guard !ids.isEmpty else { return [] }
        let output = try await output(
            "cat-file", "--batch-check=%(objectsize)", input: GitProgram.lines(ids))
        let lines = output.split(separator: 0x0A)
        guard lines.count == ids.count else { throw Failure(.inputOutput, "git cat-file: it ended early") }
        return lines.map { Int(String(decoding: $0, as: UTF8.self)) }
    }

    private static func lines(_ names: [[UInt8]]) -> [UInt8] {
        names.reduce(into: []) { text, name in text += name + [0x0A] }
    }

    /// The first 64 KiB of a blob of any size, by its id.
    static func head(of id: String, in directory: String) async throws -> [UInt8] {
        do {
            let result = try await Subprocess.run(
                .name("sh"),
                arguments: [
                    "-c", "git -C \"$2\" cat-file blob \"$1\" | head -c 65536", "sh", id, directory,
                ],
                output: .bytes(limit: 65_536), error: .discarded)
            return result.standardOutput
        } catch is SubprocessError {
            throw Failure(.inputOutput, "git cat-file cannot be run")
        }
    }
}
