internal import Git

/// A commit or annotated tag with its one signature, split strictly from the raw bytes.
struct SignedObject {
    /// What the object is called in messages.
    let name: String
    /// The armored signature.
    let armor: [UInt8]
    /// The bytes that it is over.
    let payload: [UInt8]
    /// The time that the object claims, in seconds since 1970: what Git holds keys' times of validity against.
    let claimedSeconds: Int64
    /// The e-mail addresses that the object claims.
    let addresses: [SignatureRules.Role: [UInt8]]

    /// The commit's signature. Throws `unsigned` where it has none.
    init(_ id: ObjectID, _ commit: CommitObject) throws(DeliveryError) {
        name = "commit \(id)"
        guard let armor = commit.signature else { throw DeliveryError(.unsigned, "\(name): not signed") }
        self.armor = armor
        payload = commit.signedPayload
        claimedSeconds = commit.committer.seconds
        addresses = [.author: commit.author.email, .committer: commit.committer.email]
    }

    /// The tag's signature. Throws `unsigned` where it has none, `badSignature` where nobody is named as its tagger: git
    /// takes no such signature, either.
    init(_ id: ObjectID, _ tag: TagObject) throws(DeliveryError) {
        name = "tag \(id)"
        guard let armor = tag.signature else { throw DeliveryError(.unsigned, "\(name): not signed") }
        guard let tagger = tag.tagger else { throw DeliveryError(.badSignature, "\(name): without a tagger") }
        self.armor = armor
        payload = tag.signedPayload
        claimedSeconds = tagger.seconds
        // A tag has one name on it, which stands for both.
        addresses = [.author: tagger.email, .committer: tagger.email]
    }
}
