extension S3Store {
    package func remove(_ name: ObjectName) async throws(StorageError) {
        do throws(StorageError) {
            _ = try await client.send(S3Call(.delete, location.key(name)), about: url(name))
        } catch  where error.code == .notFound {
            return
        }
    }

    /// By one request a thousand (DeleteObjects); one by one where the endpoint does not take that, and for those that it
    /// says it could not remove.
    package func remove(_ names: [ObjectName]) async throws(StorageError) {
        for start in stride(from: 0, to: names.count, by: S3Store.batchCount) {
            let batch = names[start..<min(start + S3Store.batchCount, names.count)]
            guard batch.count > 1 else {
                for name in batch { try await remove(name) }
                continue
            }
            for name in try await left(of: batch) { try await remove(name) }
        }
    }

    /// Removes `names` by one request; those that it left.
    private func left(of names: ArraySlice<ObjectName>) async throws(StorageError) -> [ObjectName] {
        // Keys are of characters that XML takes as they are: names' own, and those that a prefix may have.
        let keys = names.map { "<Object><Key>\(location.key($0))</Key></Object>" }.joined()
        var call = S3Call(.post, nil, query: [("delete", "")])
        call.body = Array("<Delete><Quiet>true</Quiet>\(keys)</Delete>".utf8)[...]
        // Not taken without one.
        call.headers = [
            HTTPHeader("x-amz-sdk-checksum-algorithm", "SHA256"),
            HTTPHeader("x-amz-checksum-sha256", S3Store.checksum(of: call.body)),
        ]
        let answer: S3Answer
        do throws(StorageError) {
            answer = try await client.send(call, about: location.description)
        } catch  where [.unsupported, .io, .notFound].contains(error.code) {
            return Array(names)
        }
        guard let document = XMLElement.parse(answer.answer.body), document.name == "DeleteResult" else {
            return Array(names)
        }
        let failed = Set(document.all("Error").compactMap { $0["Key"]?.text })
        return names.filter { failed.contains(location.key($0)) }
    }

    /// S3's own bound (DeleteObjects).
    private static let batchCount = 1_000
}
