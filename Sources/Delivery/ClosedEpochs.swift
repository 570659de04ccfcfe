internal import Git
internal import Keyrings
internal import Sealing
internal import Sodium

/// Looks whether a file of a commit holds anything sealed to an epoch that is closed: what a past member can read.
struct ClosedEpochs {
    private let environment: String
    private let repository: RepositoryID
    private let numbers: [UInt64]
    private let marks: [(number: UInt64, text: [UInt8])]

    init(environment: String, repository: RepositoryID, numbers: [UInt64]) {
        self.environment = environment
        self.repository = repository
        self.numbers = numbers
        marks = numbers.map { ($0, Array("sealed.v1.\(environment)-\($0).".utf8)) }
    }

    /// The first closed epoch that something in the file is sealed to; nil where there is none. A token in another
    /// spelling is not seen here: where its epoch is refused, it doesn't open.
    func first(in entry: TreeWalkEntry, _ blobs: BlobReader) throws(DeliveryError) -> UInt64? {
        guard !numbers.isEmpty else { return nil }
        var found: UInt64?
        try blobs.withBlob(entry.id) { (bytes) throws(DeliveryError) in
            if SealedFile.isAgeFile(bytes) {
                let header = try? AgeHeader(parsing: bytes)
                found = header.flatMap { header in
                    try? SealedFile.epoch(
                        of: header, environment: environment, epochs: numbers, repository: repository,
                        path: blobs.fullPath(entry.path))
                }
            } else {
                found = marks.first { ClosedEpochs.holds(bytes, $0.text) }?.number
            }
        }
        return found
    }

    private static func holds(_ bytes: RawSpan, _ text: [UInt8]) -> Bool {
        guard bytes.byteCount >= text.count else { return false }
        for start in 0...(bytes.byteCount - text.count) where bytes[start] == text[0] {
            if text.indices.allSatisfy({ bytes[start + $0] == text[$0] }) { return true }
        }
        return false
    }
}
