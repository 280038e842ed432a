# SPDX-License-Identifier: BSD-2-Clause
"""What else of the dialect acts: variables in targets, members that differ, inherited rules, look-aheads, merged access, the PROXY protocol."""

from judge import HttpdCase, backend, get, harness, upgrade, vhost


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

APPS = """
    <Proxy balancer://apps>
        BalancerMember http://@UP@/app1 # drop
        BalancerMember http://@UP2@/app2/ # drop
    </Proxy>
"""


def by_member(request):
    """A redirect to the member's own path, where it is asked for."""
    if "moved" not in request.target:
        return harness.answer(request)
    return [backend.respond(302, [("Location", "http://%s/app1/there" % request.get("host"))], b"moved", reason="Found")]


HttpdCase("members", "members with paths of their own", vhost(APPS + """
    <Proxy balancer://bare>
        BalancerMember http://@UP@
        BalancerMember http://@UP2@/z # drop
    </Proxy>
    <Proxy balancer://dead>
        BalancerMember http://@DEAD@/dead
        BalancerMember http://@UP2@/alive # drop
    </Proxy>
    ProxyPass /a balancer://apps # drop
    ProxyPass /b balancer://apps/sub # drop
    ProxyPass /bare balancer://bare # drop
    ProxyPass /dead balancer://dead # drop
    ProxyPassReverse /a balancer://apps # drop
    ProxyPassMatch ^/m(.*)$ balancer://apps/mm$1 # drop
    RewriteEngine On
    RewriteRule ^/rw/(.*) balancer://apps/$1 [P] # drop
"""), [get(target) for target in ("/a/x", "/a", "/a/moved", "/a/moved", "/b/x", "/b/y?z=1", "/bare/x", "/bare/x", "/dead/x", "/dead/y", "/mx", "/my", "/rw/a", "/rw/b?c")],
          script=by_member, explain=False)  # whose turn it is explain cannot know

HttpdCase("members", "members with schemes of their own", vhost("""
    SSLProxyEngine On
    SSLProxyVerify none
    SSLProxyCheckPeerName off
    SSLProxyCheckPeerCN off
    <Proxy balancer://tls>
        BalancerMember http://@UP@ # drop
        BalancerMember https://@TLS@ # drop
    </Proxy>
    <Proxy balancer://sockets>
        BalancerMember ws://@UP@ # drop
        BalancerMember ws://@UP2@ # drop
    </Proxy>
    <Proxy balancer://mixed>
        BalancerMember http://@UP@
        BalancerMember ws://@UP2@ # drop
    </Proxy>
    <Proxy balancer://upgrading>
        BalancerMember http://@UP@ upgrade=websocket # drop
        BalancerMember http://@UP2@/z
    </Proxy>
    ProxyPass /tls balancer://tls
    ProxyPass /ws balancer://sockets
    ProxyPass /mix balancer://mixed
    ProxyPass /up balancer://upgrading
"""), [get(target) for target in ("/tls/a", "/tls/b", "/tls/c", "/ws/a", "/mix/a", "/up/a", "/ws/a", "/mix/a", "/up/a")] + [upgrade(target) for target in ("/ws/a", "/mix/a", "/up/a") * 2],
          explain=False)
