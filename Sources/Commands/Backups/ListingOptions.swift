internal import ArgumentParser
internal import FoundationEssentials

/// How a listing that may be long is printed: text for people, one JSON array, or one JSON value a line.
struct ListingOptions: ParsableArguments {
    @Flag(help: "Print a JSON array.")
    var json = false

    @Flag(help: "Print JSON, one object a line.")
    var jsonLines = false

    func validate() throws {
        guard !json || !jsonLines else {
            throw ValidationError("--json and --json-lines exclude each other")
        }
    }
}

/// Prints the items of a listing as they come: nothing is gathered.
final class Listing {
    private let options: ListingOptions
    private let encoder: JSONEncoder
    private var count = 0

    /// Begins a listing.
    init(_ options: ListingOptions) throws {
        self.options = options
        encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if options.json { try Console.write(Array("[".utf8)) }
    }

    /// Prints an item: `line` for people.
    func show(_ item: some Encodable, line: @autoclosure () -> String) throws {
        defer { count += 1 }
        guard options.json || options.jsonLines else { return Console.print(line()) }
        let bytes = [UInt8](try encoder.encode(item))
        guard options.json else { return try Console.write(bytes + [0x0A]) }
        try Console.write(Array((count == 0 ? "\n  " : ",\n  ").utf8) + bytes)
    }

    /// Ends the listing.
    func end() throws {
        if options.json { try Console.write(Array((count == 0 ? "]\n" : "\n]\n").utf8)) }
    }
}
