package import Archives
internal import Encodings
internal import Git

/// A repository of a snapshot: its facts, and its bundles in the order of their application.
package struct RepositoryChain: Sendable {
    /// What the snapshot knows of the repository.
    package let facts: RepositoryFacts
    private let root: NodeID
    private let reader: StoreReader

    private static let factsByteLimit = 1 << 30

    /// Opens the repository that `source` is. Throws `unknownSource` where it is none or nothing was captured, `store`, `git` for
    /// SHA-256 objects.
    package init(_ source: SnapshotSource, _ reader: StoreReader) async throws(BackupError) {
        guard source.kind == .repository, let root = source.root else {
            throw BackupError(.unknownSource, "\(source.name) is no repository that was captured")
        }
        do {
            try await self.init(root, reader)
        } catch {
            throw BackupError.wrapping(error)
        }
    }

    /// The repository whose tree is at `root`. Throws `ArchiveError`, `GitError`.
    init(_ root: NodeID, _ reader: StoreReader) async throws {
        guard let content = try await reader.entry(at: Array("facts".utf8), of: root)?.content else {
            throw ArchiveError(.damaged, "repository: without its facts")
        }
        facts = try RepositoryFacts(
            decoding: try await reader.bytes(of: content, limit: RepositoryChain.factsByteLimit))
        guard facts.objectFormat == .sha1 else {
            throw GitError(.unsupportedRepository, "a repository of SHA-256 objects")
        }
        self.root = root
        self.reader = reader
    }

    /// The commits of the repository whose ids begin with `digits`, lower-case hexadecimal, sorted: those that a checkout can
    /// be made of (`RepositoryCheckout`). Reads the indexes alone, not the bundles. Throws `malformedSelection`, `store`.
    package func commits(beginningWith digits: String) async throws(BackupError) -> [[UInt8]] {
        // Of an odd digit the last half byte is compared afterwards.
        let even = String(decoding: digits.utf8.prefix(digits.utf8.count / 2 * 2), as: UTF8.self)
        guard !digits.isEmpty, digits.utf8.count <= 2 * ObjectID.byteCount,
            let prefix = try? Hex.decode(even),
            digits.utf8.count % 2 == 0 || (try? Hex.decode("0" + digits.suffix(1))) != nil
        else { throw BackupError(.malformedSelection, "a commit is named by its hexadecimal digits") }
        do {
            var found: Set<[UInt8]> = []
            for number in 0..<facts.incrementCount {
                let commits = try await increment(number).commits(beginningWith: prefix)
                found.formUnion(commits.filter { Hex.encode($0).hasPrefix(digits) })
            }
            return found.sorted { $0.lexicographicallyPrecedes($1) }
        } catch {
            throw BackupError.wrapping(error)
        }
    }

    /// The number of the increment that brings `commit`; nil where none does.
    func position(of commit: [UInt8]) async throws -> Int? {
        for number in 0..<facts.incrementCount {
            guard try await increment(number).commits(beginningWith: commit).isEmpty else { return number }
        }
        return nil
    }

    /// What is known of an increment.
    private func increment(_ number: Int) async throws -> RepositoryIncrement {
        let path = RepositoryIncrement.indexPath(number)
        return try await named(path) {
            guard let content = try await reader.entry(at: path, of: root)?.content else {
                throw ArchiveError(.damaged, "missing")
            }
            return try RepositoryIncrement(
                decoding: try await reader.bytes(of: content, limit: RepositoryChain.factsByteLimit))
        }
    }

    /// Takes the bundles before `end`, or all, into `repository`, which is new. Returns their bytes.
    ///
    /// Throws `ArchiveError` and `GitError` that say which bundle is damaged.
    func apply(to repository: Repository, before end: Int? = nil) async throws -> UInt64 {
        var byteCount: UInt64 = 0
        for number in 0..<min(end ?? facts.incrementCount, facts.incrementCount) {
            try Task.checkCancellation()
            let increment = try await increment(number)
            byteCount += try await named(RepositoryIncrement.bundlePath(number)) {
                try await apply(increment, number, to: repository)
            }
        }
        return byteCount
    }

    private func apply(
        _ increment: RepositoryIncrement, _ number: Int, to repository: Repository
    ) async throws -> UInt64 {
        let path = RepositoryIncrement.bundlePath(number)
        guard let content = try await reader.entry(at: path, of: root)?.content else {
            throw ArchiveError(.damaged, "missing")
        }
        guard content.byteCount == increment.byteCount else {
            throw GitError(.malformedBundle, "another length than its index says")
        }
        var receiver = try BundleReceiver(into: repository)
        do throws(ArchiveError) {
            try await reader.read(content) { bytes in
                try receiver.append(bytes)
            } hole: { _ in
                throw GitError(.malformedBundle, "a bundle with holes")
            }
        } catch {
            throw error.underlying as? GitError ?? error
        }
        let header = try receiver.finish()
        guard
            header.prerequisites.map(\.bytes).sorted(by: { $0.lexicographicallyPrecedes($1) })
                == increment.prerequisites
        else { throw GitError(.malformedBundle, "other prerequisites than its index says") }
        return content.byteCount
    }

    /// Runs `body`, and says in its errors which entry is concerned.
    private func named<Result>(_ path: [UInt8], _ body: () async throws -> Result) async throws -> Result {
        let name = String(decoding: path, as: UTF8.self)
        do {
            return try await body()
        } catch let error as GitError {
            throw GitError(error.code, "\(name): \(error.context)", underlying: error.underlying)
        } catch let error as ArchiveError {
            throw ArchiveError(error.code, "\(name): \(error.context)", underlying: error.underlying)
        }
    }
}
