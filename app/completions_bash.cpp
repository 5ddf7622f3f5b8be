#include "app/completion_table.hpp"

namespace chronoknock::app {

namespace {

// What completes, after _chronoknock_command, which knows the commands. A kind is words that may stand there,
// or FILES, FOLDERS, PROFILES; ANY is a value that nobody knows.
constexpr auto rest = R"bash(
_chronoknock() {
    local cur=${COMP_WORDS[COMP_CWORD]} command='' place=0 wanted='' kinds='' i word
    local options='' commands=''
    local -a places=()
    local -A values=()
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ ! $command ]]; then
            command=$word
            _chronoknock_command "$command"
        elif [[ $wanted ]]; then
            [[ $word == = ]] || wanted= # --option=value comes as three words
        elif [[ $word == -* ]]; then
            wanted=${values[$word]-}
        else
            ((++place))
        fi
    done
    if [[ ! $command ]]; then
        _chronoknock_command
        kinds="$commands --help --version"
    elif [[ $wanted ]]; then
        kinds=$wanted
        [[ $cur != = ]] || cur=
    elif [[ $cur == -* ]]; then
        kinds=$options
    else
        kinds=${places[place]-}
    fi
    for word in $kinds; do
        case $word in
        ANY) ;;
        FILES | FOLDERS)
            compopt -o filenames
            if [[ $word == FILES ]]; then i=-f; else i=-d; fi
            while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$i" -- "$cur")
            ;;
        PROFILES)
            while read -r word _; do
                [[ $word != "$cur"* ]] || COMPREPLY+=("$(printf %q "$word")")
            done < <(command chronoknock profile list 2>/dev/null)
            ;;
        *) [[ $word != "$cur"* ]] || COMPREPLY+=("$word") ;;
        esac
    done
}

complete -F _chronoknock chronoknock
)bash";

std::string kinds_of(const completion& c) {
    std::string kinds;
    const auto add = [&kinds](const std::string& kind) { kinds += (kinds.empty() ? "" : " ") + kind; };
    for (const auto& word : c.words) add(word);
    if (c.files) add("FILES");
    if (c.folders) add("FOLDERS");
    if (c.profiles) add("PROFILES");
    return kinds.empty() ? "ANY" : kinds;
}

} // namespace

std::string bash_completions(const std::vector<completed_command>& commands) {
    std::string out = "# bash: made by `chronoknock completions bash`\n\n"
                      "_chronoknock_command() {\n    case ${1-} in\n";
    std::string names;
    for (const auto& c : commands) {
        names += (names.empty() ? "" : " ") + c.name;
        std::string options, values, places;
        for (const auto& o : c.options)
            for (const auto& name : {o.letter, o.name}) {
                if (name.empty()) continue;
                options += (options.empty() ? "" : " ") + name;
                if (o.takes_value) values += " [" + name + "]='" + kinds_of(o.value) + "'";
            }
        for (const auto& p : c.places) places += (places.empty() ? "'" : " '") + kinds_of(p) + "'";
        out += "    " + c.name + ")\n        options='" + options + "'\n";
        if (!values.empty()) out += "        values=(" + values.substr(1) + ")\n";
        if (!places.empty()) out += "        places=(" + places + ")\n";
        out += "        ;;\n";
    }
    return out + "    *) commands='" + names + "' ;;\n    esac\n}\n" + rest;
}

} // namespace chronoknock::app
