import Encodings

extension Entry {
    /// A kind's number in the encoding.
    private enum Tag {
        static let directory: UInt8 = 1
        static let file: UInt8 = 2
        static let symbolicLink: UInt8 = 3
        static let hardLink: UInt8 = 4
        static let fifo: UInt8 = 5
        static let socket: UInt8 = 6
        static let characterDevice: UInt8 = 7
        static let blockDevice: UInt8 = 8
    }

    /// The shortest encoding of an entry.
    static let minimumByteCount = 42

    /// Whether a tree can hold the entry. Everything that its encoding bounds is looked at here.
    var isValid: Bool {
        guard PathOrder.isValid(path), mode <= 0o7777, modifiedNanoseconds < 1_000_000_000 else {
            return false
        }
        guard userName.count <= 255, groupName.count <= 255, flags.isSubset(of: .known) else { return false }
        guard attributes.allSatisfy({ (1...255).contains($0.name.count) && $0.value.count <= 65_536 }),
            attributes.reduce(0, { $0 + $1.value.count }) <= 1 << 20,
            zip(attributes, attributes.dropFirst()).allSatisfy({
                $0.name.lexicographicallyPrecedes($1.name)
            })
        else { return false }
        switch kind {
        case .symbolicLink(let target): return (1...PathOrder.byteLimit).contains(target.count)
        case .hardLink(let target): return PathOrder.isValid(target)
        case .directory, .file, .fifo, .socket, .characterDevice, .blockDevice: return true
        }
    }

    /// Writes the entry, whose path shares a prefix with `previous`, the path before it in the node.
    func write(to writer: inout CanonicalWriter, after previous: [UInt8], _ children: inout ChildList) {
        let shared = Entry.sharedPrefix(path, previous)
        writer.uint16(UInt16(shared))
        writer.lp(path[shared...])
        writer.uint16(mode)
        writer.uint32(userID)
        writer.uint32(groupID)
        writer.lp(userName)
        writer.lp(groupName)
        writer.uint64(UInt64(bitPattern: modifiedSeconds))
        writer.uint32(modifiedNanoseconds)
        writer.uint8(flags.rawValue)
        writer.count(attributes.count)
        for attribute in attributes {
            writer.lp(attribute.name)
            writer.lp(attribute.value)
        }
        switch kind {
        case .directory: writer.uint8(Tag.directory)
        case .file(let content):
            writer.uint8(Tag.file)
            content.write(to: &writer, &children)
        case .symbolicLink(let target):
            writer.uint8(Tag.symbolicLink)
            writer.lp(target)
        case .hardLink(let target):
            writer.uint8(Tag.hardLink)
            writer.lp(target)
        case .fifo: writer.uint8(Tag.fifo)
        case .socket: writer.uint8(Tag.socket)
        case .characterDevice(let major, let minor):
            writer.uint8(Tag.characterDevice)
            writer.uint32(major)
            writer.uint32(minor)
        case .blockDevice(let major, let minor):
            writer.uint8(Tag.blockDevice)
            writer.uint32(major)
            writer.uint32(minor)
        }
    }

    /// Reads an entry behind the one at `previous`. Throws `damaged` for one that no tree can hold.
    init(
        from reader: inout CanonicalReader, after previous: [UInt8], _ children: [Node.Child]
    ) throws {
        let shared = Int(try reader.uint16())
        let suffix = try reader.lp(limit: PathOrder.byteLimit)
        guard shared <= previous.count else { throw ArchiveError.damaged("entry: shared prefix") }
        path = previous.prefix(shared) + suffix
        mode = try reader.uint16()
        userID = try reader.uint32()
        groupID = try reader.uint32()
        userName = try reader.lp(limit: 255)
        groupName = try reader.lp(limit: 255)
        modifiedSeconds = Int64(bitPattern: try reader.uint64())
        modifiedNanoseconds = try reader.uint32()
        flags = Flags(rawValue: try reader.uint8())
        var attributes: [Attribute] = []
        for _ in 0..<(try reader.count(itemSize: 8)) {
            let name = try reader.lp(limit: 255)
            attributes.append(Attribute(name: name, value: try reader.lp(limit: 65_536)))
        }
        self.attributes = attributes
        switch try reader.uint8() {
        case Tag.directory: kind = .directory
        case Tag.file: kind = .file(try Content(from: &reader, children))
        case Tag.symbolicLink: kind = .symbolicLink(try reader.lp(limit: PathOrder.byteLimit))
        case Tag.hardLink: kind = .hardLink(try reader.lp(limit: PathOrder.byteLimit))
        case Tag.fifo: kind = .fifo
        case Tag.socket: kind = .socket
        case Tag.characterDevice:
            let major = try reader.uint32()
            kind = .characterDevice(major: major, minor: try reader.uint32())
        case Tag.blockDevice:
            let major = try reader.uint32()
            kind = .blockDevice(major: major, minor: try reader.uint32())
        default: throw ArchiveError.damaged("entry: kind")
        }
        guard isValid else { throw ArchiveError.damaged("entry: values") }
    }

    private static func sharedPrefix(_ path: [UInt8], _ previous: [UInt8]) -> Int {
        var count = 0
        while count < min(path.count, previous.count), path[count] == previous[count] { count += 1 }
        return count
    }
}

extension Content {
    /// Writes it, naming children by their position.
    func write(to writer: inout CanonicalWriter, _ children: inout ChildList) {
        writer.uint64(byteCount)
        switch storage {
        case .segments(let segments):
            writer.uint8(1)
            segments.write(to: &writer, &children)
        case .tree(let node):
            writer.uint8(2)
            writer.uint32(children.position(of: .node(node)))
        }
    }

    /// Reads a content. Throws `damaged` where lengths don't add up.
    init(from reader: inout CanonicalReader, _ children: [Node.Child]) throws {
        byteCount = try reader.uint64()
        switch try reader.uint8() {
        case 1:
            let segments = try [Segment](from: &reader, children, limit: Content.inlineLimit)
            var sum: UInt64 = 0
            for segment in segments {
                let (next, overflow) = sum.addingReportingOverflow(segment.byteCount)
                guard !overflow else { throw ArchiveError.damaged("content: length") }
                sum = next
            }
            guard sum == byteCount else { throw ArchiveError.damaged("content: length") }
            storage = .segments(segments)
        case 2:
            storage = .tree(try children.node(try reader.uint32()))
        default: throw ArchiveError.damaged("content: storage")
        }
    }
}

extension Array<Segment> {
    /// Writes it, naming children by their position.
    func write(to writer: inout CanonicalWriter, _ children: inout ChildList) {
        writer.count(count)
        for segment in self {
            switch segment {
            case .hole(let byteCount):
                writer.uint8(0)
                writer.uint64(byteCount)
            case .chunk(let id, let offset, let byteCount):
                writer.uint8(1)
                writer.uint32(children.position(of: .chunk(id)))
                writer.uint32(offset)
                writer.uint32(byteCount)
            }
        }
    }

    /// Reads at most `limit` segments. Throws `damaged` for an empty one.
    init(from reader: inout CanonicalReader, _ children: [Node.Child], limit: Int) throws {
        self = []
        let count = try reader.count(itemSize: 9)
        guard count <= limit else { throw ArchiveError.damaged("segments: too many") }
        for _ in 0..<count {
            switch try reader.uint8() {
            case 0:
                append(.hole(try reader.uint64()))
            case 1:
                let id = try children.chunk(try reader.uint32())
                let offset = try reader.uint32()
                append(.chunk(id, offset: offset, byteCount: try reader.uint32()))
            default: throw ArchiveError.damaged("segment: kind")
            }
            guard let last, last.byteCount > 0 else { throw ArchiveError.damaged("segment: empty") }
        }
    }
}
