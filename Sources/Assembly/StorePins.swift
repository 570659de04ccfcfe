package import Archives
internal import Encodings
package import Files
internal import Glibc
internal import Sodium
package import Trust

/// What was seen of archive stores before, one file a location: another store in its place, or an older state of the
/// same one, is noticed (CASES D10). What is seen of a directory is kept under its path as it is written and under its real one,
/// links and `..` followed: no spelling is new to a store that was seen, and no link that leads elsewhere one day.
///
/// On disk: `store@<H of the location>.pin`, mode 0600, replaced atomically.
package struct StorePins: Sendable {
    let directory: Path
    /// Where this machine keeps of stores what can be lost: the index, and what checks have read.
    package var memory: Path { directory.parent.appending("stores") }
    private static let domain = "strongroom/store-pin/v1"
    private static let byteLimit = 1 << 20

    /// The pins in `directory`. Nothing is made before the first pin.
    package init(directory: Path) {
        self.directory = directory
    }

    /// What is known of the store at `location`. Throws where a pin is there but can't be read.
    package func trust(for location: String) throws -> StoreTrust {
        var trust = StoreTrust()
        for name in StorePins.names(of: location) {
            let pin = try pin(for: name)
            guard let root = pin.root else { continue }
            // As it is written counts first.
            guard trust.root == nil || trust.root == root else { continue }
            trust.root = root
            trust.generation = max(trust.generation, pin.generation)
            trust.agents.merge(pin.agents) { max($0, $1) }
        }
        return trust
    }

    /// What is known of the store at `location`, whose root is to be `root` where one is given: of another store there,
    /// nothing but that.
    package func trust(for location: String, root: Fingerprint?) throws -> StoreTrust {
        let trust = try trust(for: location)
        guard let root, trust.root != root else { return trust }
        return StoreTrust(root: root)
    }

    private func pin(for location: String) throws -> StoreTrust {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try Directory(directory).read(StorePins.name(location), limit: StorePins.byteLimit)
        } catch {
            guard error.code != .notFound else { return StoreTrust() }
            throw error
        }
        var reader = CanonicalReader(bytes, "store pin")
        guard try reader.text() == StorePins.domain, try reader.text() == location else {
            throw EncodingError(.badPrefix, "store pin: of something else")
        }
        let root = try Fingerprint(text: try reader.text())
        let generation = try reader.uint64()
        var agents: [[UInt8]: UInt64] = [:]
        for _ in 0..<(try reader.count(itemSize: 12)) {
            agents[try reader.lp(limit: 32)] = try reader.uint64()
        }
        try reader.end()
        return StoreTrust(root: root, generation: generation, agents: agents)
    }

    /// Records what is known of the store at `location` now. Throws where the pin can't be written.
    package func record(_ trust: StoreTrust, for location: String) throws {
        for name in StorePins.names(of: location) { try pin(trust, for: name) }
    }

    private func pin(_ trust: StoreTrust, for location: String) throws {
        guard let root = trust.root else { return }
        var writer = CanonicalWriter()
        writer.text(StorePins.domain)
        writer.text(location)
        writer.text(root.description)
        writer.uint64(trust.generation)
        let agents = trust.agents.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        writer.count(agents.count)
        for (agent, generation) in agents {
            writer.lp(agent)
            writer.uint64(generation)
        }
        let folder = try Directory.makePath(directory)
        // What a killed run left.
        _ = try? folder.removeStaleTemporaries()
        try writer.bytes.withBytes { try folder.write($0, to: StorePins.name(location)) }
    }

    /// The location as it is written, and where it is a directory's path that is written otherwise, its real one.
    static func names(of location: String) -> [String] {
        guard location.hasPrefix("/") else { return [location] }
        var above = location.split(separator: "/")
        var below: [Substring] = []
        while !above.isEmpty {
            // What isn't there yet has no links.
            if let real = unsafe realpath("/" + above.joined(separator: "/"), nil) {
                defer { unsafe free(real) }
                guard let text = unsafe String(validatingCString: real) else { break }
                let whole = "/" + (text.split(separator: "/") + below).joined(separator: "/")
                return whole == location ? [location] : [location, whole]
            }
            below.insert(above.removeLast(), at: 0)
        }
        return [location]
    }

    /// Whether one of two places lies in the other, or both are one, however they are written.
    package static func isNested(_ one: String, _ other: String) -> Bool {
        guard let one = names(of: one).last, let other = names(of: other).last else { return false }
        return (one + "/").hasPrefix(other + "/") || (other + "/").hasPrefix(one + "/")
    }

    /// The file for a location, of what it holds.
    static func name(_ location: String, _ what: String = "pin") -> Path {
        Path("store@\(Hex.encode(BLAKE2b.hash(Array(location.utf8)).prefix(16))).\(what)")
    }
}
