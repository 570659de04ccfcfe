internal import Encodings
internal import Files

/// What Strongroom wrote into a directory of layout `files`, and alone may change or remove. On disk, in
/// `.strongroom/manifest` of that directory (0600), canonical: `strongroom/target-files/v1`, then the paths of
/// the files and those of the directories that were made for them, each a list in byte order.
struct FilesManifest: Equatable {
    /// Paths of files below the target.
    var files: Set<Path> = []
    /// Paths of directories below the target.
    var directories: Set<Path> = []

    static let fileName: Path = "manifest"
    private static let label = "strongroom/target-files/v1"
    private static let byteLimit = 64 << 20

    init(files: Set<Path> = [], directories: Set<Path> = []) {
        self.files = files
        self.directories = directories
    }

    /// The canonical bytes.
    var bytes: [UInt8] {
        var writer = CanonicalWriter()
        writer.text(FilesManifest.label)
        for list in [files, directories] {
            writer.count(list.count)
            for path in list.sorted() { writer.lp(path.bytes) }
        }
        return writer.bytes
    }

    /// Reads the canonical bytes, and no others.
    init(_ bytes: [UInt8]) throws(EncodingError) {
        var reader = CanonicalReader(bytes, "manifest of a target")
        guard try reader.text() == FilesManifest.label else {
            throw EncodingError(.badPrefix, "manifest of a target: another label")
        }
        files = try FilesManifest.paths(&reader)
        directories = try FilesManifest.paths(&reader)
        try reader.end()
    }

    private static func paths(_ reader: inout CanonicalReader) throws(EncodingError) -> Set<Path> {
        var paths: Set<Path> = []
        var last: Path?
        for _ in 0..<(try reader.count(itemSize: 5)) {
            let path = Path(try reader.lp(limit: 1 << 16))
            let names = path.components
            guard !names.isEmpty, names.allSatisfy(\.isName), last.map({ $0 < path }) ?? true,
                Path(Array(names.map(\.bytes).joined(separator: [0x2F]))) == path
            else { throw EncodingError(.nonCanonical, "manifest of a target: paths out of order or form") }
            paths.insert(path)
            last = path
        }
        return paths
    }

    /// Reads the file in `directory`; an empty manifest where there is none.
    static func read(in directory: borrowing Directory) throws(DeliveryError) -> FilesManifest {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try directory.read(fileName, limit: byteLimit)
        } catch {
            guard error.code == .notFound else { throw DeliveryError(target: error) }
            return FilesManifest()
        }
        do {
            return try FilesManifest(bytes)
        } catch {
            throw DeliveryError(
                .targetNotOurs, "target: \(directory.path)/\(fileName) is not Strongroom's", underlying: error
            )
        }
    }
}
