#!/usr/bin/env python3
"""Each file includes what it names: tests/includes.py

Of the headers that a build may compile once for all (CHRONOKNOCK_PRECOMPILE: headers_* of CMakeLists.txt), where nothing
else would say so. What a file's own headers include counts. <utility>, which every header of the standard library has, is
left out.
"""

import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).parents[1]
_ALGORITHMS = "sort|stable_sort|find|find_if|any_of|all_of|none_of|min|max|clamp|equal|count|count_if|copy|fill|transform|" \
              "reverse|lower_bound|upper_bound|remove_if|max_element|min_element|unique|binary_search|search|replace|for_each"
# Header -> what it is needed for.
NEEDED = {
    "algorithm": rf"std::(ranges::)?({_ALGORITHMS})\b\s*\(",
    "array": r"std::(array<|to_array\b)",
    "cstdint": r"std::u?int(8|16|32|64)_t\b",
    "cstring": r"std::(memcpy|memcmp|memset|strlen|strerror)\b",
    "functional": r"std::function<",
    "map": r"std::(multi)?map<",
    "memory": r"std::(unique_ptr|shared_ptr|weak_ptr|make_unique|make_shared)\b",
    "optional": r"std::(optional<|nullopt\b)",
    "set": r"std::(multi)?set<",
    "span": r"std::span\b",
    "string": r"std::(string\b|to_string\b)",
    "string_view": r"std::string_view\b",
    "vector": r"std::vector<",
    "boost/asio/awaitable.hpp": r"\basio::awaitable\b",
    "boost/asio/co_spawn.hpp": r"\basio::co_spawn\b",
    "boost/asio/io_context.hpp": r"\basio::io_context\b",
    "boost/asio/posix/stream_descriptor.hpp": r"\bposix::stream_descriptor\b",
    "boost/asio/steady_timer.hpp": r"\basio::steady_timer\b",
    "boost/json.hpp": r"\bjson::(parse|serialize|value_to|value_from)\b",
    "boost/test/unit_test.hpp": r"\bBOOST_(AUTO_TEST_CASE|TEST)\b",
}
# Others that will do.
ALSO = {"boost/json.hpp": {f"boost/json/{name}.hpp" for name in ("parse", "serialize", "value_from", "value_to")}}


class Files:
    def __init__(self):
        self._known = {}

    def read(self, path):
        """(code without comments, own headers, others')"""
        if path not in self._known:
            text = path.read_text(encoding="utf-8")
            own = [self._find(path, name) for name in re.findall(r'^#include "([^"]+)"', text, re.MULTILINE)]
            others = set(re.findall(r"^#include <([^>]+)>", text, re.MULTILINE))
            self._known[path] = re.sub(r"//.*", "", text), [o for o in own if o], others
        return self._known[path]

    def _find(self, path, name):
        return next((f for f in (path.parent / name, SOURCE / "lib" / name, SOURCE / name) if f.exists()), None)

    def included(self, path):
        found, left, seen = set(), [path], set()
        while left:
            file = left.pop().resolve()
            if file not in seen:
                seen.add(file)
                _, own, others = self.read(file)
                found |= others
                left += own
        return found


def lacking(files, path):
    included = files.included(path)
    code = files.read(path)[0]
    for header, names in NEEDED.items():
        if included.isdisjoint({header, *ALSO.get(header, ())}) and (named := re.search(names, code)):
            yield f"{path.relative_to(SOURCE)} names {named[0]} and includes no <{header}>"


def precompiled():
    """The headers that CMakeLists.txt lists."""
    text = (SOURCE / "CMakeLists.txt").read_text(encoding="utf-8")
    return set(re.findall(r"<([^>]+)>", "".join(re.findall(r"^set\(headers_.*?\)$", text, re.MULTILINE | re.DOTALL))))


def main():
    unknown = precompiled() - set(NEEDED) - {"utility"}
    wrong = [f"tests/includes.py does not know what <{header}> is for" for header in sorted(unknown)]
    files = Files()
    for folder in ("lib", "app", "tests/unit", "tests/fuzz"):
        for path in sorted((SOURCE / folder).rglob("*.[ch]pp")):
            wrong += lacking(files, path)
    print("\n".join(wrong) or "each file includes what it names")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
