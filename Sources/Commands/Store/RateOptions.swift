internal import ArgumentParser
internal import Settings

/// How fast a bucket is written and read.
struct RateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Bytes a second that uploads to a bucket may take, as 10MiB.", valueName: "rate"))
    var uploadLimit: String?

    @Option(
        help: ArgumentHelp("Bytes a second that downloads from a bucket may take.", valueName: "rate"))
    var downloadLimit: String?

    /// `settings` with the limits that are named in place of its own. Throws `usage` for a directory, which has none.
    func limiting(_ settings: StoreSettings) throws -> StoreSettings {
        if !settings.isBucket { try requireNone(settings.url) }
        return try limitingBucket(settings)
    }

    /// As `limiting`, with a directory as it is.
    func limitingBucket(_ settings: StoreSettings) throws -> StoreSettings {
        guard settings.isBucket else { return settings }
        var settings = settings
        if let uploadLimit { settings.bucket.uploadLimit = try rate(uploadLimit, "--upload-limit") }
        if let downloadLimit { settings.bucket.downloadLimit = try rate(downloadLimit, "--download-limit") }
        return settings
    }

    /// Throws `usage` where a limit is named.
    func requireNone(_ directory: String) throws {
        guard uploadLimit != nil || downloadLimit != nil else { return }
        throw Failure(
            .usage, "\(directory): a directory, and --upload-limit and --download-limit are for buckets")
    }

    private func rate(_ text: String, _ option: String) throws -> Int {
        guard let rate = BucketSettings.rate(text) else {
            throw Failure(.usage, "\(option): expected bytes a second, at least 4096, as 512KiB or 10MiB")
        }
        return rate
    }
}
