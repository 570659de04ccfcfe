internal import CZstd

/// What zstd, or the bounds of this module, refused.
package struct CompressionError: Error, Sendable {
    /// The kind of failure; the only part that is compared.
    package enum Code: Sendable, Hashable {
        /// A context could not be had.
        case noMemory
        /// The level lies outside of what the library knows.
        case badLevel
        /// The bytes are not exactly one zstd frame with content that fits its header.
        case damaged
        /// The frame's header doesn't say how long its content is.
        case noContentSize
        /// The content is longer than allowed.
        case tooLarge
        /// The room given doesn't fit: too small for the frame, or not exactly the content's size.
        case wrongRoom
    }

    /// What kind of failure it is.
    package let code: Code
    /// The C function that told it, or whose rule was broken.
    package let operation: String
    /// The library's own words; empty where it was not asked.
    package let message: String

    init(_ code: Code, _ operation: StaticString, result: Int? = nil) {
        self.code = code
        self.operation = operation.description
        message = result.map(CompressionError.text) ?? ""
    }

    private static func text(_ result: Int) -> String {
        guard let name = unsafe ZSTD_getErrorName(result) else { return "" }
        return unsafe String(cString: name)
    }
}
