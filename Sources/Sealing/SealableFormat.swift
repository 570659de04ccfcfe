package import Documents

/// Which files have values that can be sealed one by one, and which will have once their readers are built.
package enum SealableFormat {
    /// What is wrong with a file that has no values, where a rule requires them sealed.
    static let unsealableType =
        "plaintext of a type whose values can't be sealed; the rule requires it: use sealed: file"
    /// What is wrong with a document that is one lone value, where a rule requires that sealed.
    static let unsealableRoot =
        "plaintext that is no value in a mapping or list; the rule requires it: use sealed: file"

    /// The format of the file at `path` under `rule`; nil where the file has no values that the rule could select.
    ///
    /// Throws `rules` where the rule seals the whole file, `notSupported` where it selects values of a format that
    /// is not built yet: dotenv, INI, TOML.
    package static func format(of path: [UInt8], _ rule: Rule) throws(SealingError) -> DocumentFormat? {
        guard case .values(let selection) = rule.treatment else {
            throw SealingError(.rules, "the rule seals the whole file, not its values").at(path)
        }
        if let format = DocumentFormat(path: path) { return format }
        guard let name = unbuilt(path) else { return nil }
        // By default every value of dotenv is selected, and nothing of INI and TOML.
        if case .standard = selection, name != "dotenv" { return nil }
        throw SealingError(.notSupported, "values of \(name) files are not supported yet").at(path)
    }

    /// The name of a format that is not built yet, which the file at `path` is probably in.
    private static func unbuilt(_ path: [UInt8]) -> String? {
        let name = path.split(separator: 0x2F).last.map { Array($0) } ?? []
        func ends(_ suffix: String) -> Bool { name.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) }
        if name.starts(with: ".env".utf8) || ends(".env") { return "dotenv" }
        if ends(".ini") { return "INI" }
        return ends(".toml") ? "TOML" : nil
    }
}
