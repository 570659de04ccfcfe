internal import Documents
internal import Encodings

extension SourceSettings.Verification {
    /// Reads `verify`: the word `none`, or a mapping.
    init(_ node: YAMLNode) throws(DocumentError) {
        guard case .scalar = node.content else {
            self = .signed(try SignatureSettings(node))
            return
        }
        guard try node.string() == "none" else { throw node.expected("allowedSigners: FILE, or none") }
        self = .none
    }
}

extension SignatureSettings {
    init(_ node: YAMLNode) throws(DocumentError) {
        let mapping = try node.mapping(allowed: [
            "allowedSigners", "revokedKeys", "openpgp", "range", "since", "tag", "match", "securityKeys",
        ])
        let allowedSigners = try mapping.optional("allowedSigners").map { node throws(DocumentError) in
            try Settings.path(node)
        }
        let revokedKeys = try mapping.optional("revokedKeys").map { node throws(DocumentError) in
            try Settings.path(node)
        }
        let openPGP = try mapping.optional("openpgp").map { node throws(DocumentError) in try OpenPGP(node) }
        guard allowedSigners != nil || openPGP != nil else {
            throw node.expected("allowedSigners: FILE, openpgp or both; or the word none")
        }
        let match = try mapping.optional("match")?.strings() ?? []
        guard Set(match).isSubset(of: ["author", "committer"]) else {
            throw node.expected("match: [author, committer], either or both")
        }
        let securityKeys = try mapping.optional("securityKeys")?.string() ?? "presence"
        guard ["presence", "verification", "any"].contains(securityKeys) else {
            throw node.expected("securityKeys: presence, verification or any")
        }
        self.init(
            allowedSigners: allowedSigners, revokedKeys: revokedKeys, openPGP: openPGP,
            extent: try SignatureSettings.extent(mapping, node), match: match, securityKeys: securityKeys)
    }

    private static func extent(_ mapping: YAMLMapping, _ node: YAMLNode) throws(DocumentError) -> Extent {
        let isRange = try mapping.optional("range")?.bool()
        let since = try mapping.optional("since")?.string()
        if let since, since.utf8.count != 40 || (try? Hex.decode(since)) == nil {
            throw node.expected("since: a commit, 40 hexadecimal digits")
        }
        guard since == nil || isRange != false else { throw node.expected("since without range: false") }
        guard try mapping.optional("tag")?.bool() == true else {
            return isRange == true || since != nil ? .range(since: since) : .head
        }
        guard isRange != true, since == nil else { throw node.expected("either range or tag") }
        return .tag
    }
}

extension SignatureSettings.OpenPGP {
    fileprivate init(_ node: YAMLNode) throws(DocumentError) {
        let mapping = try node.mapping(allowed: ["keyring", "keys", "gpgv"])
        keyring = try Settings.path(mapping.required("keyring"))
        gpgv =
            try mapping.optional("gpgv").map { node throws(DocumentError) in try Settings.path(node) }
            ?? "/usr/bin/gpgv"
        let list = try mapping.required("keys")
        keys = try list.list().map { node throws(DocumentError) in
            if case .scalar = node.content { return Key(fingerprint: try node.string(), principals: nil) }
            let key = try node.mapping(allowed: ["fingerprint", "principals"])
            return Key(
                fingerprint: try key.required("fingerprint").string(),
                principals: try key.optional("principals")?.string())
        }
        guard !keys.isEmpty else { throw list.expected("the fingerprints of the keys that may sign") }
    }
}
