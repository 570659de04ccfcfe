internal import Archives
internal import Files
internal import Sodium

/// By what a file counts as the one that was captured before. The time of change (ctime) moves with every change of
/// content, owner, mode and attributes, and nobody can set it.
struct FileState: Equatable {
    let device: DeviceNumber
    let inode: UInt64
    let byteCount: Int64
    let modified: FileTime
    let changed: FileTime

    /// The state that `metadata` shows.
    init(_ metadata: FileMetadata) {
        device = metadata.device
        inode = metadata.inode
        byteCount = metadata.byteCount
        modified = metadata.modified
        changed = metadata.changed
    }

    private init?(from reader: inout RecordReader) {
        guard let major = reader.number(UInt32.self), let minor = reader.number(UInt32.self),
            let inode = reader.number(UInt64.self), let byteCount = reader.number(Int64.self),
            let modified = FileTime(from: &reader), let changed = FileTime(from: &reader)
        else { return nil }
        device = DeviceNumber(major: major, minor: minor)
        self.inode = inode
        self.byteCount = byteCount
        self.modified = modified
        self.changed = changed
    }

    fileprivate func append(to bytes: inout [UInt8]) {
        bytes.append(little: device.major)
        bytes.append(little: device.minor)
        bytes.append(little: inode)
        bytes.append(little: byteCount)
        for time in [modified, changed] {
            bytes.append(little: time.seconds)
            bytes.append(little: time.nanoseconds)
        }
    }

    /// Reads a state.
    static func read(from reader: inout RecordReader) -> FileState? { FileState(from: &reader) }
}

extension FileTime {
    fileprivate init?(from reader: inout RecordReader) {
        guard let seconds = reader.number(Int64.self), let nanoseconds = reader.number(UInt32.self) else {
            return nil
        }
        self.init(seconds: seconds, nanoseconds: nanoseconds)
    }
}

/// What is remembered of one entry beside its path.
struct CaptureRecord {
    /// How it was found.
    var state: FileState
    /// Its extended attributes, by name.
    var attributes: [Entry.Attribute] = []
    /// Of a symbolic link.
    var linkTarget: [UInt8]?
    /// Of a regular file.
    var content: Content?
    /// A keyed hash of the bytes of a short file, whose chunk others share: to read it again and compare.
    var hash: Digest?

    private enum Part {
        static let attributes: UInt8 = 1
        static let linkTarget: UInt8 = 2
        static let content: UInt8 = 4
        static let hash: UInt8 = 8
    }

    /// A record of a state alone.
    init(_ state: FileState) { self.state = state }

    /// Appends the record.
    func append(to bytes: inout [UInt8]) {
        state.append(to: &bytes)
        bytes.append(
            (attributes.isEmpty ? 0 : Part.attributes) | (linkTarget == nil ? 0 : Part.linkTarget)
                | (content == nil ? 0 : Part.content) | (hash == nil ? 0 : Part.hash))
        if !attributes.isEmpty {
            bytes.append(little: UInt32(attributes.count))
            for attribute in attributes {
                for part in [attribute.name, attribute.value] {
                    bytes.append(little: UInt32(part.count))
                    bytes += part
                }
            }
        }
        if let linkTarget {
            bytes.append(little: UInt32(linkTarget.count))
            bytes += linkTarget
        }
        content?.append(to: &bytes)
        if let hash { bytes.append(hash) }
    }

    /// Reads a record; nil for bytes that are none.
    init?(from reader: inout RecordReader) {
        guard let state = FileState.read(from: &reader), let parts = reader.number(UInt8.self) else {
            return nil
        }
        self.state = state
        func field() -> [UInt8]? {
            guard let count = reader.number(UInt32.self), let range = reader.range(Int(count)) else {
                return nil
            }
            return Array(reader[range])
        }
        if parts & Part.attributes != 0 {
            guard let count = reader.number(UInt32.self) else { return nil }
            for _ in 0..<count {
                guard let name = field(), let value = field() else { return nil }
                attributes.append(Entry.Attribute(name: name, value: value))
            }
        }
        if parts & Part.linkTarget != 0 {
            guard let target = field() else { return nil }
            linkTarget = target
        }
        if parts & Part.content != 0 {
            guard let content = Content(record: &reader) else { return nil }
            self.content = content
        }
        if parts & Part.hash != 0 {
            guard let hash = reader.digest() else { return nil }
            self.hash = hash
        }
    }
}
