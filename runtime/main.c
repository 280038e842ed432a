/* SPDX-License-Identifier: BSD-2-Clause */
/* wsrpd: command line, then one of three: tell a running master something, check a table, serve. */
#include <stdio.h>

#include "runtime/control.h"
#include "runtime/load.h"
#include "runtime/master.h"
#include "runtime/options.h"
#include "runtime/tls_memory.h"

/* -t: everything that a start would open and check, and the identity too. Writes nothing but the logs that opening creates. */
static int test_table(const struct options *o)
{
	char why[1024] = "";
	struct settings s = { 0 };
	struct loaded *l = load_table(o->table_path, 1, LOAD_FOR_FORK, why, sizeof(why));
	struct identity_ids ids;
	bool ok = l && settings_make(&s, o, &l->gen->table, why, sizeof(why)) && privilege_lookup(&ids, s.user, s.group, s.user_is_default, why, sizeof(why)) &&
		  load_rest(l, &s, true, why, sizeof(why));
	if (ok)
		fprintf(stderr, "wsrpd: %s is fine: identity %s, %u servers, %u listeners\n", o->table_path, l->identity,
			wsr_server_count(&l->gen->table), wsr_listen_count(&l->gen->table));
	else
		fprintf(stderr, "wsrpd: %s\n", why);
	load_free(l);
	settings_free(&s);
	return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct options o;
	tls_memory_install();
	int status = options_parse(&o, argc, argv);
	if (status >= 0)
		return status;
	if (o.command)
		return control_command(&o);
	return o.test ? test_table(&o) : master_run(&o);
}
