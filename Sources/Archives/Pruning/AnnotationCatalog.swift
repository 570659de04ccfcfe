import Storage

/// The annotations of a store that hold.
package struct AnnotationCatalog: Sendable {
    /// An annotation that holds.
    package struct Record: Sendable {
        /// Its object's name.
        package let name: AnnotationName
        /// What it says.
        package let annotation: Annotation
        /// The name of the agent that said so.
        package let agent: String
    }

    /// By time, then name. Withdrawals, and what they withdrew, are left out.
    package private(set) var records: [Record] = []
    /// Objects in the place of annotations that aren't sound.
    package private(set) var failures: [SnapshotCatalog.Failure] = []
    /// Every sound annotation, withdrawals included, with the snapshot that it is about.
    private(set) var all: [AnnotationName: SnapshotID] = [:]
    /// The makers' public keys of these.
    private(set) var makers: [AnnotationName: [UInt8]] = [:]

    /// Reads all annotations. A withdrawal holds for its maker's own annotations, and for all where the maker may prune
    /// by the newest config. Nothing but a storage that fails throws.
    static func load(with keys: OpenedWrite) async throws(ArchiveError) -> AnnotationCatalog {
        var catalog = AnnotationCatalog()
        var found: [Record] = []
        for entry in try await ObjectPlace.annotations.list(in: keys.store.objects) {
            do throws(ArchiveError) {
                guard let name = AnnotationName(entry.name.lastComponent), entry.name.components.count == 2
                else { throw ArchiveError.damaged("\(entry.name): not the name of an annotation") }
                let bytes = try await keys.store.objects.fetch(
                    entry.name, limit: ObjectPlace.annotationByteLimit)
                let (annotation, maker) = try Annotation.open(bytes, name, with: keys)
                catalog.makers[name] = maker.publicKey
                catalog.all[name] = annotation.snapshot
                found.append(Record(name: name, annotation: annotation, agent: maker.name))
            } catch {
                guard error.code != .storage else { throw error }
                // Removed meanwhile, with the snapshot that it was about.
                if error.code == .absent { continue }
                catalog.failures.append(.init(name: entry.name.text, error: error))
            }
        }
        var withdrawn: Set<AnnotationName> = []
        for record in found {
            guard case .withdrawal(let names) = record.annotation.remark,
                let maker = catalog.makers[record.name]
            else {
                continue
            }
            let mayAll = keys.store.config.agent(maker)?.powers.contains(.prune) ?? false
            for name in names
            where catalog.all[name] == record.annotation.snapshot
                && (mayAll || catalog.makers[name] == maker)
            {
                withdrawn.insert(name)
            }
        }
        catalog.records = found.filter { record in
            if case .withdrawal = record.annotation.remark { return false }
            return !withdrawn.contains(record.name)
        }
        .sorted {
            ($0.annotation.time, $0.name) < ($1.annotation.time, $1.name)
        }
        return catalog
    }

    /// The annotations of a snapshot that hold.
    package func records(of snapshot: SnapshotID) -> [Record] {
        records.filter { $0.annotation.snapshot == snapshot }
    }

    /// Snapshots that are pinned.
    package var pinned: Set<SnapshotID> {
        Set(
            records.compactMap { record in
                if case .pin = record.annotation.remark { record.annotation.snapshot } else { nil }
            })
    }

    /// The tags of the snapshots that have any.
    package var tags: [SnapshotID: Set<String>] {
        records.reduce(into: [:]) { tags, record in
            guard case .tag(let tag) = record.annotation.remark else { return }
            tags[record.annotation.snapshot, default: []].insert(tag)
        }
    }

    /// What retention goes by.
    var retentionMarks: RetentionRules.Marks {
        var marks = RetentionRules.Marks()
        marks.pinned = pinned
        marks.passedDrills = passedDrills
        marks.tags = tags
        return marks
    }

    /// Snapshots whose newest drill passed.
    package var passedDrills: Set<SnapshotID> {
        var passed: Set<SnapshotID> = []
        for record in records {
            guard case .drill(let isPassed, _) = record.annotation.remark else { continue }
            if isPassed {
                passed.insert(record.annotation.snapshot)
            } else {
                passed.remove(record.annotation.snapshot)
            }
        }
        return passed
    }
}
