internal import Archives
internal import Encodings

/// A snapshot as `--json` shows it.
struct SnapshotDocument: Encodable {
    /// One source of it.
    struct Source: Encodable {
        let name: String
        let kind: String
        let status: String
        let entries: UInt64
        let bytes: UInt64
        let notes: [String]

        init(_ source: SnapshotSource) {
            name = source.name
            kind = source.kind.name
            status = source.status.name
            entries = source.entryCount
            bytes = source.byteCount
            notes = source.notes
        }
    }

    let id: String
    let time: String
    let environment: String
    let agent: String
    let generation: UInt64
    let status: String
    /// Source to commit.
    let revisions: [String: String]
    /// Nil for who can't read the store.
    let sources: [Source]?
    /// The logical size; nil for who can't read the store.
    let bytes: UInt64?
    /// Whether it is kept from being forgotten.
    let pinned: Bool
    let tags: [String]

    /// The time to the second, for tables.
    var second: String {
        time.split(separator: ".").first.map { $0.hasSuffix("Z") ? String($0) : $0 + "Z" } ?? time
    }

    init(_ record: SnapshotRecord, _ snapshot: Snapshot?, _ annotations: AnnotationCatalog? = nil) {
        pinned = annotations?.pinned.contains(record.id) ?? false
        let remarks = annotations?.records(of: record.id).map(\.annotation.remark) ?? []
        tags = Set(
            remarks.compactMap { remark in
                if case .tag(let tag) = remark { tag } else { nil }
            }
        ).sorted()
        id = record.id.description
        time = record.header.time.description
        environment = record.header.environment
        agent = record.header.agent
        generation = record.header.generation
        status = record.header.status.name
        revisions = Dictionary(
            record.header.revisions.map { ($0.source, Hex.encode($0.commit)) },
            uniquingKeysWith: { first, _ in first })
        sources = snapshot?.sources.map { Source($0) }
        bytes = snapshot?.byteCount
    }
}

/// An entry of a snapshot as `ls` shows it.
struct EntryDocument: Encodable {
    /// `SOURCE/PATH`; bytes that are not UTF-8 are replaced. `pathHex` has all of it then, as `--hex` takes it.
    let path: String
    let pathHex: String?
    let kind: String
    let mode: String
    let user: UInt32
    let group: UInt32
    let bytes: UInt64?
    let modified: String
    let target: String?

    init(_ entry: Entry, source: String) {
        let text = String(decoding: entry.path, as: UTF8.self)
        path = entry.path.isEmpty ? source : "\(source)/\(text)"
        pathHex = ForeignName.digits(entry.path, of: source)
        mode = String(entry.mode, radix: 8)
        user = entry.userID
        group = entry.groupID
        bytes = entry.content?.byteCount
        modified = Timestamp(seconds: entry.modifiedSeconds)?.description ?? "\(entry.modifiedSeconds)"
        switch entry.kind {
        case .directory: (kind, target) = ("directory", nil)
        case .file: (kind, target) = ("file", nil)
        case .symbolicLink(let link): (kind, target) = ("symlink", String(decoding: link, as: UTF8.self))
        case .hardLink(let link): (kind, target) = ("hardlink", String(decoding: link, as: UTF8.self))
        case .fifo: (kind, target) = ("fifo", nil)
        case .socket: (kind, target) = ("socket", nil)
        case .characterDevice: (kind, target) = ("character device", nil)
        case .blockDevice: (kind, target) = ("block device", nil)
        }
    }

    /// One line for people.
    var line: String {
        let size = bytes.map(Sizes.text) ?? "-"
        let pad = String(repeating: " ", count: max(0, 10 - size.count))
        let arrow = (target.map { " -> \($0)" } ?? "") + ForeignName.note(pathHex)
        return
            "\(mode.count < 4 ? "0" + mode : mode) \(user):\(group) \(pad)\(size) \(modified) \(path)\(arrow)"
    }
}

/// Sizes and counts for people.
enum Sizes {
    /// `1 place`, `2 places`.
    static func count(_ count: some BinaryInteger, _ noun: String) -> String {
        "\(count) \(noun)\(count == 1 ? "" : "s")"
    }

    /// `1 entry`, `2 entries`.
    static func entries(_ count: some BinaryInteger) -> String { count == 1 ? "1 entry" : "\(count) entries" }

    /// `byteCount` with a binary unit and at most one decimal: `1.5 MiB`.
    static func text(_ byteCount: UInt64) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var whole = byteCount
        var tenth: UInt64 = 0
        var unit = 0
        while whole >= 1_024 {
            tenth = whole % 1_024 * 10 / 1_024
            whole /= 1_024
            unit += 1
        }
        return unit == 0 || whole >= 100 || tenth == 0
            ? "\(whole) \(units[unit])" : "\(whole).\(tenth) \(units[unit])"
    }
}
