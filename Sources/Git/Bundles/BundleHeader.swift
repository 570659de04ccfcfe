/// What stands before the pack of a Git bundle, version 2 (gitformat-bundle(5)).
package struct BundleHeader: Equatable, Sendable {
    /// The commits that the receiver must have.
    package let prerequisites: [ObjectID]
    /// The refs that the bundle brings.
    package let references: [References.Entry]
    /// The object of HEAD, which plain `git clone` looks for; nil where none is given.
    package let head: ObjectID?

    /// Puts a header together.
    package init(prerequisites: [ObjectID], references: [References.Entry], head: ObjectID?) {
        self.prerequisites = prerequisites
        self.references = references
        self.head = head
    }

    /// The objects that the refs and HEAD name.
    var roots: [ObjectID] { references.map(\.target) + (head.map { [$0] } ?? []) }

    /// The bytes, up to and with the empty line.
    package var encoded: [UInt8] {
        var bytes = Array("# v2 git bundle\n".utf8)
        for id in prerequisites { bytes += Array("-\(id.hex) \n".utf8) }
        if let head { bytes += Array("\(head.hex) HEAD\n".utf8) }
        for entry in references { bytes += Array("\(entry.target.hex) ".utf8) + entry.name.bytes + [0x0A] }
        bytes.append(0x0A)
        return bytes
    }

    /// Parses the bytes up to and with the empty line. Prerequisites stand first, no line stands twice.
    ///
    /// Throws `malformedBundle`; for version 3 and SHA-256, `unsupportedRepository`.
    package init(_ bytes: [UInt8]) throws(GitError) {
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        guard let first = lines.first, first.elementsEqual("# v2 git bundle".utf8) else {
            guard lines.first.map({ $0.elementsEqual("# v3 git bundle".utf8) }) == true else {
                throw GitError(.malformedBundle, "not a Git bundle")
            }
            throw GitError(.unsupportedRepository, "a Git bundle of version 3")
        }
        guard lines.count >= 3, lines[lines.count - 1].isEmpty, lines[lines.count - 2].isEmpty else {
            throw GitError(.malformedBundle, "a header that does not end")
        }
        var prerequisites: [ObjectID] = []
        var references: [References.Entry] = []
        var head: ObjectID?
        for line in lines[1..<(lines.count - 2)] {
            if line.first == 0x2D {
                guard references.isEmpty, head == nil else {
                    throw GitError(.malformedBundle, "a prerequisite after a ref")
                }
                prerequisites.append(try BundleHeader.prerequisite(line.dropFirst()))
                continue
            }
            let (id, name) = try BundleHeader.reference(line)
            if name.elementsEqual("HEAD".utf8) {
                guard head == nil else { throw GitError(.malformedBundle, "two lines for HEAD") }
                head = id
            } else {
                references.append(References.Entry(try ReferenceName(name), id))
            }
        }
        guard Set(prerequisites).count == prerequisites.count,
            Set(references.map(\.name)).count == references.count
        else { throw GitError(.malformedBundle, "a line that stands twice") }
        self.init(prerequisites: prerequisites, references: references, head: head)
    }

    private static func prerequisite(_ line: ArraySlice<UInt8>) throws(GitError) -> ObjectID {
        let digits = line.prefix(2 * ObjectID.byteCount)
        guard let id = try? ObjectID(hex: digits),
            digits.endIndex == line.endIndex || line[digits.endIndex] == 0x20
        else { throw GitError(.malformedBundle, "a prerequisite that names no object") }
        return id
    }

    private static func reference(_ line: ArraySlice<UInt8>) throws(GitError) -> (ObjectID, ArraySlice<UInt8>)
    {
        let digits = line.prefix(2 * ObjectID.byteCount)
        guard let id = try? ObjectID(hex: digits), digits.endIndex < line.endIndex,
            line[digits.endIndex] == 0x20
        else { throw GitError(.malformedBundle, "a ref that names no object") }
        return (id, line[(digits.endIndex + 1)...])
    }
}
