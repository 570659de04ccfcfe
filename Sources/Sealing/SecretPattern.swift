/// Text that only secrets of one kind have.
struct SecretPattern: Sendable {
    /// What it is, in words.
    private let name: String
    /// How it begins; no letter or digit stands before it.
    private let prefix: [UInt8]
    /// How many characters follow at least, of those that `isBody` holds for.
    private let length: Int
    private let isBody: @Sendable (UInt8) -> Bool

    private init(
        _ name: String, _ prefix: String, _ length: Int,
        _ isBody: @escaping @Sendable (UInt8) -> Bool = isAlphanumeric
    ) {
        self.name = name
        self.prefix = Array(prefix.utf8)
        self.length = length
        self.isBody = isBody
    }

    /// The name of the first pattern that `line` holds; nil where it holds none.
    static func first(in line: ArraySlice<UInt8>) -> String? {
        var position = line.startIndex
        var isBoundary = true
        while position < line.endIndex {
            let byte = line[position]
            if isBoundary || byte == 0x2D, let patterns = byFirst[byte] {
                for pattern in patterns where pattern.matches(line[position...]) { return pattern.name }
            }
            if byte == 0x3A, hasPasswordInURL(line[position...]) { return "a password in a URL" }
            isBoundary = !isAlphanumeric(byte)
            position += 1
        }
        return nil
    }

    private func matches(_ text: ArraySlice<UInt8>) -> Bool {
        guard text.starts(with: prefix) else { return false }
        let body = text.dropFirst(prefix.count).prefix(while: isBody)
        // Examples and templates have one letter many times.
        return body.count >= length && (length == 0 || Set(body).count > 4)
    }

    @Sendable private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    @Sendable private static func isURLSafe(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || byte == 0x2D || byte == 0x5F
    }

    private static let byFirst = Dictionary(grouping: all) { $0.prefix[0] }

    private static let all: [SecretPattern] =
        ["", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED "].map {
            SecretPattern("a private key", "-----BEGIN \($0)PRIVATE KEY-----", 0)
        } + [
            // The same in base64, as Secrets have it.
            SecretPattern("a private key", "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t", 0),
            SecretPattern("a private key", "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVkt", 0),
            SecretPattern("a private key", "LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0t", 0),
            SecretPattern("a private key", "LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUg", 0),
            SecretPattern("a private key", "-----BEGIN PGP PRIVATE KEY BLOCK-----", 0),
            SecretPattern("an age identity", "AGE-SECRET-KEY-1", 40),
            SecretPattern("an age identity", "AGE-SECRET-KEY-PQ-1", 40),
            SecretPattern("an access key of AWS", "AKIA", 16),
            SecretPattern("an access key of AWS", "ASIA", 16),
            SecretPattern("a token of GitHub", "github_pat_", 22, isURLSafe),
            SecretPattern("a token of GitLab", "glpat-", 20, isURLSafe),
            SecretPattern("a key of Google", "AIza", 35, isURLSafe),
            SecretPattern("a token of npm", "npm_", 36),
            SecretPattern("a token of PyPI", "pypi-", 40, isURLSafe),
            SecretPattern("a token of Hashicorp Vault", "hvs.", 24, isURLSafe),
            SecretPattern("a key of Stripe", "sk_live_", 20),
            SecretPattern("a key of Stripe", "rk_live_", 20),
            SecretPattern("a key of SendGrid", "SG.", 20, isURLSafe),
            SecretPattern("a JSON web token", "eyJhbGciOi", 20, isURLSafe),
        ]
        + ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"].map { SecretPattern("a token of GitHub", $0, 36) }
        + ["xoxb-", "xoxa-", "xoxp-", "xoxr-", "xoxs-"].map {
            SecretPattern("a token of Slack", $0, 20, isURLSafe)
        }

    /// Whether `text` begins as `://user:password@` does, with a password that is no variable.
    private static func hasPasswordInURL(_ text: ArraySlice<UInt8>) -> Bool {
        guard text.starts(with: "://".utf8) else { return false }
        let stop = Array("/ \t\"'<>@?#".utf8)
        let authority = text.dropFirst(3).prefix { !stop.contains($0) }
        guard authority.endIndex < text.endIndex, text[authority.endIndex] == 0x40,
            let colon = authority.firstIndex(of: 0x3A), colon > authority.startIndex
        else { return false }
        let password = authority[(colon + 1)...]
        let variables = Array("$%{}[](*".utf8)
        return password.count >= 6 && !password.contains { variables.contains($0) } && Set(password).count > 3
            && !password.elementsEqual("password".utf8)
    }
}
