/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The header of the PROXY protocol (versions 1 and 2) that a load balancer sends in front of everything, TLS included. In: a descriptor just accepted. Out: the
 * same descriptor behind that header, with the address which it names, for conn_accept(); or nothing: whoever sends no header is closed without a word.
 *
 * The header is looked at in the kernel's queue and taken off as a whole, so nobody behind has to know of it. Waiting connections count as connections and
 * have the time of a request's head.
 */
#ifndef RUNTIME_PREFACE_H
#define RUNTIME_PREFACE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct listener;
struct worker;

#define PREFACE_MAX 4096u       /* longest header with its extensions */

enum preface_result { PREFACE_MORE, PREFACE_BAD, PREFACE_DONE };

/** What a header says. */
struct preface_header {
	size_t bytes;               /* its length */
	union preface_address { struct sockaddr sa; struct sockaddr_in in; struct sockaddr_in6 in6; } addr, local; /* the client's, and the one that it connected to */
	socklen_t addr_len;         /* of each; 0: it names no address (LOCAL, UNKNOWN) */
};

/** Read a header at the beginning of data. PREFACE_MORE: what is there may become one. */
enum preface_result preface_parse(const unsigned char *data, size_t len, struct preface_header *out);

/** Takes fd. With rename the header's address is the client's from here on. */
void preface_accept(struct worker *w, struct listener *l, int fd, const struct sockaddr *addr, socklen_t len, bool rename);
/** The worker ends: close all that wait. */
void preface_close_all(struct worker *w);

#endif
