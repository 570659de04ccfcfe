internal import Encodings
internal import Files
internal import Git
internal import Sodium

/// What is said between us and a command target: one JSON text in, one JSON text out (FORMAT.md §5). Secrets go by
/// standard input alone, never in an argument, a variable or a file (CASES.md F066).
struct CommandExchange {
    private let target: CommandTarget
    private let tree: OpenedTree

    /// What a call is to do.
    private enum Action: String {
        /// Say what `apply` would change, and change nothing.
        case plan
        /// Change it.
        case apply
        /// Say what stands, by digests.
        case observe
    }

    init(_ target: CommandTarget, _ tree: OpenedTree) {
        self.target = target
        self.tree = tree
    }

    /// What the command would change. Throws `commandFailed`.
    func plan() throws(DeliveryError) -> DeliveryPlan {
        let answer = try call(.plan)
        let known = Set(["add", "change", "metadata", "remove"])
        let steps = try answer.items("changes").map { (item) throws(DeliveryError) -> DeliveryPlan.Step in
            guard let path = item["path"], let word = item["action"], known.contains(word),
                let action = DeliveryPlan.Action(rawValue: word)
            else { throw malformed("a change is a path and one of add, change, metadata and remove") }
            return DeliveryPlan.Step(action: action, path: Path(path))
        }
        try requireHanded(steps)
        let changed = Set(steps.lazy.filter { $0.action != .remove }.map(\.path))
        return DeliveryPlan(
            tree: tree, target: .command(target), steps: steps,
            unchangedCount: max(0, tree.files.count - changed.count), isFirst: false)
    }

    /// Throws `commandFailed` where a step is of a file that the command was not handed, or a removal's name is none, or
    /// holds a secret: plans are shown and kept.
    private func requireHanded(_ steps: [DeliveryPlan.Step]) throws(DeliveryError) {
        let handed = Set(tree.files.map(\.path))
        var secrets: SecretIndex?
        for step in steps where step.action != .remove || !handed.contains(step.path) {
            guard step.action == .remove else {
                guard handed.contains(step.path) else {
                    throw malformed("a change is of a file that it was not handed")
                }
                continue
            }
            guard step.path.bytes.count <= 4_096, !step.path.isAbsolute,
                step.path.components.allSatisfy(\.isName)
            else { throw malformed("a removal is of no relative path") }
            if secrets == nil { secrets = try SecretIndex(tree) }
            guard secrets?.finds(in: step.path.bytes) != true else {
                throw malformed("a path holds a secret")
            }
        }
    }

    /// Has the command bring about what it planned.
    func apply() throws(DeliveryError) {
        let answer = try call(.apply)
        guard answer.word("applied") == "true" else { throw malformed("applied is not true") }
    }

    /// What stands, as the command sees it: it is given a key, answers with the HMAC-SHA-256 of each file's content under
    /// it, and gets no value.
    func observe() throws(DeliveryError) -> DeliveryPlan {
        let expected = try CommandExchange.expected(tree, under: tree.digest)
        let found = try standing(expected, under: tree.digest)
        var steps: [DeliveryPlan.Step] = []
        for file in expected {
            guard let digest = found[file.path] else {
                steps.append(DeliveryPlan.Step(action: .add, path: file.path))
                continue
            }
            guard digest != file.digest else { continue }
            steps.append(DeliveryPlan.Step(action: .change, path: file.path))
        }
        let wanted = Set(expected.map(\.path))
        steps += found.keys.filter { !wanted.contains($0) }.map {
            DeliveryPlan.Step(action: .remove, path: $0)
        }
        let changed = steps.count { $0.action != .remove }
        return DeliveryPlan(
            tree: tree, target: .command(target), steps: steps, unchangedCount: tree.files.count - changed,
            isFirst: false)
    }

    /// A file that a command was handed, by a digest that it can make, too.
    struct Expected: Sendable, Hashable {
        let path: Path
        /// HMAC-SHA-256.
        let digest: [UInt8]
    }

    /// What the files of `tree` are known by to a command, under the key of `digest`.
    static func expected(
        _ tree: OpenedTree, under digest: ContentDigest
    ) throws(DeliveryError) -> [Expected] {
        let key = digest.observationKey
        return try tree.files.map { (file) throws(DeliveryError) in
            let content = try file.held()
            var code = WipedBuffer(byteCount: 32)
            content.withBytes { bytes in
                key.withBytes { key in
                    code.withMutableBytes(first: 32) { HMACSHA256.authenticate(bytes, key: key, into: &$0) }
                }
            }
            return Expected(path: file.path, digest: code.withBytes(first: 32) { $0.array })
        }
    }

    /// How what stands at `target` differs from what it was handed.
    static func drift(
        _ target: CommandTarget, _ expectation: Expectation, _ expected: [Expected]
    ) throws(DeliveryError) -> [Drift] {
        let tree = OpenedTree(
            source: expectation.source, environment: "", commit: expectation.commit, files: [], notices: [],
            digest: expectation.digest)
        let found = try CommandExchange(target, tree).standing(expected, under: expectation.digest)
        func drift(_ path: Path, _ kind: Drift.Kind, _ evidence: String = "") -> Drift {
            Drift(target: Path(target.name), path: path, kind: kind, evidence: evidence)
        }
        var drifts: [Drift] = []
        for file in expected {
            guard let digest = found[file.path] else {
                drifts.append(drift(file.path, .missing))
                continue
            }
            guard digest != file.digest else { continue }
            let evidence = [file.digest, digest].map { Hex.encode($0.prefix(8)) }.joined(separator: "→")
            drifts.append(drift(file.path, .changed, evidence))
        }
        let wanted = Set(expected.map(\.path))
        drifts += found.keys.filter { !wanted.contains($0) }.map { drift($0, .foreign) }
        return drifts.sorted { $0.path < $1.path }
    }

    /// The digests of what stands, by path.
    private func standing(
        _ expected: [Expected], under digest: ContentDigest
    ) throws(DeliveryError) -> [Path: [UInt8]] {
        let key = digest.observationKey
        let answer = try call(
            .observe, key: key.withBytes { Hex.encode($0.array) }, paths: expected.map(\.path))
        var found: [Path: [UInt8]] = [:]
        for item in answer.items("files") {
            guard let path = item["path"], let digest = try? Hex.decode(item["digest"] ?? ""),
                digest.count == 32
            else { throw malformed("a file is a path and a digest of 64 hexadecimal digits") }
            found[Path(path)] = digest
        }
        return found
    }

    // MARK: - One call

    private func call(
        _ action: Action, key: String? = nil, paths: [Path] = []
    ) throws(DeliveryError) -> CommandAnswer {
        let total = tree.files.reduce(Int64(0)) { $0 + min($1.byteCount, CommandTarget.contentLimit) }
        guard total <= CommandTarget.contentLimit else {
            throw DeliveryError(
                .limitExceeded,
                "target \(target.name): more than \(CommandTarget.contentLimit) bytes for one command")
        }
        let request = try request(action, key: key, paths: paths)
        let run = ProgramRun(
            program: target.program, purpose: "target \(target.name): \(action.rawValue)",
            failure: .commandFailed, outputLimit: CommandTarget.answerLimit
        ) { [tree] () throws(DeliveryError) in try SecretIndex(tree) }
        let output = try request.withBytes { (bytes) throws(DeliveryError) in
            try run.run(bytes, mustRead: true)
        }
        return try output.withBytes { (bytes) throws(DeliveryError) in
            guard let answer = CommandAnswer(parsing: bytes) else { throw malformed("no JSON object") }
            guard answer.word("protocol") == CommandTarget.protocolName else {
                throw malformed("not of the protocol \(CommandTarget.protocolName)")
            }
            return answer
        }
    }

    private func request(
        _ action: Action, key: String?, paths: [Path]
    ) throws(DeliveryError) -> SecretBytes {
        var writer = GrowingBuffer(limit: Int.max)
        writer.append("{\"protocol\":\"\(CommandTarget.protocolName)\",\"action\":\"\(action.rawValue)\"")
        let facts = [
            ("environment", tree.environment), ("target", target.name), ("source", tree.source),
            ("commit", tree.commit.hex),
        ]
        for (name, value) in facts { writer.append(",\"\(name)\":\(JSONString.text(value))") }
        if let key { writer.append(",\"key\":\"\(key)\"") }
        writer.append(",\"files\":[")
        for (index, path) in paths.enumerated() {
            writer.append("\(index == 0 ? "" : ","){\"path\":\(try name(path))}")
        }
        if action != .observe {
            for (index, file) in tree.files.enumerated() {
                writer.append("\(index == 0 ? "" : ","){\"path\":\(try name(file.path))")
                writer.append(",\"executable\":\(file.isExecutable),\"sealed\":\(file.origin != .plain)")
                writer.append(",\"content\":\"")
                try appendBase64(of: file, to: &writer)
                writer.append("\"}")
            }
        }
        writer.append("]}\n")
        return writer.held()
    }

    /// A path as JSON.
    private func name(_ path: Path) throws(DeliveryError) -> String {
        guard let text = String(validating: path.bytes, as: UTF8.self) else {
            throw DeliveryError(
                .notSupported, "target \(target.name): \(path): a name that is not UTF-8")
        }
        return JSONString.text(text)
    }

    private func appendBase64(
        of file: OpenedFile, to writer: inout GrowingBuffer
    ) throws(DeliveryError) {
        let content = try file.held()
        var text = WipedBuffer(byteCount: Base64.standard.encodedCount(content.byteCount))
        content.withBytes { bytes in
            text.withMutableBytes(first: text.byteCount) { Base64.standard.encode(bytes, into: &$0) }
        }
        _ = text.withBytes(first: text.byteCount) { writer.append($0) }
    }

    private func malformed(_ reason: String) -> DeliveryError {
        DeliveryError(.commandFailed, "target \(target.name): its answer can't be used: \(reason)")
    }
}
