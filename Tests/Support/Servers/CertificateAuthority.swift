/// A certificate authority of a test's own, made by openssl(1), and certificates of servers that it signs.
package struct CertificateAuthority: Sendable {
    private let directory: String

    /// The authority's own certificate, in PEM form.
    package var certificate: String { "\(directory)/ca.pem" }

    /// Makes an authority in `directory`, which is there. Traps where openssl fails.
    package init(in directory: String) {
        self.directory = directory
        CertificateAuthority.shell(
            """
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem \
                -subj /CN=Test -days 30 -addext basicConstraints=critical,CA:TRUE 2>&1
            printf 'default_ca=d\\n[d]\\ndatabase=index\\nserial=serial\\nnew_certs_dir=.\\ndefault_md=sha256\\n' \
                >ca.conf
            printf 'policy=p\\n[p]\\ncommonName=supplied\\n' >>ca.conf
            printf 'unique_subject=no\\n' >index.attr
            : >index
            echo 01 >serial
            """, in: directory)
    }

    /// Makes a key and a certificate for the DNS name `host` in one PEM file, and returns its path. The times are as
    /// openssl-ca(1) has them, YYYYMMDDHHMMSSZ.
    package func certificate(
        _ name: String, host: String = "localhost", from start: String? = nil, to end: String? = nil
    ) -> String {
        let times = "-startdate \(start ?? "20200101000000Z") -enddate \(end ?? "20400101000000Z")"
        CertificateAuthority.shell(
            """
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout \(name).key \
                -out \(name).csr -subj /CN=\(host) 2>&1
            printf 'subjectAltName=DNS:\(host)\\n' >\(name).ext
            openssl ca -batch -config ca.conf -cert ca.pem -keyfile ca.key -in \(name).csr -out \(name).crt \
                -extfile \(name).ext -notext \(times) 2>&1
            cat \(name).key \(name).crt >\(name).pem
            """, in: directory)
        return "\(directory)/\(name).pem"
    }

    private static func shell(_ script: String, in directory: String) {
        let outcome = ShellCommand.run("/bin/sh", ["-ec", script], directory: directory)
        precondition(outcome.status == 0, "openssl: \(outcome.text) \(outcome.errorText)")
    }
}
