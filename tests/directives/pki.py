# SPDX-License-Identifier: BSD-2-Clause
"""Keys and certificates for the TLS rows, made by the openssl program in one folder.

    ec rsa other        self-signed servers' certificates (other: with a second key other2)
    root -> middle      two authorities; leaf is issued by middle, direct by root
    chain.crt           leaf and middle;  revoked.crl names direct, empty.crl nobody (both by root)
    locked.key          the key of ec behind a password;  right.pass wrong.pass
    staple.der          an OCSP response about direct;  later.der one that says tryLater
    ticket1.key ...     80 bytes each, as ssl_session_ticket_key wants them
"""

import os
import shutil

from lib import env

HERE = os.path.dirname(os.path.abspath(__file__))
CA = """[ca]
default_ca = this
[this]
database = %(folder)s/index-%(name)s.txt
default_md = sha256
default_crl_days = 30
"""


def openssl(folder, *arguments):
    done = env.run(["openssl", *arguments], 30, cwd=folder)
    if done.returncode:
        raise RuntimeError("openssl %s\n%s" % (" ".join(arguments), done.stderr.decode()))
    return done.stdout.decode()


def issued(folder, name, issuer, authority):
    openssl(folder, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".csr")
    env.write(os.path.join(folder, name + ".ext"), "basicConstraints=critical,CA:TRUE\n" if authority else "subjectAltName=DNS:localhost,DNS:%s\n" % name)
    openssl(folder, "x509", "-req", "-in", name + ".csr", "-CA", issuer + ".crt", "-CAkey", issuer + ".key", "-CAcreateserial", "-days", "30", "-extfile", name + ".ext",
            "-out", name + ".crt")


def revocations(folder, name, issuer, revoked):
    config = env.write(os.path.join(folder, name + ".cnf"), CA % {"folder": folder, "name": name})
    env.write(os.path.join(folder, "index-%s.txt" % name), "")
    ca = ["ca", "-config", config, "-keyfile", issuer + ".key", "-cert", issuer + ".crt"]
    for one in revoked:
        openssl(folder, *ca, "-revoke", one + ".crt")
    openssl(folder, *ca, "-gencrl", "-out", name + ".crl")


def expired(folder, name, names):
    """A self-signed certificate that was valid for one day of 2020."""
    config = env.write(os.path.join(folder, name + ".cnf"), CA % {"folder": folder, "name": name} + "policy = any\nserial = %s/%s.srl\nnew_certs_dir = %s\n[any]\ncommonName = supplied\n" % (folder, name, folder))
    env.write(os.path.join(folder, "index-%s.txt" % name), "")
    env.write(os.path.join(folder, name + ".srl"), "01\n")
    env.write(os.path.join(folder, name + ".ext"), "subjectAltName=" + ",".join("DNS:" + one for one in names) + "\n")
    openssl(folder, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".csr")
    openssl(folder, "ca", "-config", config, "-batch", "-notext", "-selfsign", "-keyfile", name + ".key", "-in", name + ".csr", "-out", name + ".crt",
            "-extfile", name + ".ext", "-startdate", "20200101000000Z", "-enddate", "20200102000000Z")


def make(folder):
    """All of it."""
    env.certificate(folder, "ec", ["localhost", "ec.example"])
    env.certificate(folder, "rsa", ["localhost"], "rsa")
    env.certificate(folder, "other", ["localhost", "other.example"])
    env.certificate(folder, "other2", ["localhost"])
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=root", "-keyout", "root.key", "-out", "root.crt")
    issued(folder, "middle", "root", True)
    issued(folder, "leaf", "middle", False)
    issued(folder, "direct", "root", False)
    with open(os.path.join(folder, "chain.crt"), "wb") as out:
        for name in ("leaf.crt", "middle.crt"):
            with open(os.path.join(folder, name), "rb") as handle:
                out.write(handle.read())
    revocations(folder, "revoked", "root", ["direct"])
    revocations(folder, "empty", "root", [])
    env.write(os.path.join(folder, "index-staple.txt"), "")
    openssl(folder, "ocsp", "-index", "index-staple.txt", "-CA", "root.crt", "-issuer", "root.crt", "-cert", "direct.crt", "-rsigner", "root.crt", "-rkey", "root.key", "-ndays", "30",
            "-noverify", "-respout", "staple.der")
    env.write(os.path.join(folder, "later.der"), bytes.fromhex("30030a0103"))
    openssl(folder, "pkey", "-in", "ec.key", "-aes128", "-passout", "pass:secret", "-out", "locked.key")
    env.write(os.path.join(folder, "right.pass"), "secret\n")
    env.write(os.path.join(folder, "wrong.pass"), "guess\n")
    for number in (1, 2):
        env.write(os.path.join(folder, "ticket%d.key" % number), bytes([number]) * 16 + os.urandom(64))
    for name in ("dh2048.pem", "dh3072.pem"):
        shutil.copy(os.path.join(HERE, name), folder)
    for name in os.listdir(folder):
        if name.endswith((".csr", ".ext", ".srl", ".cnf")) or name.startswith("index-"):
            os.unlink(os.path.join(folder, name))
