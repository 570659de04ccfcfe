internal import Documents

extension BackupSettings {
    /// What a source may lose from one snapshot to the next where nothing else is said, in per cent.
    private static let standardShrink = 50

    init(_ node: YAMLNode) throws(DocumentError) {
        let mapping = try node.mapping(allowed: [
            "store", "schedule", "zone", "beforeChange", "maximumShrink", "sources", "retention", "drill",
        ])
        drill = try mapping.optional("drill").map { node throws(DocumentError) in try DrillSettings(node) }
        retention = try mapping.optional("retention").map { node throws(DocumentError) in
            try RetentionSettings(node)
        }
        schedule = try mapping.optional("schedule").map { node throws(DocumentError) in
            try Settings.cron(node)
        }
        zone = try mapping.optional("zone").map { node throws(DocumentError) in try Settings.zone(node) }
        if let node = mapping.optional("beforeChange") {
            guard let choice = SnapshotBeforeChange(rawValue: try node.string()) else {
                throw node.expected("require, try or never")
            }
            beforeChange = choice
        } else {
            beforeChange = .require
        }
        store = try mapping.required("store").string()
        let shrink =
            try mapping.optional("maximumShrink").map { node throws(DocumentError) in
                try Settings.percent(node)
            } ?? BackupSettings.standardShrink
        sources = try (mapping.optional("sources")?.list() ?? []).map { node throws(DocumentError) in
            try BackupSourceSettings(node, maximumShrink: shrink)
        }
        guard Set(sources.map(\.name)).count == sources.count else {
            throw node.expected("backup sources with different names")
        }
    }
}

extension BackupSourceSettings {
    fileprivate init(_ node: YAMLNode, maximumShrink: Int) throws(DocumentError) {
        let kinds = try node.mapping(allowed: ["directory", "command", "repository"])
        guard kinds.entries.count == 1, let entry = kinds.entries.first else {
            throw node.expected("one of directory, command and repository")
        }
        let own =
            switch entry.key {
            case "directory": ["path", "include", "exclude", "oneFileSystem", "maximumShrink"]
            case "repository": ["url", "access"]
            default: ["run", "timeout", "minimumBytes", "restore", "maximumShrink"]
            }
        let mapping = try entry.value.mapping(allowed: ["name"] + own + ["before", "after"])
        let nameNode = try mapping.required("name")
        name = try nameNode.string()
        guard Settings.isName(name) else { throw nameNode.expected("a name of a-z, 0-9 and inner hyphens") }
        kind =
            switch entry.key {
            case "directory": .directory(try DirectorySettings(mapping))
            case "repository":
                .repository(
                    url: try mapping.required("url").string(),
                    access: try mapping.optional("access").map { node throws(DocumentError) in
                        try AccessSettings(node)
                    } ?? AccessSettings())
            default: .command(try CommandSettings(mapping))
            }
        before = try mapping.optional("before").map { node throws(DocumentError) in try HookSettings(node) }
        after = try mapping.optional("after").map { node throws(DocumentError) in try HookSettings(node) }
        self.maximumShrink =
            try mapping.optional("maximumShrink").map { node throws(DocumentError) in
                try Settings.percent(node)
            } ?? maximumShrink
    }
}

extension BackupSourceSettings.DirectorySettings {
    fileprivate init(_ mapping: YAMLMapping) throws(DocumentError) {
        path = try Settings.path(mapping.required("path"))
        include = try Settings.patterns(mapping, "include")
        exclude = try Settings.patterns(mapping, "exclude")
        staysOnFileSystem = try mapping.optional("oneFileSystem")?.bool() ?? false
    }
}

extension BackupSourceSettings.CommandSettings {
    fileprivate init(_ mapping: YAMLMapping) throws(DocumentError) {
        program = try ProgramSettings(mapping, "run", "timeout", standing: 3_600)
        minimumByteCount =
            try mapping.optional("minimumBytes").map { node throws(DocumentError) in
                try Settings.byteCount(node)
            } ?? 1
        guard let node = mapping.optional("restore") else { return }
        if case .sequence = node.content {
            restore = .init(program: try ProgramSettings(words: node, timeoutSeconds: 3_600))
            return
        }
        let mapping = try node.mapping(allowed: ["run", "timeout", "drill"])
        restore = .init(
            program: try ProgramSettings(mapping, "run", "timeout", standing: 3_600),
            runsInDrills: try mapping.optional("drill")?.bool() ?? false)
    }
}

extension HookSettings {
    /// A program and its arguments, or `run`, `timeout` and `required`.
    fileprivate init(_ node: YAMLNode) throws(DocumentError) {
        if case .sequence = node.content {
            program = try ProgramSettings(words: node, timeoutSeconds: 60)
            return
        }
        let mapping = try node.mapping(allowed: ["run", "timeout", "required"])
        program = try ProgramSettings(mapping, "run", "timeout", standing: 60)
        isRequired = try mapping.optional("required")?.bool() ?? true
    }
}

extension DrillSettings {
    fileprivate init(_ node: YAMLNode) throws(DocumentError) {
        let mapping = try node.mapping(allowed: [
            "schedule", "zone", "identity", "maximumAge", "maximumTime", "scratch", "checks",
        ])
        schedule = try mapping.optional("schedule").map { node throws(DocumentError) in
            try Settings.cron(node)
        }
        zone = try mapping.optional("zone").map { node throws(DocumentError) in try Settings.zone(node) }
        identity = try mapping.optional("identity").map { node throws(DocumentError) in
            try Settings.path(node)
        }
        if let node = mapping.optional("maximumAge") { maximumAgeSeconds = try Settings.seconds(node) }
        if let node = mapping.optional("maximumTime") { maximumTimeSeconds = try Settings.seconds(node) }
        scratch = try mapping.optional("scratch").map { node throws(DocumentError) in
            try Settings.path(node)
        }
        for node in try mapping.optional("checks")?.list() ?? [] {
            let mapping = try node.mapping(allowed: ["name", "run", "timeout"])
            let nameNode = try mapping.required("name")
            let check = Check(
                name: try nameNode.string(),
                program: try ProgramSettings(mapping, "run", "timeout", standing: 600))
            guard Settings.isName(check.name) else {
                throw nameNode.expected("a name of a-z, 0-9 and inner hyphens")
            }
            guard !checks.contains(where: { $0.name == check.name }) else {
                throw nameNode.expected("a name that no other check has")
            }
            checks.append(check)
        }
    }
}

extension ProgramSettings {
    /// The program and its arguments that a list holds.
    fileprivate init(words node: YAMLNode, timeoutSeconds: Int64) throws(DocumentError) {
        let words = try node.strings()
        guard words.first?.isEmpty == false else { throw node.expected("a program and its arguments") }
        self.init(arguments: words, timeoutSeconds: timeoutSeconds)
    }
}

extension Settings {
    /// Patterns of paths below a source's root.
    fileprivate static func patterns(
        _ mapping: YAMLMapping, _ key: String
    ) throws(DocumentError) -> [String] {
        try (mapping.optional(key)?.list() ?? []).map { node throws(DocumentError) in
            let text = try node.string()
            let names = text.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)
            guard names.count <= 60, !text.utf8.contains(0),
                names.allSatisfy({
                    !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8)
                })
            else {
                throw node.expected(
                    "a path below the source's root, with * and **, no slash at either end, no . or ..")
            }
            return text
        }
    }
}
