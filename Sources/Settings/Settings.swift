// Settings: being built.
