"""The families of vectors, one module each, and the bytes that they are made of."""
