/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading and writing one end of a ring; see ring.h for what is trusted (nothing of the other end's). */
#include "ring.h"

#include <string.h>

#define PAGE 4096u

static uint32_t load(const uint32_t *field)
{
	return __atomic_load_n(field, __ATOMIC_RELAXED);
}

/* Orders our store of one header field before our load of another: acquire and release do not. */
static void full_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static bool index_valid(const struct vmbus_ring *ring, uint32_t index)
{
	return index < ring->size && index % 8 == 0;
}

/* Bytes from one index on to another, round the end. */
static uint32_t distance(const struct vmbus_ring *ring, uint32_t from, uint32_t to)
{
	return to >= from ? to - from : ring->size - from + to;
}

/* index + bytes, round the end; bytes <= size. */
static uint32_t advance(const struct vmbus_ring *ring, uint32_t index, uint32_t bytes)
{
	uint32_t left = ring->size - index;

	return bytes < left ? index + bytes : bytes - left;
}

/* How much lies in one piece at `index`; to be called with index < size. */
static uint8_t *piece(const struct vmbus_ring *ring, uint32_t index, uint32_t *bytes)
{
	uint32_t run;

	if (ring->data) {
		run = ring->size - index;
		if (*bytes > run)
			*bytes = run;
		return ring->data + index;
	}
	run = PAGE - index % PAGE;
	if (*bytes > run)
		*bytes = run;
	return ring->pages[index / PAGE] + index % PAGE;
}

static void copy_out(const struct vmbus_ring *ring, uint32_t index, void *to, uint32_t bytes)
{
	uint8_t *at = to;

	while (bytes) {
		uint32_t run = bytes;
		const uint8_t *from = piece(ring, index, &run);

		memcpy(at, from, run);
		at += run;
		bytes -= run;
		index = advance(ring, index, run);
	}
}

static uint32_t copy_in(const struct vmbus_ring *ring, uint32_t index, const void *from, uint32_t bytes)
{
	const uint8_t *at = from;

	while (bytes) {
		uint32_t run = bytes;
		uint8_t *to = piece(ring, index, &run);

		memcpy(to, at, run);
		at += run;
		bytes -= run;
		index = advance(ring, index, run);
	}
	return index;
}

bool vmbus_ring_init(struct vmbus_ring *ring, void *memory, size_t bytes)
{
	memset(ring, 0, sizeof *ring);
	if (bytes % PAGE || bytes < 2 * PAGE || bytes > UINT32_MAX)
		return false;
	ring->header = memory;
	ring->data = (uint8_t *)memory + PAGE;
	ring->size = (uint32_t)bytes - PAGE;
	return true;
}

bool vmbus_ring_init_pages(struct vmbus_ring *ring, uint8_t *const *pages, size_t count)
{
	size_t i;

	memset(ring, 0, sizeof *ring);
	if (count < 2 || count > UINT32_MAX / PAGE)
		return false;
	ring->header = (struct vmbus_ring_header *)pages[0];
	ring->pages = pages + 1;
	ring->size = (uint32_t)(count - 1) * PAGE;
	for (i = 2; i < count && pages[i] == pages[i - 1] + PAGE; i++)
		;
	if (i == count)
		ring->data = pages[1];
	return true;
}

/* Reader. */

int vmbus_ring_reader_start(struct vmbus_ring *ring)
{
	uint32_t next = load(&ring->header->read_index);

	if (!index_valid(ring, next))
		return VMBUS_RING_BAD;
	ring->next = ring->published = ring->other = next;
	return VMBUS_RING_OK;
}

int vmbus_ring_reader_resume(struct vmbus_ring *ring, uint32_t next)
{
	if (!index_valid(ring, next))
		return VMBUS_RING_BAD;
	ring->next = ring->published = ring->other = next;
	__atomic_store_n(&ring->header->read_index, next, __ATOMIC_RELEASE);
	return VMBUS_RING_OK;
}

int vmbus_ring_read_begin(struct vmbus_ring *ring)
{
	/* Acquire: no byte of a packet is read before the index that covers it. */
	uint32_t write = __atomic_load_n(&ring->header->write_index, __ATOMIC_ACQUIRE);

	if (!index_valid(ring, write))
		return VMBUS_RING_BAD;
	ring->other = write;
	return write == ring->next ? VMBUS_RING_EMPTY : VMBUS_RING_OK;
}

int vmbus_ring_peek(const struct vmbus_ring *ring, struct vmbus_ring_packet *packet)
{
	uint32_t available = distance(ring, ring->next, ring->other);
	struct vmbus_descriptor d;
	uint32_t header, total;

	if (available == 0)
		return VMBUS_RING_EMPTY;
	if (available < sizeof d + VMBUS_TRAILER_BYTES)
		return VMBUS_RING_BAD;
	copy_out(ring, ring->next, &d, sizeof d);
	/* The compiler must not go back to the ring for what was just checked. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	header = d.offset8 * 8u;
	total = d.length8 * 8u;
	if (header < sizeof d || header > total || total > available - VMBUS_TRAILER_BYTES)
		return VMBUS_RING_BAD;
	packet->type = d.type;
	packet->flags = d.flags;
	packet->transaction_id = d.transaction_id;
	packet->start = ring->next;
	packet->header_bytes = header;
	packet->total_bytes = total;
	return VMBUS_RING_OK;
}

bool vmbus_ring_copy(const struct vmbus_ring *ring, const struct vmbus_ring_packet *packet, uint32_t offset, void *to, uint32_t bytes)
{
	if (offset > packet->total_bytes || bytes > packet->total_bytes - offset)
		return false;
	copy_out(ring, advance(ring, packet->start, offset), to, bytes);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return true;
}

void vmbus_ring_consume(struct vmbus_ring *ring, const struct vmbus_ring_packet *packet)
{
	ring->next = advance(ring, packet->start, packet->total_bytes + VMBUS_TRAILER_BYTES);
}

bool vmbus_ring_read_end(struct vmbus_ring *ring)
{
	uint32_t freed = distance(ring, ring->published, ring->next);
	uint32_t pending, write, room;

	if (freed == 0)
		return false;
	/* Release: the writer reuses the bytes as soon as it sees the index. */
	__atomic_store_n(&ring->header->read_index, ring->next, __ATOMIC_RELEASE);
	ring->published = ring->next;
	if (!(load(&ring->header->features) & VMBUS_RING_FEATURE_PENDING_SEND_SIZE))
		return false;
	/*
	 * Index first, pending_send_size second. A writer that finds no room sets pending_send_size, then looks at the index again:
	 * in whatever order the two ends get here, one of them sees the other's store.
	 */
	full_fence();
	pending = load(&ring->header->pending_send_size);
	if (pending == 0)
		return false;
	write = __atomic_load_n(&ring->header->write_index, __ATOMIC_ACQUIRE);
	if (!index_valid(ring, write))
		return false;
	/* Only the step from too little room to enough is signalled; a second one would find the writer awake already. */
	room = ring->size - distance(ring, ring->next, write);
	return room > pending && (room < freed || room - freed <= pending);
}

void vmbus_ring_mask(struct vmbus_ring *ring)
{
	__atomic_store_n(&ring->header->interrupt_mask, 1, __ATOMIC_RELAXED);
}

bool vmbus_ring_unmask(struct vmbus_ring *ring)
{
	__atomic_store_n(&ring->header->interrupt_mask, 0, __ATOMIC_RELAXED);
	/* A writer stores its index, then reads the mask; we clear the mask, then read its index: no packet falls between. */
	full_fence();
	return load(&ring->header->write_index) != ring->next;
}

/* Writer. */

static uint32_t room(const struct vmbus_ring *ring)
{
	return ring->size - distance(ring, ring->other, ring->next);
}

/* Takes a new copy of the read index. A reader can only have come from where it was to what was published. */
static bool refresh(struct vmbus_ring *ring)
{
	/* Acquire: what is written into freed space comes after the reader's last look at it. */
	uint32_t read = __atomic_load_n(&ring->header->read_index, __ATOMIC_ACQUIRE);

	if (!index_valid(ring, read) || distance(ring, ring->other, read) > distance(ring, ring->other, ring->published))
		return false;
	ring->other = read;
	return true;
}

static void set_pending(struct vmbus_ring *ring, uint32_t bytes)
{
	ring->pending = bytes;
	__atomic_store_n(&ring->header->pending_send_size, bytes, __ATOMIC_RELAXED);
}

static int writer_begin(struct vmbus_ring *ring, uint32_t next)
{
	uint32_t read = load(&ring->header->read_index);

	if (!index_valid(ring, next) || !index_valid(ring, read))
		return VMBUS_RING_BAD;
	ring->next = ring->published = next;
	ring->other = read;
	__atomic_fetch_or(&ring->header->features, VMBUS_RING_FEATURE_PENDING_SEND_SIZE, __ATOMIC_RELAXED);
	set_pending(ring, 0);
	return VMBUS_RING_OK;
}

int vmbus_ring_writer_start(struct vmbus_ring *ring)
{
	return writer_begin(ring, load(&ring->header->write_index));
}

int vmbus_ring_writer_resume(struct vmbus_ring *ring, uint32_t next)
{
	int rc = writer_begin(ring, next);

	if (rc == VMBUS_RING_OK)
		__atomic_store_n(&ring->header->write_index, next, __ATOMIC_RELEASE);
	return rc;
}

/*
 * The reader needs a signal if it had taken everything that was published before, and is not looking for itself. If
 * it was still busy with an earlier packet, the signal for that one serves this one too.
 */
static void publish(struct vmbus_ring *ring)
{
	uint32_t before = ring->published;

	if (ring->next == before)
		return;
	/* Release: index after content. */
	__atomic_store_n(&ring->header->write_index, ring->next, __ATOMIC_RELEASE);
	ring->published = ring->next;
	/* Counterpart of the fences in vmbus_ring_unmask and vmbus_ring_read_end. */
	full_fence();
	if (load(&ring->header->interrupt_mask))
		return;
	if (__atomic_load_n(&ring->header->read_index, __ATOMIC_ACQUIRE) == before)
		ring->signal_due = true;
}

/* Room for more than `bytes`: with exactly as many the ring would be full, which looks like empty. */
static int make_room(struct vmbus_ring *ring, uint32_t bytes)
{
	if (room(ring) > bytes)
		return VMBUS_RING_OK;
	if (!refresh(ring))
		return VMBUS_RING_BAD;
	if (room(ring) > bytes)
		return VMBUS_RING_OK;
	/* The reader judges room by the published index; it must not believe that there is more than we see. */
	publish(ring);
	set_pending(ring, bytes);
	full_fence(); /* see vmbus_ring_read_end */
	if (!refresh(ring))
		return VMBUS_RING_BAD;
	return room(ring) > bytes ? VMBUS_RING_OK : VMBUS_RING_FULL;
}

int vmbus_ring_write(struct vmbus_ring *ring, uint16_t type, uint16_t flags, uint64_t transaction_id, uint32_t extension_bytes,
	const struct vmbus_ring_part *parts, size_t count)
{
	static const uint8_t zeros[8];
	struct vmbus_descriptor d = { .type = type, .flags = flags, .transaction_id = transaction_id };
	uint64_t trailer = (uint64_t)ring->next << 32;
	size_t bytes = 0, i;
	uint32_t total, at;
	int rc;

	for (i = 0; i < count; i++) {
		if (parts[i].bytes > VMBUS_PACKET_MAX_BYTES - bytes)
			return VMBUS_RING_TOO_BIG;
		bytes += parts[i].bytes;
	}
	total = ((uint32_t)(sizeof d + bytes) + 7) & ~7u;
	if (total > VMBUS_PACKET_MAX_BYTES || total + VMBUS_TRAILER_BYTES >= ring->size || extension_bytes % 8 || extension_bytes > bytes)
		return VMBUS_RING_TOO_BIG;
	rc = make_room(ring, total + VMBUS_TRAILER_BYTES);
	if (rc != VMBUS_RING_OK)
		return rc;

	d.offset8 = (uint16_t)((sizeof d + extension_bytes) / 8);
	d.length8 = (uint16_t)(total / 8);
	at = copy_in(ring, ring->next, &d, sizeof d);
	for (i = 0; i < count; i++)
		at = copy_in(ring, at, parts[i].data, (uint32_t)parts[i].bytes);
	at = copy_in(ring, at, zeros, total - (uint32_t)(sizeof d + bytes));
	ring->next = copy_in(ring, at, &trailer, sizeof trailer);
	if (ring->pending)
		set_pending(ring, 0);
	return VMBUS_RING_OK;
}

bool vmbus_ring_write_end(struct vmbus_ring *ring)
{
	bool signal;

	publish(ring);
	signal = ring->signal_due;
	ring->signal_due = false;
	return signal;
}

int vmbus_ring_room(struct vmbus_ring *ring, uint32_t least, uint32_t *bytes)
{
	const uint32_t overhead = sizeof(struct vmbus_descriptor) + VMBUS_TRAILER_BYTES;
	uint32_t most;
	int rc;

	if (least > VMBUS_PACKET_MAX_BYTES - sizeof(struct vmbus_descriptor) || ((least + 7) & ~7u) + overhead >= ring->size)
		return VMBUS_RING_TOO_BIG;
	rc = make_room(ring, ((least + 7) & ~7u) + overhead);
	if (rc != VMBUS_RING_OK)
		return rc;
	if (ring->pending)
		set_pending(ring, 0);
	/* Room is a multiple of 8, and so is what is left of it when the ring must not become full. */
	most = room(ring) - 8 - overhead;
	*bytes = most < VMBUS_PACKET_MAX_BYTES - sizeof(struct vmbus_descriptor) ? most :
		(uint32_t)(VMBUS_PACKET_MAX_BYTES - sizeof(struct vmbus_descriptor));
	return VMBUS_RING_OK;
}

bool vmbus_ring_has_room(struct vmbus_ring *ring)
{
	return ring->pending == 0 || (refresh(ring) && room(ring) > ring->pending);
}
