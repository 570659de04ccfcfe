internal import Documents
internal import Encodings

extension Settings {
    /// Reads a settings file. Throws `malformed` or `unsupported` with the line.
    package init(parsing bytes: [UInt8]) throws(SettingsError) {
        do throws(DocumentError) {
            let root = try YAMLNode(parsing: bytes)
            let top = try root.mapping(allowed: [
                "version", "state", "identities", "stores", "environments", "api", "zone",
            ])
            guard try top.required("version").int() == 1 else {
                throw try top.required("version").expected("1, the only version there is")
            }
            self = try Settings(top)
        } catch {
            throw SettingsError(error)
        }
    }

    private init(_ top: YAMLMapping) throws(DocumentError) {
        api = try top.optional("api").map { node throws(DocumentError) in try ListenSettings(node) }
        zone = try top.optional("zone").map { node throws(DocumentError) in try Settings.zone(node) } ?? "UTC"
        state = try Settings.path(top.required("state"))
        let identityNode = try top.required("identities")
        identities = try identityNode.list().map { node throws(DocumentError) in try Settings.path(node) }
        guard !identities.isEmpty else { throw identityNode.expected("at least one identity file") }
        var stores: [String: StoreSettings] = [:]
        for entry in try top.optional("stores")?.mapping().entries ?? [] {
            stores[try Settings.name(entry)] = try StoreSettings(entry.value)
        }
        self.stores = stores
        var environments: [String: EnvironmentSettings] = [:]
        let environmentsNode = try top.required("environments")
        for entry in try environmentsNode.mapping().entries {
            let environment = try EnvironmentSettings(try Settings.name(entry), entry.value)
            if let backup = environment.backup, stores[backup.store] == nil {
                throw entry.value.expected("backup.store to name one of the stores")
            }
            let others = environments.values.flatMap(\.targets)
            if let place = TargetSettings.sharedPlace(environment.targets, others) {
                throw entry.value.expected("targets of its own, and \(place) is another environment's")
            }
            environments[environment.name] = environment
        }
        guard !environments.isEmpty else { throw environmentsNode.expected("at least one environment") }
        self.environments = environments
    }

    /// Refuses keys of the design that this version does not carry out yet: a setting is never read and ignored.
    static func refuse(_ mapping: YAMLMapping, _ keys: [String]) throws(DocumentError) {
        for key in keys {
            guard let entry = mapping.entries.first(where: { $0.key == key }) else { continue }
            throw DocumentError(
                .configuration, line: entry.line,
                context: "\(entry.value.place): not supported by this version")
        }
    }

    /// A name as environments have it: `[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?`.
    static func name(_ entry: YAMLNode.Entry) throws(DocumentError) -> String {
        guard isName(entry.key) else {
            throw DocumentError(
                .configuration, line: entry.line,
                context: "\(entry.value.place): a name has 1 to 32 of a-z, 0-9 and inner hyphens")
        }
        return entry.key
    }

    static func isName(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
        }
        guard (1...32).contains(bytes.count), let first = bytes.first, let last = bytes.last else {
            return false
        }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && bytes.allSatisfy { isAlphanumeric($0) || $0 == 0x2D }
    }

    /// An absolute path without NUL.
    static func path(_ node: YAMLNode) throws(DocumentError) -> String {
        let path = try node.string()
        guard path.utf8.first == 0x2F, !path.utf8.contains(0) else { throw node.expected("an absolute path") }
        return path
    }

    /// 64 lower-case hexadecimal digits.
    static func fingerprint(_ node: YAMLNode) throws(DocumentError) -> [UInt8] {
        guard let bytes = try? Hex.decode(try node.string()), bytes.count == 32 else {
            throw node.expected("a fingerprint of 64 lower-case hexadecimal digits")
        }
        return bytes
    }
}

extension EnvironmentSettings {
    init(_ name: String, _ node: YAMLNode) throws(DocumentError) {
        let mapping = try node.mapping(allowed: [
            "trust", "sources", "targets", "maximumLoss", "drift", "backup", "notify", "health", "epochGrace",
        ])
        try Settings.refuse(mapping, ["notify"])
        self.name = name
        let trust = try mapping.required("trust").mapping(allowed: ["root", "repository"])
        trustRoot = try Settings.fingerprint(trust.required("root"))
        let repositoryNode = try trust.required("repository")
        repository = try repositoryNode.string()
        guard (try? Hex.decode(repository))?.count == 16 else {
            throw repositoryNode.expected("the repository id of .strongroom.yaml, 32 hexadecimal digits")
        }
        let sourcesNode = try mapping.required("sources")
        sources = try sourcesNode.mapping().entries.map { entry throws(DocumentError) in
            try SourceSettings(try Settings.name(entry), entry.value)
        }
        guard sources.count(where: \.isDelivered) == 1 else {
            throw sourcesNode.expected("exactly one source without deliver: false")
        }
        targets = try (mapping.optional("targets")?.list() ?? []).map { node throws(DocumentError) in
            try TargetSettings(node, environment: name)
        }
        if let node = mapping.optional("maximumLoss") { maximumLoss = try Settings.percent(node) }
        backup = try mapping.optional("backup").map { node throws(DocumentError) in try BackupSettings(node) }
        if let node = mapping.optional("drift") { drift = try DriftSettings(node) }
        health = try (mapping.optional("health")?.list() ?? []).map { node throws(DocumentError) in
            try HealthSettings(node)
        }
        if let node = mapping.optional("epochGrace") { epochGraceSeconds = try Settings.seconds(node) }
        let own = Set(sources.map(\.name))
        if let clash = backup?.sources.first(where: { own.contains($0.name) }) {
            throw node.expected(
                "backup source \(clash.name) to have another name than the source that is synced")
        }
    }
}

extension SourceSettings.Revision {
    fileprivate init(_ key: String, _ value: String) {
        self =
            switch key {
            case "branch": .branch(value)
            case "tag": .tag(value)
            case "versions": .versions(value)
            default: .commit(value)
            }
    }
}

extension SourceSettings {
    init(_ name: String, _ node: YAMLNode) throws(DocumentError) {
        let mapping = try node.mapping(allowed: [
            "url", "access", "branch", "tag", "versions", "commit", "path", "deliver", "interval", "verify",
            "render",
        ])
        if let node = mapping.optional("interval") { intervalSeconds = try Settings.seconds(node) }
        self.name = name
        url = try mapping.required("url").string()
        access =
            try mapping.optional("access").map { node throws(DocumentError) in
                try AccessSettings(node)
            } ?? AccessSettings()
        isDelivered = try mapping.optional("deliver")?.bool() ?? true
        var revisions: [Revision] = []
        for key in ["branch", "tag", "versions", "commit"] {
            guard let node = mapping.optional(key) else { continue }
            revisions.append(Revision(key, try node.string()))
        }
        guard revisions.count == 1 else { throw node.expected("one of branch, tag, versions and commit") }
        revision = revisions[0]
        path = try mapping.optional("path")?.string() ?? ""
        verification = try Verification(mapping.required("verify"))
        rendering = try mapping.optional("render").map { node throws(DocumentError) in
            try RenderSettings(node)
        }
    }
}
