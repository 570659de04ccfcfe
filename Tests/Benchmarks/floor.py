"""What the primitives alone cost, by libsodium itself: no program that seals values can take less."""
import ctypes
import os
import time

sodium = ctypes.CDLL("libsodium.so.23")
sodium.sodium_init()


def x25519(count, agreements_alone):
    """Processor seconds of one X25519 agreement for each of `count` values, and before it one multiplication of the
    base point unless `agreements_alone`."""
    secret, share = os.urandom(32), ctypes.create_string_buffer(32)
    public, shared = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
    sodium.crypto_scalarmult_curve25519_base(public, secret)
    start = time.process_time()
    for _ in range(count):
        if not agreements_alone:
            sodium.crypto_scalarmult_curve25519_base(share, secret)
        sodium.crypto_scalarmult_curve25519(shared, secret, public)
    return time.process_time() - start
