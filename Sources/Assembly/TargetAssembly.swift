internal import Delivery
internal import Encodings
internal import Files
internal import Processes
internal import Settings

extension Target {
    /// The target that `settings` describe; names of users and groups are looked up here. `store` is where credentials
    /// are served from: without one nothing serves them in this process.
    init(_ settings: TargetSettings, store: CredentialStore? = nil) throws {
        switch settings {
        case .files(let settings):
            var target = try FilesTarget(settings)
            target.completion = settings.reload.map { .program(ChildProgram($0)) }
            self = .files(target)
        case .compose(let settings):
            var target = try FilesTarget(settings.files)
            target.completion = .compose(
                ChildProgram(settings.program), project: settings.project,
                files: settings.composeFiles.map { Path($0) })
            self = .files(target)
        case .command(let settings):
            var program = ChildProgram(settings.program)
            program.environment.merge(settings.environment) { _, given in given }
            self = .command(
                try CommandTarget(
                    name: settings.name, program: program, contents: try TargetContents(settings.contents)))
        case .credentials(let settings):
            self = .credentials(
                try CredentialTarget(
                    name: settings.socket, store: store ?? CredentialStore(),
                    grants: try settings.allow.map { grant in
                        try CredentialGrant(
                            unit: grant.unit, credential: grant.credential,
                            value: try ValueReference(parsing: Array(grant.value.utf8)))
                    }, completion: settings.reload.map { ChildProgram($0) }))
        }
    }
}

extension FilesTarget {
    /// The directory that `settings` describe.
    init(_ settings: FilesTargetSettings) throws {
        let layout: Layout = settings.layout == .generation ? .generation : .files
        try self.init(
            directory: Path(settings.directory), layout: layout, mode: settings.mode,
            owner: try Accounts.owner(user: settings.owner, group: settings.group))
        contents = try TargetContents(settings.contents)
        memory =
            switch settings.memory {
            case .any: .any
            case .warned: .warned
            case .required: .required
            }
        makesParent = settings.isStandingDirectory
    }
}

extension TargetContents {
    /// The contents that `settings` describe.
    init(_ settings: ContentsSettings) throws {
        self.init(
            path: Path(settings.path),
            include: try settings.include.map { try $0.map { try Glob(Array($0.utf8)) } },
            outputs: try settings.outputs.map { output in
                switch output {
                case .template(let template, let file):
                    try ComposedFile(.template(Path(template)), at: Path(file))
                case .environment(let sources, let file):
                    try ComposedFile(.environment(sources.map { Path($0) }), at: Path(file))
                case .value(let value, let file):
                    try ComposedFile(.value(try ValueReference(parsing: Array(value.utf8))), at: Path(file))
                }
            })
    }
}

extension Rendering {
    /// The rendering that `settings` describe.
    init(_ settings: RenderSettings) throws {
        switch settings {
        case .kustomize(let directory, let output, let timeout):
            try self.init(
                .kustomize(directory: Path(directory)), output: Path(output), timeout: .seconds(timeout))
        case .helm(let helm):
            try self.init(
                .helm(
                    release: helm.release, namespace: helm.namespace, chart: Path(helm.chart),
                    values: helm.values.map { Path($0) }, includesDefinitions: helm.includesDefinitions),
                output: Path(helm.output), timeout: .seconds(helm.timeoutSeconds))
        }
    }
}

extension ChildProgram {
    /// The program that `settings` describe, with the standard environment.
    init(_ settings: ProgramSettings) {
        self.init(settings.arguments, timeout: .seconds(settings.timeoutSeconds))
    }
}
