# SPDX-License-Identifier: BSD-2-Clause
"""What else of the dialect acts: variables in targets, members that differ, inherited rules, look-aheads, merged access, the PROXY protocol."""

from judge import HttpdCase, backend, get, vhost


def moved_everywhere(request):
    """Redirects to the backend's own name, in three fields, and cookies."""
    own = request.get("host")
    fields = [("Location", "http://%s/fixed/z" % own), ("Content-Location", "http://%s/e/z" % own), ("URI", "http://%s/n/z" % own),
              ("Set-Cookie", "a=b; Domain=fixed.example; Path=/fixed"), ("Set-Cookie", "c=d; Domain=written.example; Path=/written")]
    return [backend.respond(302, fields, b"moved", reason="Found")]


HttpdCase("targets", "variables of the environment in targets", vhost("""
    ProxyPassInterpolateEnv On # drop
    SetEnv FIXED fixed
    SetEnvIf X-B (.*) EARLY=$1 # drop
    SetEnvIf X-H (.*) HOST=@UP2@ # drop
    RewriteEngine On
    RewriteCond %{HTTP:X-R} (.+)
    RewriteRule .* - [E=RULE:%1] # drop
    ProxyPass /fixed http://@UP@/${FIXED} interpolate
    ProxyPass /early http://@UP@/${EARLY}/z interpolate # drop
    ProxyPass /rule http://@UP@/${RULE}/z interpolate # drop
    ProxyPass /plain http://@UP@/${EARLY}/z # drop
    ProxyPass /host http://${HOST}/hh interpolate # drop
    ProxyPass /${EARLY}/from http://@UP@/from interpolate # drop
    ProxyPass /several http://@UP@/${EARLY}/${EARLY}/${NONE}/${ interpolate # drop
    ProxyPassMatch ^/m(.*)$ http://@UP@/mm/${EARLY}$1 interpolate # drop
    <Location /section>
        ProxyPass http://@UP@/${EARLY}/l interpolate # drop
    </Location>
    <Location /off>
        ProxyPassInterpolateEnv Off # drop
        ProxyPass http://@UP@/${EARLY}/l interpolate
    </Location>
"""), [get(target, fields=fields) for target in ("/fixed/x", "/early/x", "/rule/x", "/plain/x", "/host/x", "/a/from/x", "/mabc", "/several/x", "/section/x", "/off/x")
       for fields in ((("X-H", "1"),), (("X-B", "a"), ("X-R", "r"), ("X-H", "1")))])

HttpdCase("targets", "variables of the environment on the way back", vhost("""
    ProxyPassInterpolateEnv On # drop
    SetEnv LATE late
    SetEnvIf X-B (.*) EARLY=$1 # drop
    SetEnvIf Request_URI section FIXED=fixed # drop
    ProxyPass / http://@UP@/
    ProxyPassReverse /${EARLY}/ http://@UP@/e/ interpolate # drop
    ProxyPassReverse /no/${EARLY}/ http://@UP@/n/ # drop
    ProxyPassReverseCookieDomain written.example pub-${EARLY}.example interpolate # drop
    ProxyPassReverseCookiePath /${FIXED} /${EARLY} interpolate # drop
    <Location /section>
        ProxyPassReverse http://@UP@/${FIXED}/ interpolate # drop
        ProxyPassReverseCookiePath /wri /${EARLY}/${NONE}/
        ProxyPassReverseCookieDomain fixed.example late-${LATE}.example interpolate # drop
    </Location>
"""), [get(target, fields=fields) for target in ("/x", "/section/x") for fields in ((), (("X-B", "a"),))], script=moved_everywhere)
