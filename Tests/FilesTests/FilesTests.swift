// Files: being built.
