/// A glob over components: `*` matches within a component, `**` any number of components; the rest is literal.
///
/// Case-sensitive, anchored at both ends; names that begin with a dot are like any other (FORMATS: rules).
package struct Glob: Hashable, Sendable {
    private let components: [[UInt8]]

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
                } else if Glob.component(component, matches: name) {
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

    /// Whether `name` matches `pattern`, in which `*` stands for any run of bytes.
    private static func component(_ pattern: [UInt8], matches name: [UInt8]) -> Bool {
        var p = 0
        var n = 0
        var star: (pattern: Int, name: Int)?
        while n < name.count {
            if p < pattern.count, pattern[p] == 0x2A {
                star = (p, n)
                p += 1
            } else if p < pattern.count, pattern[p] == name[n] {
                p += 1
                n += 1
            } else if let last = star {
                star = (last.pattern, last.name + 1)
                p = last.pattern + 1
                n = last.name + 1
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == 0x2A }
    }
}
