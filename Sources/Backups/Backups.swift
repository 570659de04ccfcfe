// Backups: being built.
