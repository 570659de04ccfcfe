import OpenSSL
import Support
import Testing

/// Bytes of hexadecimal digits.
private func hex(_ text: String) -> [UInt8] {
    let digits = text.filter(\.isHexDigit).compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

/// Known answers of RFC 6979, appendix A.2: the message "sample".
private struct Sample: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let curve: ECDSA.Curve
    let hash: SignatureHash
    let point: [UInt8]
    let r: [UInt8]
    let s: [UInt8]

    static let p256 = Sample(
        testDescription: "P-256", curve: .p256, hash: .sha256,
        point: hex(
            """
            04 60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6
            7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299
            """),
        r: hex("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"),
        s: hex("F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"))
    static let p384 = Sample(
        testDescription: "P-384", curve: .p384, hash: .sha384,
        point: hex(
            """
            04 EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13
            8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720
            """),
        r: hex(
            "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46"
        ),
        s: hex(
            "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8"
        ))
    static let p521 = Sample(
        testDescription: "P-521", curve: .p521, hash: .sha512,
        point: hex(
            """
            04 01894550D0785932E00EAA23B694F213F8C3121F86DC97A04E5A7167DB4E5BCD371123D46E45DB6B5D5370A7F20FB633155D38FFA16D2BD761DCAC474B9A2F5023A4
            00493101C962CD4D2FDDF782285E64584139C2F91B47F87FF82354D6630F746A28A0DB25741B5B34A828008B22ACC23F924FAAFBD4D33F81EA66956DFEAA2BFDFCF5
            """),
        r: hex(
            "00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA"
        ),
        s: hex(
            "00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A"
        ))
}

@Suite struct SignatureVerificationTests {
    private let message = Array("sample".utf8)

    @Test(arguments: [Sample.p256, .p384, .p521])
    fileprivate func `ECDSA takes the known signature and nothing near it`(_ sample: Sample) {
        func verify(
            r: [UInt8]? = nil, s: [UInt8]? = nil, message: [UInt8]? = nil, point: [UInt8]? = nil,
            hash: SignatureHash? = nil
        ) -> Bool {
            ECDSA.verify(
                r: r ?? sample.r, s: s ?? sample.s, message: message ?? self.message,
                point: point ?? sample.point, curve: sample.curve, hash: hash ?? sample.hash)
        }
        #expect(verify())
        #expect(!verify(message: message + [0]))
        #expect(!verify(r: sample.s, s: sample.r))
        #expect(!verify(r: []))
        #expect(!verify(s: []))
        #expect(!verify(r: [0]))
        #expect(!verify(hash: sample.hash == .sha256 ? .sha512 : .sha256))
        for index in [1, sample.point.count / 2, sample.point.count - 1] {
            var point = sample.point
            point[index] ^= 1
            #expect(!verify(point: point))
        }
        #expect(!verify(point: Array(sample.point.dropLast())))
        #expect(!verify(point: [2] + sample.point[1...sample.curve.coordinateByteCount]))
        #expect(!verify(point: []))
        for index in sample.r.indices {
            var r = sample.r
            r[index] ^= 0x10
            #expect(!verify(r: r))
        }
    }

    @Test func `a point of one curve is none of another`() {
        let sample = Sample.p256
        for curve in [ECDSA.Curve.p384, .p521] {
            #expect(
                !ECDSA.verify(
                    r: sample.r, s: sample.s, message: message, point: sample.point, curve: curve,
                    hash: .sha256))
        }
    }

    @Test(arguments: [2048, 3072], SignatureHash.allCases)
    func `RSA takes a signature that openssl made and nothing near it`(_ bits: Int, _ hash: SignatureHash)
        throws
    {
        let scratch = TemporaryDirectory("strongroom-openssl")
        let key = scratch.file("key")
        let made = ShellCommand.run(
            "openssl", ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:\(bits)", "-out", key])
        try #require(made.status == 0, "\(made.errorText)")
        let shown = ShellCommand.run("openssl", ["rsa", "-in", key, "-noout", "-modulus"]).text
        let modulus = hex(String(shown.dropFirst("Modulus=".count)))
        #expect(modulus.count == bits / 8)
        let signed = ShellCommand.run("openssl", ["dgst", "-\(hash)", "-sign", key], stdin: message)
        try #require(signed.status == 0, "\(signed.errorText)")
        let signature = signed.stdout
        func verify(
            _ signature: [UInt8], _ message: [UInt8]? = nil, modulus other: [UInt8]? = nil,
            exponent: [UInt8] = [1, 0, 1], hash used: SignatureHash? = nil
        ) -> Bool {
            RSA.verify(
                signature, message: message ?? self.message, modulus: other ?? modulus, exponent: exponent,
                hash: used ?? hash)
        }
        #expect(verify(signature))
        #expect(!verify(signature, message + [0]))
        #expect(!verify(signature, hash: hash == .sha256 ? .sha512 : .sha256))
        #expect(!verify([0] + signature))
        #expect(!verify(Array(signature.dropLast())))
        #expect(!verify([]))
        #expect(!verify(signature, exponent: [3]))
        #expect(!verify(signature, exponent: [1]))
        #expect(!verify(signature, exponent: []))
        #expect(!verify(signature, modulus: []))
        for index in [0, 1, signature.count / 2, signature.count - 1] {
            var other = signature
            other[index] ^= 1
            #expect(!verify(other))
        }
    }
}
