import SSH
import Testing
import Trust

@Suite struct GenerationChainTests {
    private func chain() throws -> ChainMaker {
        var maker = ChainMaker()
        try maker.add("one", admins: [1, 2], signers: [1])
        try maker.add("two", admins: [2, 3], signers: [2])
        try maker.add("three", admins: [3], signers: [3])
        return maker
    }

    @Test func `a chain verifies when each generation is signed by an admin of the one before`() throws {
        let maker = try chain()
        let verified = try maker.verified()
        #expect(verified.newest == maker.generations[2].header)
        #expect(verified.root == maker.generations[0].header.fingerprint)
        #expect(throws: Never.self) { try verified.verify(body: Array("three".utf8)) }
        for body in ["", "two", "three "] {
            #expect(
                code { () throws(TrustError) in try verified.verify(body: Array(body.utf8)) } == .wrongBody)
        }
    }

    @Test func `a generation signed by nobody, a stranger or a former admin is refused`() throws {
        for (signers, expected) in [
            ([], .notEnoughSignatures), ([9], .unknownSigner), ([1], .unknownSigner),
            ([4], .unknownSigner), ([3, 9], .unknownSigner), ([3, 3], .badSignature),
        ] as [([UInt8], TrustError.Code)] {
            var maker = try chain()
            // Admin 1 signed generation 1 and is no admin any more; admin 4 names itself in the new one.
            try maker.add("four", admins: [4], signers: signers)
            #expect(maker.refusal == expected, "\(signers)")
        }
    }

    @Test func `the first generation needs its own admins`() throws {
        var maker = ChainMaker()
        try maker.add("one", admins: [1], signers: [2])
        #expect(maker.refusal == .unknownSigner)
        maker = ChainMaker()
        try maker.add("one", admins: [1], signers: [])
        #expect(maker.refusal == .notEnoughSignatures)
    }

    @Test func `the threshold of the generation before counts distinct admins`() throws {
        var maker = ChainMaker()
        try maker.add("one", admins: [1, 2, 3], threshold: 2, signers: [1, 3])
        #expect(maker.refusal == nil)
        let base = maker
        for (signers, expected) in [
            ([1], .notEnoughSignatures), ([1, 1], .badSignature), ([1, 2], nil), ([3, 2, 1], nil),
            ([1, 9], .unknownSigner),
        ] as [([UInt8], TrustError.Code?)] {
            maker = base
            try maker.add("two", admins: [1], threshold: 1, signers: signers)
            #expect(maker.refusal == expected, "\(signers)")
        }
        // One signature is not enough for the first generation either.
        maker = ChainMaker()
        try maker.add("one", admins: [1, 2], threshold: 2, signers: [1])
        #expect(maker.refusal == .notEnoughSignatures)
    }

    @Test func `a gap, a repetition, another order or an empty chain is refused`() throws {
        let whole = try chain()
        for indices in [[], [1], [1, 2], [0, 2], [0, 0], [0, 1, 1], [1, 0], [0, 2, 1]] {
            var maker = whole
            maker.generations = indices.map { whole.generations[$0] }
            #expect(maker.refusal == .brokenChain, "\(indices)")
        }
    }

    @Test func `a generation that follows a sibling is refused`() throws {
        var mine = ChainMaker()
        try mine.add("one", admins: [1], signers: [1])
        var other = mine
        try mine.add("two", admins: [1], signers: [1])
        try other.add("another two", admins: [1], signers: [1])
        try other.add("three", admins: [1], signers: [1])
        mine.generations.append(other.generations[2])
        #expect(mine.refusal == .brokenChain)
    }

    @Test func `another environment's or purpose's chain is refused`() throws {
        let maker = try chain()
        #expect(
            code { () throws(TrustError) in
                _ = try GenerationChain(
                    verifying: maker.generations, purpose: .keyring, subject: "staging")
            } == .wrongSubject)
        #expect(
            code { () throws(TrustError) in
                _ = try GenerationChain(verifying: maker.generations, purpose: .store, subject: "prod")
            } == .wrongSubject)
    }

    @Test func `a signature over another header or in another namespace is refused`() throws {
        var maker = try chain()
        let header = maker.generations[1].header
        let foreign = SSHSignature.sign(header.bytes, namespace: "git", with: Admins.key(2))
        maker.generations[1] = SignedGeneration(header: header, signatures: [foreign])
        #expect(maker.refusal == .badSignature)
        maker.generations[1] = SignedGeneration(
            header: header, signatures: try chain().generations[2].signatures)
        #expect(maker.refusal == .badSignature)
    }

    @Test func `signatures are kept in one order whoever signed first`() throws {
        let header = try GenerationHeader(
            first: .keyring, subject: "prod", threshold: 2, admins: [1, 2].map(Admins.publicKey), body: [])
        let one = SignedGeneration(signing: header, with: Admins.key(1)).adding(signatureBy: Admins.key(2))
        let two = SignedGeneration(signing: header, with: Admins.key(2)).adding(signatureBy: Admins.key(1))
        #expect(one == two)
    }

    @Test func `appending verifies the new generation`() throws {
        let base = try chain().verified()
        let header = try GenerationHeader(
            after: base.newest, threshold: 1, admins: base.newest.admins, body: Array("four".utf8))
        let longer = try base.appending(ChainMaker.sign(header, [3]))
        #expect(longer.newest == header)
        #expect(longer.root == base.root)
        #expect(
            code { () throws(TrustError) in _ = try base.appending(ChainMaker.sign(header, [1])) }
                == .unknownSigner)
        #expect(
            code { () throws(TrustError) in _ = try longer.appending(ChainMaker.sign(header, [3])) }
                == .brokenChain)
    }
}
