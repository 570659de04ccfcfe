package import Processes

/// A program that opened files are handed to: the way to a target that Strongroom knows nothing about (FORMAT.md §5).
package struct CommandTarget: Sendable, Hashable {
    /// What messages and receipts call it, unique among an environment's targets.
    package let name: String
    /// The program, with the time that one call may take. What it leaves running in its process group ends with it.
    package let program: ChildProgram
    /// Which files it gets.
    package let contents: TargetContents

    /// The label and version of what is spoken.
    package static let protocolName = "strongroom.target/v1"
    /// The bytes of all files of one call.
    static let contentLimit: Int64 = 64 << 20
    /// The bytes of an answer.
    static let answerLimit = 4 << 20

    /// A target of these values. Throws `unusableRequest` where the program has no name.
    package init(
        name: String, program: ChildProgram, contents: TargetContents = TargetContents()
    ) throws(DeliveryError) {
        guard let first = program.arguments.first, !first.isEmpty, !name.isEmpty else {
            throw DeliveryError(.unusableRequest, "target \(name): no program to run")
        }
        self.name = name
        var program = program
        program.endsGroup = true
        self.program = program
        self.contents = contents
    }
}
