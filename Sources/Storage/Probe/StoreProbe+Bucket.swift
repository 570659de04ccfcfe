import Sodium

extension StoreProbe {
    /// What only a bucket has.
    mutating func examine(_ bucket: S3Store) async {
        await examinePutOnce(bucket)
        await examineParts(bucket)
        await examineVersions(bucket)
        await examineLock(bucket)
        await examineClock()
    }

    /// Asks for the condition whatever the settings say, and looks at what became of the object.
    private mutating func examinePutOnce(_ bucket: S3Store) async {
        do throws(StorageError) {
            let name = try name("once")
            try await bucket.put(name, [1], ifAbsent: false)
            var call = S3Call(.put, bucket.location.key(name))
            call.body = [2]
            call.headers = [S3Store.ifNoneMatch]
            call.headers += bucket.checksum(of: call.body)
            call.accepted = [412]
            let answer = try await bucket.client.send(call, about: bucket.url(name))
            try await judgePutOnce(.putOnce, bucket, name, isRefused: answer.status == 412)
        } catch  where error.code == .unsupported {
            add(.putOnce, .absent, StoreProbe.noConditions)
        } catch {
            add(.putOnce, .unknown, error.description)
        }
    }

    private mutating func judgePutOnce(
        _ check: ProbeFinding.Check, _ bucket: S3Store, _ name: ObjectName, isRefused: Bool
    ) async throws(StorageError) {
        let isKept = try await bucket.get(name, limit: 1) == [1]
        switch (isRefused, isKept) {
        case (true, true): add(check, .holds, "If-None-Match is honoured: a taken name is kept")
        case (_, false):
            add(
                check, .fails,
                "If-None-Match is passed over: have the settings say that it is not used, so that a put looks first"
            )
        case (false, true): add(check, .unknown, "a put was accepted, and its object is not there")
        }
    }

    /// Two parts of which the first has S3's smallest size; then one that must not replace.
    private mutating func examineParts(_ bucket: S3Store) async {
        do throws(StorageError) {
            let (name, size) = (try name("parts"), 5 << 20)
            let bytes = RandomBytes.make(size + 1)
            let upload = try await bucket.begin(name, mark: "probe")
            guard try await bucket.byteCount(of: name) == nil else {
                add(.parts, .fails, "an upload in parts is seen before its end")
                return
            }
            await bucket.abandon(name, upload)
            try await bucket.putInParts(name, bytes, mark: "probe", isConditional: false)
            let tail = try await bucket.get(name, range: (size - 5)..<(size + 1))
            let byteCount = try await bucket.byteCount(of: name)
            let isWhole = byteCount == bytes.count && tail == Array(bytes[(size - 5)...])
            add(
                .parts, isWhole ? .holds : .fails,
                isWhole
                    ? "an upload in parts is whole, and not seen before its end"
                    : "parts are not put together as they should be")
        } catch {
            add(.parts, .unknown, error.description)
        }
        do throws(StorageError) {
            let name = try name("once-in-parts")
            try await bucket.put(name, [1], ifAbsent: false)
            var isRefused = false
            do throws(StorageError) {
                try await bucket.putInParts(name, [2], mark: "probe", isConditional: true)
            } catch  where error.code == .exists {
                isRefused = true
            }
            try await judgePutOnce(.putOnceInParts, bucket, name, isRefused: isRefused)
        } catch  where error.code == .unsupported {
            add(.putOnceInParts, .absent, StoreProbe.noConditions)
        } catch {
            add(.putOnceInParts, .unknown, error.description)
        }
    }

    private mutating func examineVersions(_ bucket: S3Store) async {
        do throws(StorageError) {
            let document = try await bucket.document([("versioning", "")], nil)
            if document["Status"]?.text == "Enabled" {
                add(
                    .versions, .holds,
                    "the bucket keeps versions: what is pruned takes room until a life cycle rule expires old versions"
                )
            } else {
                add(.versions, .absent, "the bucket keeps no versions: what is removed is gone")
            }
        } catch {
            add(.versions, .unknown, error.description)
        }
    }

    private mutating func examineLock(_ bucket: S3Store) async {
        let without = "the bucket cannot lock objects"
        do throws(StorageError) {
            let document = try await bucket.document([("object-lock", "")], "ObjectLockConfiguration")
            guard document["ObjectLockEnabled"]?.text == "Enabled" else {
                add(.objectLock, asksForLock ? .fails : .absent, without)
                return
            }
            let rule = document["Rule"]?["DefaultRetention"]
            let days = (rule?["Days"]?.text).flatMap { Int($0) }.map { "\($0) days" }
            let years = (rule?["Years"]?.text).flatMap { Int($0) }.map { "\($0) years" }
            let retention = (days ?? years).map { "by default for \($0)" } ?? "where a put asks for it"
            add(.objectLock, .holds, "the bucket locks objects \(retention); prune cannot free them sooner")
        } catch  where error.code == .notFound || error.code == .unsupported {
            add(.objectLock, asksForLock ? .fails : .absent, without)
        } catch {
            add(.objectLock, .unknown, error.description)
        }
    }

    private static let noConditions =
        "If-None-Match is refused: a put looks first, and two writers of one name at one time do not see each other"
}
