// Sealing: being built.
