import Sodium

extension S3Credentials {
    /// The credentials of `profile` in a file as AWS's tools keep it (`~/.aws/credentials`): sections `[profile]` with
    /// `aws_access_key_id`, `aws_secret_access_key` and, for a session, `aws_session_token`. Other keys are passed over.
    /// `file` is the content, read by the caller; its secrets are copied from there into guarded memory and nowhere else.
    ///
    /// Throws `credentials` with the line's number, never with its content.
    package convenience init(file: RawSpan, profile: String = "default") throws(StorageError) {
        guard file.byteCount <= CredentialsFile.byteLimit else {
            throw .credentials("the file has more than 64 KiB")
        }
        let found = try CredentialsFile.find(profile, in: file)
        guard let id = found.id else { throw .missing("aws_access_key_id", profile) }
        guard let secret = found.secret else { throw .missing("aws_secret_access_key", profile) }
        let name = String(decoding: file.extracting(id).array, as: UTF8.self)
        guard let token = found.token else {
            try self.init(accessKeyID: name, secretKey: SecretBytes(copying: file.extracting(secret)))
            return
        }
        try self.init(
            accessKeyID: name, secretKey: SecretBytes(copying: file.extracting(secret)),
            sessionToken: SecretBytes(copying: file.extracting(token)))
    }
}

/// Where the parts of a profile's credentials stand in a file, as ranges of its bytes.
private struct CredentialsFile {
    var id: Range<Int>?
    var secret: Range<Int>?
    var token: Range<Int>?

    /// A file has a profile in some 200 bytes, or 2 KiB with a session's token.
    static let byteLimit = 64 << 10

    static func find(_ profile: String, in file: RawSpan) throws(StorageError) -> CredentialsFile {
        var found = CredentialsFile()
        var isInProfile = false
        var (start, line) = (0, 1)
        while start < file.byteCount {
            var end = start
            while end < file.byteCount, file[end] != 0x0A { end += 1 }
            let text = trimmed(start..<end, file)
            switch text.isEmpty ? 0x23 : file[text.lowerBound] {
            case 0x23, 0x3B: break
            case 0x5B:
                guard file[text.upperBound - 1] == 0x5D, text.count > 2 else { throw .line(line) }
                isInProfile = isHeader(
                    trimmed(text.lowerBound + 1..<text.upperBound - 1, file), of: profile, file)
            default: try found.take(text, of: file, line, isInProfile)
            }
            (start, line) = (end + 1, line + 1)
        }
        return found
    }

    private mutating func take(
        _ text: Range<Int>, of file: RawSpan, _ line: Int, _ isInProfile: Bool
    ) throws(StorageError) {
        guard let equals = text.first(where: { file[$0] == 0x3D }), equals > text.lowerBound else {
            throw .line(line)
        }
        guard isInProfile else { return }
        let key = CredentialsFile.trimmed(text.lowerBound..<equals, file)
        let value = CredentialsFile.trimmed(equals + 1..<text.upperBound, file)
        func set(_ place: inout Range<Int>?) throws(StorageError) {
            guard place == nil else {
                throw .credentials("line \(line): a key that the profile has already")
            }
            guard !value.isEmpty else { throw .credentials("line \(line): an empty value") }
            place = value
        }
        if CredentialsFile.matches(key, "aws_access_key_id", file) { try set(&id) }
        if CredentialsFile.matches(key, "aws_secret_access_key", file) { try set(&secret) }
        if CredentialsFile.matches(key, "aws_session_token", file) { try set(&token) }
    }

    /// `range` without blanks and the carriage return at its ends.
    private static func trimmed(_ range: Range<Int>, _ file: RawSpan) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, isBlank(file[start]) { start += 1 }
        while start < end, isBlank(file[end - 1]) { end -= 1 }
        return start..<end
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }

    /// Whether a section is that of `profile`: by its name, or as `~/.aws/config` writes it, `profile NAME`.
    private static func isHeader(_ range: Range<Int>, of profile: String, _ file: RawSpan) -> Bool {
        matches(range, profile, file) || matches(range, "profile \(profile)", file)
    }

    private static func matches(_ range: Range<Int>, _ text: String, _ file: RawSpan) -> Bool {
        range.count == text.utf8.count && zip(range, text.utf8).allSatisfy { file[$0] == $1 }
    }
}

extension StorageError {
    fileprivate static func line(_ number: Int) -> StorageError {
        .credentials("line \(number): neither [profile] nor key = value")
    }

    fileprivate static func missing(_ key: String, _ profile: String) -> StorageError {
        .credentials("the profile \(profile) has no \(key)")
    }
}
