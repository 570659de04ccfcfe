// Tests of Documents follow with the readers.
