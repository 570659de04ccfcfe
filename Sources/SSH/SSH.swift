// SSH: being built.
