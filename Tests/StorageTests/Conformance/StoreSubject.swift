import Files
import Glibc
import Storage
import Support

extension StoreSubject {
    /// The store in the directory at `path`, seen through `wrap`.
    static func directory(
        _ path: String, wrap: (DirectoryStore) -> any ObjectStore = { $0 }
    ) throws -> StoreSubject {
        let store = try DirectoryStore.create(at: Path(path))
        return StoreSubject(
            store: wrap(store),
            leaveHalfWritten: { name in
                // The temporary file of a put that was killed.
                let directory = try Directory(Path(place(of: name, in: path))).duplicate()
                try directory.writeNew(
                    [1, 2],
                    to: Path(".\(name.lastComponent).tmp-\(UInt64.random(in: 1 << 60 ... .max), radix: 16)"))
            },
            damage: { name, bytes in
                let file = "\(place(of: name, in: path))/\(name.lastComponent)"
                let number = unsafe open(file, O_WRONLY | O_TRUNC)
                precondition(number >= 0, "open: errno \(errno)")
                defer { close(number) }
                let count = unsafe bytes.withUnsafeBytes { unsafe write(number, $0.baseAddress, $0.count) }
                precondition(count == bytes.count, "write: errno \(errno)")
            })
    }

    /// The directory of an object's file, made where it is missing.
    private static func place(of name: ObjectName, in root: String) -> String {
        let components = name.components
        var place = ([root] + components.dropLast()).joined(separator: "/")
        if components.first == "packs" { place += "/\(name.lastComponent.prefix(2))" }
        _ = ShellCommand.run("mkdir", ["-p", place])
        return place
    }
}

extension DefaultStringInterpolation {
    fileprivate mutating func appendInterpolation(_ number: UInt64, radix: Int) {
        appendLiteral(String(number, radix: radix))
    }
}
