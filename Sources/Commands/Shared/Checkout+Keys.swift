internal import Documents
internal import Keyrings
internal import Sealing
internal import Sodium

extension Checkout {
    /// The newest public keys of `environments`, out of verified and pinned keyrings of which no commit of HEAD has a
    /// newer generation: what sealing needs.
    func sealingKeys(_ environments: Set<String>, trust: TrustOptions) throws -> [String:
        EnvironmentPublicKey]
    {
        var keys: [String: EnvironmentPublicKey] = [:]
        var keyrings: [Keyring] = []
        for environment in environments.sorted() {
            let keyring = try keyring(environment)
            try trust.verify(keyring, of: self, sealing: true)
            keyrings.append(keyring)
            keys[environment] = keyring.sealingKey
        }
        try requireNewestForSealing(keyrings)
        return keys
    }

    /// Seals a value into `file`, under which `environment` is meant, and replaces it: `set` is handed the sealer and the
    /// file's bytes, which are wiped after. Nobody changes keys meanwhile.
    func sealValue(
        into file: String, for environment: String, trust: TrustOptions,
        _ set: (DocumentSealer, [UInt8]) throws -> DocumentSealer.Outcome
    ) throws {
        try locked(.shared) {
            let keys = try sealingKeys([environment], trust: trust)
            let work = try WorkFile(file)
            var bytes = try work.read(limit: DocumentLimits().byteCount)
            defer { bytes.wipe() }
            let outcome = try set(sealer(keys), bytes)
            try outcome.bytes.withBytes { try work.replace(with: $0) }
        }
    }

    /// A sealer under the rules of this repository with `keys`.
    func sealer(_ keys: [String: EnvironmentPublicKey]) -> DocumentSealer {
        DocumentSealer(rules: rules) { environment in
            guard let key = keys[environment] else {
                throw Failure(.internalError, "no key of \(environment)")
            }
            return key
        }
    }

    /// The opened keyring of `environment`, with one of `identities`.
    func opened(
        _ environment: String, with identities: [MemberIdentity], trust: TrustOptions
    ) throws -> OpenedKeyring {
        let keyring = try keyring(environment)
        try trust.verify(keyring, of: self, sealing: false)
        return try Failure.about(keyringPath(environment)) {
            try openThrough(keyring, with: identities)
        }
    }

    /// Opens `keyring` with one of `identities`, be it through environments that are its members.
    func openThrough(
        _ keyring: Keyring, with identities: [MemberIdentity]
    ) throws(KeyringError) -> OpenedKeyring {
        // What can't be read is no way in; who is a member himself needs none.
        try KeyringSet(keyring) { try? self.keyring($0) }.open(keyring.environment, with: identities)
    }
}
