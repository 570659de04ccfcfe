internal import Encodings
internal import Files

/// What `.<name>.generations` keeps beside the generations: that it is ours, and since when each old generation
/// is one. On disk, in the file `state` (0600), canonical: `strongroom/target-generations/v1`, then a list of
/// (name, nanoseconds since 1970), in byte order of the names.
struct GenerationState: Equatable {
    /// When each old generation was switched away from.
    var retired: [Path: Timestamp] = [:]

    static let fileName: Path = "state"
    private static let label = "strongroom/target-generations/v1"
    private static let byteLimit = 1 << 20

    /// The canonical bytes.
    var bytes: [UInt8] {
        var writer = CanonicalWriter()
        writer.text(GenerationState.label)
        writer.count(retired.count)
        for (name, time) in retired.sorted(by: { $0.key < $1.key }) {
            writer.lp(name.bytes)
            writer.uint64(UInt64(bitPattern: time.nanoseconds))
        }
        return writer.bytes
    }

    init() {}

    /// Reads the canonical bytes, and no others.
    init(_ bytes: [UInt8]) throws(EncodingError) {
        var reader = CanonicalReader(bytes, "state of generations")
        guard try reader.text() == GenerationState.label else {
            throw EncodingError(.badPrefix, "state of generations: another label")
        }
        var last: Path?
        for _ in 0..<(try reader.count(itemSize: 12)) {
            let name = Path(try reader.lp(limit: Path.nameLimit))
            guard name.isName, last.map({ $0 < name }) ?? true else {
                throw EncodingError(.nonCanonical, "state of generations: names out of order")
            }
            retired[name] = Timestamp(nanoseconds: Int64(bitPattern: try reader.uint64()))
            last = name
        }
        try reader.end()
    }

    /// Reads the file in `directory`; nil where there is none.
    static func read(in directory: borrowing Directory) throws(DeliveryError) -> GenerationState? {
        let bytes: [UInt8]
        do {
            bytes = try directory.read(fileName, limit: byteLimit)
        } catch  where error.code == .notFound {
            return nil
        } catch {
            throw DeliveryError(target: error)
        }
        do {
            return try GenerationState(bytes)
        } catch {
            throw DeliveryError(
                .targetNotOurs, "target: \(directory.path)/state is not Strongroom's", underlying: error)
        }
    }
}
