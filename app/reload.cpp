#include "app/asking.hpp"
#include "base/text.hpp"

#include <boost/json.hpp>
#include <iostream>

namespace chronoknock::app {

int run_reload(const arguments& args) {
    usage u{"reload [OPTION...]",
            "Has the running server read its configuration again, and says what has changed. A broken one\n"
            "changes nothing: the one line says why, and the exit status is 2. The grants of keys that are\n"
            "gone, have another secret, or may not open that any more end with it; connections go on (see\n"
            "`revoke --cut`). Only root and who has started the server may."};
    add_asking_options(u);
    const auto options = parse_options(args, u);
    const auto o = ask_server(options, {"reload"}, io::reload_limits);
    if (print_json(options, o)) return done;
    try {
        const auto& changes = o.at("changes").as_array();
        for (const auto& c : changes) std::cout << c.as_string().c_str() << '\n';
        if (changes.empty()) std::cout << "read again: nothing has changed\n";
    } catch (const std::exception&) {
        return say(failed, "the server's answer is not what this program knows");
    }
    return done;
}

} // namespace chronoknock::app
