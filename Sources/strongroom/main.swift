import Commands
import Daemon

await Program.start { options in try await Daemon(options).run() }
