/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests and responses on a table made from Apache text: rules, maps, conditions, environment, sections, header operations. See fuzz_site.h. */
#include "tests/lib_c/fuzz_site.h"

static const char CONF[] =
	"RewriteEngine On\nSetEnvIf Request_URI ^/(.)(.*)$ FIRST=$1 REST=$2\n"
	"<VirtualHost 127.0.0.1:8080>\nServerName t:8080\nDocumentRoot /html\n"
	"RewriteMap low int:tolower\nRewriteMap up int:toupper\nRewriteMap esc int:escape\nRewriteMap un int:unescape\n"
	"SetEnvIf X-A \"^(a+)(.*)$\" A=$1 B=$2\nSetEnvIfExpr \"%{HTTP:X-B} =~ /^(.)(.*)$/ && -n $2\" C=$2\nBrowserMatch x !A\n"
	"RewriteRule ^/r/(.*)$ /s/$1?a=$1&b=%{HTTP:X-A} [R,QSA,L,CO=n:$1:.d:10:/]\n"
	"RewriteRule ^/ne/(.*)$ http://h/$1?$1 [R,NE,L]\n"
	"RewriteRule ^/b/(.*)$ http://127.0.0.1:9/$1?q=$1 [P,B,BNE=/]\n"
	"RewriteRule ^/p/(.*)$ http://127.0.0.1:9/$1?q=$1 [P]\n"
	"RewriteRule ^/pne/(.*)$ http://127.0.0.1:9/$1?q=$1 [P,NE,UnsafeAllow3F]\n"
	"RewriteRule ^/any/(.*)$ $1 [P]\n"
	"RewriteRule ^/f/(.*)$ $1 [T=text/$1]\n"
	"RewriteRule ^/map/(.*)$ /${low:$1}/${up:$1|x}/${esc:$1}/${un:$1|${low:y}} [R,L]\n"
	"RewriteRule ^/n(.*)a(.*)$ /n$1b$2$2 [N]\n"
	"RewriteCond %{HTTP:X-N} -gt5 [OR]\nRewriteCond %{HTTP:X-N} <abc\nRewriteCond expr \"%{REQUEST_URI} -strmatch '/x*' || req('X-C') in {'a','b'}\"\n"
	"RewriteRule ^/x(.*) - [E=X:%1$1%{ENV:A}%{ENV:C}]\n"
	"RewriteCond %{REQUEST_FILENAME}%{PATH_INFO} ^(.*)$\nRewriteRule ^/pt(.*)$ /app/%1 [PT]\n"
	"RewriteCond %{HTTP:Upgrade} websocket [NC]\nRewriteRule ^/ws(.*) ws://127.0.0.1:9/$1 [P]\n"
	"ProxyPass /proxy http://127.0.0.1:9/base\nAlias /al /alias\n"
	"<Location /sec>\nRewriteRule ^(.*)$ /f/$1?%{QUERY_STRING} [QSL]\n</Location>\n"
	"<LocationMatch \"^/lm/(.*)\">\nRewriteRule (.)$ $1$1 [R]\n</LocationMatch>\n"
	"<Directory /html/app>\nRewriteBase /b\nRewriteRule ^(.)(.*)$ $2$1?%{ENV:FIRST} [DPI,QSA]\nRewriteRule ^loop$ loop2\n</Directory>\n"
	"<Location /h>\nHeader set X-H \"%{A}e %{X}e\"\nRequestHeader set X-R \"expr=%{tolower:%{HTTP:X-A}}\" env=A\nRequestHeader edit X-B ^(.) $1$1\n</Location>\n"
	"<If \"%{QUERY_STRING} =~ /if(.)/\">\nHeader set X-If 1\nRewriteRule ^ /done [R]\n</If>\n"
	"</VirtualHost>\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct site site;
	return fuzz_site(&site, CONF, "/html/ /html/app/ /html/app/x /html/f.txt /alias/ /alias/y", data, size);
}
