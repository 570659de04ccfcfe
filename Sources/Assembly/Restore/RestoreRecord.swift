internal import Backups
internal import Encodings
internal import Files
internal import Journal

/// How far a restore in place came: what the next run needs to take it back, or to end it, after a kill at any moment.
///
/// On disk: `<state>/restores/<environment>/record`, lines of words, replaced as a whole (`AtomicFile`); the first is the
/// format's name, the last `end`. Paths and texts stand in hexadecimal digits.
struct RestoreRecord: Equatable {
    /// How far it came.
    typealias Phase = StandingRestore.Phase

    /// The file's name in its directory.
    static let fileName: Path = "record"
    /// That of the lock beside it, held while a restore is under way.
    static let lockName: Path = "lock"
    /// No record is longer, in bytes.
    static let byteLimit = 1 << 24

    /// Where the record of `environment` lies below the state directory.
    static func directory(of environment: String, in state: Path) -> Path {
        state.appending("restores").appending(Path(environment))
    }

    private static let format = "strongroom-restore-in-place-1"

    /// What was begun last.
    var phase = Phase.staging
    /// The snapshot's id.
    let snapshot: String
    /// When the restore began; nil in records that don't say.
    let begun: Timestamp?
    /// What the environment was told before the restore.
    let suspension: Suspension?
    /// What the environment was held at before the restore.
    let hold: HeldCommit?
    /// Directories that have a staging directory beside them.
    var targets: [Path] = []
    /// Directories that are exchanged.
    var swaps: [DirectorySwap] = []

    /// Why the environment is suspended meanwhile.
    var reason: String { "restore in place of snapshot \(snapshot)" }

    /// The text of the file.
    var text: String {
        var lines = [RestoreRecord.format, "phase \(phase.rawValue)", "snapshot \(snapshot)"]
        if let begun { lines.append("begun \(begun.nanoseconds)") }
        if let suspension { lines.append("suspended \(RestoreRecord.words(suspension))") }
        if let hold {
            lines.append("held \(hex(hold.source)) \(hold.commit) \(RestoreRecord.words(hold.order))")
        }
        lines += targets.map { "target \(Hex.encode($0.bytes))" }
        lines += swaps.map { swap in
            let old = swap.old.map { "\(number($0))" } ?? "-"
            let digest = swap.digest.map { " \(Hex.encode($0))" } ?? ""
            return "swap \(Hex.encode(swap.target.bytes)) \(number(swap.new)) \(old)\(digest)"
        }
        return (lines + ["end"]).joined(separator: "\n") + "\n"
    }

    private func hex(_ text: String) -> String { Hex.encode(Array(text.utf8)) + "." }

    private func number(_ identity: FileIdentity) -> String {
        "\(identity.device.major):\(identity.device.minor):\(identity.inode)"
    }

    private static func words(_ order: Suspension) -> String {
        "\(order.time.nanoseconds) \(Hex.encode(Array(order.author.utf8))). \(Hex.encode(Array(order.reason.utf8)))."
    }

    /// A record of a restore of `snapshot` that begins at `begun`.
    init(snapshot: String, begun: Timestamp?, suspension: Suspension?, hold: HeldCommit?) {
        self.snapshot = snapshot
        self.begun = begun
        self.suspension = suspension
        self.hold = hold
    }

    /// The record in a file's text; nil for what is none.
    init?(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count >= 5, lines.first == RestoreRecord.format, lines.suffix(2) == ["end", ""] else {
            return nil
        }
        var phase: Phase?
        var snapshot: String?
        var begun: Timestamp?
        var suspension: Suspension?
        var hold: HeldCommit?
        var targets: [Path] = []
        var swaps: [DirectorySwap] = []
        for line in lines.dropFirst().dropLast(2) {
            let words = line.split(separator: " ").map(String.init)
            switch (words.first, words.count) {
            case ("phase", 2): phase = Phase(rawValue: words[1])
            case ("snapshot", 2): snapshot = words[1]
            case ("begun", 2):
                guard let time = Int64(words[1]) else { return nil }
                begun = Timestamp(nanoseconds: time)
            case ("suspended", 4):
                guard let order = RestoreRecord.order(words[1...]) else { return nil }
                suspension = order
            case ("held", 6):
                guard let source = RestoreRecord.text(words[1]), let order = RestoreRecord.order(words[3...])
                else { return nil }
                hold = HeldCommit(source: source, commit: words[2], order: order)
            case ("target", 2):
                guard let path = try? Hex.decode(words[1]) else { return nil }
                targets.append(Path(path))
            case ("swap", 4), ("swap", 5):
                guard let path = try? Hex.decode(words[1]), let new = RestoreRecord.identity(words[2]) else {
                    return nil
                }
                let old = RestoreRecord.identity(words[3])
                guard old != nil || words[3] == "-" else { return nil }
                var digest: [UInt8]?
                if words.count == 5 {
                    guard let bytes = try? Hex.decode(words[4]) else { return nil }
                    digest = bytes
                }
                swaps.append(DirectorySwap(target: Path(path), new: new, old: old, digest: digest))
            default: return nil
            }
        }
        guard let phase, let snapshot else { return nil }
        self.init(snapshot: snapshot, begun: begun, suspension: suspension, hold: hold)
        self.phase = phase
        self.targets = targets
        self.swaps = swaps
    }

    private static func text(_ word: String) -> String? {
        guard word.hasSuffix("."), let bytes = try? Hex.decode(String(word.dropLast())) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func order(_ words: ArraySlice<String>) -> Suspension? {
        let words = Array(words)
        guard words.count == 3, let time = Int64(words[0]), let author = text(words[1]),
            let reason = text(words[2])
        else { return nil }
        return Suspension(time: Timestamp(nanoseconds: time), author: author, reason: reason)
    }

    private static func identity(_ word: String) -> FileIdentity? {
        let parts = word.split(separator: ":").map(String.init)
        guard parts.count == 3, let major = UInt32(parts[0]), let minor = UInt32(parts[1]),
            let inode = UInt64(parts[2])
        else { return nil }
        return FileIdentity(device: DeviceNumber(major: major, minor: minor), inode: inode)
    }
}
