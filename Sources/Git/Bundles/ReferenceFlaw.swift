/// A ref that can't be captured.
package struct ReferenceFlaw: Hashable, Sendable {
    /// The full name, or `HEAD`.
    package let name: [UInt8]
    /// Why, in words.
    package let reason: String

    init(name: [UInt8], reason: String) {
        self.name = name
        self.reason = reason
    }

    /// Of a ref that others are below.
    init(directory entry: References.Entry) {
        self.init(
            name: entry.name.bytes,
            reason: "other refs are below it, which no sound repository has; it names \(entry.target)")
    }
}
