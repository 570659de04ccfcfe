internal import Encodings

extension AllowedSigners {
    /// The entry of one line that is neither blank nor a comment: principals, options, key, comment.
    static func entry(
        _ line: ArraySlice<UInt8>, number: Int, _ zoneOffset: (Int64) -> Int64
    ) throws(SSHError) -> Entry {
        guard String(validating: line, as: UTF8.self) != nil, !line.contains(0) else {
            throw SSHError(.malformed, "not UTF-8 text")
        }
        var rest = line
        let principals = try word(&rest)
        // What stands before the key type are the options, in which quotes may hide blanks.
        var options = Options()
        if !startsWithKeyType(rest) {
            options = try Options(try optionText(&rest), zoneOffset)
        }
        let key = try SSHPublicKey.parse(rest).key
        return Entry(
            line: number, principals: principals, key: key, namespaces: options.namespaces,
            validAfter: options.validAfter, validBefore: options.validBefore)
    }

    /// The principals: up to a blank, or between quotes.
    private static func word(_ rest: inout ArraySlice<UInt8>) throws(SSHError) -> String {
        let word: ArraySlice<UInt8>
        if rest.first == 0x22 {
            rest = rest.dropFirst()
            word = rest.prefix { $0 != 0x22 }
            rest = rest.dropFirst(word.count)
            guard rest.first == 0x22 else { throw SSHError(.malformed, "a quote is not closed") }
            rest = rest.dropFirst()
        } else {
            word = rest.prefix { !SSHPublicKey.isBlank($0) }
            rest = rest.dropFirst(word.count)
        }
        guard let next = rest.first, SSHPublicKey.isBlank(next), !word.isEmpty, !word.contains(0x22) else {
            throw SSHError(.malformed, "expected principals and a key")
        }
        rest = rest.drop(while: SSHPublicKey.isBlank)
        return String(decoding: word, as: UTF8.self)
    }

    private static func startsWithKeyType(_ rest: ArraySlice<UInt8>) -> Bool {
        let word = rest.prefix { !SSHPublicKey.isBlank($0) }
        return SSHPublicKey.Kind.allCases.contains { $0.rawValue.utf8.elementsEqual(word) }
    }

    /// The options: up to a blank outside quotes.
    private static func optionText(_ rest: inout ArraySlice<UInt8>) throws(SSHError) -> [UInt8] {
        var isQuoted = false
        let text = rest.prefix { byte in
            if byte == 0x22 { isQuoted.toggle() }
            return isQuoted || !SSHPublicKey.isBlank(byte)
        }
        guard !isQuoted else { throw SSHError(.malformed, "a quote is not closed") }
        rest = rest.dropFirst(text.count).drop(while: SSHPublicKey.isBlank)
        return Array(text)
    }
}

/// The options of one line of an allowed_signers file.
private struct Options {
    var namespaces: String?
    var validAfter: Int64?
    var validBefore: Int64?

    init() {}

    /// The options of `text`, comma-separated outside quotes. Throws for what is unknown, given twice or empty.
    init(_ text: [UInt8], _ zoneOffset: (Int64) -> Int64) throws(SSHError) {
        var isQuoted = false
        let options = text.split(omittingEmptySubsequences: false) { byte in
            if byte == 0x22 { isQuoted.toggle() }
            return byte == 0x2C && !isQuoted
        }
        for option in options {
            let name = option.prefix { $0 != 0x3D }
            switch String(decoding: name.map(Options.lowered), as: UTF8.self) {
            case "namespaces":
                guard namespaces == nil else { throw Options.repeated }
                namespaces = try Options.value(of: option)
            case "valid-after":
                guard validAfter == nil else { throw Options.repeated }
                validAfter = try Options.time(Options.value(of: option), zoneOffset)
            case "valid-before":
                guard validBefore == nil else { throw Options.repeated }
                validBefore = try Options.time(Options.value(of: option), zoneOffset)
            case "cert-authority":
                throw SSHError(.unsupportedOption, "cert-authority is not supported")
            default:
                // An unknown first word is as likely an unknown key type: neither is taken.
                throw SSHError(.unsupportedOption, "neither a known option nor a known key type")
            }
        }
        if let validAfter, let validBefore, validBefore <= validAfter {
            throw SSHError(.malformed, "valid-before is not after valid-after")
        }
    }

    private static let repeated = SSHError(.malformed, "an option is given twice")

    private static func lowered(_ byte: UInt8) -> UInt8 {
        (0x41...0x5A).contains(byte) ? byte + 32 : byte
    }

    /// The text between the quotes of `name="value"`.
    private static func value(of option: ArraySlice<UInt8>) throws(SSHError) -> String {
        let value = option.drop { $0 != 0x3D }.dropFirst()
        guard value.count > 2, value.first == 0x22, value.last == 0x22 else {
            throw SSHError(.malformed, "an option needs a value in quotes")
        }
        let inner = value.dropFirst().dropLast()
        guard !inner.contains(where: { $0 == 0x22 || $0 == 0x5C }) else {
            throw SSHError(.malformed, "an option's value holds a quote or backslash")
        }
        return String(decoding: inner, as: UTF8.self)
    }

    /// Seconds since 1970 of `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, in UTC with a final `Z`.
    private static func time(_ text: String, _ zoneOffset: (Int64) -> Int64) throws(SSHError) -> Int64 {
        var digits = Array(text.utf8)
        let isUTC = digits.last == 0x5A
        if isUTC { digits.removeLast() }
        guard [8, 12, 14].contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw SSHError(.malformed, "a time is not of the form YYYYMMDD[HHMM[SS]][Z]")
        }
        let full = digits + Array("000000".utf8).suffix(14 - digits.count)
        func part(_ range: Range<Int>) -> String { String(decoding: full[range], as: UTF8.self) }
        // Timestamp ends in 2261; the calendar repeats every 400 years of 146,097 days.
        let year = full[..<4].reduce(0) { $0 * 10 + Int64($1 - 0x30) }
        let cycles = max(0, (year - 1970) / 400)
        let date = "\(year - 400 * cycles)-\(part(4..<6))-\(part(6..<8))"
        let seconds: Int64
        do {
            seconds =
                try Timestamp(
                    rfc3339: "\(date)T\(part(8..<10)):\(part(10..<12)):\(part(12..<14))Z"
                ).seconds + cycles * 146_097 * 86_400
        } catch {
            throw SSHError(.malformed, "a time doesn't exist")
        }
        guard !isUTC else { return seconds }
        // Offsets of zones are below a day; a wild one can't overflow the years that Timestamp covers.
        let (result, overflow) = seconds.subtractingReportingOverflow(zoneOffset(seconds))
        guard !overflow else { throw SSHError(.malformed, "a time is out of range") }
        return result
    }
}
