internal import Documents

extension Settings {
    /// `4096`, `16KiB`, `1MiB` or `2GiB`.
    static func byteCount(_ node: YAMLNode) throws(DocumentError) -> UInt64 {
        guard let count = byteCount(try node.string()) else {
            throw node.expected("a number of bytes, as 4096, 16KiB, 1MiB or 2GiB")
        }
        return count
    }

    /// The number of bytes that `text` means; nil for all else.
    static func byteCount(_ text: String) -> UInt64? {
        let units: [(String, UInt64)] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)]
        for (suffix, factor) in units where text.hasSuffix(suffix) {
            guard let count = UInt64(text.dropLast(suffix.count)) else { break }
            let (product, overflow) = count.multipliedReportingOverflow(by: factor)
            return overflow ? nil : product
        }
        return nil
    }

    /// `30s`, `10m`, `2h` or `7d`, in seconds.
    static func seconds(_ node: YAMLNode) throws(DocumentError) -> Int64 {
        let text = try node.string()
        for (suffix, factor) in [("s", Int64(1)), ("m", 60), ("h", 3_600), ("d", 86_400)]
        where text.hasSuffix(suffix) {
            guard let count = Int64(text.dropLast()), (1...100_000).contains(count) else { break }
            return count * factor
        }
        throw node.expected("a duration from 1s on, as 30s, 10m, 2h or 7d")
    }
}
