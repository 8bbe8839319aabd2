/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_side.h - what the front-end says to both hosts of a move, and hears from them. */
#ifndef KVM_IMAGE_TRANSFER_SIDE_H
#define KVM_IMAGE_TRANSFER_SIDE_H

#include <json-c/json.h>

#include "transfer_place.h"
#include "transfer_vm.h"

/* From where, to where. */
struct transfer_sides {
	struct transfer_place from, to;
	const struct transfer_vm *vm;	/* borrowed */
};

/* What one side says of itself; put by transfer_side_clear(). */
struct transfer_side {
	const struct transfer_place *place;
	json_object *answer;
};

/* Sets PLACES from operands about VM. transfer_sides_clear() RET, also after a failure. */
bool transfer_sides_parse(struct transfer_sides *ret, const char *from, const char *to,
			  const char *vm, GError **error);

/*
 * Whether oned has the VM on one of both: VMM_ERROR_REFUSED; and whether the datastore that it goes
 * to keeps files, if that is another one: VMM_ERROR_CONFIG.
 */
bool transfer_sides_check(const struct transfer_sides *sides, GError **error);

/* Whether both sides are in the same datastore, by its id. */
bool transfer_sides_is_one_datastore(const struct transfer_sides *sides);

/*
 * Asks how far a move has come there: "state" as the command says it. VOLUMES: of the other side,
 * which this one may see; or NULL. RUNNING: of a VM that runs.
 */
bool transfer_side_ask(const struct transfer_sides *sides, struct transfer_side *side,
		       const char *volumes, bool running, GError **error);

/* A text of its answer, "" when it is missing. Borrowed. */
const char *transfer_side_said(const struct transfer_side *side, const char *name);
bool transfer_side_is(const struct transfer_side *side, const char *state);

/*
 * Copies all of it, or with RUNNING what the action that moves the VM does not bring. RET_TOKEN: of
 * leave, which the caller frees; NULL: both have one directory, and nothing was copied. IS_SEEN:
 * the destination sees the logical volumes of the source.
 */
bool transfer_sides_copy(const struct transfer_sides *sides, const char *id, bool running,
			 bool is_seen, char **ret_token, GError **error);

/* Runs COMMAND (keep, adopt, abandon) about move ID at PLACE. */
bool transfer_sides_tell(const struct transfer_sides *sides, const struct transfer_place *place,
			 const char *command, const char *id, GError **error);

/* Empties the source, which sees whether it is the destination by TOKEN; then both forget. */
bool transfer_sides_end(const struct transfer_sides *sides, const char *id, const char *token,
			GError **error);

/* Removes the directory of the source, which has nothing, if it is there. */
bool transfer_sides_left(const struct transfer_sides *sides, GError **error);

void transfer_side_clear(struct transfer_side *side);
void transfer_sides_clear(struct transfer_sides *sides);

#endif
