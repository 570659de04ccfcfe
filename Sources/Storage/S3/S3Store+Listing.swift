package import Encodings

extension S3Store {
    package func list(below name: ObjectName?) async throws(StorageError) -> [ObjectEntry] {
        let top =
            name.map { location.key($0) + "/" } ?? (location.prefix.isEmpty ? "" : location.prefix + "/")
        let base = location.prefix.isEmpty ? 0 : location.prefix.utf8.count + 1
        var found: [ObjectEntry] = []
        var token: String?
        repeat {
            // Keys may hold what XML can't (ListObjectsV2, encoding-type).
            var query = [("list-type", "2"), ("encoding-type", "url"), ("prefix", top)]
            if let token { query.append(("continuation-token", token)) }
            let page = try await document(query, "ListBucketResult")
            for item in page.all("Contents") {
                guard let key = item["Key"].flatMap({ S3Encoding.decode($0.text) }),
                    let size = item["Size"].flatMap({ Int($0.text) }), size >= 0
                else { throw invalid("a listing has an object without key or size") }
                // What is no object of this store is passed over, as a directory's strange files are.
                guard key.starts(with: top.utf8), let name = S3Store.name(key.dropFirst(base)) else {
                    continue
                }
                found.append(ObjectEntry(name: name, byteCount: size))
            }
            let next = page["NextContinuationToken"]?.text
            guard page["IsTruncated"]?.text == "true" else { break }
            guard let next, !next.isEmpty, next.utf8.count <= 4096, next != token else {
                throw invalid("a listing does not say how it goes on")
            }
            token = next
        } while true
        found.sort { $0.name < $1.name }
        // One that an endpoint puts on two pages.
        return found.indices.filter { $0 == 0 || found[$0].name != found[$0 - 1].name }.map { found[$0] }
    }

    /// Aborts uploads in parts that nobody can be at any more: begun more than `leftoverAge` ago by the endpoint's own
    /// clock. A writer that still comes back to one begins again.
    package func removeLeftovers() async throws(StorageError) {
        let top = location.prefix.isEmpty ? "" : location.prefix + "/"
        var markers: [(String, String)] = []
        repeat {
            let call = S3Call(
                .get, nil, query: [("uploads", ""), ("prefix", top), ("encoding-type", "url")] + markers)
            let answer: S3Answer
            do throws(StorageError) {
                answer = try await client.send(call, about: location.description)
            } catch  where error.code == .unsupported || error.code == .permission {
                // Who may not look for them leaves them to who may.
                return
            }
            guard let page = XMLElement.parse(answer.answer.body), page.name == "ListMultipartUploadsResult",
                let now = answer["date"].flatMap(HTTPDate.parse)
            else { throw invalid("a list of uploads is none, or has no date") }
            for upload in page.all("Upload") {
                guard let key = upload["Key"].flatMap({ S3Encoding.decode($0.text) }),
                    key.starts(with: top.utf8),
                    let name = S3Store.name(key.dropFirst(top.utf8.count)), let id = upload["UploadId"]?.text,
                    let begun = upload["Initiated"].flatMap({ try? Timestamp(rfc3339: $0.text) }),
                    now.seconds - begun.seconds > S3Store.leftoverAge
                else { continue }
                await abandon(name, id)
            }
            guard page["IsTruncated"]?.text == "true" else { return }
            let next = [("key-marker", "NextKeyMarker"), ("upload-id-marker", "NextUploadIdMarker")].map {
                ($0.0, String(decoding: S3Encoding.decode(page[$0.1]?.text ?? "") ?? [], as: UTF8.self))
            }
            guard !next[0].1.isEmpty, !next.elementsEqual(markers, by: ==) else {
                throw invalid("a list of uploads does not say how it goes on")
            }
            markers = next
        } while true
    }

    package func isEmpty() async throws(StorageError) -> Bool {
        let top = location.prefix.isEmpty ? "" : location.prefix + "/"
        let page = try await document(
            [("list-type", "2"), ("max-keys", "1"), ("prefix", top)], "ListBucketResult")
        return page["Contents"] == nil
    }

    package func time() async throws(StorageError) -> Timestamp? {
        let top = location.prefix.isEmpty ? "" : location.prefix + "/"
        let call = S3Call(.get, nil, query: [("list-type", "2"), ("max-keys", "1"), ("prefix", top)])
        let answer = try await client.send(call, about: location.description)
        return answer["date"].flatMap(HTTPDate.parse)
    }

    /// The document that the bucket answers `query` with, whose root is `root` where that is given.
    func document(_ query: [(String, String)], _ root: String?) async throws(StorageError) -> XMLElement {
        let answer = try await client.send(S3Call(.get, nil, query: query), about: location.description)
        guard let page = XMLElement.parse(answer.answer.body), root == nil || page.name == root else {
            throw invalid("no \(root ?? "document") came")
        }
        return page
    }

    private func invalid(_ what: String) -> StorageError {
        StorageError(
            .invalidAnswer, name: location.description,
            reason: "\(location.endpoint) does not answer as S3 does: \(what)")
    }

    private static func name(_ bytes: ArraySlice<UInt8>) -> ObjectName? {
        String(validating: bytes, as: UTF8.self).flatMap { try? ObjectName($0) }
    }

    /// Seven days: an object is uploaded within hours, and what its parts cost until then is little.
    private static let leftoverAge: Int64 = 7 * 86_400
}
