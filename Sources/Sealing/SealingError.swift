internal import Documents

/// Why sealing, opening or a rule was refused. Names places (file, line, key path), never content.
package struct SealingError: Error, Sendable {
    /// The fact, for callers and tests to match on.
    package enum Code: Sendable {
        /// A token, a record, a sealed file or a document is not in the one accepted form.
        case malformed
        /// A token or record of a version or suite that this program does not know.
        case unknownVersion
        /// A limit of FORMAT.md §8 is exceeded.
        case limitExceeded
        /// The rules file is not well-formed, or says what can't be.
        case rules
        /// Asked for by the rules or the caller, and not built yet. Nothing was done.
        case notSupported
        /// The commitment or the tag does not fit: the token was moved, altered, or sealed to another key.
        case notAuthentic
        /// The token's environment or epoch is not among the opened keys.
        case noKey
        /// Opening a token would change more than its own scalar.
        case foreignStructure
        /// A sealed token, or another tool's marker, inside a larger text.
        case nestedToken
        /// The value can't be sealed or set losslessly where it stands.
        case unsuitableValue
        /// The place has no coordinates in the asked scope: aliased, or an object without its names.
        case unsuitablePlace
        /// The rules choose nothing in a file that was named.
        case noMatch
        /// No rule selects the key path.
        case noRule
        /// The key path is not well-formed, or leads nowhere or to more than one value.
        case keyPath
        /// The change would move the place of a token that stands already.
        case movesToken
        /// A value stands already where none was to be replaced.
        case standsAlready
        /// Plaintext stands where a rule requires a sealed value or file.
        case plaintext
        /// A closure that the caller handed in threw; `underlying` is its error.
        case interrupted
    }

    /// What is wrong at one place of a document.
    package struct Failure: Sendable {
        /// The fact.
        package let code: Code
        /// The line, from 1.
        package let line: Int
        /// The key path as people write it.
        package let keyPath: String
        /// What is wrong, in words.
        package let reason: String
    }

    /// The fact; that of the first of `failures`, where there are any.
    package let code: Code
    /// Where and what, in words.
    package let context: String
    /// Every place that failed, where there can be several.
    package let failures: [Failure]
    /// What a lower module said.
    package let underlying: (any Error)?

    /// Makes an error for `code` with the words of `context`.
    package init(_ code: Code, _ context: String, underlying: (any Error)? = nil) {
        self.code = code
        self.context = context
        self.failures = []
        self.underlying = underlying
    }

    /// An error for the `failures`, at least one, in the file at `path`.
    init(_ failures: [Failure], path: [UInt8]) {
        code = failures.first?.code ?? .malformed
        let lines = failures.map { "line \($0.line): \($0.keyPath): \($0.reason)" }
        context = "\(SealingError.text(path)): \(lines.joined(separator: "; "))"
        self.failures = failures
        underlying = nil
    }

    /// What Documents said of the file at `path`.
    init(_ error: DocumentError, path: [UInt8]) {
        self.init(
            SealingError.code(of: error), "\(SealingError.text(path)): \(error)", underlying: error)
    }

    /// The error with the file's path before its words.
    func at(_ path: [UInt8]) -> SealingError {
        SealingError(code, "\(SealingError.text(path)): \(context)", underlying: underlying)
    }

    /// The fact that an error of Documents stands for here.
    static func code(of error: DocumentError) -> Code {
        switch error.code {
        case .encoding, .syntax, .duplicateKey: .malformed
        case .limit: .limitExceeded
        case .unsupported, .unsealable: .unsuitableValue
        case .injection: .foreignStructure
        case .path, .notFound, .conflict: .keyPath
        case .configuration: .rules
        }
    }

    /// A path for people: control bytes and what is not UTF-8 are replaced.
    static func text(_ path: [UInt8]) -> String {
        String(decoding: path.map { $0 < 0x20 || $0 == 0x7F ? 0x3F : $0 }, as: UTF8.self)
    }
}

extension SealingError: CustomStringConvertible {
    /// The words of `context`.
    package var description: String { context }
}
