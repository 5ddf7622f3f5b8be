// What nft_socket reads of our table.
#include "io/firewall/nft_builder.hpp"

#include <algorithm>

namespace chronoknock::io {

namespace {

template <std::size_t Most>
attributes<Most> parse(const nlmsghdr& m) {
    return attributes<Most>::of(m, sizeof(nfgenmsg));
}

/// Takes up one attribute, its type and length included.
void append(std::string& content, const nlattr* a) {
    if (a) content.append(reinterpret_cast<const char*>(a), a->nla_len);
}

/// The expressions of a rule, without what its counters have counted.
void append_expressions(std::string& content, const nlattr* list) {
    for_each_nested(list, [&](const nlattr* one) {
        const auto expression = attributes<NFTA_EXPR_DATA>::in(one);
        if (expression.text(NFTA_EXPR_NAME) == "counter")
            append(content, expression[NFTA_EXPR_NAME]);
        else
            append(content, one);
    });
}

} // namespace

nft_result<std::vector<std::string>> nft_socket::set_names() {
    std::vector<std::string> names;
    const auto done = dump(
        {NFT_MSG_GETSET, NFTA_SET_TABLE},
        [&](const nlmsghdr& m) { names.emplace_back(parse<NFTA_SET_NAME>(m).text(NFTA_SET_NAME)); },
        [&] { names.clear(); });
    if (!done && done.error() != boost::system::errc::no_such_file_or_directory) return done.error();
    return names;
}

nft_result<firewall::table_state> nft_socket::state() {
    firewall::table_state found;
    auto sets = set_names();
    if (!sets) return sets.error();
    found.sets = std::move(*sets);
    const auto done = dump(
        {NFT_MSG_GETCHAIN},
        [&](const nlmsghdr& m) {
            const auto chain = parse<NFTA_CHAIN_NAME>(m);
            if (chain.text(NFTA_CHAIN_TABLE) == table_)
                found.chains.emplace_back(chain.text(NFTA_CHAIN_NAME));
        },
        [&] { found.chains.clear(); });
    if (!done) return done.error();
    const auto elements = grant_elements(found.sets);
    if (!elements) return elements.error();
    for (const auto& e : *elements)
        if (!e.left) found.permanent.push_back({e.set, e.who});
    return found;
}

nft_result<void> nft_socket::dump_elements(std::string_view set,
                                           const std::function<void(const set_element&)>& each,
                                           const std::function<void()>& again) {
    return dump(
        {NFT_MSG_GETSETELEM, NFTA_SET_ELEM_LIST_TABLE, set},
        [&](const nlmsghdr& m) {
            for_each_nested(parse<NFTA_SET_ELEM_LIST_ELEMENTS>(m)[NFTA_SET_ELEM_LIST_ELEMENTS],
                            [&](const nlattr* one) { each(set_element::in(one)); });
        },
        again);
}

nft_result<std::vector<nft_grant>> nft_socket::grant_elements(std::span<const std::string> sets) {
    std::vector<nft_grant> all;
    for (const auto& name : sets) {
        if (!firewall::parse_set_name(name)) continue;
        const auto before = static_cast<std::ptrdiff_t>(all.size());
        const auto done = dump_elements(
            name,
            [&](const set_element& e) {
                const auto key = attributes<NFTA_DATA_VALUE>::in(e[NFTA_SET_ELEM_KEY]);
                const auto who = address_of(key.bytes(NFTA_DATA_VALUE));
                if (!who) return;
                all.push_back({name, *who, {}});
                if (e[NFTA_SET_ELEM_EXPIRATION])
                    all.back().left =
                        milliseconds(static_cast<std::int64_t>(e.u64(NFTA_SET_ELEM_EXPIRATION)));
            },
            [&] { all.erase(all.begin() + before, all.end()); });
        if (!done) return done.error();
    }
    return all;
}

nft_result<std::vector<nft_grant>> nft_socket::grants() {
    const auto sets = set_names();
    if (!sets) return sets.error();
    auto elements = grant_elements(*sets);
    if (elements) std::erase_if(*elements, [](const nft_grant& g) { return !g.left; });
    return elements;
}

nft_result<nft_fingerprint> nft_socket::fingerprint() {
    nft_fingerprint print;
    builder one(buffer_, sequence_, 1);
    mnl_attr_put_strz(&one.message(message_type(NFT_MSG_GETTABLE), 0), NFTA_TABLE_NAME, table_.c_str());
    auto done = request(one, [&](const nlmsghdr& m) {
        const auto t = parse<NFTA_TABLE_HANDLE>(m);
        print.handle = t.u64(NFTA_TABLE_HANDLE);
        append(print.content, t[NFTA_TABLE_FLAGS]);
    });
    if (!done) return done.error();
    const auto head = print.content;

    std::string chains, sets, rules;
    std::vector<std::string> anonymous;
    done = dump(
        {NFT_MSG_GETCHAIN},
        [&](const nlmsghdr& m) {
            const auto c = parse<NFTA_CHAIN_FLAGS>(m);
            if (c.text(NFTA_CHAIN_TABLE) != table_) return;
            for (const int part :
                 {NFTA_CHAIN_NAME, NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY, NFTA_CHAIN_TYPE, NFTA_CHAIN_FLAGS})
                append(chains, c[static_cast<std::size_t>(part)]);
        },
        [&] { chains.clear(); });
    if (done)
        done = dump(
            {NFT_MSG_GETSET, NFTA_SET_TABLE},
            [&](const nlmsghdr& m) {
                const auto s = parse<NFTA_SET_TIMEOUT>(m);
                for (const int part :
                     {NFTA_SET_NAME, NFTA_SET_FLAGS, NFTA_SET_KEY_TYPE, NFTA_SET_KEY_LEN, NFTA_SET_TIMEOUT})
                    append(sets, s[static_cast<std::size_t>(part)]);
                if (s.u32(NFTA_SET_FLAGS) & NFT_SET_ANONYMOUS) anonymous.emplace_back(s.text(NFTA_SET_NAME));
            },
            [&] { sets.clear(), anonymous.clear(); });
    if (done)
        done = dump(
            {NFT_MSG_GETRULE, NFTA_RULE_TABLE},
            [&](const nlmsghdr& m) {
                const auto r = parse<NFTA_RULE_EXPRESSIONS>(m);
                append(rules, r[NFTA_RULE_CHAIN]);
                append_expressions(rules, r[NFTA_RULE_EXPRESSIONS]);
            },
            [&] { rules.clear(); });
    for (const auto& set : anonymous) {
        // The order in which elements are listed is not to be relied on.
        std::vector<std::string> elements;
        if (done)
            done = dump_elements(
                set,
                [&](const set_element& e) {
                    auto& text = elements.emplace_back();
                    append(text, e[NFTA_SET_ELEM_KEY]);
                    append(text, e[NFTA_SET_ELEM_FLAGS]);
                },
                [&] { elements.clear(); });
        std::ranges::sort(elements);
        for (const auto& e : elements) sets += e;
    }
    if (!done) return done.error();
    print.content = head + chains + sets + rules;
    return print;
}

nft_result<std::uint32_t> nft_socket::generation() {
    std::uint32_t id = 0;
    builder one(buffer_, sequence_, 1);
    one.message(message_type(NFT_MSG_GETGEN), 0, AF_UNSPEC);
    const auto done = request(one, [&](const nlmsghdr& m) { id = parse<NFTA_GEN_ID>(m).u32(NFTA_GEN_ID); });
    if (!done) return done.error();
    return id;
}

bool nft_socket::is_owned() {
    bool owned = false;
    builder one(buffer_, sequence_, 1);
    mnl_attr_put_strz(&one.message(message_type(NFT_MSG_GETTABLE), 0), NFTA_TABLE_NAME, table_.c_str());
    const auto done = request(
        one, [&](const nlmsghdr& m) { owned = parse<NFTA_TABLE_OWNER>(m).u32(NFTA_TABLE_OWNER) != 0; });
    return done && owned;
}

bool nft_socket::translates() {
    bool found = false;
    const auto done = dump(
        {NFT_MSG_GETCHAIN, 0, {}, NFPROTO_UNSPEC},
        [&](const nlmsghdr& m) { found = found || parse<NFTA_CHAIN_TYPE>(m).text(NFTA_CHAIN_TYPE) == "nat"; },
        [&] { found = false; });
    return done && found;
}

} // namespace chronoknock::io
