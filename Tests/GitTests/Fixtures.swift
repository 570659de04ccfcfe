import Support

@testable import Git

/// What the `git` binary says of ref names.
enum ScratchRefs {
    /// Whether `git check-ref-format` accepts `name`.
    static func accepts(_ name: String) -> Bool {
        ScratchRepository.git(["check-ref-format", name]).status == 0
    }
}

extension String {
    /// The id that this text is in hex; traps where it is none.
    var id: ObjectID {
        guard let id = try? ObjectID(hex: self) else { preconditionFailure("not an id: \(self)") }
        return id
    }

    /// The ref that this text names; traps where it is none.
    var ref: ReferenceName {
        guard let name = try? ReferenceName(self) else { preconditionFailure("not a ref: \(self)") }
        return name
    }
}
