import Glibc

/// Known-answer files that are not part of the repository: below `STRONGROOM_VECTORS`, else below
/// `../shared/vectors` beside the package.
package enum Vectors {
    /// What a test that needs them says when it is left out.
    package static let absence = "the known-answer files are not here (STRONGROOM_VECTORS)"

    /// The folder of all vectors, whether it is there or not.
    package static let root: String = {
        if let path = unsafe getenv("STRONGROOM_VECTORS") { return unsafe String(cString: path) }
        // Three components up from Tests/Support/Vectors.swift is the package.
        let package = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        return package.joined(separator: "/") + "/../shared/vectors"
    }()

    /// Whether tests over the vector folder `name` are to run: it is there; or this is CI, where its absence is a
    /// failure.
    package static func areExpected(_ name: String) -> Bool {
        unsafe access("\(root)/\(name)", R_OK) == 0 || isCI
    }

    /// Whether a missing tool or file fails a test instead of leaving it out: `CI=true`.
    package static var isCI: Bool {
        guard let value = unsafe getenv("CI") else { return false }
        return unsafe String(cString: value) == "true"
    }

    /// The names in the vector folder `name`, sorted, without README and dot-files. Empty where it is absent.
    package static func names(in name: String) -> [String] {
        guard let directory = unsafe opendir("\(root)/\(name)") else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let bytes = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
                unsafe [UInt8]($0.prefix { $0 != 0 })
            }
            let file = String(decoding: bytes, as: UTF8.self)
            if !file.hasPrefix("."), file != "README.md" { names.append(file) }
        }
        return names.sorted()
    }

    /// All bytes of the file `path` below the vector folders; nil where it can't be read.
    package static func bytes(_ path: String) -> [UInt8]? {
        guard let file = unsafe fopen("\(root)/\(path)", "rb") else { return nil }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe fread(&buffer, 1, buffer.count, file)
            guard count > 0 else { return bytes }
            bytes += buffer[..<count]
        }
    }
}
