internal import Documents
package import Encodings
package import Files

/// Which files of an opened tree a target gets, and what is made of their values for it.
package struct TargetContents: Sendable, Hashable {
    /// The directory of the tree that is delivered, without the names above it; empty for all of it.
    package var path: Path
    /// Which files below `path` are delivered as they are, by globs from there; nil for all, empty for none.
    package var include: [Glob]?
    /// Files that are made for the target alone.
    package var outputs: [ComposedFile]

    /// Contents of these values; by default the whole tree and nothing else.
    package init(path: Path = Path([]), include: [Glob]? = nil, outputs: [ComposedFile] = []) {
        self.path = path
        self.include = include
        self.outputs = outputs
    }
}

/// A file that is made of values of the opened tree.
package struct ComposedFile: Sendable, Hashable {
    /// How it is made.
    package enum Kind: Sendable, Hashable {
        /// A template's text with the values that its placeholders name.
        case template(Path)
        /// Lines `NAME="value"` of all named values of these files.
        case environment([Path])
        /// One value, or one file as it is: its bytes and nothing else.
        case value(ValueReference)
    }

    /// How it is made; paths are from the root of the delivered tree.
    package let kind: Kind
    /// The path below the target.
    package let path: Path

    /// A file at `path` below the target. Throws `unusableRequest` where that is no relative path of names.
    package init(_ kind: Kind, at path: Path) throws(DeliveryError) {
        let names = path.components
        guard !path.isAbsolute, !names.isEmpty, names.allSatisfy(\.isName) else {
            throw DeliveryError(.unusableRequest, "target: not a usable path for a file in it: \(path)")
        }
        self.kind = kind
        self.path = Path(Array(names.map(\.bytes).joined(separator: [0x2F])))
    }
}

/// A value in an opened tree: a file, and the key path of a value in it.
package struct ValueReference: Sendable, Hashable {
    /// The file's path from the root of the delivered tree.
    package let file: Path
    /// The value's key path as people write it; nil for the file as a whole.
    package let keyPath: [UInt8]?

    /// The value of `text`: `file:keypath`, or `file` alone for all of its content.
    package init(parsing text: [UInt8]) throws(DeliveryError) {
        let parts = text.split(separator: 0x3A, maxSplits: 1, omittingEmptySubsequences: false)
        file = Path(Array(parts[0]))
        keyPath = parts.count > 1 ? Array(parts[1]) : nil
        guard !file.bytes.isEmpty, keyPath != [] else {
            throw DeliveryError(.unusableRequest, "a value is written as file:keypath, or as file alone")
        }
    }
}

extension OpenedTree {
    /// What `contents` choose of this tree and make of it.
    ///
    /// Throws `sourceMissing` where a file that is named is not there, `targetCollision` where two files get one path or
    /// one lies where another needs a directory (CASES.md F061), `malformedContent` for a template that is none and for
    /// a zero byte where text is made, `stillSealed` where what is made holds a token or a marker, `emptyTree` where nothing
    /// is left of a tree that has files.
    package func arranged(for contents: TargetContents) throws(DeliveryError) -> OpenedTree {
        var chosen: [OpenedFile] = []
        let names = contents.path.components
        for file in files {
            let components = file.path.components
            guard components.count > names.count, components.starts(with: names) else { continue }
            let rest = Array(components.dropFirst(names.count))
            if let include = contents.include {
                let path = rest.map(\.bytes)
                guard include.contains(where: { $0.matches(path) }) else { continue }
            }
            chosen.append(
                names.isEmpty
                    ? file : file.moved(to: Path(Array(rest.map(\.bytes).joined(separator: [0x2F])))))
        }
        for output in contents.outputs { chosen.append(try compose(output)) }
        guard files.isEmpty || !chosen.isEmpty else {
            throw DeliveryError(.emptyTree, "commit \(commit): nothing of it is for this target")
        }
        try OpenedTree.requireDistinct(chosen)
        return OpenedTree(copying: self, files: chosen)
    }

    /// Throws `targetCollision` where two of `files` get one path, or one is a directory of another.
    static func requireDistinct(_ files: [OpenedFile]) throws(DeliveryError) {
        var seen: Set<Path> = []
        for file in files {
            guard seen.insert(file.path).inserted else {
                throw DeliveryError(.targetCollision, "two files would be delivered as \(file.path)")
            }
        }
        for file in files {
            for parent in file.path.ancestors where seen.contains(parent) {
                throw DeliveryError(
                    .targetCollision, "\(parent) would be delivered as a file and as a directory")
            }
        }
    }

    /// The trees of several sources as one, which a target gets whole. Throws `targetCollision` where two of them have
    /// one path, before anything is written (CASES.md F061). All were opened by one `TreeOpener`.
    package static func merged(_ trees: [OpenedTree]) throws(DeliveryError) -> OpenedTree? {
        guard let first = trees.first else { return nil }
        let files = trees.flatMap(\.files)
        try requireDistinct(files)
        return OpenedTree(
            source: first.source, environment: first.environment, commit: first.commit, files: files,
            notices: trees.flatMap(\.notices), closedEpochs: Set(trees.flatMap(\.closedEpochs)).sorted(),
            digest: first.digest, objects: trees.flatMap(\.objects),
            secrets: trees.flatMap(\.secrets))
    }

    private func compose(_ output: ComposedFile) throws(DeliveryError) -> OpenedFile {
        let content: any OpenedContent
        var isExecutable = false
        switch output.kind {
        case .template(let path):
            let template = try file(at: path)
            isExecutable = template.isExecutable
            content = try TemplateContent(template, in: self)
        case .environment(let paths):
            content = EnvironmentContent(try paths.map { (path) throws(DeliveryError) in try file(at: path) })
        case .value(let reference):
            content = ReferencedContent(file: try file(at: reference.file), keyPath: reference.keyPath)
        }
        var stream = digest.stream()
        var scanner = MarkScanner(isDocument: DocumentFormat(path: output.path.bytes) != nil)
        var isMarked = false
        try content.stream { (bytes) throws(DeliveryError) in
            stream.update(bytes)
            if scanner.finds(in: bytes) { isMarked = true }
        }
        guard !isMarked else {
            throw DeliveryError(
                .stillSealed, "\(output.path): a sealed token or SOPS marker would be delivered")
        }
        return OpenedFile(
            path: output.path, isExecutable: isExecutable, origin: .sealedValues,
            fingerprint: stream.finish(), content: content)
    }

    /// The file at `path`. Throws `sourceMissing`.
    func file(at path: Path) throws(DeliveryError) -> OpenedFile {
        guard let found = files.first(where: { $0.path == path }) else {
            throw DeliveryError(.sourceMissing, "commit \(commit): no file \(path) to take values from")
        }
        return found
    }
}
