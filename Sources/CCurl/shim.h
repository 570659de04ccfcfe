#pragma once
#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

// curl_easy_setopt(3) and curl_easy_getinfo(3) take variable arguments, which Swift can't call: one function a shape.

static inline CURLcode strongroom_curl_set_number(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode strongroom_curl_set_size(CURL *handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode strongroom_curl_set_text(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode strongroom_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode strongroom_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode strongroom_curl_set_writer(CURL *handle, CURLoption option, curl_write_callback value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode strongroom_curl_set_reader(CURL *handle, CURLoption option, curl_read_callback value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode strongroom_curl_set_seeker(CURL *handle, CURLoption option, curl_seek_callback value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode strongroom_curl_set_progress(CURL *handle, CURLoption option, curl_xferinfo_callback value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode strongroom_curl_get_size(CURL *handle, CURLINFO information, curl_off_t *value) {
    return curl_easy_getinfo(handle, information, value);
}

/* The protocols that a transfer may use, CURLOPT_PROTOCOLS_STR, since libcurl 7.85. Set by number, so that older headers
   do; an older library answers CURLE_UNKNOWN_OPTION. */
static inline CURLcode strongroom_curl_set_protocols(CURL *handle, const char *names) {
    return curl_easy_setopt(handle, (CURLoption)(CURLOPTTYPE_STRINGPOINT + 318), names);
}

/* curl_easy_perform(3) with SIGPIPE blocked for this thread: with CURLOPT_NOSIGNAL libcurl leaves the signal to its caller,
   and a TLS library may raise it. One that came is taken away before the mask is as it was. */
static inline CURLcode strongroom_curl_perform(CURL *handle) {
    sigset_t pipe, before, pending;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    CURLcode code = curl_easy_perform(handle);
    if (!sigismember(&before, SIGPIPE)) {
        sigpending(&pending);
        struct timespec none = {0, 0};
        if (sigismember(&pending, SIGPIPE)) sigtimedwait(&pipe, NULL, &none);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    return code;
}

/* curl_slist_free_all(3) after overwriting all lines: a header can hold a session token. */
static inline void strongroom_curl_wipe_list(struct curl_slist *list) {
    for (struct curl_slist *line = list; line; line = line->next) explicit_bzero(line->data, strlen(line->data));
    curl_slist_free_all(list);
}
