internal import Archives
internal import ArgumentParser
internal import Assembly
internal import Keyrings

/// `strongroom store keys rotate`: fresh secrets, other recipients.
struct StoreKeysRotateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate", abstract: "Give a store fresh keys, or its keys to other recipients.",
        discussion: """
            After a theft --read or --write makes a fresh secret, which everything new is sealed under. Older secrets stay, \
            wrapped to the recipients of now: older snapshots restore, and who had a secret reads on what it opened. After \
            --write deduplication starts anew. Without either, the age files are wrapped anew for the recipients that are \
            added and taken away.
            """)

    @Flag(help: "A fresh secret for reading.")
    var read = false

    @Flag(help: "A fresh secret for adding.")
    var write = false

    @Option(help: ArgumentHelp("One more who can read backups; repeatable.", valueName: "recipient"))
    var addReader: [String] = []

    @Option(help: ArgumentHelp("One who reads no more; repeatable.", valueName: "recipient"))
    var removeReader: [String] = []

    @Option(
        help: ArgumentHelp(
            "One more who can add backups without reading any; repeatable.", valueName: "recipient"))
    var addWriter: [String] = []

    @Option(help: ArgumentHelp("One who adds no more; repeatable.", valueName: "recipient"))
    var removeWriter: [String] = []

    @OptionGroup var options: StoreKeysOptions

    func validate() throws {
        guard read || write || !(addReader + removeReader + addWriter + removeWriter).isEmpty else {
            throw ValidationError("say what to rotate: --read, --write, or recipients to add or to remove")
        }
    }

    func run() async throws {
        let work = try await StoreKeysWork(options, needsIdentity: true)
        let config = work.store.config
        let readers = try changed(config.readers, adding: addReader, removing: removeReader, "reader")
        let writers = try changed(config.writers, adding: addWriter, removing: removeWriter, "writer")
        guard !readers.isEmpty else {
            throw Failure(
                .usage, "nobody would read this store",
                hints: [
                    "--add-reader names one; a store of an earlier version doesn't say who its readers are"
                ])
        }
        var rotated: Set<StorePower> = []
        if read { rotated.insert(.read) }
        if write { rotated.insert(.write) }
        var renewal = StoreRenewal(work.store)
        do {
            try await StoreAccess.rewrap(
                &renewal, of: work.store, readers: readers, writers: writers, rotated: rotated,
                identities: work.identities)
        } catch let error as AgeError where error.code == .noMatch {
            throw Failure(
                .cannotDecrypt,
                "\(work.choice.location): none of the identities opens the keys that are to be wrapped anew",
                hints: ["--read and changes of readers need a reader's identity, --write a writer's"])
        }
        if !removeReader.isEmpty, !read {
            Console.note("strongroom: who was a reader may have kept the secret: --read makes a fresh one")
        }
        if !(removeReader + removeWriter).isEmpty, !write {
            Console.note("strongroom: who could add may have kept the secret: --write makes a fresh one")
        }
        try await work.commit(renewal, summary(readers.count, writers.count))
    }

    private func changed(
        _ texts: [String], adding: [String], removing: [String], _ word: String
    ) throws -> [MemberRecipient] {
        var recipients = try StoreAccess.recipients(texts)
        for text in removing {
            let removed = try Failure.about("--remove-\(word)") { try MemberRecipient(text: text) }
            guard recipients.contains(removed) else {
                throw Failure(.usage, "--remove-\(word): \(removed.text) is none")
            }
            recipients.removeAll { $0 == removed }
        }
        for text in adding {
            let added = try Failure.about("--add-\(word)") { try MemberRecipient(text: text) }
            if !recipients.contains(added) { recipients.append(added) }
        }
        return recipients
    }

    private func summary(_ readers: Int, _ writers: Int) -> String {
        let fresh = [read ? "a fresh secret for reading" : nil, write ? "a fresh secret for adding" : nil]
        return (fresh.compactMap { $0 } + ["\(readers) readers, \(writers) writers besides"])
            .joined(separator: ", ")
    }
}
