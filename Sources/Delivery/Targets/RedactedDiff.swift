internal import Documents
internal import Encodings
internal import Files
internal import Sodium

/// What differs between a file that stands and the one that is wanted, told by lengths and keyed digests: values that are
/// equal have equal digests within one run, and nothing else is to be learned.
struct RedactedDiff {
    let digest: ContentDigest

    /// The longest document whose values are compared one by one.
    private static let documentLimit = 4 << 20
    /// Lines for one file.
    private static let lineLimit = 200

    /// The evidence for `step` of `tree`; `stands` gives the bytes of a file that stands, nil where it can't be read.
    func evidence(
        for step: DeliveryPlan.Step, _ tree: OpenedTree, stands: (Path) -> [UInt8]?
    ) throws(DeliveryError) -> DeliveryPlan.Evidence? {
        guard step.action != .metadata else { return nil }
        var old = step.action == .add ? nil : stands(step.path)
        defer { if var bytes = old { RedactedDiff.wipe(&bytes) } }
        let wanted = step.action == .remove ? nil : tree.files.first { $0.path == step.path }
        let facts = DeliveryPlan.Evidence(
            old: old.map { bytes in bytes.withBytes { words(digest.fingerprint(of: $0)) } },
            new: wanted.map { words($0.fingerprint) }, values: [])
        guard let wanted, let format = DocumentFormat(path: step.path.bytes), let standing = old,
            wanted.byteCount <= Int64(RedactedDiff.documentLimit)
        else { return facts }
        old = nil
        var new = try wanted.held().withBytes { $0.array }
        defer { RedactedDiff.wipe(&new) }
        let lines = values(standing, new, format)
        return DeliveryPlan.Evidence(old: facts.old, new: facts.new, values: lines)
    }

    private func words(_ fingerprint: ContentDigest.Fingerprint) -> String {
        "\(fingerprint.byteCount) bytes \(fingerprint.evidence)"
    }

    /// A line for each value that differs between two texts of `format`; none where one of them is not well-formed.
    private func values(_ old: [UInt8], _ new: [UInt8], _ format: DocumentFormat) -> [String] {
        guard let before = facts(old, format), let after = facts(new, format) else { return [] }
        var lines: [String] = []
        let known = Dictionary(before.map { ($0.place, $0.value) }, uniquingKeysWith: { first, _ in first })
        for (place, value) in after {
            guard let known = known[place] else {
                lines.append("+ \(place)  \(value)")
                continue
            }
            if known != value { lines.append("~ \(place)  \(known) -> \(value)") }
        }
        let kept = Set(after.map(\.place))
        for (place, value) in before where !kept.contains(place) { lines.append("- \(place)  \(value)") }
        guard lines.count > RedactedDiff.lineLimit else { return lines }
        return lines.prefix(RedactedDiff.lineLimit) + ["(\(lines.count - RedactedDiff.lineLimit) more)"]
    }

    /// The place of each value, as people write it, and the beginning of its digest.
    private func facts(_ text: [UInt8], _ format: DocumentFormat) -> [(place: String, value: String)]? {
        guard let document = try? TextDocument(text, format: format, isSealed: { _ in false }) else {
            return nil
        }
        let hasMany = document.documentCount > 1
        return document.slots.map { slot in
            let place = document.place(of: slot)
            var name = ""
            if let object = place.object {
                name = "\(Path(object.kind))/\(Path(object.name)) "
            } else if hasMany {
                name = "[\(place.document)] "
            }
            let value = document.withValue(of: slot) { digest.fingerprint(of: $0) }
            return (name + place.path.text, String(value.evidence.prefix(8)))
        }
    }

    private static func wipe(_ bytes: inout [UInt8]) {
        for index in bytes.indices { bytes[index] = 0 }
    }
}

extension DeliveryPlan {
    /// The same plan with what each difference is known by, for people to read before it is carried out.
    func withEvidence() throws(DeliveryError) -> DeliveryPlan {
        guard case .files(let target) = target, !steps.isEmpty else { return self }
        let diff = RedactedDiff(digest: tree.digest)
        var result = self
        var evidenced: [Step] = []
        for step in steps {
            var bytes: [UInt8]?
            if let opened = try? Directory(target.directory) {
                bytes = try? opened.read(step.path, limit: 64 << 20)
            }
            let found = bytes
            evidenced.append(
                Step(
                    action: step.action, path: step.path,
                    evidence: try diff.evidence(for: step, tree) { _ in found }))
        }
        result.steps = evidenced
        return result
    }
}
