/// The text formats whose values can be sealed one by one (FORMATS.md 2, plaintext byte "format").
///
/// The raw value is a stable name for rules and messages.
package enum DocumentFormat: String, Sendable, Hashable, CaseIterable {
    /// YAML 1.1 as libyaml reads it, any number of documents.
    case yaml
    /// One RFC 8259 text.
    case json
    /// Lines of `KEY=value` (see ``DotenvTreeReader``).
    case dotenv
    /// Sections of `key = value` (see ``INITreeReader``).
    case ini
    /// TOML 1.0.
    case toml

    /// The format that a file's name stands for, or nil where none is known.
    ///
    /// - Parameter path: The path's bytes. What follows the last dot counts first, in any letter case; else
    ///   `.env` and names that begin with `.env.` are dotenv.
    package init?(path: [UInt8]) {
        let name = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).last ?? []
        let lowered = name.map { byte in
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
        }
        guard let dot = lowered.lastIndex(of: UInt8(ascii: ".")) else { return nil }
        switch Array(lowered[(dot + 1)...]) {
        case Array("yaml".utf8), Array("yml".utf8): self = .yaml
        case Array("json".utf8): self = .json
        case Array("env".utf8): self = .dotenv
        case Array("ini".utf8): self = .ini
        case Array("toml".utf8): self = .toml
        case _ where lowered.starts(with: ".env.".utf8): self = .dotenv
        default: return nil
        }
    }

    /// Whether a token stands in double quotes where nothing else would be text.
    var quotesTokens: Bool { self == .json || self == .toml }

    /// Whether a string in double quotes is written with the escapes of JSON.
    var hasEscapes: Bool {
        switch self {
        case .yaml, .json, .toml: true
        case .dotenv, .ini: false
        }
    }

    /// Whether its documents can be Kubernetes objects.
    package var holdsObjects: Bool { self == .yaml || self == .json }
}

/// How a scalar is written in its document.
///
/// The raw values are part of no format: Sealing sets the byte codes (FORMATS.md 2.4).
package enum ScalarStyle: String, Sendable, Hashable, CaseIterable {
    /// A value that is not written at all (`key:`); a token put there needs a space before it.
    case absent
    /// Unquoted. In JSON: a number, `true`, `false` or `null`.
    case plain
    /// In single quotes.
    case single
    /// In double quotes. In JSON: every string.
    case double
    /// A block scalar that begins with `|`.
    case literal
    /// A block scalar that begins with `>`.
    case folded
    /// In three double quotes (TOML).
    case tripleDouble
    /// In three single quotes (TOML).
    case tripleSingle
}

/// Bounds on what a reader takes before it gives up with ``DocumentError/Code/limit``.
package struct DocumentLimits: Sendable {
    /// The largest document text, in bytes (default 32 MiB).
    package var byteCount = 32 << 20
    /// The deepest nesting of mappings and sequences (default 512; libyaml and JSON readers elsewhere
    /// stop between 500 and 1,000).
    package var depth = 512
    /// The most aliases in one text (default 4,096).
    package var aliasCount = 4_096
    /// The most nodes that a reader which expands every alias would make (default 1,000,000).
    package var expandedNodeCount = 1_000_000
    /// The largest scalar source that may be sealed, in bytes (FORMATS.md 2.4: 1 MiB).
    package var scalarByteCount = 1 << 20

    /// The default bounds.
    package init() {}
}
