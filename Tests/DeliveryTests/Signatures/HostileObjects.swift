import Encodings
import SSH
import Support

@testable import Delivery

/// An object that is put to `git verify-commit` or `git verify-tag` and to the verifier here.
struct HostileObject: Sendable {
    /// Who takes its signature.
    enum Verdict: Sendable, Equatable {
        /// Both do.
        case taken
        /// Neither does.
        case refused
        /// Git does, and it is refused here.
        case stricter
    }

    let type: String
    let name: String
    let verdict: Verdict
    let raw: [UInt8]
}

/// Builds the objects.
struct HostileObjects {
    let fixture: SigningFixture
    private(set) var all: [HostileObject] = []

    private var tree: String { "tree \(fixture.tree)\n" }
    private var parent: String { "parent \(fixture.parent)\n" }
    private let author = "author Alice <alice@example.org> 1700000000 +0100\n"
    private let committer = "committer Alice <alice@example.org> 1700000000 +0100\n"
    private var plain: String { tree + parent + author + committer }
    private var tagHeaders: String {
        "object \(fixture.parent)\ntype commit\ntag v1\ntagger Alice <alice@example.org> 1700000000 +0100\n"
    }

    init(_ fixture: SigningFixture) throws {
        self.fixture = fixture
        try addGood()
        try addForeign()
        try addLayouts()
        try addDamaged()
        addTags()
        if SigningFixture.hasGnuPG { addOpenPGP() }
    }

    // MARK: - Pieces

    /// A signature as the header `key` holds it.
    private func header(_ armor: [UInt8], _ key: String = "gpgsig") -> String {
        let text = String(decoding: armor.last == 0x0A ? armor.dropLast() : armor[...], as: UTF8.self)
        return "\(key) " + text.replacing("\n", with: "\n ") + "\n"
    }

    private mutating func add(
        _ name: String, _ verdict: HostileObject.Verdict, _ raw: String, type: String = "commit"
    ) {
        all.append(HostileObject(type: type, name: name, verdict: verdict, raw: bytes(raw)))
    }

    /// A commit whose signature is over exactly what git signs: all but the header.
    private mutating func addSigned(
        _ name: String, _ verdict: HostileObject.Verdict, before: String? = nil, after: String = "",
        message: String = "\nmessage\n", by armor: (([UInt8]) throws -> [UInt8])? = nil,
        fold: ((String) -> String)? = nil
    ) rethrows {
        let before = before ?? plain
        let payload = bytes(before + after + message)
        let armor = try armor?(payload) ?? fixture.ssh(payload)
        let header = header(armor)
        add(name, verdict, before + (fold?(header) ?? header) + after + message)
    }

    private mutating func addTag(
        _ name: String, _ verdict: HostileObject.Verdict, headers: String? = nil,
        message: String = "\nmessage\n",
        after: String = "", by armor: (([UInt8]) -> [UInt8])? = nil
    ) {
        let text = (headers ?? tagHeaders) + message
        let armor = armor?(bytes(text)) ?? fixture.ssh(bytes(text))
        add(name, verdict, text + String(decoding: armor, as: UTF8.self) + after, type: "tag")
    }

    // MARK: - Objects

    private mutating func addGood() throws {
        let keys = ["alice", "p256", "p384", "p521", "rsa2048", "renewed"]
        for key in keys { addSigned("signed by \(key)", .taken) { [fixture] in fixture.ssh($0, as: key) } }
        for key in ["alice", "rsa2048", "p521"] {
            addSigned("over SHA-256 by \(key)", .taken) { [fixture] in
                fixture.ssh($0, as: key, options: ["-O", "hashalg=sha256"])
            }
        }
        try addSigned("by a touched security key", .taken) { try SoftKey.sign($0) }
        try addSigned("by a security key with a PIN", .taken) { try SoftKey.sign($0, flags: 5) }
        addSigned("without parents", .taken, before: tree + author + committer)
        addSigned("a merge", .taken, before: tree + parent + parent + author + committer)
        addSigned("with an encoding", .taken, before: plain + "encoding ISO-8859-1\n")
        addSigned(
            "with a merged tag", .taken,
            before: plain
                + "mergetag object \(fixture.parent)\n type commit\n tag x\n tagger A <a@b> 1 +0000\n \n m\n")
        addSigned("with an unknown header", .taken, before: plain + "change-id zyx\n")
        addSigned("with an empty message", .taken, message: "\n")
        addSigned("with a message without an end", .taken, message: "\nmessage")
        addSigned(
            "with a signature quoted in the message", .taken,
            message: "\ngpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----\n")
        addSigned("with a zone of minutes", .taken, before: plain.replacing("+0100", with: "-0930"))
        addSigned("by an author without a name", .taken, before: plain.replacing("Alice <", with: "<"))
    }

    private mutating func addForeign() throws {
        for key in ["mallory", "filer", "later", "gone"] {
            addSigned("signed by \(key)", .refused) { [fixture] in fixture.ssh($0, as: key) }
        }
        addSigned("by a key that has expired since", .stricter) { [fixture] in fixture.ssh($0, as: "old") }
        addSigned(
            "by a key that had expired then", .refused,
            before: plain.replacing("1700000000", with: "1710000000")
        ) { [fixture] in fixture.ssh($0, as: "old") }
        addSigned(
            "by a key that was not valid yet then", .refused,
            before: plain.replacing("1700000000", with: "1600000000")
        ) { [fixture] in fixture.ssh($0, as: "renewed") }
        addSigned("by a short RSA key", .stricter) { [fixture] in fixture.ssh($0, as: "rsa1024") }
        try addSigned("by a security key that nobody touched", .stricter) { try SoftKey.sign($0, flags: 0) }
        addSigned("in the namespace file", .refused) { [fixture] in fixture.ssh($0, namespace: "file") }
        add("unsigned", .refused, plain + "\nmessage\n")
        let armor = fixture.ssh(bytes(plain + "\nmessage\n"))
        add("signed in the message", .refused, plain + "\nmessage\n" + header(armor))
        add("signed in the message's first line", .refused, plain + "\n" + header(armor) + "message\n")
        add(
            "signed as another object format", .refused,
            plain + header(armor, "gpgsig-sha256") + "\nmessage\n")
        add("with another message", .refused, plain + header(armor) + "\nmassage\n")
        add("with a longer message", .refused, plain + header(armor) + "\nmessage\n\n")
        add(
            "with another tree", .refused,
            plain.replacing(fixture.tree, with: fixture.parent) + header(armor) + "\nmessage\n")
        add(
            "with another parent", .refused,
            tree + parent + plain.dropFirst(tree.count) + header(armor) + "\nmessage\n")
        add("with one parent less", .refused, tree + author + committer + header(armor) + "\nmessage\n")
        add(
            "with another author", .refused,
            plain.replacing("author Alice", with: "author Alicf") + header(armor) + "\nmessage\n")
        add(
            "with another committer's time", .refused,
            plain.replacing("1700000000 +0100\n\n", with: "1700000001 +0100\n\n").replacing(
                committer, with: committer.replacing("00 +", with: "01 +")) + header(armor) + "\nmessage\n")
        add("with an added encoding", .refused, plain + "encoding UTF-8\n" + header(armor) + "\nmessage\n")
    }

    private mutating func addLayouts() throws {
        let armor = fixture.ssh(bytes(plain + "\nmessage\n"))
        add("F051 signed twice alike", .stricter, plain + header(armor) + header(armor) + "\nmessage\n")
        let other = fixture.ssh(bytes(plain + "\nmessage\n"), as: "mallory")
        add("F051 signed twice, good first", .stricter, plain + header(armor) + header(other) + "\nmessage\n")
        add("F051 signed twice, good last", .refused, plain + header(other) + header(armor) + "\nmessage\n")
        let nested = fixture.ssh(bytes(plain + header(other) + "\nmessage\n"))
        add(
            "F051 a signature over a signature", .refused,
            plain + header(other) + header(nested) + "\nmessage\n")
        add(
            "F053 with a signature for another format beside", .stricter,
            plain + header(armor) + header(other, "gpgsig-sha256") + "\nmessage\n")
        addSigned("F053 an encoding after the signature", .stricter, after: "encoding UTF-8\n")
        addSigned("F053 a parent after the signature", .stricter, after: parent)
        addSigned(
            "F053 an author after the signature", .stricter, before: tree + parent + committer, after: author)
        addSigned("F053 a tree after the signature", .stricter, after: tree)
        addSigned(
            "F053 signed before the author", .stricter, before: tree + parent, after: author + committer)
        addSigned("F053 two trees", .stricter, before: tree + plain)
        addSigned("F053 two authors", .stricter, before: tree + parent + author + author + committer)
        addSigned("F053 two committers", .stricter, before: plain + committer)
        addSigned("F053 two encodings", .stricter, before: plain + "encoding UTF-8\nencoding UTF-8\n")
        addSigned(
            "F053 the committer before the author", .stricter, before: tree + parent + committer + author)
        addSigned("F053 a parent after the author", .stricter, before: tree + author + parent + committer)
        addSigned(
            "F053 an unknown header before the author", .stricter, before: tree + "x 1\n" + author + committer
        )
        addSigned(
            "F053 an encoding behind a merged tag", .stricter, before: plain + "mergetag x\nencoding UTF-8\n")
        addSigned("without a committer", .refused, before: tree + parent + author)
        addSigned("with an author without an address", .stricter, before: tree + "author Alice\n" + committer)
        addSigned("with a time of nothing", .stricter, before: plain.replacing("1700000000", with: "0x10"))
        addSigned("with a time that begins with 0", .stricter, before: plain.replacing(" 17", with: " 0017"))
        addSigned("with no zone", .stricter, before: plain.replacing(" +0100", with: ""))
        addSigned(
            "with an upper-case tree", .stricter, before: plain.replacing(tree, with: tree.uppercasedID))
        addSigned("with a NUL in a header", .stricter, before: plain + "x a\u{0}b\n")
        addSigned(
            "with a continued author", .stricter, before: tree + parent + author + " more\n" + committer)
        addSigned("with a header without a value", .stricter, before: plain + "x\n")
        addSigned("with no message at all", .stricter, message: "")
        addSigned(
            "with a CR before the line ends", .stricter, before: plain.replacing("+0100\n", with: "+0100\r\n")
        )
        addSigned("with a NUL in the message", .taken, message: "\nmess\u{0}age\n")
    }

    private mutating func addDamaged() throws {
        let payload = bytes(plain + "\nmessage\n")
        let armor = fixture.ssh(payload)
        let text = String(decoding: armor, as: UTF8.self)
        let blob = try SSHSignature(armored: armor).blob
        func wrap(_ blob: [UInt8], width: Int = 70) -> [UInt8] {
            let base64 = Base64.standard.encodeBytes(blob)
            let lines = stride(from: 0, to: base64.count, by: width).map {
                String(decoding: base64[$0..<min($0 + width, base64.count)], as: UTF8.self)
            }
            return bytes(
                "-----BEGIN SSH SIGNATURE-----\n" + lines.joined(separator: "\n")
                    + "\n-----END SSH SIGNATURE-----\n")
        }
        func change(_ offset: Int, _ mask: UInt8) -> [UInt8] {
            var other = blob
            other[offset < 0 ? blob.count + offset : offset] ^= mask
            return wrap(other)
        }
        func replace(_ old: String, _ new: String) -> [UInt8] {
            wrap(blob.replacing(bytes(old), with: bytes(new)))
        }
        let variants: [(String, HostileObject.Verdict, [UInt8])] = [
            ("in lines of 76", .taken, wrap(blob, width: 76)),
            ("in lines of 200", .stricter, wrap(blob, width: 200)),
            ("F054 with a byte behind", .refused, wrap(blob + [0])),
            ("F054 with a byte less", .refused, wrap(blob.dropLast())),
            ("F054 of version 2", .refused, change(9, 3)),
            ("F054 with another magic", .refused, change(0, 1)),
            ("F054 with a flipped bit at the end", .refused, change(-1, 1)),
            ("F054 with a flipped bit in the middle", .refused, change(-40, 1)),
            ("F054 with a flipped bit in the key", .refused, change(40, 1)),
            ("F054 with the hash name sha1", .refused, replace("\0\0\0\u{6}sha512", "\0\0\0\u{4}sha1")),
            ("F054 with the hash name sha256", .refused, replace("sha512", "sha256")),
            ("F054 with the hash name SHA512", .refused, replace("sha512", "SHA512")),
            ("F054 with the namespace gitt", .refused, replace("\u{3}git", "\u{4}gitt")),
            ("F054 without a namespace", .refused, replace("\u{3}git", "\0")),
            ("F054 with a reserved field", .stricter, replace("\u{3}git\0\0\0\0", "\u{3}git\0\0\0\u{1}x")),
            ("with text before it", .refused, bytes("text\n" + text)),
            ("with text behind it", .stricter, bytes(text + "text\n")),
            ("with an empty line behind it", .stricter, bytes(text + "\n")),
            ("with an empty line inside", .stricter, bytes(text.replacing("-----\nU1", with: "-----\n\nU1"))),
            ("with blanks inside", .stricter, bytes(text.replacing("-----\nU1", with: "-----\n U1"))),
            (
                "without its END line", .refused,
                bytes(text.replacing("-----END SSH SIGNATURE-----\n", with: ""))
            ),
            ("with CR LF", .refused, bytes(text.replacing("\n", with: "\r\n"))),
            ("with another armor behind it", .stricter, armor + fixture.ssh(payload, as: "mallory")),
            ("that is empty", .refused, []),
            ("of another armor", .refused, bytes(text.replacing("SSH SIGNATURE", with: "SSH MESSAGE"))),
        ]
        for (name, verdict, armor) in variants {
            addSigned("a signature \(name)", verdict) { _ in armor }
        }
        addSigned("F054 RSA over SHA-1", .refused) { [fixture] payload in
            let good = (try? SSHSignature(armored: fixture.ssh(payload, as: "rsa2048")))?.blob ?? []
            return wrap(
                good.replacing(bytes("\0\0\0\u{c}rsa-sha2-512"), with: bytes("\0\0\0\u{7}ssh-rsa")))
        }
        addSigned("F054 RSA named SHA-256 over SHA-512", .refused) { [fixture] payload in
            let good = (try? SSHSignature(armored: fixture.ssh(payload, as: "rsa2048")))?.blob ?? []
            return wrap(good.replacing(bytes("rsa-sha2-512"), with: bytes("rsa-sha2-256")))
        }
        addSigned("with the first line of the signature on a line of its own", .refused) { _ in
            armor
        } fold: {
            $0.replacing("gpgsig ", with: "gpgsig \n ")
        }
        addSigned("with a signature whose lines are not continued", .refused) { _ in
            armor
        } fold: {
            $0.replacing("\n ", with: "\n")
        }
        addSigned("with a signature header of two blanks", .refused) { _ in
            armor
        } fold: {
            $0.replacing("gpgsig ", with: "gpgsig  ")
        }
    }

    private mutating func addTags() {
        addTag("signed", .taken)
        addTag("signed by p384", .taken) { [fixture] in fixture.ssh($0, as: "p384") }
        addTag("with an empty message", .taken, message: "\n")
        addTag("without a tagger", .refused, headers: String(tagHeaders.split(separator: "tagger")[0]))
        addTag("signed by mallory", .refused) { [fixture] in fixture.ssh($0, as: "mallory") }
        addTag("in the namespace file", .refused) { [fixture] in fixture.ssh($0, namespace: "file") }
        addTag("by a key that has expired since", .stricter) { [fixture] in fixture.ssh($0, as: "old") }
        add("unsigned", .refused, tagHeaders + "\nmessage\n", type: "tag")
        let text = tagHeaders + "\nmessage\n"
        let armor = String(decoding: fixture.ssh(bytes(text)), as: UTF8.self)
        add("with another message", .refused, tagHeaders + "\nmassage\n" + armor, type: "tag")
        add(
            "for another object", .refused,
            text.replacing(fixture.parent, with: fixture.tree) + armor, type: "tag")
        add(
            "for another type", .refused, text.replacing("type commit", with: "type tree") + armor,
            type: "tag")
        add("with another name", .refused, text.replacing("tag v1", with: "tag v2") + armor, type: "tag")
        addTag("with another name inside", .stricter, headers: tagHeaders.replacing("tag v1", with: "tag v2"))
        addTag("F051 signed twice", .refused) { [fixture] in
            fixture.ssh($0) + fixture.ssh($0, as: "mallory")
        }
        let first = text + armor
        add(
            "F051 a signature over a signature", .stricter,
            first + String(decoding: fixture.ssh(bytes(first)), as: UTF8.self), type: "tag")
        addTag("with text behind the signature", .stricter, after: "text\n")
        addTag(
            "with a NUL in a header", .refused, headers: tagHeaders.replacing("Alice", with: "Al\u{0}ice"))
        addTag("with a header more", .stricter, headers: tagHeaders + "x 1\n")
        addTag(
            "with headers in another order", .stricter,
            headers: "object \(fixture.parent)\ntag v1\ntype commit\ntagger"
                + tagHeaders.split(separator: "tagger")[1])
        addTag("signed in a header", .refused, headers: tagHeaders + header(bytes(armor))) { _ in [] }
    }

    private mutating func addOpenPGP() {
        for user in ["good", "rsa", "subkey"] {
            addSigned("OpenPGP by \(user)", .taken) { [fixture] in fixture.pgp($0, as: user) }
        }
        for user in ["expired", "revoked", "stranger"] {
            let options = user == "expired" ? ["--faked-system-time", "20200601T000000"] : []
            addSigned("OpenPGP by \(user)", .refused) { [fixture] in
                fixture.pgp($0, as: user, options: options)
            }
        }
        addSigned("OpenPGP by a key that no fingerprint names", .stricter) { [fixture] in
            fixture.pgp($0, as: "unlisted")
        }
        addSigned("OpenPGP with SHA-1", .stricter) { [fixture] in
            fixture.pgp($0, as: "rsa", options: ["--digest-algo", "SHA1"])
        }
        addSigned("OpenPGP over text", .stricter) { [fixture] in
            fixture.pgp($0, as: "good", options: ["--textmode"])
        }
        addSigned("OpenPGP of two keys", .refused) { [fixture] in fixture.pgp($0, as: "good", "rsa") }
        addSigned("OpenPGP with a comment", .taken) { [fixture] in
            fixture.pgp($0, as: "good", options: ["--comment", "a comment"])
        }
        addSigned("OpenPGP with a notation", .taken) { [fixture] in
            fixture.pgp($0, as: "good", options: ["--sig-notation", "a@example.org=b"])
        }
        addSigned("OpenPGP with an empty line behind", .taken) { [fixture] in
            fixture.pgp($0, as: "good") + [0x0A]
        }
        addSigned("OpenPGP with text behind", .stricter) { [fixture] in
            fixture.pgp($0, as: "good") + bytes("text\n")
        }
        addSigned("OpenPGP with a header line without a blank", .refused) { [fixture] in
            let text = String(decoding: fixture.pgp($0, as: "good"), as: UTF8.self)
            return bytes(text.replacing("-----\n\n", with: "-----\nVersion:1\n\n"))
        }
        addSigned("OpenPGP as a whole signed message", .refused) { [fixture] in
            fixture.pgp($0, as: "good", options: ["--sign"])
        }
        addSigned("OpenPGP as a whole signed message that is called a signature", .refused) { [fixture] in
            let text = String(decoding: fixture.pgp($0, as: "good", options: ["--sign"]), as: UTF8.self)
            return bytes(text.replacing("PGP MESSAGE", with: "PGP SIGNATURE"))
        }
        addSigned("OpenPGP that is cut off", .refused) { [fixture] in
            Array(fixture.pgp($0, as: "good").dropLast(60))
        }
        let armor = fixture.pgp(bytes(plain + "\nmessage\n"), as: "good")
        add("OpenPGP with another message", .refused, plain + header(armor) + "\nmassage\n")
        add("OpenPGP signed twice", .refused, plain + header(armor) + header(armor) + "\nmessage\n")
        addTag("OpenPGP", .taken) { [fixture] in fixture.pgp($0, as: "good") }
        addTag("OpenPGP by a revoked key", .refused) { [fixture] in fixture.pgp($0, as: "revoked") }
        addTag("OpenPGP with text behind", .stricter, after: "text\n") { [fixture] in
            fixture.pgp($0, as: "good")
        }
    }
}

extension String {
    fileprivate var uppercasedID: String { "tree " + dropFirst(5).uppercased() }
}

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
