internal import Documents
internal import Encodings

/// Where the service listens for questions about its state.
package struct ListenSettings: Sendable, Equatable {
    /// The Unix socket's absolute path.
    package let socket: String
    /// The group that may connect too, a name or a number; nil for the service's user (and root) alone.
    package let group: String?
}

extension ListenSettings {
    init(_ node: YAMLNode) throws(DocumentError) {
        let mapping = try node.mapping(allowed: ["listen", "group"])
        let listen = try mapping.required("listen")
        let text = try listen.string()
        let prefix = "unix:"
        // sun_path of unix(7) has room for 107 bytes and a NUL.
        guard text.hasPrefix(prefix), text.utf8.dropFirst(prefix.utf8.count).first == 0x2F,
            text.utf8.count - prefix.utf8.count <= 107, !text.utf8.contains(0)
        else {
            throw listen.expected(
                "unix: and a socket's absolute path of at most 107 bytes, the one kind there is")
        }
        socket = String(text.dropFirst(prefix.count))
        group = try mapping.optional("group")?.string()
    }
}

extension Settings {
    /// A time zone's name: that of a file below /usr/share/zoneinfo.
    static func zone(_ node: YAMLNode) throws(DocumentError) -> String {
        let name = try node.string()
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        let isName = parts.allSatisfy { part in
            guard let first = part.utf8.first, first != 0x2D, first != 0x2E else { return false }
            return part.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == 0x2D || byte == 0x2B || byte == 0x5F
            }
        }
        guard isName, name.utf8.count <= 64 else {
            throw node.expected("a time zone, as Europe/Berlin or UTC")
        }
        return name
    }

    /// The times of a cron expression.
    static func cron(_ node: YAMLNode) throws(DocumentError) -> CronExpression {
        guard let expression = CronExpression(try node.string()) else {
            throw node.expected(
                "times in the form of cron that come again, as \"*/15 * * * *\" or \"@daily\"")
        }
        return expression
    }
}
