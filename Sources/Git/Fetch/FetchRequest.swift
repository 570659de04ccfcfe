internal import Encodings
internal import Files

/// What the process that fetches is told, apart from the secret: between two runs of one binary, so that any other
/// version is refused.
struct FetchRequest: Equatable {
    /// What follows the request on the same socket.
    enum SecretKind: UInt8 { case none, login, key, agent }

    var parent: Int32
    var location: RemoteLocation
    /// The mirror, whose objects need not be sent again; not written to.
    var mirror: Path
    /// The empty bare repository that is filled.
    var quarantine: Path
    var scope: ReferenceScope
    var limits: FetchLimits
    var authorities: Path?
    var knownHosts: Path?
    var secret: SecretKind

    private static let version: UInt8 = 1

    /// The bytes between the two processes.
    var encoded: [UInt8] {
        var writer = CanonicalWriter()
        writer.uint8(FetchRequest.version)
        writer.uint32(UInt32(bitPattern: parent))
        if case .http = location.transport { writer.uint8(1) } else { writer.uint8(0) }
        writer.text(location.text)
        for path in [mirror, quarantine, authorities ?? Path([]), knownHosts ?? Path([])] {
            writer.lp(path.bytes)
        }
        writer.uint8(scope.rawValue)
        for number in [
            limits.seconds, limits.idleSeconds, limits.byteCount, limits.objectCount, limits.objectByteCount,
            limits.referenceCount, limits.memoryByteCount,
        ] {
            writer.uint64(UInt64(max(0, number)))
        }
        writer.uint8(secret.rawValue)
        return writer.bytes
    }
}

extension FetchRequest {
    /// Reads what `encoded` gave. Throws `processFailed`.
    init(_ bytes: [UInt8]) throws(GitError) {
        do throws(EncodingError) {
            var reader = CanonicalReader(bytes, "fetch request")
            guard try reader.uint8() == FetchRequest.version else { throw FetchRequest.unreadable }
            parent = Int32(bitPattern: try reader.uint32())
            let isPlain = try reader.uint8() == 1
            let text = try reader.text()
            let paths = [
                Path(try reader.lp()), Path(try reader.lp()), Path(try reader.lp()), Path(try reader.lp()),
            ]
            guard let scope = ReferenceScope(rawValue: try reader.uint8()) else {
                throw FetchRequest.unreadable
            }
            var numbers: [Int] = []
            for _ in 0..<7 { numbers.append(Int(clamping: try reader.uint64())) }
            guard let secret = SecretKind(rawValue: try reader.uint8()) else { throw FetchRequest.unreadable }
            try reader.end()
            guard let location = try? RemoteLocation(text, allowingPlainHTTP: isPlain) else {
                throw FetchRequest.unreadable
            }
            self.location = location
            (mirror, quarantine) = (paths[0], paths[1])
            authorities = paths[2].bytes.isEmpty ? nil : paths[2]
            knownHosts = paths[3].bytes.isEmpty ? nil : paths[3]
            self.scope = scope
            limits = FetchLimits()
            limits.seconds = numbers[0]
            limits.idleSeconds = numbers[1]
            limits.byteCount = numbers[2]
            limits.objectCount = numbers[3]
            limits.objectByteCount = numbers[4]
            limits.referenceCount = numbers[5]
            limits.memoryByteCount = numbers[6]
            self.secret = secret
        } catch {
            throw GitError(.processFailed, "an unreadable request", underlying: error)
        }
    }

    private static var unreadable: EncodingError { EncodingError(.invalidCharacter, "fetch request") }
}

/// How the process that fetches answers: nothing but the end of the socket is trusted to come.
enum FetchAnswer {
    /// The bytes for an outcome; nil is success.
    static func encode(_ error: GitError?) -> [UInt8] {
        var writer = CanonicalWriter()
        writer.text(error?.code.rawValue ?? "done")
        writer.text(String(error?.context.prefix(2000) ?? ""))
        let failure = error?.underlying as? LibraryFailure
        writer.text(failure?.function ?? "")
        writer.uint32(UInt32(bitPattern: failure?.code ?? 0))
        writer.uint32(UInt32(bitPattern: failure?.errorClass ?? 0))
        writer.text(String(failure?.message.prefix(2000) ?? ""))
        return writer.bytes
    }

    /// Throws the error that was sent, and `processFailed` for what is no answer.
    static func decode(_ bytes: [UInt8]) throws(GitError) {
        let code: String
        let context: String
        let failure: LibraryFailure
        do throws(EncodingError) {
            var reader = CanonicalReader(bytes, "fetch answer")
            code = try reader.text()
            context = try reader.text()
            failure = LibraryFailure(
                function: try reader.text(), code: Int32(bitPattern: try reader.uint32()),
                errorClass: Int32(bitPattern: try reader.uint32()), message: try reader.text())
            try reader.end()
        } catch {
            throw GitError(.processFailed, "the process that fetches gave no answer", underlying: error)
        }
        guard code != "done" else { return }
        throw GitError(
            GitError.Code(rawValue: code) ?? .processFailed, context,
            underlying: failure.function.isEmpty ? nil : failure)
    }
}
