internal import Encodings
internal import Keyrings
internal import Sodium

/// The text that stands in place of a sealed scalar: `sealed.v1.<environment>-<epoch>.<scope>.<payload>`
/// (FORMAT.md §2). What parses formats to the same bytes.
package struct SealedToken: Hashable, Sendable {
    /// What a token is bound to besides its environment.
    package enum Scope: Hashable, Sendable {
        /// `o`: the Kubernetes object that will exist.
        case object
        /// `f`: repository, file, document and key path.
        case file
        /// `e`: the environment alone.
        case environment
        /// `n-<name>`: the places that a rule allows to a name.
        case named(String)

        /// The letter that is authenticated (FORMAT.md §4).
        package var letter: String {
            switch self {
            case .object: "o"
            case .file: "f"
            case .environment: "e"
            case .named: "n"
            }
        }

        /// The text in the token.
        package var text: String {
            switch self {
            case .named(let name): "n-\(name)"
            default: letter
            }
        }
    }

    /// The environment's name.
    package let environment: String
    /// The epoch of the environment's key, from 1.
    package let epoch: UInt64
    /// What the token is bound to.
    package let scope: Scope
    /// E(32) ‖ commitment(32) ‖ C (FORMAT.md §3).
    package let payload: [UInt8]

    /// Puts a token together. Traps on a payload of an impossible length or a bad name: those are our bugs.
    init(environment: String, epoch: UInt64, scope: Scope, payload: [UInt8]) {
        precondition(SealedToken.isEnvironmentName(environment) && epoch > 0)
        precondition(SealedToken.isPayloadLength(payload.count))
        self.environment = environment
        self.epoch = epoch
        self.scope = scope
        self.payload = payload
    }

    /// The token that is the whole of `text`.
    ///
    /// Throws `unknownVersion` for a token of another version than 1, `limitExceeded` for one above the limit, and
    /// `malformed` for everything else that is not a token in its one form.
    package init(_ text: RawSpan) throws(SealingError) {
        guard let version = SealedToken.version(of: text) else {
            throw SealingError(.malformed, "not a sealed token")
        }
        guard version == Array("1".utf8) else {
            throw SealingError(.unknownVersion, "sealed token of an unknown version")
        }
        let limit = SealedToken.textLimit
        guard text.byteCount <= limit else {
            throw SealingError(.limitExceeded, "sealed token longer than \(limit) characters")
        }
        let fields = text.array.split(separator: 0x2E, omittingEmptySubsequences: false)
        guard fields.count == 5, let dash = fields[2].lastIndex(of: 0x2D) else {
            throw SealingError(.malformed, "sealed token without its five fields")
        }
        environment = String(decoding: fields[2][..<dash], as: UTF8.self)
        guard SealedToken.isEnvironmentName(environment) else {
            throw SealingError(.malformed, "sealed token with a malformed environment name")
        }
        let digits = fields[2][(dash + 1)...]
        guard let epoch = SealedToken.decimal(digits) else {
            throw SealingError(.malformed, "sealed token with a malformed epoch")
        }
        self.epoch = epoch
        scope = try SealedToken.scope(String(decoding: fields[3], as: UTF8.self))
        do {
            payload = try Base64.url.decode(Array(fields[4]))
        } catch {
            throw SealingError(.malformed, "sealed token with a malformed payload", underlying: error)
        }
        guard SealedToken.isPayloadLength(payload.count) else {
            throw SealingError(.malformed, "sealed token with a payload of an impossible length")
        }
    }

    /// The token that is the whole of `text`, as `init(_: RawSpan)`.
    package init(_ text: [UInt8]) throws(SealingError) {
        self = try text.withBytes { (span) throws(SealingError) in try SealedToken(span) }
    }

    /// The token as ASCII.
    package var text: [UInt8] {
        Array("sealed.v1.\(environment)-\(epoch).\(scope.text).".utf8) + Base64.url.encodeBytes(payload)
    }

    /// The ephemeral public key E, which no two tokens share.
    package var ephemeral: [UInt8] { Array(payload[..<32]) }

    /// The length of the padded record inside.
    var recordByteCount: Int { payload.count - SealedToken.overhead }

    // MARK: Grammar

    /// E, commitment and Poly1305 tag.
    private static let overhead = 32 + 32 + 16
    /// The longest record: the longest source with its five bytes of head, padded.
    static let recordLimit = Padding.paddedCount(SealedRecord.headByteCount + SealingLimit.sourceByteCount)
    /// The longest text: a name of 32, an epoch of 20 digits, a scope of 65 characters.
    static let textLimit =
        10 + 32 + 1 + 20 + 1 + 65 + 1 + Base64.url.encodedCount(overhead + recordLimit)

    private static func isPayloadLength(_ count: Int) -> Bool {
        count >= overhead + Padding.step && count <= overhead + recordLimit
            && (count - overhead) % Padding.step == 0
    }

    /// Whether `name` can be an environment's.
    static func isEnvironmentName(_ name: String) -> Bool {
        (try? EnvironmentName.check(name)) != nil
    }

    /// Whether `byte` is `[a-z0-9-]`.
    static func isNameByte(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D
    }

    /// Whether `name` is `[a-z0-9-]{1,63}`.
    static func isScopeName(_ name: String) -> Bool {
        (1...63).contains(name.utf8.count) && name.utf8.allSatisfy(isNameByte)
    }

    private static func scope(_ text: String) throws(SealingError) -> Scope {
        switch text {
        case "o": return .object
        case "f": return .file
        case "e": return .environment
        default:
            let name = String(decoding: text.utf8.dropFirst(2), as: UTF8.self)
            guard text.utf8.starts(with: "n-".utf8), isScopeName(name) else {
                throw SealingError(.malformed, "sealed token with a malformed scope")
            }
            return .named(name)
        }
    }

    /// A decimal from 1 without leading zero, below 2^64.
    private static func decimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
        guard let first = digits.first, first != 0x30 else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(UInt64(digit - 0x30))
            guard !overflow, !carried else { return nil }
            value = sum
        }
        return value
    }
}
