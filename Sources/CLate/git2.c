// The functions of libgit2 that the module Git calls.
#include "CLate.h"
#include "late.h"

#include <git2/version.h>

#define FUNCTIONS(F) \
    F(git_config_free) \
    F(git_config_new) \
    F(git_config_open_ondisk) \
    F(git_credential_ssh_key_from_agent) \
    F(git_credential_ssh_key_memory_new) \
    F(git_credential_userpass_plaintext_new) \
    F(git_error_clear) \
    F(git_error_last) \
    F(git_error_set_str) \
    F(git_fetch_options_init) \
    F(git_graph_descendant_of) \
    F(git_indexer_append) \
    F(git_indexer_commit) \
    F(git_indexer_free) \
    F(git_indexer_name) \
    F(git_indexer_new) \
    F(git_indexer_options_init) \
    F(git_libgit2_init) \
    F(git_libgit2_opts) \
    F(git_libgit2_version) \
    F(git_merge_base) \
    F(git_odb_add_disk_alternate) \
    F(git_odb_exists_ext) \
    F(git_odb_foreach) \
    F(git_odb_free) \
    F(git_odb_hash) \
    F(git_odb_object_data) \
    F(git_odb_object_free) \
    F(git_odb_object_size) \
    F(git_odb_read) \
    F(git_odb_read_header) \
    F(git_packbuilder_foreach) \
    F(git_packbuilder_free) \
    F(git_packbuilder_insert) \
    F(git_packbuilder_new) \
    F(git_packbuilder_object_count) \
    F(git_reference_free) \
    F(git_reference_iterator_free) \
    F(git_reference_iterator_new) \
    F(git_reference_lookup) \
    F(git_reference_name) \
    F(git_reference_next) \
    F(git_reference_resolve) \
    F(git_reference_symbolic_target) \
    F(git_reference_target) \
    F(git_remote_connect_ext) \
    F(git_remote_connect_options_init) \
    F(git_remote_create_anonymous) \
    F(git_remote_disconnect) \
    F(git_remote_download) \
    F(git_remote_free) \
    F(git_remote_ls) \
    F(git_repository_free) \
    F(git_repository_odb) \
    F(git_repository_open_bare) \
    F(git_repository_set_config) \
    F(git_revwalk_free) \
    F(git_revwalk_hide) \
    F(git_revwalk_new) \
    F(git_revwalk_next) \
    F(git_revwalk_push) \
    F(git_revwalk_sorting) \
    F(git_stream_register)

FUNCTIONS(STRONGROOM_LATE)

static const struct strongroom_late_function functions[] = {FUNCTIONS(STRONGROOM_LATE_ENTRY)};

const char *strongroom_load_git2(void) {
    return strongroom_late_bind(
        "libgit2.so." LIBGIT2_SOVERSION, functions, sizeof functions / sizeof functions[0]);
}
