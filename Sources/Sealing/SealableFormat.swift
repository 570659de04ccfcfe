package import Documents

/// Which files have values that a rule can select one by one.
package enum SealableFormat {
    /// What is wrong with a file that has no values, where a rule requires them sealed.
    static let unsealableType =
        "plaintext of a type whose values can't be sealed; the rule requires it: use sealed: file"
    /// What is wrong with a document that is one lone value, where a rule requires that sealed.
    static let unsealableRoot =
        "plaintext that is no value in a mapping or list; the rule requires it: use sealed: file"

    /// The format of the file at `path` under `rule`; nil where the file has no values that the rule could select.
    ///
    /// Throws `rules` where the rule seals the whole file.
    package static func format(of path: [UInt8], _ rule: Rule) throws(SealingError) -> DocumentFormat? {
        guard case .values(let selection) = rule.treatment else {
            throw SealingError(.rules, "the rule seals the whole file, not its values").at(path)
        }
        guard let format = DocumentFormat(path: path) else { return nil }
        guard case .standard = selection else { return format }
        // By default every value of dotenv and the data of Kubernetes Secrets.
        return format == .dotenv || format.holdsObjects ? format : nil
    }
}
