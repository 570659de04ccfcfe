package import Documents
internal import Sodium

/// Merges two versions of a document that grew out of one: entry by entry, each by its key path, whatever lines they
/// stand on. Needs no key: a sealed value is compared by its token, and two that differ are two changes.
///
/// Nothing is taken on trust: the result is read again, and has to hold at each key path what the three versions
/// say it should, with every conflict given to the one side and then to the other.
package struct DocumentMerge {
    /// The merged text, with markers around the lines of what both sides changed.
    package let bytes: [UInt8]
    /// The key paths that both sides changed, as people write them; empty where the merge is clean.
    package let conflicts: [String]

    /// Merges `ours` and `theirs`, which both grew out of `base` (empty where both are new).
    ///
    /// Throws `malformed` and `limitExceeded` where a version is no document of `format`, `notSupported` where the
    /// changes can't be told apart by key path: both sides moved entries, or put elements into a list without names.
    package init(
        base: [UInt8], ours: [UInt8], theirs: [UInt8], format: DocumentFormat, path: [UInt8],
        markerSize: Int = 7
    ) throws(SealingError) {
        do throws(DocumentError) {
            let hasEnd = [base, ours, theirs].map { $0.last == 0x0A }
            let mergedEnd = hasEnd[1] == hasEnd[0] ? hasEnd[2] : hasEnd[1]
            var merger = EntryMerger(
                base: base.isEmpty ? nil : try DocumentMerge.outline(base, format),
                ours: try DocumentMerge.outline(ours, format),
                theirs: try DocumentMerge.outline(theirs, format))
            try merger.run()
            let expected = try merger.expectations()
            for (side, isOurs) in [(expected.ours, true), (expected.theirs, false)] {
                let text = merger.text.resolved(forOurs: isOurs)
                guard try DocumentMerge.outline(text, format).leaves == side else {
                    throw DocumentError(.unsupported, context: "changes that can't be told apart by key path")
                }
                if !merger.text.hasConflicts { break }
            }
            var merged = merger.text.marked(markerSize: markerSize)
            if !mergedEnd, !merger.text.hasConflicts {
                if merged.last == 0x0A { merged.removeLast() }
                if merged.last == 0x0D { merged.removeLast() }
            }
            bytes = merged
            conflicts = merger.conflicts.map(DocumentMerge.text)
        } catch {
            let code = SealingError.code(of: error)
            throw SealingError(
                code == .unsuitableValue ? .notSupported : code, "\(SealingError.text(path)): \(error)",
                underlying: error)
        }
    }

    /// Cuts a version up. Its last line gets an end where it has none: something may come behind it.
    private static func outline(
        _ bytes: [UInt8], _ format: DocumentFormat
    ) throws(DocumentError) -> DocumentOutline {
        var text = bytes
        if let last = text.last, last != 0x0A {
            let isWindows = text.firstIndex(of: 0x0A).map { $0 > 0 && text[$0 - 1] == 0x0D } ?? false
            text += isWindows ? [0x0D, 0x0A] : [0x0A]
        }
        return try DocumentOutline(
            TextDocument(text, format: format, isSealed: SealedToken.isMarked))
    }

    private static func text(_ path: [DocumentOutline.Identity]) -> String {
        var document = ""
        var components: [SlotPath.Component] = []
        for identity in path {
            switch identity {
            case .object(let object): document = SealingError.text(object.kind + [0x2F] + object.name) + ": "
            case .document: continue
            case .component(let component): components.append(component)
            case .path(let path): components += path.components
            }
        }
        return components.isEmpty ? document + "the document" : document + SlotPath(components).text
    }
}

extension DocumentOutline {
    /// What stands at a key path, as it is written.
    struct Leaf: Hashable {
        /// Anchor and tag.
        let properties: [UInt8]
        /// The source of a scalar, alias or brackets; of a collection its kind, where it is empty or has properties.
        let text: ArraySlice<UInt8>
    }

    /// Every scalar by its key path; collections where they are empty or have properties of their own.
    var leaves: [[Identity]: Leaf] {
        var result: [[Identity]: Leaf] = [:]
        func visit(_ entries: [Entry], _ path: [Identity]) {
            for entry in entries {
                let place = path + [entry.identity]
                switch entry.content {
                case .leaf(let range):
                    result[place] = Leaf(properties: entry.properties, text: bytes[range])
                case .collection(let collection):
                    if collection.entries.isEmpty || !entry.properties.isEmpty {
                        let kind = collection.kind == .mapping ? "mapping" : "sequence"
                        let isEmpty = collection.entries.isEmpty
                        result[place] = Leaf(
                            properties: entry.properties,
                            text: Array(((isEmpty ? "empty " : "") + kind).utf8)[...])
                    }
                    visit(collection.entries, place)
                }
            }
        }
        visit(stream.entries, [])
        return result
    }
}
