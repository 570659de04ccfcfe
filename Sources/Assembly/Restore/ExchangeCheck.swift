internal import Backups
internal import Files

/// Whether directories can be exchanged as wholes, as far as can be said before anything is touched.
enum ExchangeCheck {
    /// Throws `occupied` where one of `places` lies in another, is, contains or lies in one of the paths `others`, or has a
    /// mounted file system beneath it, however they are written.
    static func run(_ places: [Path], apartFrom others: [String]) throws(BackupError) {
        for (number, place) in places.enumerated() {
            for other in places[..<number] where StorePins.isNested(place.description, other.description) {
                throw BackupError(
                    .occupied,
                    "\(other) and \(place): one lies in the other, and each is exchanged as a whole; --source names one of them"
                )
            }
            for other in others where StorePins.isNested(place.description, other) {
                throw BackupError(
                    .occupied,
                    "\(place) can't be exchanged: \(other), which this restore needs or delivers, is it, lies in it or around it; restore it with --into"
                )
            }
            if let mount = try mounts().first(where: { isBeneath($0, place) }) {
                throw BackupError(
                    .occupied,
                    "\(place) can't be exchanged: a file system is mounted \(words(mount, place)); unmount it, or restore with --into"
                )
            }
        }
    }

    /// Whether it is mounted at the place or beneath it: a bind mount of the same file system can't be renamed either.
    private static func isBeneath(_ mount: Path, _ place: Path) -> Bool {
        guard let real = StorePins.names(of: place.description).last else { return false }
        return mount.bytes == Array(real.utf8) || mount.bytes.starts(with: Array((real + "/").utf8))
    }

    private static func words(_ mount: Path, _ place: Path) -> String {
        mount == place ? "there" : "there or beneath it, at \(mount)"
    }

    /// Where file systems are mounted: the fifth field of each line of /proc/self/mountinfo, whose blanks, tabs, line feeds and
    /// backslashes are octal numbers behind a backslash (proc(5)).
    private static func mounts() throws(BackupError) -> [Path] {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try Directory("/proc/self").read("mountinfo", limit: 1 << 24)
        } catch {
            throw BackupError(.files, "/proc/self/mountinfo: \(error.description)", underlying: error)
        }
        return bytes.split(separator: 0x0A).compactMap { line in
            let fields = line.split(separator: 0x20)
            return fields.count > 4 ? Path(plain(Array(fields[4]))) : nil
        }
    }

    private static func plain(_ field: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        var position = 0
        while position < field.count {
            let digits = field[(position + 1)...].prefix(3)
            if field[position] == 0x5C, digits.count == 3, digits.allSatisfy({ (0x30...0x37).contains($0) }) {
                bytes.append(digits.reduce(0) { $0 &* 8 &+ ($1 - 0x30) })
                position += 4
            } else {
                bytes.append(field[position])
                position += 1
            }
        }
        return bytes
    }
}
