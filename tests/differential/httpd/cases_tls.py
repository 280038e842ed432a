# SPDX-License-Identifier: BSD-2-Clause
"""Certificates of both ends as mod_ssl looks at them, sessions of TLS, and settings of the process."""

import os
import shutil
import ssl

from judge import HttpdCase, backend, get, harness, vhosts

from directives import pki
from lib import env

V12 = ssl.TLSVersion.TLSv1_2


def keys(folder):
    """The certificates of directives/pki.py, a second one by root, one that is no longer valid, and pairs under one name."""
    pki.make(folder)
    pki.issued(folder, "second", "root", False)
    pki.expired(folder, "old", ["localhost"])
    shutil.copy(os.path.join(folder, "leaf.key"), os.path.join(folder, "chain.key"))
    with open(os.path.join(folder, "machine.pem"), "w", encoding="ascii") as out:
        for name in ("direct.crt", "direct.key"):
            with open(os.path.join(folder, name), encoding="ascii") as part:
                out.write(part.read())


def hashed(folder, name, *files):
    """A folder as openssl rehash makes it."""
    own = os.path.join(folder, name)
    os.mkdir(own)
    for one in files:
        shutil.copy(os.path.join(folder, one), own)
    pki.openssl(folder, "rehash", own)
    return own


def folders(folder):
    """keys(), and folders: cas and mixed with authorities, crls with the list of root, bare with none, names for hints alone."""
    keys(folder)
    pki.revocations(folder, "middle", "middle", [])
    cas = hashed(folder, "cas", "root.crt")
    shutil.copy(os.path.join(folder, "other.crt"), cas)  # without its hash: named to clients, not trusted
    os.mkdir(os.path.join(cas, "below"))
    env.write(os.path.join(cas, "README"), "no certificate\n")
    hashed(folder, "crls", "revoked.crl", "middle.crl")
    hashed(folder, "mixed", "root.crt", "revoked.crl")
    shutil.copy(os.path.join(folder, "other.crt"), hashed(folder, "bare"))
    hashed(folder, "names", "rsa.crt", "other.crt", "middle.crl")


def secure(name, *lines):
    return "    ServerName %s\n    SSLEngine On\n" % name + "\n".join("    " + line for line in lines)


HttpdCase("tls", "chain, depth and revocation of clients", "".join("""
<VirtualHost @%s@>
%s
    Redirect / https://e.example/
</VirtualHost>""" % pair for pair in (
    ("A", secure("leaf", "SSLCertificateFile leaf.crt", "SSLCertificateKeyFile leaf.key", "SSLCertificateChainFile middle.crt # drop")),
    ("B", secure("localhost", "SSLCertificateFile ec.crt", "SSLCertificateKeyFile ec.key", "SSLVerifyClient require", "SSLCACertificateFile root.crt # drop", "SSLVerifyDepth 2 # drop")),
    ("C", secure("localhost", "SSLCertificateFile ec.crt", "SSLCertificateKeyFile ec.key", "SSLVerifyClient require", "SSLCACertificateFile root.crt", "SSLCARevocationCheck chain",
                 "SSLCARevocationFile revoked.crl # drop")))),
          [get("/", tls={"sni": "leaf", "ca": "root"}), get("/", tls={"sni": "leaf"})]
          + [get("/", at=at, tls={"cert": cert, "max": V12}) for at in "BC" for cert in ("direct", "second", "chain", "other")] + [get("/", at="B", tls={"max": V12})], prepare=keys, explain=False)

CLIENTS = ("localhost", "SSLCertificateFile ec.crt", "SSLCertificateKeyFile ec.key", "SSLVerifyClient require")
HttpdCase("tls", "folders of authorities and lists", "".join("""
<VirtualHost @%s@>
%s
    Redirect / https://e.example/
</VirtualHost>""" % (name, secure(*CLIENTS, *lines)) for name, lines in {
    "A": ["SSLCACertificatePath @DIR@/cas # drop"],
    "B": ["SSLCACertificateFile root.crt", "SSLVerifyDepth 2", "SSLCARevocationCheck chain # drop", "SSLCARevocationPath @DIR@/crls"],
    "C": ["SSLCACertificateFile root.crt", "SSLVerifyDepth 2", "SSLCARevocationCheck leaf", "SSLCARevocationFile middle.crl"],
    "D": ["SSLCACertificateFile root.crt", "SSLVerifyDepth 2", "SSLCARevocationCheck chain no_crl_for_cert_ok", "SSLCARevocationFile middle.crl"],
    "E": ["SSLCACertificateFile root.crt", "SSLVerifyDepth 2", "SSLCARevocationCheck chain", "SSLCARevocationFile middle.crl"],
    "F": ["SSLCACertificateFile root.crt", "SSLCARevocationFile revoked.crl"],
    "G": ["SSLCACertificateFile root.crt", "SSLCADNRequestFile middle.crt # drop", "SSLCADNRequestPath @DIR@/names # drop"],
    "H": ["SSLCACertificatePath @DIR@/mixed", "SSLCARevocationCheck leaf", "SSLCARevocationPath @DIR@/bare"],
    "I": ["SSLCACertificatePath @DIR@/bare", "SSLCARevocationPath @DIR@/mixed # drop", "SSLCARevocationFile middle.crl", "SSLCARevocationCheck leaf"],
}.items()), [get("/", at=at, tls={"cert": cert, "max": V12}) for at in "ABCDEFHI" for cert in ("direct", "second", "chain", "other")]
          + [get("/", at=at, tls={"max": V12}) for at in "AH"]
          + [get("/", at=at, tls={"cert": "second", "max": V12, "names": True}) for at in "ABGH"], prepare=folders, explain=False)

HttpdCase("tls", "sessions and curves", """
SSLSessionCache shmcb:@DIR@/cache(512000) # drop
<VirtualHost @A@>
%s
    Redirect / https://e.example/
</VirtualHost>
<VirtualHost @B@>
%s
    Redirect / https://e.example/
</VirtualHost>
<VirtualHost @C@>
%s
    Redirect / https://e.example/
</VirtualHost>""" % (secure("localhost", "SSLCertificateFile ec.crt", "SSLCertificateKeyFile ec.key", "SSLSessionTickets Off"),
                     secure("localhost", "SSLCertificateFile ec.crt", "SSLCertificateKeyFile ec.key", "SSLSessionCacheTimeout 1 # drop"),
                     secure("localhost", "SSLCertificateFile ec.crt", "SSLCertificateKeyFile ec.key", "SSLOpenSSLConfCmd Curves P-384 # drop")),
          [get("/", at="A", tls={"max": V12}, resume=0.1), get("/", at="B", tls={"max": V12}, resume=2.2), get("/", at="C", tls={"curve": "prime256v1"}), get("/", at="C", tls={"curve": "secp384r1"})],
          prepare=keys, explain=False)

HttpdCase("tls", "tickets", """
<VirtualHost @A@>
%s
    Redirect / https://e.example/
</VirtualHost>
<VirtualHost @B@>
%s
    Redirect / https://e.example/
</VirtualHost>""" % (secure("localhost", "SSLCertificateFile ec.crt", "SSLCertificateKeyFile ec.key", "SSLSessionTickets Off # drop"),
                     secure("localhost", "SSLCertificateFile ec.crt", "SSLCertificateKeyFile ec.key")),
          [get("/", at=at, tls={"max": V12}, resume=0.1) for at in "AB"], prepare=keys, explain=False)

HttpdCase("tls", "Protocols", """
<VirtualHost @A@>
%s
    Redirect / https://e.example/
</VirtualHost>""" % secure("localhost", "SSLCertificateFile ec.crt", "SSLCertificateKeyFile ec.key", "Protocols h2 http/1.1 # drop"),
          [get("/", tls={"alpn": ["http/1.1"]}), get("/", tls={"alpn": ["h2", "http/1.1"]}), get("/", tls={})], prepare=keys, explain=False, differs=["HTTP 2"])


HttpdCase("tls", "variables for the backend", vhosts(secure("localhost", "SSLCertificateFile ec.crt", "SSLCertificateKeyFile ec.key", "SSLVerifyClient optional", "SSLCACertificateFile root.crt", "SSLOptions +StdEnvVars # drop",
                                                            'RequestHeader set X-Peer "%{SSL_PROTOCOL}e %{SSL_CLIENT_S_DN_CN}e %{SSL_CLIENT_VERIFY}e"', "ProxyPass / http://@UP@/")),
          [get("/", tls={"cert": "direct"}), get("/", tls={"cert": "direct", "max": V12}), get("/", tls={"max": V12})], prepare=keys, explain=False)


def shown(request):
    """The page tells the backend's name alone."""
    return [backend.respond(200, [("X-Upstream", request.backend)], b"here\n")] if request.backend not in ("up", "up2") else harness.answer(request)


PROXY = ["SSLProxyEngine On", "SSLProxyVerify require", "SSLProxyCACertificateFile @DIR@/root.crt"]
HttpdCase("backend tls", "chains, dates, names and revocation of backends", vhosts(*("    ServerName %s\n" % name + "\n".join("    " + line for line in lines) for name, lines in (
    ("depth", PROXY + ["SSLProxyVerifyDepth 2 # drop", "ProxyPass / https://localhost:@CHAIN.port@/"]),
    ("shallow", PROXY + ["ProxyPass / https://localhost:@CHAIN.port@/"]),
    ("revoked", PROXY + ["SSLProxyCARevocationCheck chain", "SSLProxyCARevocationFile @DIR@/revoked.crl # drop", "ProxyPass / https://localhost:@DIRECT.port@/"]),
    ("valid", PROXY + ["SSLProxyCARevocationCheck chain", "SSLProxyCARevocationFile @DIR@/empty.crl", "ProxyPass / https://localhost:@DIRECT.port@/"]),
    ("folder", PROXY[:2] + ["SSLProxyCACertificatePath @DIR@/cas # drop", "ProxyPass / https://localhost:@DIRECT.port@/"]),
    ("other-folder", PROXY[:2] + ["SSLProxyCACertificatePath @DIR@/names", "ProxyPass / https://localhost:@DIRECT.port@/"]),
    ("revoked-folder", PROXY + ["SSLProxyCARevocationCheck leaf # drop", "SSLProxyCARevocationPath @DIR@/crls", "ProxyPass / https://localhost:@DIRECT.port@/"]),
    ("no-list", PROXY + ["SSLProxyCARevocationCheck leaf", "SSLProxyCARevocationFile @DIR@/middle.crl", "SSLProxyCARevocationPath @DIR@/crls # drop", "ProxyPass / https://localhost:@SECOND.port@/"]),
    ("excused", PROXY + ["SSLProxyCARevocationCheck leaf no_crl_for_cert_ok", "SSLProxyCARevocationFile @DIR@/middle.crl", "ProxyPass / https://localhost:@DIRECT.port@/"]),
    ("unchecked", PROXY + ["SSLProxyCARevocationFile @DIR@/revoked.crl", "ProxyPass / https://localhost:@DIRECT.port@/"]),
    ("dates", ["SSLProxyEngine On", "SSLProxyCheckPeerExpire off # drop", "ProxyPass / https://localhost:@OLD.port@/"]),
    ("expired", ["SSLProxyEngine On", "ProxyPass / https://localhost:@OLD.port@/"]),
    ("cn-off", ["SSLProxyEngine On", "SSLProxyCheckPeerCN off # drop", "ProxyPass / https://127.0.0.1:@DIRECT.port@/"]),
    ("cn-off-name-on", ["SSLProxyEngine On", "SSLProxyCheckPeerCN off", "SSLProxyCheckPeerName on # drop", "ProxyPass / https://127.0.0.1:@DIRECT.port@/"]),
    ("cn-on-name-off", ["SSLProxyEngine On", "SSLProxyCheckPeerCN on # drop", "SSLProxyCheckPeerName off", "ProxyPass / https://127.0.0.1:@DIRECT.port@/"]),
    ("direct", ["SSLProxyEngine On", "SSLProxyCheckPeerCN on", "SSLProxyCheckPeerName off", "ProxyPreserveHost On", "ProxyPass / https://127.0.0.1:@DIRECT.port@/"]),
    ("no-ca", ["SSLProxyEngine On", "SSLProxyVerify optional_no_ca # drop", "ProxyPass / https://localhost:@OLD.port@/", "SSLProxyCheckPeerExpire off"]),
    ("unknown", ["SSLProxyEngine On", "SSLProxyVerify optional_no_ca", "ProxyPass / https://localhost:@DIRECT.port@/"]),
    ("machine", ["SSLProxyEngine On", "SSLProxyMachineCertificateFile @DIR@/machine.pem # drop", "ProxyPass / https://localhost:@WANTS.port@/"])))),
          [get("/x", host=name) for name in ("depth", "shallow", "revoked", "valid", "folder", "other-folder", "revoked-folder", "no-list", "excused", "unchecked", "dates", "expired", "cn-off", "cn-off-name-on", "cn-on-name-off", "direct", "no-ca", "unknown", "machine")],
          prepare=folders, secures={"CHAIN": "chain", "DIRECT": "direct", "SECOND": "second", "OLD": "old", "WANTS": ("direct", "root")}, script=shown, explain=False)

HttpdCase("process", "user, group and process id", """
User nobody # drop
Group nogroup # drop
PidFile @DIR@/own.pid # drop
Listen @A@
Listen @B@ # drop
Redirect / http://main.example/
<VirtualHost *:@A.port@>
    ServerName localhost
    Redirect / http://e.example/
</VirtualHost>""", [get("/"), get("/", at="B")], observe=["user:", "group:", "exists:own.pid"], root_only=True, explain=False)
