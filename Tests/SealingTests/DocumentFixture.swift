import Documents
import Keyrings
import Sodium

@testable import Sealing

/// A repository with rules, and sealing and opening in it.
struct DocumentFixture {
    static let repository = "6f0c2f3e9a5b4d1c8e7f60718293a4b5"

    var rules: String
    var repository = DocumentFixture.repository
    var keyring = SealingFixture.keyring()
    var isEnforcing = true

    /// Rules of one entry, written in flow style.
    init(_ rule: String, repository: String = DocumentFixture.repository) {
        self.repository = repository
        rules = "version: 1\nrepository: \(repository)\nrules:\n  - \(rule)\n"
    }

    static let secrets = DocumentFixture(#"{ paths: ["**"], environment: prod }"#)
    static let file = DocumentFixture(
        #"{ paths: ["**"], environment: prod, scope: file, values: ["**.secret", "**.secret.**", "secrets.**"] }"#
    )
    static let everything = DocumentFixture(
        #"{ paths: ["**"], environment: prod, scope: file, values: ["**"] }"#)

    func parsed() throws(SealingError) -> Rules { try Rules(parsing: Array(rules.utf8)) }

    func sealer() throws(SealingError) -> DocumentSealer {
        DocumentSealer(rules: try parsed()) { environment in SealingFixture.key(environment: environment) }
    }

    func seal(_ text: String, path: String = "a.yaml") throws(SealingError) -> DocumentSealer.Outcome {
        try sealer().seal(Array(text.utf8), path: Array(path.utf8))
    }

    func set(
        _ value: String, _ type: DocumentSealer.ValueType = .string, at keyPath: String,
        in selector: DocumentSealer.DocumentSelector = .any, of text: String, path: String = "a.yaml"
    ) throws(SealingError) -> String {
        let value = Array(value.utf8).withBytes { SecretBytes(copying: $0) }
        let outcome = try sealer().set(
            value, type: type, at: Array(keyPath.utf8), in: selector, of: Array(text.utf8),
            path: Array(path.utf8))
        return String(decoding: outcome.bytes, as: UTF8.self)
    }

    func open(_ bytes: [UInt8], path: String = "a.yaml") throws(SealingError) -> [UInt8] {
        let opener = DocumentOpener(rules: try parsed(), keyring: keyring, enforcing: isEnforcing)
        let opened = try opener.open(bytes, path: Array(path.utf8))
        return opened.bytes.withBytes { $0.array }
    }

    func open(_ text: String, path: String = "a.yaml") throws(SealingError) -> String {
        String(decoding: try open(Array(text.utf8), path: path), as: UTF8.self)
    }

    /// The code and the failures' codes that `body` throws.
    static func refusal(_ body: () throws(SealingError) -> Void) -> SealingError? {
        do throws(SealingError) {
            try body()
            return nil
        } catch { return error }
    }

    func openCode(_ text: String, path: String = "a.yaml") -> SealingError.Code? {
        DocumentFixture.refusal { () throws(SealingError) in _ = try open(text, path: path) }?.code
    }

    func sealCode(_ text: String, path: String = "a.yaml") -> SealingError.Code? {
        DocumentFixture.refusal { () throws(SealingError) in _ = try seal(text, path: path) }?.code
    }
}

extension DocumentSealer.Outcome {
    /// The new bytes as text.
    var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension String {
    /// The tokens in the text, in order.
    var tokens: [String] {
        split { !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "-" || $0 == "_")) }
            .filter { $0.hasPrefix("sealed.v") }.map(String.init)
    }

    /// The text with the first `old` replaced.
    func replacingFirst(_ old: String, with new: String) -> String {
        guard let range = firstRange(of: old) else { return self }
        return replacingCharacters(in: range, with: new)
    }

    /// The text with the tokens at the two places exchanged.
    func swappingTokens(_ first: Int, _ second: Int) -> String {
        let tokens = tokens
        return replacingFirst(tokens[first], with: "\u{1}").replacingFirst(
            tokens[second], with: tokens[first]
        )
        .replacingFirst("\u{1}", with: tokens[second])
    }

    private func firstRange(of other: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(other) { return start..<index(start, offsetBy: other.count) }
            start = index(after: start)
        }
        return nil
    }

    private func replacingCharacters(in range: Range<Index>, with new: String) -> String {
        String(self[..<range.lowerBound]) + new + String(self[range.upperBound...])
    }
}
