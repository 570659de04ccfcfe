internal import CGit2
internal import Glibc

/// What a server says its refs are (git_remote_ls), for whoever is connected.
enum AdvertisedReferences {
    /// Reads the refs of a connected `git_remote`. Throws `limitExceeded` above `limit` of them, and `invalidName`.
    static func read(_ remote: OpaquePointer?, limit: Int) throws(GitError) -> References {
        var list: UnsafeMutablePointer<UnsafePointer<git_remote_head>?>?
        var count = 0
        try GitError.check("git_remote_ls", unsafe git_remote_ls(&list, &count, remote), "list refs")
        var entries: [References.Entry] = []
        var head: References.Head?
        for index in 0..<count {
            guard let item = unsafe list?[index]?.pointee, let start = unsafe item.name else { continue }
            let name = unsafe Array(UnsafeRawBufferPointer(start: start, count: strlen(start)))
            let id = unsafe ObjectID(item.oid)
            guard !name.elementsEqual("HEAD".utf8) else {
                if let start = unsafe item.symref_target {
                    let target = unsafe Array(UnsafeRawBufferPointer(start: start, count: strlen(start)))
                    head = .symbolic(try ReferenceName(target))
                } else {
                    head = .detached(id)
                }
                continue
            }
            // What an annotated tag comes to is advertised beside it.
            guard !name.suffix(3).elementsEqual("^{}".utf8) else { continue }
            guard entries.count < limit else {
                throw GitError(.limitExceeded, "the repository has more than \(limit) refs")
            }
            entries.append(References.Entry(try ReferenceName(name), id))
        }
        let unborn = References.Head.symbolic(try ReferenceName("refs/heads/main"))
        return try References(entries, head: head ?? unborn)
    }
}
