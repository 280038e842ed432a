/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of OpenSSL. A handshake makes 700 small allocations and a message four; an idle connection holds thirty of them. This gives them out by size class from one
 * address range: without a head in front of each block, without holes that other objects leave, in a third of malloc's instructions.
 *
 * It also places SSL objects so that their widest unused stretch is one page, which can be given back while a connection is idle. For processes with one thread.
 */
#ifndef RUNTIME_TLS_MEMORY_H
#define RUNTIME_TLS_MEMORY_H

/**
 * Have OpenSSL allocate here: call before anything else of OpenSSL. Without it, in builds with a sanitizer, and where the address range is refused, OpenSSL uses malloc and
 * nothing else changes.
 */
void tls_memory_install(void);

/**
 * Give the quiet page of an SSL object back to the system. The object must not be looked at until tls_memory_wake().
 * @return what tls_memory_wake() needs; NULL = the object stays as it is: not ours, or the page holds too much
 */
void *tls_memory_sleep(void *object);
/** Make the object what it was. Takes `saved`. */
void tls_memory_wake(void *object, void *saved);

#endif
