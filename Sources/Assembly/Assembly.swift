// Assembly: being built.
