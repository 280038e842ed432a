/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests and responses on a table made from nginx's language with something of everything: see fuzz_site.h. */
#include "tests/lib_c/fuzz_site.h"

static const char CONF[] =
	"error_log x.log;\nevents {}\nhttp {\n"
	"types { text/html html; } log_format f '$uri $args $http_x $cookie_a $arg_a $remote_user $m $first'; log_format j escape=json '$request_uri $http_x';\n"
	"access_log a f; access_log b j;\n"
	"map $uri $m { default \"<$arg_a>\"; /a A; ~^/(?<first>[^/]+)/(.*) \"$2\"; } map $http_x $n { hostnames; default $m; .example.org 1; a.* 2; }\n"
	"upstream group { server 127.0.0.1:9; }\n"
	"server { listen 127.0.0.1:8080 default_server; server_name t; error_page 404 /404$uri; error_page 403 =200 @n; error_page 502 https://x.org/$uri;\n"
	"  set $v \"$arg_v$m\"; rewrite ^/w/(.*)$ /v/$1?k=$1; redirect /moved https://x.org/to; redirect 301 \"~^/rx/(.*)$\" /ry/$1;\n"
	"  location / { root html; try_files $uri $uri/ /b$uri; add_header X-U $uri; }\n"
	"  location /v/ { websocket on; proxy_set_header X-V $v$n; proxy_set_header Host $http_x$host; proxy_set_header Connection $http_x; proxy_set_header Content-Length 7;\n"
	"    proxy_pass http://group/base/; proxy_redirect http://group/ /v/; add_header X-A \"$v$upstream_http_y$sent_http_location\" always; }\n"
	"  location /p { proxy_pass http://group; proxy_set_header X-F $proxy_add_x_forwarded_for; proxy_hide_header Y; }\n"
	"  location /u { proxy_pass $arg_u; } location /uri { proxy_pass http://group$uri; }\n"
	"  location ~ ^/al(.*)$ { alias alias/$1; index index.html $arg_i; } location /ap { alias dir/; }\n"
	"  location /r { if ($arg_a ~* \"^(b+)(.*)$\") { return 302 /$2$uri; } if ($request_method = POST) { return 200 $uri$1; } rewrite ^/r(.+) $1 last; return 403; }\n"
	"  location /b/ { rewrite ^/b/(.*)$ /c/$1 break; proxy_pass http://group/x/; } location @n { return 201 $uri$args; }\n"
	"  location /l { rewrite ^ /l$uri last; } location = /e { return 301 $arg_a; } location /d { deny all; } }\n"
	"server { listen 127.0.0.1:8080; server_name *.example.org ~^(?<sub>[a-z]+)\\.net$ www.*; location / { websocket only; upgrade_protocols websocket foo;\n"
	"    proxy_set_header X-S $sub$1; proxy_pass http://group/$sub; } }\n}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct site site;
	return fuzz_site(&site, CONF, "html/ html/index.html html/a html/b/ alias/ alias/x dir/ dir/y", data, size);
}
