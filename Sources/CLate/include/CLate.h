#pragma once

// Each loads a library, of the version whose headers this was compiled with, and binds the functions that the C file
// of its name lists. Returns NULL, or the name of the library or of the function that is not there. To be called
// before any of these functions is, and not by two threads at once; again, it does nothing new.

/// libgit2 (git2.c).
const char *_Nullable strongroom_load_git2(void);

/// libcrypto (openssl.c).
const char *_Nullable strongroom_load_openssl(void);

/// libcurl (curl.c).
const char *_Nullable strongroom_load_curl(void);

/// libarchive (archive.c).
const char *_Nullable strongroom_load_archive(void);
