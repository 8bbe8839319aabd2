/* SPDX-License-Identifier: Apache-2.0 */
/* The main() of a program that is one action; the worker (remotes/vmm/worker.c) has another. */
#include "action/action.h"

int main(int argc, char **argv)
{
	return action_main(&action, argc, argv);
}
