# SPDX-License-Identifier: BSD-2-Clause
"""Arguments made from signatures: words that a signature allows, and words that it does not.

The signatures are those of grammar/directives.def; their language is described at its head.  A second reading of that language, independent
of the compiler's: what is made here must be taken, or refused, by the compiler.
"""

import re

GOOD = {
    "int": "5", "duration": "5s", "duration s": "5s", "size": "8k", "offset": "8k", "path": "some/path", "text": "some-text", "text or ~regex": "some-text",
    "string": "word", "url": "http://127.0.0.1:9", "absolute url": "http://h.example/", "regex": "^/x", "variable": "$some_name", "name": "some_name",
    "header": "X-Some", "method": "GET", "address": "127.0.0.1:9", "network": "10.0.0.0/8",
}
# kind -> (a word that is none, the check that says so)
BAD = {
    "int": ("many", "integer"), "duration": ("5mn", "duration"), "duration s": ("5ms", "duration"), "size": ("5x", "size"), "offset": ("5x", "size"),
    "path": ('""', "argument"), "text": ('"$"', "variable-syntax"), "text or ~regex": ('"$"', "variable-syntax"), "url": ("h.example", "argument"),
    "absolute url": ("h.example", "argument"), "regex": ('""', "argument"), "variable": ("name", "variable-syntax"), "name": ('""', "argument"),
    "header": ("Name:", "argument"), "method": ("G(T", "argument"), "address": ("http://h", "argument"), "network": ("h.example", "argument"),
}


def split(text, mark):
    """Split at a mark that stands outside < >."""
    return re.split(r"%s(?![^<]*>)" % mark, text)


def sequences(signature):
    """[[(word, optional, many)]] without the block."""
    out = []
    for part in split(signature, r" \| "):
        words = []
        for word in split(part.replace("{ }", "").strip(), " "):
            if not word:
                continue
            optional = word.startswith("[")
            word = word[1:-1] if optional else word
            many = word.endswith("...")
            words.append((word[:-3] if many else word, optional, many))
        out.append(words)
    return out


def has_block(signature):
    return signature.endswith("{ }")


def alternatives(word):
    return split(word, r"\|")


def kind_of(alternative):
    """(key, kind or None, literal or None) of `<size>`, `off`, `max_fails=<int>`."""
    key, equals, rest = alternative.partition("=") if re.match(r"[a-z_0-9]+=", alternative) else ("", "", alternative)
    found = re.fullmatch(r"<(int) (\d+)\.\.\d+>|<(.*)>", rest)
    if found is None:
        return key + equals, None, rest
    return key + equals, found[1] or found[3], found[2]


def good_word(word, which=0):
    """A word that fits; which: the number of the alternative."""
    choices = alternatives(word)
    key, kind, literal = kind_of(choices[min(which, len(choices) - 1)])
    if kind is None:
        return key + literal
    return key + (literal if kind == "int" and literal and int(literal) > int(GOOD["int"]) else GOOD[kind])


def good(signature, which=0):
    """The shortest arguments that fit the first sequence."""
    if "<condition>" in signature:
        return '($host = "x")'
    return " ".join(good_word(word, which) for word, optional, _ in sequences(signature)[0] if not optional)


def bad(signature):
    """[(arguments, the check that must complain)]: one word wrong, one missing, one too many - what the signature lets be wrong."""
    out = []
    if "<condition>" in signature:
        return [("", "argument-count")]
    first = sequences(signature)[0]
    needed = [word for word, optional, _ in first if not optional]
    fitting = [good_word(word) for word in needed]
    for number, word in enumerate(needed):
        wrong = wrong_word(word) if len(sequences(signature)) == 1 else None
        if wrong:
            # Where words may be missing the complaint can be about either reading.
            check = wrong[1] if len(needed) == len(first) else None
            out.append((" ".join(fitting[:number] + [wrong[0]] + fitting[number + 1:]), check))
    required = [sum(not optional for _, optional, _ in sequence) for sequence in sequences(signature)]
    if min(required) > 0:
        out.append(("", "argument-count"))
    if not any(many for sequence in sequences(signature) for _, _, many in sequence):
        longest = max(len(sequence) for sequence in sequences(signature))
        if longest == len(fitting):
            out.append((" ".join(fitting + ["surplus"]), "argument-count"))
    if all(optional and "<" not in word for word, optional, _ in first) and first:
        out.append(("no-such-word", "argument"))
    return out


def wrong_word(word):
    """(a word that does not fit, check), or None when every word fits."""
    kinds = [kind_of(choice) for choice in alternatives(word)]
    if any(kind == "string" for _, kind, _ in kinds):
        return None
    if len(kinds) == 1 and kinds[0][1]:
        return kinds[0][0] + BAD[kinds[0][1]][0], BAD[kinds[0][1]][1]
    if any(kind for _, kind, _ in kinds):
        return "no-such-word", None
    return "no-such-word", "argument"
