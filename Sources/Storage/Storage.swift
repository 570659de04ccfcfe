// Storage: being built.
