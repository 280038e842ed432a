/* SPDX-License-Identifier: BSD-2-Clause */
/* The channel between master and worker: see channel.h. Received descriptors are close-on-exec. */
#include "runtime/channel.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAYLOAD offsetof(struct channel_msg, fds)

union control {
	char buf[CMSG_SPACE(sizeof(int) * CHANNEL_MAX_FDS)];
	struct cmsghdr align;
};

bool channel_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return false;
	int room = 4 << 20; /* a whole offer in flight; the kernel caps it, which only shortens the queue */
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	return true;
}

bool channel_send(int fd, const struct channel_msg *m)
{
	struct iovec iov = { (void *)(uintptr_t)m, PAYLOAD };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	if (m->count > 0) {
		memset(&control, 0, sizeof(control));
		hdr.msg_control = control.buf;
		hdr.msg_controllen = CMSG_SPACE(sizeof(int) * m->count);
		struct cmsghdr *c = CMSG_FIRSTHDR(&hdr);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * m->count);
		memcpy(CMSG_DATA(c), m->fds, sizeof(int) * m->count);
	}
	ssize_t n;
	do
		n = sendmsg(fd, &hdr, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)PAYLOAD;
}

/* Take descriptors out of a received message; close what does not fit its count. When the table of this process is full, the kernel drops the rest of them. */
static bool take_fds(struct msghdr *hdr, struct channel_msg *m)
{
	uint32_t got = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(hdr); c; c = CMSG_NXTHDR(hdr, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		uint32_t n = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (uint32_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (got < CHANNEL_MAX_FDS)
				m->fds[got++] = fd;
			else
				close(fd);
		}
	}
	bool ours = m->type < CHANNEL_TYPE_COUNT && m->count <= CHANNEL_MAX_FDS;
	m->lost = ours && got < m->count && (hdr->msg_flags & MSG_CTRUNC);
	if (ours && got == m->count)
		return true;
	for (uint32_t i = 0; i < got; i++)
		close(m->fds[i]);
	m->count = 0;
	return m->lost;
}

int channel_receive(int fd, struct channel_msg *m)
{
	struct iovec iov = { m, PAYLOAD };
	union control control;
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf) };
	ssize_t n;
	do
		n = recvmsg(fd, &hdr, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	if (n == 0)
		return -1;
	if (n != (ssize_t)PAYLOAD)
		m->count = UINT32_MAX; /* not ours: take_fds closes what came along */
	m->text[sizeof(m->text) - 1] = '\0';
	return take_fds(&hdr, m) ? 1 : -1;
}
