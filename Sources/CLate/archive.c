// The functions of libarchive that the module Tar calls.
#include "CLate.h"
#include "late.h"

#define FUNCTIONS(F) \
    F(archive_entry_acl_add_entry) \
    F(archive_entry_acl_next) \
    F(archive_entry_acl_reset) \
    F(archive_entry_copy_gname) \
    F(archive_entry_copy_hardlink) \
    F(archive_entry_copy_pathname) \
    F(archive_entry_copy_symlink) \
    F(archive_entry_copy_uname) \
    F(archive_entry_filetype) \
    F(archive_entry_free) \
    F(archive_entry_gid) \
    F(archive_entry_gname) \
    F(archive_entry_hardlink) \
    F(archive_entry_mtime) \
    F(archive_entry_mtime_nsec) \
    F(archive_entry_new) \
    F(archive_entry_pathname) \
    F(archive_entry_perm) \
    F(archive_entry_rdevmajor) \
    F(archive_entry_rdevminor) \
    F(archive_entry_set_filetype) \
    F(archive_entry_set_gid) \
    F(archive_entry_set_mtime) \
    F(archive_entry_set_perm) \
    F(archive_entry_set_rdevmajor) \
    F(archive_entry_set_rdevminor) \
    F(archive_entry_set_size) \
    F(archive_entry_set_uid) \
    F(archive_entry_size) \
    F(archive_entry_sparse_add_entry) \
    F(archive_entry_sparse_next) \
    F(archive_entry_sparse_reset) \
    F(archive_entry_symlink) \
    F(archive_entry_uid) \
    F(archive_entry_uname) \
    F(archive_entry_xattr_add_entry) \
    F(archive_entry_xattr_next) \
    F(archive_entry_xattr_reset) \
    F(archive_error_string) \
    F(archive_format) \
    F(archive_read_data_block) \
    F(archive_read_free) \
    F(archive_read_header_position) \
    F(archive_read_new) \
    F(archive_read_next_header) \
    F(archive_read_open) \
    F(archive_read_support_filter_none) \
    F(archive_read_support_format_tar) \
    F(archive_write_data) \
    F(archive_write_fail) \
    F(archive_write_free) \
    F(archive_write_header) \
    F(archive_write_new) \
    F(archive_write_open) \
    F(archive_write_set_bytes_per_block) \
    F(archive_write_set_format_option) \
    F(archive_write_set_format_pax)

FUNCTIONS(STRONGROOM_LATE)

static const struct strongroom_late_function functions[] = {FUNCTIONS(STRONGROOM_LATE_ENTRY)};

const char *strongroom_load_archive(void) {
    return strongroom_late_bind("libarchive.so.13", functions, sizeof functions / sizeof functions[0]);
}
