internal import ArgumentParser
internal import Documents
internal import Files
internal import Keyrings
internal import Sealing
internal import Sodium

/// `strongroom render`: the opened documents of a directory as one stream, for members.
struct RenderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "render", abstract: "Print the opened documents of a directory as one stream.",
        discussion: """
            Takes the YAML and JSON files at and below DIR in the order of their paths; rules are enforced as at \
            delivery. All or nothing: where one token does not open, nothing is printed. An empty result is refused.

            yaml keeps every byte of the files. json prints one document a line: plain scalars are typed as kubectl \
            types them (YAML 1.1: yes, on and y are booleans, 012 and 0x1F whole numbers), aliases and merge keys \
            are written out; what JSON has no form for is refused with its line.
            """)

    /// How documents are written.
    enum Format: String, ExpressibleByArgument, CaseIterable { case yaml, json }

    @Argument(help: ArgumentHelp("A directory of this repository, or one file.", valueName: "dir"))
    var directory: String

    @Option(help: "yaml, byte for byte, or json, a document a line.")
    var format = Format.yaml

    @OptionGroup var identities: IdentityOptions
    @OptionGroup var trust: TrustOptions

    func run() async throws {
        let isDirectory = try Process.canonicalIfDirectory(directory) != nil
        let checkout = try Checkout(around: isDirectory ? directory : Path(directory).parent.description)
        var output = RenderedStream(format: format)
        var own: [MemberIdentity]?
        var openers: [String: DocumentOpener] = [:]
        var others = 0
        try checkout.forEachFile(at: try checkout.places(of: [directory])) { path in
            guard let kind = DocumentFormat(path: path), kind.holdsObjects,
                path != Array(Rules.fileName.utf8)
            else {
                others += 1
                return
            }
            let name = String(decoding: path, as: UTF8.self)
            let bytes = try WorkFile(checkout.place(path)).read(limit: DocumentLimits().byteCount)
            let rule = checkout.rules.rule(for: path)
            guard let environment = rule?.environment else {
                guard !SealedToken.containsMark(bytes) else {
                    throw Failure(.refused, "\(name): a sealed value, and no rule is for this file")
                }
                return try bytes.withBytes { try output.append($0, kind, name) }
            }
            if openers[environment] == nil {
                let loaded = try own ?? identities.load()
                own = loaded
                openers[environment] = DocumentOpener(
                    rules: checkout.rules,
                    keyring: try checkout.opened(environment, with: loaded, trust: trust), enforcing: true,
                    door: "render")
            }
            guard let opener = openers[environment] else { return }
            let opened = try opener.openFile(bytes, path: path)
            try opened.bytes.withBytes { try output.append($0, kind, name) }
        }
        guard !output.isEmpty else {
            throw Failure(.refused, "\(directory): nothing to render: no document with content")
        }
        try output.write()
        if others > 0 { Console.note("strongroom: left out \(others) files that are no YAML or JSON") }
    }
}

/// Opened documents, joined; held in guarded memory until all of them are there.
private struct RenderedStream: ~Copyable {
    private let format: RenderCommand.Format
    private var pieces: [Piece] = []

    /// One file's text. A class, for arrays hold no values that can't be copied.
    private final class Piece {
        let bytes: SecretBytes

        init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
    }

    init(format: RenderCommand.Format) { self.format = format }

    var isEmpty: Bool { pieces.isEmpty }

    /// Adds the text of the file `name`. Throws `refused` where a mark is left in it.
    mutating func append(_ text: RawSpan, _ kind: DocumentFormat, _ name: String) throws {
        guard !SealedToken.containsMark(text) else {
            throw Failure(.refused, "\(name): a sealed token or SOPS marker would be printed")
        }
        try Failure.about(name) {
            switch format {
            case .yaml:
                guard try DocumentConversion.rootCount(of: text, kind) > 0 else { return }
                pieces.append(Piece(SecretBytes(copying: text)))
            case .json:
                try DocumentConversion.withJSONLines(of: text, kind) { lines in
                    guard lines.byteCount > 0 else { return }
                    pieces.append(Piece(SecretBytes(copying: lines)))
                }
            }
        }
    }

    /// Writes the stream to standard output.
    func write() throws {
        for (index, piece) in pieces.enumerated() {
            try piece.bytes.withBytes { text in
                if format == .yaml, index > 0 { try Console.write(RenderedStream.separator(before: text)) }
                try Console.write(span: text)
                let endsLine = text.byteCount > 0 && text[text.byteCount - 1] == 0x0A
                if !endsLine { try Console.write([0x0A]) }
            }
        }
    }

    /// What ends the document before `text`: directives need `...`, a document of its own marker nothing.
    private static func separator(before text: RawSpan) -> [UInt8] {
        func begins(_ word: String) -> Bool {
            text.byteCount >= word.utf8.count
                && word.utf8.enumerated().allSatisfy { text[$0.offset] == $0.element }
        }
        if begins("%") { return Array("...\n".utf8) }
        return begins("---") ? [] : Array("---\n".utf8)
    }
}
