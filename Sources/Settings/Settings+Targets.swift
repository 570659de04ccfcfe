internal import Documents

/// Somewhere that opened state is delivered to.
package enum TargetSettings: Sendable {
    /// `files`
    case files(FilesTargetSettings)
    /// `compose`
    case compose(ComposeTargetSettings)
    /// `command`
    case command(CommandTargetSettings)
    /// `credentials`
    case credentials(CredentialTargetSettings)
}

/// A program to run, and how long it may take.
package struct ProgramSettings: Sendable, Equatable {
    /// The program and its arguments.
    package let arguments: [String]
    /// The time it may take.
    package let timeoutSeconds: Int64

    /// Settings of these values.
    package init(arguments: [String], timeoutSeconds: Int64) {
        self.arguments = arguments
        self.timeoutSeconds = timeoutSeconds
    }
}

/// What of a tree a target gets, and what is made of its values.
package struct ContentsSettings: Sendable, Equatable {
    /// A file that is made for the target.
    package enum Output: Sendable, Equatable {
        /// `templates`: a template's text with values.
        case template(String, file: String)
        /// `environment`: lines of names and values.
        case environment([String], file: String)
        /// `values`: one value or file.
        case value(String, file: String)
    }

    /// `path`: the directory of the tree that is delivered; empty for all.
    package var path = ""
    /// `include`: globs of the files below `path` that are delivered as they are; nil for all.
    package var include: [String]?
    /// What is made.
    package var outputs: [Output] = []

    /// The whole tree as it is.
    package init() {}
}

/// A Compose project: its files in memory, and `docker compose up` after a change.
package struct ComposeTargetSettings: Sendable {
    /// The directory, its owner and modes, and what is in it.
    package let files: FilesTargetSettings
    /// The project's name.
    package let project: String
    /// The Compose files, below the directory.
    package let composeFiles: [String]
    /// `docker compose`, with the time that `up` may take.
    package let program: ProgramSettings
}

/// A program that the files are handed to.
package struct CommandTargetSettings: Sendable {
    /// The target's name.
    package let name: String
    /// The program.
    package let program: ProgramSettings
    /// Variables of its environment beside PATH and LANG.
    package let environment: [String: String]
    /// What it gets.
    package let contents: ContentsSettings
}

/// Credentials of systemd's units.
package struct CredentialTargetSettings: Sendable {
    /// The socket's path.
    package let socket: String
    /// Who may have what.
    package let allow: [Grant]
    /// What is run after a change.
    package let reload: ProgramSettings?

    /// One credential of one unit.
    package struct Grant: Sendable, Equatable {
        /// The unit's full name.
        package let unit: String
        /// The credential's id.
        package let credential: String
        /// The value, as file:keypath or file.
        package let value: String
    }
}

// MARK: - Reading

extension TargetSettings {
    /// The target of a node, in the environment `name`.
    init(_ node: YAMLNode, environment name: String) throws(DocumentError) {
        let kinds = try node.mapping(allowed: ["files", "compose", "command", "credentials"])
        guard kinds.entries.count == 1, let entry = kinds.entries.first else {
            throw node.expected("one of files, compose, command and credentials")
        }
        switch entry.key {
        case "files": self = .files(try FilesTargetSettings(entry.value, environment: name))
        case "compose": self = .compose(try ComposeTargetSettings(entry.value, environment: name))
        case "command": self = .command(try CommandTargetSettings(entry.value))
        default: self = .credentials(try CredentialTargetSettings(entry.value))
        }
    }
}

extension FilesTargetSettings {
    private static let ownKeys =
        ["directory", "owner", "group", "mode", "tmpfs"] + ContentsSettings.keys

    init(_ node: YAMLNode, environment name: String) throws(DocumentError) {
        let keys = FilesTargetSettings.ownKeys + ["layout", "reload", "reloadTimeout"]
        let mapping = try node.mapping(allowed: keys)
        var layout = Layout.generation
        if let node = mapping.optional("layout") {
            guard let named = Layout(rawValue: try node.string()) else {
                throw node.expected("generation or files")
            }
            layout = named
        }
        try self.init(mapping, standing: "/run/strongroom/\(name)", layout: layout)
        reload = try ProgramSettings.reload(mapping)
    }

    /// What `files` and `compose` have in common. `standing` is the directory where none is given.
    fileprivate init(
        _ mapping: YAMLMapping, standing: String, layout: Layout
    ) throws(DocumentError) {
        let given = try mapping.optional("directory").map { node throws(DocumentError) in
            try Settings.path(node)
        }
        var mode: UInt16 = 0o400
        if let node = mapping.optional("mode") {
            guard let bits = UInt16(try node.string(), radix: 8), bits <= 0o777 else {
                throw node.expected("permission bits in octal, as \"0400\"")
            }
            mode = bits
        }
        self.init(
            directory: given ?? standing, layout: layout, owner: try mapping.optional("owner")?.string(),
            group: try mapping.optional("group")?.string(), mode: mode)
        isStandingDirectory = given == nil
        memory = given == nil ? .required : .warned
        if let node = mapping.optional("tmpfs") {
            guard let rule = Memory(rawValue: try node.string()) else {
                throw node.expected("required, warned or any")
            }
            memory = rule
        }
        contents = try ContentsSettings(mapping)
    }

    fileprivate static let composeKeys = ownKeys + ["project", "files", "run", "timeout"]
}

extension ComposeTargetSettings {
    init(_ node: YAMLNode, environment name: String) throws(DocumentError) {
        let mapping = try node.mapping(allowed: FilesTargetSettings.composeKeys)
        let projectNode = try mapping.required("project")
        project = try projectNode.string()
        guard Settings.isName(project) else {
            throw projectNode.expected("a name of a-z, 0-9 and inner hyphens")
        }
        files = try FilesTargetSettings(
            mapping, standing: "/run/strongroom/\(name)-\(project)", layout: .generation)
        composeFiles = try mapping.optional("files")?.strings() ?? ["compose.yaml"]
        program = ProgramSettings(
            arguments: try mapping.optional("run")?.strings() ?? ["docker", "compose"],
            timeoutSeconds: try mapping.optional("timeout").map { node throws(DocumentError) in
                try Settings.seconds(node)
            } ?? 600)
        guard !program.arguments.isEmpty, !composeFiles.isEmpty else {
            throw node.expected("at least one Compose file and a program to run")
        }
    }
}

extension CommandTargetSettings {
    init(_ node: YAMLNode) throws(DocumentError) {
        let mapping = try node.mapping(
            allowed: ["name", "run", "timeout", "environment"] + ContentsSettings.keys)
        let nameNode = try mapping.required("name")
        name = try nameNode.string()
        guard Settings.isName(name) else { throw nameNode.expected("a name of a-z, 0-9 and inner hyphens") }
        program = try ProgramSettings(mapping, "run", "timeout", standing: 60)
        var environment: [String: String] = [:]
        for entry in try mapping.optional("environment")?.mapping().entries ?? [] {
            environment[entry.key] = try entry.value.string()
        }
        self.environment = environment
        contents = try ContentsSettings(mapping)
    }
}

extension CredentialTargetSettings {
    init(_ node: YAMLNode) throws(DocumentError) {
        let mapping = try node.mapping(allowed: ["socket", "allow", "reload", "reloadTimeout"])
        socket = try Settings.path(mapping.required("socket"))
        allow = try mapping.required("allow").list().map { node throws(DocumentError) in
            let grant = try node.mapping(allowed: ["unit", "credential", "value"])
            return Grant(
                unit: try grant.required("unit").string(),
                credential: try grant.required("credential").string(),
                value: try grant.required("value").string())
        }
        reload = try ProgramSettings.reload(mapping)
    }
}

extension ContentsSettings {
    static let keys = ["path", "include", "templates", "environmentFiles", "values"]

    init(_ mapping: YAMLMapping) throws(DocumentError) {
        path = try mapping.optional("path")?.string() ?? ""
        include = try mapping.optional("include")?.strings()
        for node in try mapping.optional("templates")?.list() ?? [] {
            let output = try node.mapping(allowed: ["template", "file"])
            outputs.append(
                .template(
                    try output.required("template").string(), file: try output.required("file").string()))
        }
        for node in try mapping.optional("environmentFiles")?.list() ?? [] {
            let output = try node.mapping(allowed: ["from", "file"])
            outputs.append(
                .environment(
                    try output.required("from").strings(), file: try output.required("file").string()))
        }
        for node in try mapping.optional("values")?.list() ?? [] {
            let output = try node.mapping(allowed: ["value", "file"])
            outputs.append(
                .value(try output.required("value").string(), file: try output.required("file").string()))
        }
    }
}

extension ProgramSettings {
    /// The program under `key`, with the time under `timeout`.
    init(
        _ mapping: YAMLMapping, _ key: String, _ timeout: String, standing: Int64
    ) throws(DocumentError) {
        let node = try mapping.required(key)
        arguments = try node.strings()
        guard let program = arguments.first, !program.isEmpty else {
            throw node.expected("a program and its arguments")
        }
        timeoutSeconds =
            try mapping.optional(timeout).map { node throws(DocumentError) in try Settings.seconds(node) }
            ?? standing
    }

    /// What is run after a change, where anything is.
    static func reload(_ mapping: YAMLMapping) throws(DocumentError) -> ProgramSettings? {
        guard mapping.optional("reload") != nil else {
            guard let node = mapping.optional("reloadTimeout") else { return nil }
            throw node.expected("reload beside it")
        }
        return try ProgramSettings(mapping, "reload", "reloadTimeout", standing: 60)
    }
}

extension Settings {

    /// A share in whole per cent, `0%` to `100%`.
    static func percent(_ node: YAMLNode) throws(DocumentError) -> Int {
        let text = try node.string()
        guard text.hasSuffix("%"), let share = Int(text.dropLast()), (0...100).contains(share) else {
            throw node.expected("a share, as 50%")
        }
        return share
    }
}
