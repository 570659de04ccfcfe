extension TargetSettings {
    /// The absolute path that is the target's own, with everything below it; nil where it has none.
    package var place: String? {
        switch self {
        case .files(let settings): settings.directory
        case .compose(let settings): settings.files.directory
        case .credentials(let settings): settings.socket
        case .command: nil
        }
    }

    /// A place of `own` that is a place of `others`, or lies in one, or the other way around, as the paths are written;
    /// nil where there is none. Environments that share a place would undo each other's deliveries.
    static func sharedPlace(_ own: [TargetSettings], _ others: [TargetSettings]) -> String? {
        let taken = others.compactMap(\.place).map(names)
        return own.compactMap(\.place).first { place in
            let mine = names(place)
            return taken.contains { $0.starts(with: mine) || mine.starts(with: $0) }
        }
    }

    private static func names(_ path: String) -> [Substring] {
        path.split(separator: "/").filter { $0 != "." }
    }
}
