internal import Encodings
package import Files
internal import Sodium

/// The chains that this user has seen, one file a (repository id, environment), with every header.
///
/// A chain that was never seen is pinned at first sight; later ones are compared with the pin, so that neither
/// another root nor an older or a forked chain can be slipped in (Keyrings/FORMAT.md §1.3).
///
/// On disk: `<environment>@<repository>.pin`, mode 0600, in a directory that is made with 0700 where it is
/// missing; replaced atomically.
package struct Pins: Sendable {
    /// What a verified chain is to the pin.
    package enum Outcome: Hashable, Sendable {
        /// There was no pin (or, with a fingerprint given, one of another root): the chain is the pin now.
        case pinnedNow(Fingerprint)
        /// The very chain that is pinned.
        case same
        /// The pinned chain with newer generations; the pin follows.
        case advanced
        /// The pinned chain without its newest generations: good for opening, never for sealing. The pin stays.
        case olderThanPin
        /// Parts from the pinned chain after a common root: refused until it is trusted by hand. The pin stays.
        case sibling
        /// Another root than the pinned or the given one: refused. The pin stays.
        case rootMismatch

        /// Whether secrets may be sealed to what the chain names.
        package var allowsSealing: Bool {
            switch self {
            case .pinnedNow, .same, .advanced: true
            case .olderThanPin, .sibling, .rootMismatch: false
            }
        }

        /// Whether what is sealed may be opened by what the chain names.
        package var allowsOpening: Bool { allowsSealing || self == .olderThanPin }
    }

    /// An outcome and what became of the pin.
    package struct Verdict: Sendable {
        /// What the chain is to the pin.
        package let outcome: Outcome
        /// Why the pin could not be written, where it should have been: to be said, not to fail for.
        package let notWritten: FileError?
    }

    private let directory: Path

    /// The longest pin that is read.
    private static let byteLimit = 1 << 26
    private static let domain = "strongroom/pin/v1"

    /// The pins of `directory` (`$XDG_STATE_HOME/strongroom/pins`). Nothing is made before the first pin.
    package init(directory: Path) {
        self.directory = directory
    }

    /// Compares a verified `chain` with its pin and writes the pin where it is new or advanced.
    ///
    /// With `trusting`, the fingerprint decides about the root alone, and a pin of another root gives way to it;
    /// generations are still compared with a pin of the same root. Throws `badPin` where a pin is there but
    /// can't be read or is damaged (it fails closed), or where a name can't be that of a file.
    package func check(
        _ chain: GenerationChain, repository: String, trusting root: Fingerprint? = nil
    ) throws(TrustError) -> Verdict {
        if let root, root != chain.root { return Verdict(outcome: .rootMismatch, notWritten: nil) }
        let name = try Pins.name(chain, repository)
        let outcome = Pins.compare(
            try read(name, repository: repository, environment: chain.newest.subject), chain,
            isRootGiven: root != nil)
        switch outcome {
        case .pinnedNow, .advanced:
            return Verdict(outcome: outcome, notWritten: write(chain, name, repository: repository))
        case .same, .olderThanPin, .sibling, .rootMismatch:
            return Verdict(outcome: outcome, notWritten: nil)
        }
    }

    /// What a verified `chain` is to its pin, of which nothing is written; nil where there is none yet. Throws `badPin`.
    package func look(at chain: GenerationChain, repository: String) throws(TrustError) -> Outcome? {
        let name = try Pins.name(chain, repository)
        guard let pinned = try read(name, repository: repository, environment: chain.newest.subject) else {
            return nil
        }
        return Pins.compare(pinned, chain, isRootGiven: false)
    }

    /// Makes `chain` the pin, whatever was pinned before: the user's explicit word (`keys trust`).
    ///
    /// Returns why the pin could not be written, if so. Throws `badPin` for a name that can't be that of a file.
    package func trust(_ chain: GenerationChain, repository: String) throws(TrustError) -> FileError? {
        write(chain, try Pins.name(chain, repository), repository: repository)
    }

    private static func compare(
        _ pinned: [[UInt8]]?, _ chain: GenerationChain, isRootGiven: Bool
    ) -> Outcome {
        let headers = chain.headers
        guard let pinned else { return .pinnedNow(chain.root) }
        guard pinned.first == headers.first else {
            return isRootGiven ? .pinnedNow(chain.root) : .rootMismatch
        }
        guard pinned != headers else { return .same }
        if headers.starts(with: pinned) { return .advanced }
        return pinned.starts(with: headers) ? .olderThanPin : .sibling
    }

    /// The headers of a pin, nil where there is none.
    private func read(
        _ name: Path, repository: String, environment: String
    ) throws(TrustError) -> [[UInt8]]? {
        let bytes: [UInt8]
        do throws(FileError) {
            guard let holder = try openIfPossible() else { return nil }
            bytes = try holder.read(name, limit: Pins.byteLimit)
        } catch {
            guard error.code != .notFound else { return nil }
            throw TrustError(.badPin, "pin \(name): can't be read", underlying: error)
        }
        do throws(EncodingError) {
            var reader = CanonicalReader(bytes, "pin")
            let fields = [try reader.text(limit: 64), try reader.text(), try reader.text()]
            var headers: [[UInt8]] = []
            for _ in 0..<(try reader.count(itemSize: 4)) {
                headers.append(try reader.lp(limit: GenerationHeader.byteLimit))
            }
            try reader.end()
            guard fields == [Pins.domain, repository, environment], !headers.isEmpty else {
                throw EncodingError(.badPrefix, "pin: of something else")
            }
            return headers
        } catch {
            throw TrustError(.badPin, "pin \(name): damaged", underlying: error)
        }
    }

    /// The directory; nil where it is missing or this user has no way to it, as in a service without a home:
    /// writing the pin then says why.
    private func openIfPossible() throws(FileError) -> Directory? {
        do {
            return try Directory(directory)
        } catch  where [.notFound, .notDirectory, .permission].contains(error.code) {
            return nil
        }
    }

    private func write(_ chain: GenerationChain, _ name: Path, repository: String) -> FileError? {
        var writer = CanonicalWriter()
        writer.text(Pins.domain)
        writer.text(repository)
        writer.text(chain.newest.subject)
        let headers = chain.headers
        writer.count(headers.count)
        for header in headers { writer.lp(header) }
        do throws(FileError) {
            let holder = try Directory.makePath(directory)
            // What a killed run left.
            _ = try? holder.removeStaleTemporaries()
            try writer.bytes.withBytes { (bytes) throws(FileError) in try holder.write(bytes, to: name) }
            return nil
        } catch {
            return error
        }
    }

    /// The file's name. Both parts are plain words of our own formats; anything else never becomes a path.
    private static func name(_ chain: GenerationChain, _ repository: String) throws(TrustError) -> Path {
        func isPlain(_ text: String) -> Bool {
            (1...100).contains(text.utf8.count)
                && text.utf8.allSatisfy {
                    (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D
                }
        }
        guard isPlain(repository), isPlain(chain.newest.subject) else {
            throw TrustError(.badPin, "pin: repository id or environment is no plain word")
        }
        return Path("\(chain.newest.subject)@\(repository).pin")
    }
}
