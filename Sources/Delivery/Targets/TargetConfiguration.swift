internal import Encodings
internal import Files
internal import Processes
internal import Sodium

extension Target {
    /// A digest of all that is said of the target: another one is a reason to look at it anew.
    var configuration: [UInt8] {
        var writer = CanonicalWriter()
        switch self {
        case .files(let target): target.describe(&writer)
        case .command(let target):
            writer.text("command")
            writer.text(target.name)
            target.program.describe(&writer)
            target.contents.describe(&writer)
        case .credentials(let target):
            writer.text("credentials")
            writer.text(target.name)
            writer.count(target.grants.count)
            for grant in target.grants {
                writer.text(grant.unit)
                writer.text(grant.credential)
                grant.value.describe(&writer)
            }
            writer.count(target.completion == nil ? 0 : 1)
            target.completion?.describe(&writer)
        }
        return BLAKE2b.hash(writer.bytes)
    }

    /// Whether what was delivered still stands as far as only this process can know: what is served from memory is gone
    /// with the process that it was delivered to.
    var isStanding: Bool {
        guard case .credentials(let target) = self else { return true }
        let wanted = Set(target.grants.map { CredentialStore.Key(unit: $0.unit, credential: $0.credential) })
        return target.store.keys == wanted && !target.store.isCompletionDue
    }
}

extension FilesTarget {
    fileprivate func describe(_ writer: inout CanonicalWriter) {
        writer.text("files")
        writer.lp(directory.bytes)
        writer.text(layout.rawValue)
        writer.uint16(mode)
        writer.uint32(owner?.user ?? FileOwner.unchanged)
        writer.uint32(owner?.group ?? FileOwner.unchanged)
        writer.text(memory.rawValue)
        contents.describe(&writer)
        switch completion {
        case nil: writer.uint8(0)
        case .program(let program):
            writer.uint8(1)
            program.describe(&writer)
        case .compose(let program, let project, let files):
            writer.uint8(2)
            program.describe(&writer)
            writer.text(project)
            writer.count(files.count)
            for file in files { writer.lp(file.bytes) }
        }
    }
}

extension TargetContents {
    fileprivate func describe(_ writer: inout CanonicalWriter) {
        writer.lp(path.bytes)
        writer.uint8(include == nil ? 0 : 1)
        writer.count(include?.count ?? 0)
        for glob in include ?? [] {
            writer.count(glob.components.count)
            for component in glob.components { writer.lp(component) }
        }
        writer.count(outputs.count)
        for output in outputs {
            writer.lp(output.path.bytes)
            switch output.kind {
            case .template(let path):
                writer.uint8(1)
                writer.lp(path.bytes)
            case .environment(let paths):
                writer.uint8(2)
                writer.count(paths.count)
                for path in paths { writer.lp(path.bytes) }
            case .value(let reference):
                writer.uint8(3)
                reference.describe(&writer)
            }
        }
    }
}

extension ValueReference {
    fileprivate func describe(_ writer: inout CanonicalWriter) {
        writer.lp(file.bytes)
        writer.lp(keyPath ?? [])
    }
}

extension ChildProgram {
    fileprivate func describe(_ writer: inout CanonicalWriter) {
        writer.count(arguments.count)
        for argument in arguments { writer.text(argument) }
        writer.count(environment.count)
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) {
            writer.text(name)
            writer.text(value)
        }
        writer.lp(directory.bytes)
    }
}
