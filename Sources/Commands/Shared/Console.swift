internal import FoundationEssentials
internal import Glibc
internal import Sodium
internal import Synchronization

/// Standard output and standard error.
enum Console {
    /// Writes one line of data to standard output. A failure shows at the end: see `finish()`.
    static func print(_ line: String) {
        do {
            try write(Array((visible(line) + "\n").utf8), to: STDOUT_FILENO)
        } catch let failure as Failure where failure.message == readerIsGone {
            hasNoReader.store(true, ordering: .relaxed)
        } catch {
            isIncomplete.store(true, ordering: .relaxed)
        }
    }

    /// Writes one line of prose to standard error.
    static func note(_ line: String) {
        try? write(Array((visible(line) + "\n").utf8), to: STDERR_FILENO)
    }

    /// Writes prose of several lines, of the argument parser, to standard error or output.
    static func text(_ text: String, toError: Bool) {
        try? write(Array((text + "\n").utf8), to: toError ? STDERR_FILENO : STDOUT_FILENO)
    }

    /// Writes a line over the one before on the terminal that standard error is; an empty one clears it.
    static func overwrite(_ line: String) {
        try? write(Array("\r\(visible(line))\u{1B}[K".utf8), to: STDERR_FILENO)
    }

    /// Throws `inputOutput` where a line of data could not be written.
    static func finish() throws {
        if hasNoReader.load(ordering: .relaxed) { throw Failure(.inputOutput, readerIsGone) }
        guard isIncomplete.load(ordering: .relaxed) else { return }
        throw Failure(.inputOutput, "standard output could not be written: what it shows is not all")
    }

    private static let isIncomplete = Atomic<Bool>(false)
    private static let hasNoReader = Atomic<Bool>(false)

    /// The message of a failure of which nothing is said: what was read of standard output was enough, as with head(1).
    static let readerIsGone = "nobody reads standard output any more"
    /// The exit code then, that of a program which SIGPIPE ends: 128 and its number.
    static let readerIsGoneCode: Int32 = 128 + SIGPIPE

    /// `line` with control characters, line separators and direction marks in sight: names out of files and
    /// repositories can neither begin a line of their own nor talk to the terminal.
    private static func visible(_ line: String) -> String {
        guard line.unicodeScalars.contains(where: isHidden) else { return line }
        var text = ""
        for scalar in line.unicodeScalars {
            if isHidden(scalar) {
                text += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    /// Writes `value` as JSON with sorted keys and one line feed to standard output.
    static func json(_ value: some Encodable) throws {
        try write(try jsonBytes(value, [.prettyPrinted]) + [0x0A], to: STDOUT_FILENO)
    }

    /// `value` as JSON with sorted keys, in which nothing stands that `visible` shows in sight: it is escaped (RFC 8259 §7).
    static func jsonBytes(
        _ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting = []
    ) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
        let bytes = [UInt8](try encoder.encode(value))
        // The bytes that such a character begins with.
        guard bytes.contains(where: { $0 == 0x7F || $0 == 0xC2 || $0 == 0xE2 }) else { return bytes }
        var escaped = ""
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            // Outside of strings JSON has no such character; line feeds between values stay.
            if scalar.value >= 0x7F, isHidden(scalar) {
                let digits = String(scalar.value, radix: 16)
                escaped += "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)"
            } else {
                escaped.unicodeScalars.append(scalar)
            }
        }
        return Array(escaped.utf8)
    }

    /// Writes public bytes to standard output. Throws `inputOutput` where not all of them can be written.
    static func write(_ bytes: [UInt8]) throws {
        try write(bytes, to: STDOUT_FILENO)
    }

    /// Writes secret bytes to standard output, straight from guarded memory.
    static func write(secret bytes: borrowing SecretBytes) throws {
        try bytes.withBytes { try write($0, to: STDOUT_FILENO) }
    }

    /// Writes a span to standard output.
    static func write(span: RawSpan) throws {
        try write(span, to: STDOUT_FILENO)
    }

    /// Whether standard output is a terminal: binary data does not go there.
    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Whether standard error is a terminal.
    static var isErrorTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) throws {
        try bytes.withBytes { try write($0, to: descriptor) }
    }

    private static func write(_ span: RawSpan, to descriptor: Int32) throws {
        var offset = 0
        while offset < span.byteCount {
            let rest = span.extracting(droppingFirst: offset)
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 || errno != EPIPE else {
                throw Failure(.inputOutput, readerIsGone)
            }
            guard count > 0 else {
                throw Failure(.inputOutput, "standard output cannot be written (errno \(errno))")
            }
            offset += count
        }
    }
}

extension Console {
    /// Whether standard input is a terminal: a value is asked for there, without echo.
    static var isInputTerminal: Bool { isatty(STDIN_FILENO) == 1 }
}

extension Console {
    /// Writes rows under a heading, columns aligned; the last column is as long as it is.
    static func table(_ heading: [String], _ rows: [[String]]) {
        let all = [heading] + rows
        let widths = heading.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        for row in all {
            let cells = row.enumerated().map { column, cell in
                column == row.count - 1
                    ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }
            print(cells.joined(separator: "  "))
        }
    }
}
