internal import Documents

/// How a repository elsewhere is reached and recognised. Holds names of files, never what is in them.
package struct AccessSettings: Sendable, Equatable {
    /// What this side shows.
    package enum Credential: Sendable, Equatable {
        /// A sealed file of git-credential(1) lines, which one of the service's identities opens. For HTTPS.
        case login(String)
        /// A private key without a passphrase, mode 0600 or sealed. For SSH.
        case key(String)
        /// The socket of an SSH agent. For SSH.
        case agent(String)
    }

    /// A file of certificates that may sign the server's; nil for the system's.
    package var authorities: String?
    /// The file of SSH host keys that are trusted.
    package var knownHosts: String?
    /// What this side shows; nil for nothing.
    package var credential: Credential?
    /// Whether `http://` is taken.
    package var allowsPlainHTTP = false
    /// After how many seconds a fetch is killed; nil for the standard.
    package var timeoutSeconds: Int?
    /// How many bytes one fetch may bring; nil for the standard.
    package var maximumByteCount: UInt64?

    /// Access without anything special.
    package init() {}
}

extension EnvironmentSettings {
    /// Whether reaching one of its repositories takes a file that may have to be opened.
    package var usesCredentials: Bool {
        let more = (backup?.sources ?? []).map { source in
            if case .repository(_, let access) = source.kind { access } else { AccessSettings() }
        }
        return (sources.map(\.access) + more).contains { $0.credential != nil }
    }
}

extension AccessSettings {
    init(_ node: YAMLNode) throws(DocumentError) {
        let mapping = try node.mapping(allowed: [
            "authorities", "knownHosts", "login", "key", "agent", "plainHTTP", "timeout", "maximumBytes",
        ])
        func path(_ key: String) throws(DocumentError) -> String? {
            guard let node = mapping.optional(key) else { return nil }
            return try Settings.path(node)
        }
        authorities = try path("authorities")
        knownHosts = try path("knownHosts")
        switch (try path("login"), try path("key"), try path("agent")) {
        case (nil, nil, nil): break
        case (let login?, nil, nil): credential = .login(login)
        case (nil, let key?, nil): credential = .key(key)
        case (nil, nil, let agent?): credential = .agent(agent)
        default: throw node.expected("one of login, key and agent")
        }
        allowsPlainHTTP = try mapping.optional("plainHTTP")?.bool() ?? false
        if let node = mapping.optional("timeout") { timeoutSeconds = Int(try Settings.seconds(node)) }
        if let node = mapping.optional("maximumBytes") { maximumByteCount = try Settings.byteCount(node) }
    }
}
