/* SPDX-License-Identifier: Apache-2.0 */
#include "action_order.h"

ActionOrder *action_order_new(const char *action)
{
	ActionOrder *order = g_new0(ActionOrder, 1);

	order->action = action;
	order->options = g_ptr_array_new_with_free_func(g_free);
	order->operands = g_ptr_array_new_with_free_func(g_free);

	return order;
}

void action_order_free(ActionOrder *order)
{
	if (!order)
		return;

	g_ptr_array_unref(order->options);
	g_ptr_array_unref(order->operands);
	g_clear_pointer(&order->input, g_bytes_unref);
	g_free(order->done);
	g_free(order);
}

void action_order_add(ActionOrder *order, const char *const *words)
{
	for (const char *const *w = words; *w; w++)
		g_ptr_array_add(order->operands, g_strdup(*w));
}

void action_order_add_option(ActionOrder *order, const char *option)
{
	g_ptr_array_add(order->options, g_strdup(option));
}

void action_order_set_done(ActionOrder *order, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	g_free(order->done);
	order->done = g_strdup_vprintf(format, ap);
	va_end(ap);
}
