import Support
import Testing

@testable import Documents

/// An opened value can change nothing but itself.
struct InjectionTests {
    @Test(arguments: HostilePlaintext.all)
    func `a hostile plaintext is refused`(_ attack: HostilePlaintext) throws {
        let format = try #require(DocumentFormat(rawValue: attack.format))
        let style = try #require(ScalarStyle(rawValue: attack.style.rawValue))
        for context in attack.contexts {
            let text = context.replacing("TOKEN", with: "sealed.v1.prod-1.o.AAAA")
            let document = try Fixture.read(text, format, allowsLines: format == .ini)
            #expect(Fixture.code { _ = try document.opened(attack.source, style) } == .injection, "\(text)")
        }
    }

    @Test(arguments: HostilePlaintext.forShells.indices)
    func `a rule says that a shell reads a file without export`(_ index: Int) throws {
        let (source, _) = HostilePlaintext.forShells[index]
        let text = "A=sealed.v1.prod-1.o.AAAA\nB='x'\n"
        let shell = try Fixture.read(text, .dotenv, isForShell: true)
        #expect(Fixture.code { _ = try shell.opened(source, .plain) } == .injection)
        // To every other reader it is one value.
        let opened = try Fixture.read(text, .dotenv).opened(source, .plain)
        #expect(opened == "A=\(source)\nB='x'\n")
    }

    @Test func `there are at least 75 different ones, and 12 a format`() {
        var found: [String: Set<String>] = [:]
        for attack in HostilePlaintext.all {
            found[attack.format, default: []].insert("\(attack.style) \(attack.source)")
        }
        #expect(found.count == 5 && found.values.allSatisfy { $0.count >= 12 })
        #expect(found.values.map(\.count).reduce(0, +) >= 75)
    }

    /// An honest plaintext in its document.
    struct Attack: Sendable, CustomTestStringConvertible {
        let context: String
        let source: String
        let style: ScalarStyle

        init(_ context: String, _ source: String, _ style: ScalarStyle = .plain) {
            self.context = context
            self.source = source
            self.style = style
        }

        var testDescription: String { "\(context) <- \(style) \(source)".debugDescription }
    }

    static let top = "a: TOKEN\nz: 1\n"
    static let nested = "x:\n  a: TOKEN\n  b: 1\nz: 1\n"
    static let list = "x:\n- TOKEN\n- 2\n"
    static let flow = "x: {a: TOKEN, b: 1}\n"
    static let array = "x: [TOKEN, 1]\n"
    static let last = "z: 1\na: TOKEN"
    static let commented = "a: TOKEN # kept\nz: 1\n"
    static let crlf = "a: TOKEN\r\nz: 1\r\n"

    static let honest: [Attack] = [
        Attack(top, "v"), Attack(top, "v#w"), Attack(top, "a:b"), Attack(top, "-v"),
        Attack(top, "v # w".replacing(" # ", with: "#")),
        Attack(top, "'v\n  b: 2'", .single), Attack(top, "\"v\n  # no comment\"", .double),
        Attack(nested, "|\n    b: 2\n    ---\n    # text", .literal), Attack(top, ">-\n  v\n\n  w", .folded),
        Attack(flow, "\"v, c: 2}\"", .double), Attack(array, "'v], y: [2'", .single),
        Attack(top, "", .absent),
        Attack("x: {a:  TOKEN, b: 1}\n", "", .absent), Attack(list, "", .absent),
        Attack(crlf, "'v\r\n  w'", .single),
        Attack(crlf, "|\r\n  v\r\n  w", .literal), Attack(last, "|\n  v", .literal),
        Attack(top, "|", .literal),
        Attack(top, "\"\\u2028\\0\"", .double), Attack(array, "v-w"), Attack(top, "x,y]"),
        Attack(top, "{{ v }}x".replacing("{{ v }}", with: "$")),
        Attack(commented, "'#'", .single), Attack(top, "|  # header\n  v", .literal),
    ]

    @Test(arguments: honest)
    func `an honest YAML plaintext opens to itself`(_ attack: Attack) throws {
        let text = attack.context.replacing("TOKEN", with: "sealed.v1.prod-1.o.AAAA")
        let opened = try Fixture.yaml(text).opened(attack.source, attack.style)
        let gap = attack.style == .absent ? " " : ""
        #expect(opened == attack.context.replacing("\(gap)TOKEN", with: attack.source))
    }

    @Test func `bytes that are not UTF-8 are refused`() throws {
        let document = try Fixture.yaml("a: sealed.v1.prod-1.o.AAAA\n")
        for bytes: [UInt8] in [[0x76, 0xFF], [0xC0, 0x80], [0x76, 0xC3], [0xED, 0xA0, 0x80], [0xF8]] {
            let kept = Kept(style: .plain, indentation: 0, source: bytes)
            #expect(Fixture.code { _ = try document.opened([kept]) } == .injection)
            let object = try Fixture.json("{\"a\": \"sealed.v1.prod-1.o.AAAA\"}")
            let quoted = Kept(style: .double, indentation: 0, source: [0x22] + bytes + [0x22])
            #expect(Fixture.code { _ = try object.opened([quoted]) } == .injection)
        }
    }

    @Test func `two values that are harmful only together are refused`() throws {
        let document = try Fixture.yaml(
            "x: [sealed.v1.prod-1.o.AAAA, sealed.v1.prod-1.o.AAAB, 1]\n")
        let kept = [
            Kept(style: .double, indentation: 0, source: Array("\"v".utf8)),
            Kept(style: .double, indentation: 0, source: Array("w\"".utf8)),
        ]
        #expect(Fixture.code { _ = try document.opened(kept) } == .injection)
    }

    @Test func `a block that does not fit its new surroundings is refused`() throws {
        let document = try Fixture.yaml("x:\n      a: sealed.v1.prod-1.o.AAAA\n")
        #expect(
            Fixture.code { _ = try document.opened("|\n v", .literal, indentation: 60_000) } == .injection)
        let flow = try Fixture.yaml("x: [sealed.v1.prod-1.o.AAAA]\n")
        #expect(Fixture.code { _ = try flow.opened("|\n v", .literal) } == .injection)
    }

    @Test func `blank lines around a kept block belong to the document`() throws {
        let text = "a: |+\n  v\n\n\nb: 1\n"
        let document = try Fixture.yaml(text)
        let (sealed, kept) = try document.sealed([try document.slot("a")])
        #expect(sealed.text == "a: sealed.v1.prod-1.o.AAAA-_0\n\n\nb: 1\n")
        #expect(String(decoding: try sealed.opened(kept), as: UTF8.self) == text)
    }
}
