import Testing

@testable import Documents

/// Short ways to make documents and take them apart; tokens here are made up.
enum Fixture {
    static func isToken(_ value: RawSpan) -> Bool {
        value.byteCount > 10 && (0..<7).allSatisfy { value[$0] == Array("sealed.".utf8)[$0] }
    }

    static func yaml(_ text: String, limits: DocumentLimits = DocumentLimits()) throws -> TextDocument {
        try TextDocument(Array(text.utf8), format: .yaml, limits: limits, isSealed: isToken)
    }

    static func json(_ text: String) throws -> TextDocument {
        try TextDocument(Array(text.utf8), format: .json, isSealed: isToken)
    }

    static func read(
        _ text: String, _ format: DocumentFormat, allowsLines: Bool = false, isForShell: Bool = false
    ) throws -> TextDocument {
        try TextDocument(
            Array(text.utf8), format: format, allowsLines: allowsLines, isForShell: isForShell,
            isSealed: isToken)
    }

    static func token(_ number: Int) -> [UInt8] {
        Array("sealed.v1.prod-1.o.AAAA-_\(number)".utf8)
    }

    /// The error code that reading a text ends in.
    static func code(_ text: String, _ format: DocumentFormat = .yaml) -> DocumentError.Code? {
        code(Array(text.utf8), format)
    }

    static func code(_ bytes: [UInt8], _ format: DocumentFormat = .yaml) -> DocumentError.Code? {
        code { _ = try TextDocument(bytes, format: format, isSealed: isToken) }
    }

    static func code(_ body: () throws -> Void) -> DocumentError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? DocumentError)?.code
        }
    }
}

/// What a seal keeps of one slot.
struct Kept {
    var style: ScalarStyle
    var indentation: Int
    var source: [UInt8]
}

extension TextDocument {
    var text: String { String(decoding: bytes, as: UTF8.self) }

    func sourceText(_ slot: Slot) -> String {
        String(decoding: bytes[slot.range], as: UTF8.self)
    }

    func valueText(_ slot: Slot) -> String {
        withValue(of: slot) { String(decoding: $0.copied, as: UTF8.self) }
    }

    func kept(_ slot: Slot) -> Kept {
        Kept(style: slot.style, indentation: slot.parentIndentation, source: Array(bytes[slot.range]))
    }

    func slot(_ path: String, document: Int = 0) throws -> Slot {
        try #require(try slot(at: SlotPath(parsing: Array(path.utf8)), document: document))
    }

    /// Seals slots with made-up tokens.
    func sealed(_ slots: [Slot]) throws -> (document: TextDocument, kept: [Kept]) {
        let tokens = slots.enumerated().map { (slot: $1, token: Fixture.token($0)) }
        return (try sealing(tokens), slots.map(kept))
    }

    /// Opens all sealed slots with what was kept of them, in order.
    func opened(_ kept: [Kept]) throws -> [UInt8] {
        var plaintexts: [UInt8] = []
        var openings: [Opening] = []
        for (slot, kept) in zip(sealedSlots, kept) {
            let start = plaintexts.count
            plaintexts += kept.source
            openings.append(
                Opening(
                    slot: slot, style: kept.style, indentation: kept.indentation,
                    source: start..<plaintexts.count))
        }
        return try plaintexts.withRawSpan { plaintexts in
            let plan = try OpeningPlan(self, openings, plaintexts: plaintexts)
            var opened = [UInt8](repeating: 0, count: plan.byteCount)
            var span = opened.mutableSpan
            var target = unsafe span.mutableBytes
            plan.write(plaintexts, into: &target)
            try opened.withRawSpan { try plan.verify($0, plaintexts: plaintexts) }
            return opened
        }
    }

    /// Opens the only sealed slot with a hostile or honest plaintext.
    func opened(_ source: String, _ style: ScalarStyle, indentation: Int? = nil) throws -> String {
        let slot = try #require(sealedSlots.first)
        let kept = Kept(
            style: style, indentation: indentation ?? slot.parentIndentation, source: Array(source.utf8))
        return String(decoding: try opened([kept]), as: UTF8.self)
    }
}

/// SplitMix64: the same numbers on every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
