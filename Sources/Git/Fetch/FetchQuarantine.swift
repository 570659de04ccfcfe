internal import Files

/// The place that a fetch in a process of its own fills: an empty bare repository beside the mirror, with the mirror's
/// refs, that borrows the mirror's objects. What a killed fetch leaves of it is removed by the next.
///
/// On disk: `.<name>.new-<16 hex digits>/` with `objects/info/alternates`, `packed-refs` and `home/`.
struct FetchQuarantine {
    /// The repository.
    let path: Path
    private let mirror: Repository

    /// Makes the place beside `directory` for `mirror`, which has the refs `held`.
    init(beside directory: MirrorDirectory, of mirror: Repository, held: References) throws(GitError) {
        let place = MirrorDirectory(at: directory.temporaryPath)
        path = place.path
        self.mirror = mirror
        let borrowed = mirror.path.appending("objects").bytes + [0x0A]
        do throws(GitError) {
            try place.makePassing(files: [
                .init(name: "objects/info/alternates", bytes: borrowed),
                .init(name: "packed-refs", bytes: BareDirectory.packed(held)),
            ])
            try GitError.onFiles("make \(path)") { () throws(FileError) in
                let root = try Directory(place.path)
                try root.makeDirectory("home")
                try root.makeDirectory("home/.ssh")
            }
        } catch {
            remove()
            throw error
        }
    }

    /// The directory that the process may take for its user's.
    var home: Path { path.appending("home") }

    /// Removes the place.
    func remove() { MirrorDirectory(at: path).remove() }

    /// Moves the packs into the mirror, then sets its refs. Whatever moment this ends at, the mirror is whole: packs
    /// come with all that belongs to their objects, and readers look for the index, which comes second.
    func adopt(_ scope: ReferenceScope, into held: References) throws(GitError) -> References {
        let filled = try Repository(directory: path, configuration: path.appending("config"))
        let references = try scope.merged(filled.references(), into: held)
        let place = path
        let target = mirror.path
        try GitError.onFiles("move packs into \(target)") { () throws(FileError) in
            let incoming = try Directory(place).openDirectory("objects/pack")
            let packs = try Directory(target).openDirectory("objects/pack")
            for entry in try incoming.entries() where entry.name.bytes.suffix(4).elementsEqual(".idx".utf8) {
                let stem = Path(Array(entry.name.bytes.dropLast(4)))
                // See `PackReceiver.finish` for why the name is another.
                let name = PackReceiver.randomName()
                for suffix in [".pack", ".idx"] {
                    try incoming.rename(
                        Path(stem.bytes + Array(suffix.utf8)), to: Path(name + suffix), in: packs)
                }
            }
            try packs.synchronize()
        }
        if references != held { try mirror.setReferences(references) }
        return references
    }
}
