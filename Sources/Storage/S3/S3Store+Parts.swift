// Uploads in parts: begin, parts in any order, complete (the commit point), or abort. Until it is complete nothing of it
// is seen under the object's name; what a dead writer left is aborted by `removeLeftovers`.
import Encodings

extension S3Store {
    /// A part that the endpoint has: its number, its entity tag, its checksum where they are wanted.
    private struct Part: Sendable {
        let number: Int
        let tag: String
        let checksum: String?
    }

    /// Uploads an object in parts, a few at a time. Throws `exists` as `put` does.
    func putInParts(
        _ name: ObjectName, _ bytes: [UInt8], mark: String, isConditional: Bool
    ) async throws(StorageError) {
        // Once more from the start where the upload was taken away meanwhile, or lost to another one's.
        var isLast = false
        while true {
            let upload = try await begin(name, mark: mark)
            do throws(StorageError) {
                let parts = try await send(bytes, of: name, upload)
                guard try await complete(name, upload, parts, mark: mark, isConditional: isConditional) else {
                    guard !isLast else { throw invalid(name, "it loses uploads in parts") }
                    isLast = true
                    continue
                }
                return
            } catch {
                await abandon(name, upload)
                throw error
            }
        }
    }

    /// The id of a new upload.
    func begin(_ name: ObjectName, mark: String) async throws(StorageError) -> String {
        var call = S3Call(.post, location.key(name), query: [("uploads", "")])
        call.headers = objectHeaders(mark: mark)
        if client.sendsChecksums { call.headers.append(HTTPHeader("x-amz-checksum-algorithm", "SHA256")) }
        let answer = try await client.send(call, about: url(name))
        guard let document = XMLElement.parse(answer.answer.body),
            document.name == "InitiateMultipartUploadResult",
            let id = document["UploadId"]?.text, (1...2048).contains(id.utf8.count)
        else { throw invalid(name, "an upload in parts has no id") }
        return id
    }

    private func send(
        _ bytes: [UInt8], of name: ObjectName, _ upload: String
    ) async throws(StorageError) -> [Part] {
        let size = partByteCount(of: bytes.count)
        let ranges = stride(from: 0, to: bytes.count, by: size).map { $0..<min($0 + size, bytes.count) }
        let outcome = await withTaskGroup(of: Result<Part, StorageError>.self) { group in
            var parts: [Part] = []
            var next = 0
            func add() {
                guard next < ranges.count else { return }
                let (number, range) = (next + 1, ranges[next])
                next += 1
                group.addTask {
                    do throws(StorageError) {
                        return .success(try await self.sendPart(number, bytes[range], of: name, upload))
                    } catch {
                        return .failure(error)
                    }
                }
            }
            for _ in 0..<S3Store.partsAtATime { add() }
            while let result = await group.next() {
                switch result {
                case .success(let part): parts.append(part)
                case .failure(let error):
                    group.cancelAll()
                    return Result<[Part], StorageError>.failure(error)
                }
                add()
            }
            return .success(parts.sorted { $0.number < $1.number })
        }
        return try outcome.get()
    }

    private func sendPart(
        _ number: Int, _ bytes: ArraySlice<UInt8>, of name: ObjectName, _ upload: String
    ) async throws(StorageError) -> Part {
        var call = S3Call(
            .put, location.key(name), query: [("partNumber", "\(number)"), ("uploadId", upload)])
        call.body = bytes
        call.headers = checksum(of: bytes)
        let answer = try await client.send(call, about: url(name))
        guard let tag = answer["etag"], (1...256).contains(tag.utf8.count) else {
            throw invalid(name, "a part has no entity tag")
        }
        return Part(
            number: number, tag: tag, checksum: client.sendsChecksums ? S3Store.checksum(of: bytes) : nil)
    }

    /// Makes the object of its parts. False where the upload is no longer there, and the object is not this put's.
    private func complete(
        _ name: ObjectName, _ upload: String, _ parts: [Part], mark: String, isConditional: Bool
    ) async throws(StorageError) -> Bool {
        var text = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        for part in parts {
            text += "<Part><PartNumber>\(part.number)</PartNumber><ETag>\(S3Store.escaped(part.tag))</ETag>"
            if let checksum = part.checksum { text += "<ChecksumSHA256>\(checksum)</ChecksumSHA256>" }
            text += "</Part>"
        }
        text += "</CompleteMultipartUpload>"
        var call = S3Call(.post, location.key(name), query: [("uploadId", upload)])
        call.body = Array(text.utf8)[...]
        if isConditional { call.headers.append(S3Store.ifNoneMatch) }
        call.accepted = [404, 409, 412]
        var isRepeated = false
        while true {
            let answer = try await client.send(call, about: url(name))
            switch answer.status {
            case 412:
                if isRepeated || answer.mayRepeat, try await isOwn(name, mark: mark) { return true }
                await abandon(name, upload)
                throw StorageError(.exists, name: url(name))
            case 404, 409:
                // An earlier try may have made the object, and the upload went with that.
                return try await isOwn(name, mark: mark)
            default: break
            }
            // The status was sent before the work was done: what came of it stands in the body.
            if let document = XMLElement.parse(answer.answer.body) {
                if document.name == "CompleteMultipartUploadResult" { return true }
                if document.name == "Error" {
                    let failure = S3Failure(
                        status: 200, said: S3Failure.word(document["Code"]?.text), location)
                    guard failure.isTemporary, !isRepeated else { throw failure.error(url(name)) }
                    isRepeated = true
                    continue
                }
            }
            // Cut off, or nothing that says so: the object itself tells.
            guard try await isOwn(name, mark: mark) else {
                throw invalid(name, "an upload in parts has no end")
            }
            return true
        }
    }

    /// Takes away the parts of an upload, as far as that goes: what stays is a leftover. Also where the task is cancelled.
    func abandon(_ name: ObjectName, _ upload: String) async {
        await Task {
            _ = try? await client.send(
                S3Call(.delete, location.key(name), query: [("uploadId", upload)]), about: url(name))
        }.value
    }

    /// Bytes of a part of an object of so many bytes: the setting, or what makes 10,000 parts.
    func partByteCount(of byteCount: Int) -> Int {
        max(settings.partByteCount, 5 << 20, byteCount / 10_000 + 1)
    }

    private static func escaped(_ text: String) -> String {
        text.map { character in
            switch character {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            default: String(character)
            }
        }.joined()
    }

    /// So many parts of one object at a time: two fill most lines, and several objects may be on their way.
    private static let partsAtATime = 4
}
