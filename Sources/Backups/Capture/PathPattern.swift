/// A pattern of paths below a source's root: `*` is any run of bytes in a name, a component `**` any number of names.
/// Case counts, names that begin with a dot are names like others, and what is below a matched directory is matched with it.
package struct PathPattern: Hashable, Sendable {
    /// What a walk has matched of a pattern: bit n is set where its first n components fit the names so far.
    typealias State = UInt64

    /// The pattern as it was written.
    package let text: String
    private let components: [[UInt8]]

    /// Components that a pattern may have.
    package static let componentLimit = 60

    /// The pattern `text`; nil for one that is empty, begins or ends with a slash, holds an empty component, `.` or `..`,
    /// or has more than `componentLimit` components.
    package init?(_ text: String) {
        var components = Array(text.utf8).split(separator: 0x2F, omittingEmptySubsequences: false).map(
            Array.init)
        guard components.count <= PathPattern.componentLimit,
            components.allSatisfy({ !$0.isEmpty && $0 != [0x2E] && $0 != [0x2E, 0x2E] && !$0.contains(0) })
        else { return nil }
        // At the end it needs a name, and what is below that comes with it.
        if components.last == [0x2A, 0x2A] { components[components.count - 1] = [0x2A] }
        self.text = text
        self.components = components
    }

    /// Nothing is matched yet: the root.
    var start: State { closed(1) }

    /// The state one name further down.
    func step(_ state: State, _ name: [UInt8]) -> State {
        var next: State = 0
        for (index, component) in components.enumerated() where state & (1 << index) != 0 {
            if component == [0x2A, 0x2A] {
                next |= 1 << index
            } else if PathPattern.fits(component, name) {
                next |= 1 << (index + 1)
            }
        }
        return closed(next)
    }

    /// Whether the names so far are matched.
    func isMatch(_ state: State) -> Bool { state & (1 << components.count) != 0 }

    /// Whether something further down may be matched.
    func mayMatchBelow(_ state: State) -> Bool { state & ((1 << components.count) - 1) != 0 }

    /// A component `**` may stand for no name at all.
    private func closed(_ state: State) -> State {
        var state = state
        for (index, component) in components.enumerated()
        where component == [0x2A, 0x2A] && state & (1 << index) != 0 {
            state |= 1 << (index + 1)
        }
        return state
    }

    /// Whether `name` is what `component` describes: the last star takes what is left over, in linear steps back.
    private static func fits(_ component: [UInt8], _ name: [UInt8]) -> Bool {
        var (at, from) = (0, 0)
        var star: (at: Int, from: Int)?
        while from < name.count {
            if at < component.count, component[at] == 0x2A {
                star = (at, from)
                at += 1
            } else if at < component.count, component[at] == name[from] {
                at += 1
                from += 1
            } else if let last = star {
                star = (last.at, last.from + 1)
                (at, from) = (last.at + 1, last.from + 1)
            } else {
                return false
            }
        }
        return component[at...].allSatisfy { $0 == 0x2A }
    }
}

/// What of a directory goes into its snapshots.
package struct DirectorySelection: Hashable, Sendable {
    /// Only what these match, with all that is below it and the directories above; everything where there is none.
    package var include: [PathPattern] = []
    /// Without what these match, and all that is below it; they go before `include`.
    package var exclude: [PathPattern] = []
    /// Whether directories on other file systems than the root's stay empty: mount points are kept, not entered.
    package var staysOnFileSystem = false

    /// Everything.
    package init() {}
}
