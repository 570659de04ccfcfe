internal import CYAML
internal import Glibc

/// libyaml's event parser over bytes in memory (yaml_parser_initialize, yaml_parser_parse). Its buffers are
/// wiped when it goes: they hold plaintext.
@safe struct YAMLParser: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>

    /// Starts a parser.
    ///
    /// - Parameter input: UTF-8, which must outlive the parser. libyaml passes over a byte order mark.
    init(_ input: UnsafeRawBufferPointer) throws(DocumentError) {
        unsafe parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        guard unsafe yaml_parser_initialize(parser) == 1 else {
            unsafe parser.deallocate()
            throw DocumentError(.limit, context: "out of memory")
        }
        unsafe yaml_parser_set_input_string(
            parser, input.baseAddress?.assumingMemoryBound(to: UInt8.self), input.count)
    }

    deinit {
        unsafe YAMLParser.wipe(parser.pointee.raw_buffer.start, parser.pointee.raw_buffer.last)
        unsafe YAMLParser.wipe(parser.pointee.buffer.start, parser.pointee.buffer.last)
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
    }

    /// Lends the next event and deletes it after use, wiping a scalar's value.
    ///
    /// - Throws: `encoding`, `syntax`, `limit` (out of memory), or what `body` throws.
    mutating func next<Result>(
        _ body: (borrowing yaml_event_t) throws(DocumentError) -> Result
    ) throws(DocumentError) -> Result {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer {
            if unsafe event.type == YAML_SCALAR_EVENT, let value = unsafe event.data.scalar.value {
                unsafe explicit_bzero(value, event.data.scalar.length)
            }
            unsafe yaml_event_delete(&event)
        }
        return try unsafe body(event)
    }

    private func failure() -> DocumentError {
        // The problem texts of libyaml are fixed words without input.
        let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "not well-formed"
        switch unsafe parser.pointee.error {
        case YAML_MEMORY_ERROR:
            return DocumentError(.limit, context: "out of memory")
        case YAML_READER_ERROR:
            // The reader runs ahead of the scanner: the line is counted up to the offset of the fault.
            let line = unsafe lineNumber(at: parser.pointee.problem_offset)
            return DocumentError(.encoding, line: line, context: problem)
        default:
            return DocumentError(
                .syntax, line: unsafe Int(parser.pointee.problem_mark.line) + 1, context: problem)
        }
    }

    private func lineNumber(at offset: Int) -> Int? {
        guard let start = unsafe parser.pointee.input.string.start,
            let end = unsafe parser.pointee.input.string.end
        else { return nil }
        let text = unsafe SourceText(UnsafeRawBufferPointer(start: start, count: min(offset, end - start)))
        var line = 1
        for position in 0..<text.count {
            let (byte, next) = (text[position], text.byte(position + 1))
            if byte == 0x0A || (byte == 0x0D && next != 0x0A) { line += 1 }
        }
        return line
    }

    private static func wipe(_ start: UnsafeMutablePointer<UInt8>?, _ end: UnsafeMutablePointer<UInt8>?) {
        guard let start = unsafe start, let end = unsafe end, unsafe end > start else { return }
        unsafe explicit_bzero(start, end - start)
    }
}
