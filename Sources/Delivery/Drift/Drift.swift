package import Files

/// One path at a target that is not as it was delivered. Holds no value: contents are told apart by keyed digests.
package struct Drift: Sendable, Hashable {
    /// What is different.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Another content, or something else in a file's place.
        case changed
        /// Not there.
        case missing
        /// There, and not delivered; only where the whole directory is Strongroom's.
        case foreign
        /// Mode or owner.
        case metadata
    }

    /// The target's directory, or a command's name.
    package let target: Path
    /// The path below it; `.` for the target itself.
    package let path: Path
    /// What is different.
    package let kind: Kind
    /// The digests of what should stand there and of what does, as `1f…→a0…`; empty where there are none. They
    /// compare between looks at the same delivery.
    package let evidence: String
}

extension Expectation {
    /// Everything at the targets that is not as it was delivered, in order of the targets and byte order of the paths.
    ///
    /// Reads; changes and locks nothing. `targets` are those that this covers: the commands among them are asked. A delivery in between is told as drift: callers hold the environment's lock.
    /// Throws `targetRefused`, `commandFailed` and `io` where a target can't be looked at.
    package func drift(at targets: [Target]) throws(DeliveryError) -> [Drift] {
        var found: [Drift] = []
        for command in handed {
            for case .command(let target) in targets where target.name == command.name {
                found += try CommandExchange.drift(target, self, command.files)
            }
        }
        for place in places {
            switch place.target.layout {
            case .generation: found += try generationDrift(place)
            case .files: found += try filesDrift(place)
            }
        }
        return found
    }

    private func generationDrift(_ place: Place) throws(DeliveryError) -> [Drift] {
        let target = place.target
        let parent: Directory
        do throws(FileError) {
            parent = try Directory(target.parent)
        } catch {
            guard error.code == .notFound else { throw DeliveryError(target: error) }
            return [whole(target, .missing)]
        }
        let current: Path?
        do throws(DeliveryError) {
            current = try GenerationTarget.currentGeneration(of: target, in: parent)
        } catch {
            guard error.code == .targetNotOurs else { throw error }
            return [whole(target, .changed)]
        }
        guard let current else { return [whole(target, .missing)] }
        do throws(FileError) {
            let path = target.generationsName.appending(current)
            guard try parent.metadataIfPresent(of: path)?.kind == .directory else {
                return [whole(target, .missing)]
            }
            let observed = try ObservedTree(
                comparing: place.files, with: parent.openDirectory(path), target, digest)
            return drifts(observed, place)
        } catch {
            throw DeliveryError(target: error)
        }
    }

    private func filesDrift(_ place: Place) throws(DeliveryError) -> [Drift] {
        let target = place.target
        do throws(FileError) {
            var observed = ObservedTree(empty: [ExpectedFile]())
            let root: Directory
            do throws(FileError) {
                root = try Directory(target.parent).openDirectory(target.name)
            } catch {
                guard error.code == .notFound else { throw error }
                return [whole(target, .missing)]
            }
            for file in place.files {
                guard let facts = try root.metadataIfPresent(of: file.path) else {
                    observed.add(.add, file.path)
                    continue
                }
                guard facts.kind == .regular else {
                    observed.add(.change, file.path)
                    continue
                }
                try observed.compare(file, root.openFile(file.path), facts, target, digest)
            }
            return drifts(observed, place)
        } catch {
            throw DeliveryError(target: error)
        }
    }

    private func whole(_ target: FilesTarget, _ kind: Drift.Kind) -> Drift {
        Drift(target: target.directory, path: ".", kind: kind, evidence: "")
    }

    private func drifts(_ observed: ObservedTree, _ place: Place) -> [Drift] {
        let wanted = Dictionary(
            place.files.map { ($0.path, $0.fingerprint) }, uniquingKeysWith: { first, _ in first })
        return observed.steps.map { step in
            let kind: Drift.Kind =
                switch step.action {
                case .add: .missing
                case .change: .changed
                case .metadata: .metadata
                case .remove: .foreign
                }
            var evidence = ""
            if let found = observed.foundInstead[step.path], let expected = wanted[step.path] {
                evidence = "\(expected.evidence)→\(found.evidence)"
            }
            return Drift(target: place.target.directory, path: step.path, kind: kind, evidence: evidence)
        }.sorted { ($0.path, $0.kind.rawValue) < ($1.path, $1.kind.rawValue) }
    }
}
