import Glibc

/// Smart HTTP on this machine: `git http-backend` as a CGI program of lighttpd, on a port of its own.
package final class HTTPGitServer: Sendable {
    /// The port.
    package let port: UInt16
    private let process: BackgroundProcess
    private let scratch = TemporaryDirectory("strongroom-lighttpd")
    private let scheme: String

    /// What a test that needs it says when it is left out.
    package static let absence = "lighttpd, its TLS module or git http-backend is not installed"

    /// Whether the programs are here, or have to be (CI).
    package static var isExpected: Bool {
        let files = [
            "/usr/sbin/lighttpd", "/usr/lib/lighttpd/mod_openssl.so", "/usr/lib/git-core/git-http-backend",
        ]
        return files.allSatisfy { unsafe access($0, R_OK) == 0 } || Vectors.isCI
    }

    /// Serves the repositories below `root`. With `certificate`, a PEM file of key and certificate, over TLS; with
    /// `login`, `name:password`, for whoever has it; with `redirect`, everything is sent on to a URL that begins so.
    package init(
        root: String, certificate: String? = nil, login: String? = nil, redirect: String? = nil
    ) {
        port = BackgroundProcess.freePort()
        scheme = certificate == nil ? "http" : "https"
        var text = """
            server.port = \(port)
            server.bind = "127.0.0.1"
            server.document-root = "\(root)"
            server.errorlog = "\(scratch.file("errors"))"
            server.upload-dirs = ("\(scratch.path)")
            server.modules = ("mod_alias", "mod_setenv", "mod_redirect", "mod_auth", "mod_authn_file", \
            "mod_cgi", "mod_accesslog"\(certificate == nil ? "" : ", \"mod_openssl\""))
            accesslog.filename = "\(scratch.file("access"))"
            accesslog.format = "%m %U %s %{Authorization}i"
            alias.url = ("/git" => "/usr/lib/git-core/git-http-backend")
            $HTTP["url"] =~ "^/git/" {
              cgi.assign = ("" => "")
              setenv.add-environment = ("GIT_PROJECT_ROOT" => "\(root)", "GIT_HTTP_EXPORT_ALL" => "1", \
            "GIT_CONFIG_NOSYSTEM" => "1", "HOME" => "/nonexistent")
            }

            """
        if let certificate { text += "ssl.engine = \"enable\"\nssl.pemfile = \"\(certificate)\"\n" }
        if let login {
            ScratchRepository(at: scratch.path).write("users", login + "\n")
            text += """
                auth.backend = "plain"
                auth.backend.plain.userfile = "\(scratch.file("users"))"
                auth.require = ("/" => ("method" => "basic", "realm" => "git", "require" => "valid-user"))

                """
        }
        if let redirect { text += "url.redirect = (\"^/(.*)\" => \"\(redirect)/$1?${qs}\")\n" }
        ScratchRepository(at: scratch.path).write("lighttpd.conf", text)
        process = BackgroundProcess(
            "/usr/sbin/lighttpd", ["-D", "-f", scratch.file("lighttpd.conf")], log: scratch.file("log"))
        BackgroundProcess.awaitPort(port, log: scratch.file("log"))
    }

    /// The URL of the repository `name` below the root.
    package func url(_ name: String, host: String = "localhost") -> String {
        "\(scheme)://\(host):\(port)/git/\(name)"
    }

    /// Lines of `METHOD PATH STATUS AUTHORIZATION` for each request so far.
    package var requests: [String] {
        // The log is written behind the answer's back: closing it by ending the server is the one way to have all.
        process.end()
        return ShellCommand.run("cat", [scratch.file("access")]).text.split(separator: "\n").map(String.init)
    }
}
