/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/guest_gpus.h"

#include <string.h>

#include "base/text.h"

/* No guest has more; the list of a hostile one may be long, and its figures of any size. */
enum { MAX_GPUS = 64 };

/* As asked for below. */
enum column { UUID, UTILIZATION, MEMORY_UTILIZATION, POWER, MEMORY_FREE, COLUMNS };

const char *const guest_gpus_argv[] = {
	"nvidia-smi",
	"--query-gpu=gpu_uuid,utilization.gpu,utilization.memory,power.draw,memory.free",
	"--format=csv,noheader,nounits", NULL,
};

bool guest_gpus_among(const char *devices)
{
	g_auto(GStrv) list = g_strsplit(text_or(devices, ""), ",", -1);

	for (char **d = list; *d; d++)
		if (g_ascii_strncasecmp(g_strstrip(*d), "10de:", strlen("10de:")) == 0)
			return true;

	return false;
}

/* More than any GPU can have: %, W, and MiB. */
static const double most[COLUMNS] = {
	[UTILIZATION] = 100, [MEMORY_UTILIZATION] = 100, [POWER] = 1e5, [MEMORY_FREE] = 1e8,
};

/* "25.46"; "[N/A]", "[Not Supported]" and the like are no number. */
static double figure_of(char *text, enum column column)
{
	char *end = NULL;
	double value = g_ascii_strtod(g_strstrip(text), &end);
	bool is_number = *text && !*end && value >= 0 && value <= most[column];

	return is_number ? value : -1;
}

/* A sum, and of how many. */
struct total {
	double sum;
	unsigned n;
};

static void add_gpu(char *line, unsigned *count, struct total totals[COLUMNS])
{
	g_auto(GStrv) values = g_strsplit(line, ",", -1);

	if (g_strv_length(values) != COLUMNS || !*g_strstrip(values[UUID]))
		return;

	(*count)++;
	for (int i = UTILIZATION; i < COLUMNS; i++) {
		double value = figure_of(values[i], (enum column)i);

		if (value < 0)
			continue;
		totals[i].sum += value;
		totals[i].n++;
	}
}

static double sum_of(const struct total *total)
{
	return total->n ? total->sum : -1;
}

static double mean_of(const struct total *total)
{
	return total->n ? total->sum / total->n : -1;
}

bool guest_gpus_read(struct guest_gpus *ret, const char *output)
{
	g_auto(GStrv) lines = g_strsplit(output, "\n", MAX_GPUS + 1);
	struct total totals[COLUMNS] = { 0 };
	unsigned count = 0;

	for (guint i = 0; i < MAX_GPUS && lines[i]; i++)
		add_gpu(lines[i], &count, totals);
	*ret = (struct guest_gpus){
		.count = count, .utilization = mean_of(&totals[UTILIZATION]),
		.memory_utilization = mean_of(&totals[MEMORY_UTILIZATION]),
		.memory_free = sum_of(&totals[MEMORY_FREE]), .power = sum_of(&totals[POWER]),
	};

	return count > 0;
}

const char *guest_gpus_name(enum guest_gpu_figure figure)
{
	static const char *const names[] = {
		[GPU_UTILIZATION]        = "GPU_UTILIZATION",
		[GPU_MEMORY_UTILIZATION] = "GPU_MEMORY_UTILIZATION",
		[GPU_MEMORY_FREE]        = "GPU_MEMORY_FREE",
		[GPU_POWER_USAGE]        = "GPU_POWER_USAGE",
		[GPU_COUNT]              = "GPU_COUNT",
	};

	return names[figure];
}

double guest_gpus_figure(const struct guest_gpus *gpus, enum guest_gpu_figure figure)
{
	const double figures[] = {
		[GPU_UTILIZATION]        = gpus->utilization,
		[GPU_MEMORY_UTILIZATION] = gpus->memory_utilization,
		[GPU_MEMORY_FREE]        = gpus->memory_free,
		[GPU_POWER_USAGE]        = gpus->power,
		[GPU_COUNT]              = gpus->count,
	};

	return gpus->count ? figures[figure] : -1;
}

void guest_gpus_add(const struct guest_gpus *gpus, Fields *out)
{
	for (int i = 0; i < GPU_FIGURES; i++) {
		double value = guest_gpus_figure(gpus, (enum guest_gpu_figure)i);
		const char *format = i == GPU_COUNT ? "%.0f" : "%.2f";
		char text[G_ASCII_DTOSTR_BUF_SIZE];

		if (value >= 0)
			fields_add(out, guest_gpus_name((enum guest_gpu_figure)i), FIELDS_QUOTED,
				   "%s", g_ascii_formatd(text, sizeof(text), format, value));
	}
}
