#pragma once
#include <git2.h>
#include <git2/sys/repository.h>
#include <git2/sys/mempack.h>
#include <git2/sys/odb_backend.h>
#include <git2/sys/stream.h>

// git_libgit2_opts(3) takes variable arguments, which Swift can't call: one function a shape.

static inline int strongroom_git_set_flag(int option, int value) { return git_libgit2_opts(option, value); }

static inline int strongroom_git_set_size(int option, size_t value) { return git_libgit2_opts(option, value); }

static inline int strongroom_git_set_cache_size(long value) {
    return git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)value);
}

static inline int strongroom_git_set_search_path(int level, const char *path) {
    return git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, path);
}

static inline int strongroom_git_set_template_path(const char *path) {
    return git_libgit2_opts(GIT_OPT_SET_TEMPLATE_PATH, path);
}

static inline int strongroom_git_set_certificates(const char *file) {
    return git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, file, NULL);
}
