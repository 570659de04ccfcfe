internal import ArgumentParser
internal import Encodings

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
    private var count = 0

    /// Begins a listing.
    init(_ options: ListingOptions) throws {
        self.options = options
        if options.json { try Console.write(Array("[".utf8)) }
    }

    /// Prints an item: `line` for people.
    func show(_ item: some Encodable, line: @autoclosure () -> String) throws {
        defer { count += 1 }
        guard options.json || options.jsonLines else { return Console.print(line()) }
        let bytes = try Console.jsonBytes(item)
        guard options.json else { return try Console.write(bytes + [0x0A]) }
        try Console.write(Array((count == 0 ? "\n  " : ",\n  ").utf8) + bytes)
    }

    /// Ends the listing.
    func end() throws {
        if options.json { try Console.write(Array((count == 0 ? "]\n" : "\n]\n").utf8)) }
    }
}

/// How a path in snapshots is given as an argument.
struct PlaceOptions: ParsableArguments {
    @Flag(
        help:
            "Paths and patterns are given in hexadecimal digits, as ls and find show names that are not UTF-8."
    )
    var hex = false

    /// The bytes that the argument `text` means. Throws `usage` where it isn't what `--hex` says.
    func bytes(_ text: String) throws -> [UInt8] {
        guard hex else { return Array(text.utf8) }
        do {
            return try Hex.decode(text)
        } catch {
            throw Failure(.usage, "\(text): not pairs of lower-case hexadecimal digits, as --hex says")
        }
    }
}

/// A name of an entry that is not UTF-8.
enum ForeignName {
    /// The digits of `SOURCE/PATH` as `--hex` takes them; nil where all of it is UTF-8.
    static func digits(_ path: [UInt8], of source: String) -> String? {
        guard String(validating: path, as: UTF8.self) == nil else { return nil }
        return Hex.encode(Array(source.utf8) + [0x2F] + path)
    }

    /// What a line for people says of `digits`.
    static func note(_ digits: String?) -> String { digits.map { " (--hex \($0))" } ?? "" }
}
