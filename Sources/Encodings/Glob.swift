/// A glob over components: `*` matches within a component, `**` any number of components; the rest is literal.
///
/// Case-sensitive, anchored at both ends; names that begin with a dot are like any other (FORMATS: rules).
package struct Glob: Hashable, Sendable {
    /// The pattern's components; `**` stands alone in one.
    package let components: [[UInt8]]

    /// A glob of the components of `pattern`, cut at `separator`. Throws `invalidCharacter` for an empty
    /// pattern or component and for `**` beside other characters in a component.
    package init(_ pattern: some Collection<UInt8>, separator: UInt8 = 0x2F) throws(EncodingError) {
        components = pattern.split(separator: separator, omittingEmptySubsequences: false).map { Array($0) }
        for component in components {
            guard !component.isEmpty else { throw EncodingError(.invalidCharacter, "glob: empty component") }
            guard component == Glob.deep || !Glob.hasDoubleStar(component) else {
                throw EncodingError(.invalidCharacter, "glob: ** must stand alone between separators")
            }
        }
    }

    /// Whether the whole of `path` (its components) matches.
    package func matches(_ path: [[UInt8]]) -> Bool {
        // One row of a table: reachable[j] says that the first j pattern components match the path read so far.
        var reachable = [Bool](repeating: false, count: components.count + 1)
        reachable[0] = true
        skipDeep(&reachable)
        for name in path {
            var next = [Bool](repeating: false, count: components.count + 1)
            for (index, component) in components.enumerated() where reachable[index] {
                if component == Glob.deep {
                    next[index] = true
                } else if Wildcard.matches(component, name) {
                    next[index + 1] = true
                }
            }
            reachable = next
            skipDeep(&reachable)
        }
        return reachable[components.count]
    }

    /// `**` also matches nothing.
    private func skipDeep(_ reachable: inout [Bool]) {
        for (index, component) in components.enumerated() where reachable[index] && component == Glob.deep {
            reachable[index + 1] = true
        }
    }

    private static let deep = Array("**".utf8)

    private static func hasDoubleStar(_ component: [UInt8]) -> Bool {
        zip(component, component.dropFirst()).contains { $0 == 0x2A && $1 == 0x2A }
    }
}
