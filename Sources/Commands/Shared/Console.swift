internal import FoundationEssentials
internal import Glibc
internal import Sodium

/// Standard output and standard error.
enum Console {
    /// Writes one line of data to standard output.
    static func print(_ line: String) {
        try? write(Array((line + "\n").utf8), to: STDOUT_FILENO)
    }

    /// Writes one line of prose to standard error.
    static func note(_ line: String) {
        try? write(Array((line + "\n").utf8), to: STDERR_FILENO)
    }

    /// Writes `value` as JSON with sorted keys and one line feed to standard output.
    static func json(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try write([UInt8](try encoder.encode(value)) + [0x0A], to: STDOUT_FILENO)
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
