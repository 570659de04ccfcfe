package import Documents

/// Why a settings file cannot be used. Names keys and places, never values that were read.
package struct SettingsError: Error, Sendable {
    /// The fact, for callers and tests to match on.
    package enum Code: Sendable, Equatable {
        /// The file is no well-formed settings file; the line says where.
        case malformed
        /// A name that the settings do not define.
        case unknownName
    }

    /// The fact.
    package let code: Code
    /// The line of the settings file, from 1, where there is one.
    package let line: Int?
    /// What is wrong, in words.
    package let context: String

    init(_ code: Code, line: Int? = nil, _ context: String) {
        self.code = code
        self.line = line
        self.context = context
    }

    /// The settings file is refused by its reader.
    package init(_ error: DocumentError) {
        self.init(.malformed, line: error.line, error.context)
    }

    static func unknownName(_ kind: String, _ name: String, known: [String]) -> SettingsError {
        let list = known.isEmpty ? "none is defined" : "defined: " + known.joined(separator: ", ")
        return SettingsError(.unknownName, "no \(kind) is named \(name) (\(list))")
    }
}
