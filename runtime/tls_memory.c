/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Size classes in spans: the range is cut into spans of SPAN_BYTES, each span gives blocks of one class, most recently freed first. What a block's class is, its address
 * says. What is larger than all classes, and everything once the range is used up, comes from malloc; free tells the two apart by address.
 *
 * Invariants: a span is the current one of its class, in its class's list (some block is free), full and in no list, or unused. Of the spans in a list at most one is wholly free;
 * another one that becomes so is given back to the system. A block that was never used has never been written, so its page costs nothing.
 */
#include "runtime/tls_memory.h"

#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RANGE_BYTES  ((size_t)4 << 30)  /* address space, not memory: 400,000 connections */
#define SPAN_BYTES   ((size_t)256 << 10)
#define SPANS        (RANGE_BYTES / SPAN_BYTES)
#define PAGE_BYTES   4096u
#define SMALL_STEP   16u
#define SMALL_MAX    1024u
#define SAVED_MAX    128u                /* more than this in the quiet page: not worth it */

/*
 * In OpenSSL 3.0 an SSL object (7608 bytes) has two stretches for pipelines that only hardware uses, 57 bytes apart, from here to its end. Blocks of that class stand two
 * pages apart and begin so that this offset is a page's first byte. With another OpenSSL the page is full and stays. The gap from the end of one object to the next, in the page
 * that both share, is a block as well: it holds the certificate settings of a connection (536 bytes).
 */
#define QUIET_AT     3280u
#define SSL_MAX      7632u
#define SSL_STRIDE   (2 * PAGE_BYTES)
#define SSL_LEAD     (PAGE_BYTES - QUIET_AT % PAGE_BYTES)
#define GAP_AT       (SSL_LEAD + SSL_MAX - SSL_STRIDE)
#define GAP_BYTES    544u
_Static_assert(GAP_AT % SMALL_STEP == 0 && GAP_AT + GAP_BYTES <= SSL_LEAD, "a gap ends where an object begins");

/* The last one holds the buffer of a handshake (21848 bytes) and those of a record (about 16.7 KB). */
static const uint16_t large[] = { 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 5120, 6144, 7168, SSL_MAX, 8192, 21856 };
#define LARGE_COUNT  (sizeof(large) / sizeof(large[0]))
#define CLASSES      (SMALL_MAX / SMALL_STEP + 1 + LARGE_COUNT) /* class 0 = none of ours */
#define SSL_CLASS    (CLASSES - 3)
#define GAP_CLASS    (GAP_BYTES / SMALL_STEP)

struct block {
	struct block *next;
};

struct span {
	struct block *free, *gaps;   /* given back, newest first */
	struct span *next, *prev;    /* in the list of the class, or of unused spans */
	uint32_t fresh, fresh_gaps;  /* blocks given out at least once */
	uint32_t used, count;        /* used: gaps too */
	uint16_t bytes;              /* from one block to the next */
	uint8_t class;
	bool listed;
};

static struct {
	uint8_t *base;               /* NULL = not installed */
	struct span *span;           /* one for each SPAN_BYTES of the range */
	size_t spans;                /* used so far */
	struct span *unused;
	struct span *current[CLASSES], *partial[CLASSES];
	bool spare[CLASSES];         /* one of partial is wholly free */
} heap;

static struct span nothing;          /* the current span of a class that has none */

static unsigned class_of(size_t bytes)
{
	if (bytes <= SMALL_MAX)
		return (unsigned)((bytes + SMALL_STEP - 1) / SMALL_STEP);
	for (unsigned i = 0; i < LARGE_COUNT; i++)
		if (bytes <= large[i])
			return SMALL_MAX / SMALL_STEP + 1 + i;
	return 0;
}

static bool is_ours(const void *p)
{
	return (size_t)((const uint8_t *)p - heap.base) < RANGE_BYTES;
}

static struct span *span_of(const void *p)
{
	return &heap.span[(size_t)((const uint8_t *)p - heap.base) / SPAN_BYTES];
}

static uint8_t *span_start(const struct span *s)
{
	return heap.base + (size_t)(s - heap.span) * SPAN_BYTES;
}

static bool is_gap(const struct span *s, const void *p)
{
	return s->class == SSL_CLASS && (size_t)((const uint8_t *)p - heap.base) % SSL_STRIDE != SSL_LEAD;
}

static size_t class_bytes(unsigned class)
{
	return class <= SMALL_MAX / SMALL_STEP ? class * SMALL_STEP : large[class - SMALL_MAX / SMALL_STEP - 1];
}

/* --- spans ----------------------------------------------------------------------------------------------------------------- */

static void list_add(struct span **list, struct span *s)
{
	s->prev = NULL;
	s->next = *list;
	if (s->next)
		s->next->prev = s;
	*list = s;
}

static void list_remove(struct span **list, struct span *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		*list = s->next;
	if (s->next)
		s->next->prev = s->prev;
}

static struct span *span_new(unsigned class)
{
	struct span *s = heap.unused;
	size_t lead = class == SSL_CLASS ? SSL_LEAD : 0;

	if (s)
		list_remove(&heap.unused, s);
	else if (heap.spans < SPANS)
		s = &heap.span[heap.spans++];
	else
		return NULL;
	*s = (struct span){ .class = (uint8_t)class };
	s->bytes = (uint16_t)(class == SSL_CLASS ? SSL_STRIDE : class_bytes(class));
	s->count = (uint32_t)((SPAN_BYTES - lead) / s->bytes);
	return s;
}

/* The current span is full: go on with another. @return NULL when the range is used up */
static struct span *next_span(unsigned class)
{
	struct span *s = heap.partial[class];

	if (s) {
		list_remove(&heap.partial[class], s);
		s->listed = false;
		if (s->used == 0)
			heap.spare[class] = false;
	} else {
		s = span_new(class);
	}
	if (s)
		heap.current[class] = s;
	return s;
}

/* A block of a span that is not the current one has come back. */
static void span_changed(struct span *s)
{
	if (!s->listed) {
		list_add(&heap.partial[s->class], s);
		s->listed = true;
	}
	if (s->used > 0)
		return;
	if (!heap.spare[s->class]) {
		heap.spare[s->class] = true;
		return;
	}
	list_remove(&heap.partial[s->class], s);
	s->listed = false;
	madvise(span_start(s), SPAN_BYTES, MADV_DONTNEED);
	list_add(&heap.unused, s);
}

/* --- what OpenSSL calls ------------------------------------------------------------------------------------------------------ */

static void *take_fresh(struct span *s)
{
	uint8_t *start = span_start(s) + (s->class == SSL_CLASS ? SSL_LEAD : 0);

	s->used++;
	return start + (size_t)s->fresh++ * s->bytes;
}

/* A gap beside an object that has been given out. */
static void *take_gap(struct span *s)
{
	struct block *b = s->gaps;

	if (b)
		s->gaps = b->next;
	else if (s->fresh_gaps < s->fresh)
		b = (void *)(span_start(s) + GAP_AT + (size_t)s->fresh_gaps++ * SSL_STRIDE);
	else
		return NULL;
	s->used++;
	return b;
}

static void *allocate(size_t bytes, const char *file, int line)
{
	unsigned class = class_of(bytes);
	struct span *s = heap.current[class];

	(void)file;
	(void)line;
	if (class == GAP_CLASS) {
		void *gap = take_gap(heap.current[SSL_CLASS]);
		if (gap)
			return gap;
	}
	while (class > 0 && s) {
		if (s->free) {
			struct block *b = s->free;
			s->free = b->next;
			s->used++;
			return b;
		}
		if (s->fresh < s->count)
			return take_fresh(s);
		s = next_span(class);
	}
	return bytes > 0 ? malloc(bytes) : NULL;
}

static void release(void *p, const char *file, int line)
{
	struct block *b = p;

	(void)file;
	(void)line;
	if (!p)
		return;
	if (!is_ours(p)) {
		free(p);
		return;
	}
	struct span *s = span_of(p);
	struct block **list = is_gap(s, p) ? &s->gaps : &s->free;
	b->next = *list;
	*list = b;
	s->used--;
	if (s != heap.current[s->class] && (!s->listed || s->used == 0))
		span_changed(s);
}

static void *reallocate(void *p, size_t bytes, const char *file, int line)
{
	if (!p || !is_ours(p))
		return p ? realloc(p, bytes) : allocate(bytes, file, line);
	unsigned class = is_gap(span_of(p), p) ? GAP_CLASS : span_of(p)->class;
	if (bytes > 0 && class_of(bytes) == class)
		return p;
	void *fresh = allocate(bytes, file, line);
	if (fresh)
		memcpy(fresh, p, bytes < class_bytes(class) ? bytes : class_bytes(class));
	if (fresh || bytes == 0)
		release(p, file, line);
	return fresh;
}

static bool sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__)
	return true;
#elif defined(__has_feature)
	return __has_feature(address_sanitizer) || __has_feature(memory_sanitizer);
#else
	return false;
#endif
}

static void *reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void tls_memory_install(void)
{
	if (heap.base || sanitized())
		return;
	uint8_t *base = reserve(RANGE_BYTES);
	struct span *spans = reserve(SPANS * sizeof(*spans));
	for (unsigned i = 0; i < CLASSES; i++)
		heap.current[i] = &nothing;
	heap.base = base;
	heap.span = spans;
	if (base && spans && CRYPTO_set_mem_functions(allocate, reallocate, release) == 1) {
		madvise(base, RANGE_BYTES, MADV_NOHUGEPAGE); /* a huge page would hold what a span gives back */
		return;
	}
	heap.base = NULL;
	if (base)
		munmap(base, RANGE_BYTES);
	if (spans)
		munmap(spans, SPANS * sizeof(*spans));
}

/* --- sleeping objects ---------------------------------------------------------------------------------------------------------- */

/* What stood in the page: everything between its first and its last byte that is not zero. */
struct saved {
	uint16_t at, len;
	uint8_t bytes[];
};

void *tls_memory_sleep(void *object)
{
	if (!heap.base || !is_ours(object) || span_of(object)->class != SSL_CLASS || is_gap(span_of(object), object))
		return NULL;
	uint8_t *page = (uint8_t *)object + QUIET_AT;
	const uint64_t *word = (const void *)page;
	size_t first = 0, end = PAGE_BYTES / sizeof(*word);
	while (first < end && word[first] == 0)
		first++;
	while (end > first && word[end - 1] == 0)
		end--;
	size_t len = (end - first) * sizeof(*word);
	struct saved *saved = len <= SAVED_MAX ? OPENSSL_malloc(sizeof(*saved) + len) : NULL;
	if (!saved)
		return NULL;
	saved->at = (uint16_t)(first * sizeof(*word));
	saved->len = (uint16_t)len;
	memcpy(saved->bytes, page + saved->at, len);
	if (madvise(page, PAGE_BYTES, MADV_DONTNEED) != 0) {
		OPENSSL_free(saved);
		return NULL;
	}
	return saved;
}

void tls_memory_wake(void *object, void *saved)
{
	struct saved *old = saved;

	memcpy((uint8_t *)object + QUIET_AT + old->at, old->bytes, old->len);
	OPENSSL_free(old);
}
