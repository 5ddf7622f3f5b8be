#include "io/firewall/nft_look.hpp"

#include "io/firewall/nft_builder.hpp"

namespace chronoknock::io {

namespace {

using expression = attributes<NFTA_EXPR_DATA>;

bool drops(const nlattr* data) {
    const auto verdict = attributes<NFTA_DATA_VERDICT>::in(data)[NFTA_DATA_VERDICT];
    return verdict && attributes<NFTA_VERDICT_CODE>::in(verdict).u32(NFTA_VERDICT_CODE) == NF_DROP &&
           attributes<NFTA_VERDICT_CODE>::in(verdict)[NFTA_VERDICT_CODE];
}

void read_rule(const nlmsghdr& m, table_sight& seen) {
    const auto rule = attributes<NFTA_RULE_EXPRESSIONS>::of(m, sizeof(nfgenmsg));
    for_each_nested(rule[NFTA_RULE_EXPRESSIONS], [&](const nlattr* one) {
        const auto e = expression::in(one);
        const auto name = e.text(NFTA_EXPR_NAME);
        if (name == "lookup")
            seen.sets.emplace(attributes<NFTA_LOOKUP_SET>::in(e[NFTA_EXPR_DATA]).text(NFTA_LOOKUP_SET));
        if (name == "reject") seen.drops_or_rejects = true;
        if (name == "immediate" &&
            drops(attributes<NFTA_IMMEDIATE_DATA>::in(e[NFTA_EXPR_DATA])[NFTA_IMMEDIATE_DATA]))
            seen.drops_or_rejects = true;
    });
}

} // namespace

netlink_result<table_sight> look_at_table(const firewall::table_name& t) {
    const auto family = static_cast<std::uint8_t>(t.family == "inet" ? NFPROTO_INET
                                                  : t.family == "ip" ? NFPROTO_IPV4
                                                                     : NFPROTO_IPV6);
    table_sight seen;
    alignas(nlmsghdr) char buffer[256];
    const auto dump = [&](int type, std::uint16_t table_attribute, const auto& each) -> netlink_result<void> {
        const auto socket = open_netlink(NETLINK_NETFILTER);
        if (!socket) return socket.error();
        auto& m = netfilter_request(buffer, message_type(type), family);
        if (table_attribute) mnl_attr_put_strz(&m, table_attribute, t.name.c_str());
        return netlink_dump(**socket, m, each);
    };
    bool there = false;
    auto done = dump(NFT_MSG_GETTABLE, 0, [&](const nlmsghdr& m) {
        if (attributes<NFTA_TABLE_NAME>::of(m, sizeof(nfgenmsg)).text(NFTA_TABLE_NAME) == t.name)
            there = true;
    });
    if (done && !there) return last_error(ENOENT);
    if (done)
        done = dump(NFT_MSG_GETCHAIN, 0, [&](const nlmsghdr& m) {
            const auto c = attributes<NFTA_CHAIN_TYPE>::of(m, sizeof(nfgenmsg));
            if (c.text(NFTA_CHAIN_TABLE) != t.name || !c[NFTA_CHAIN_HOOK]) return;
            const auto hook = attributes<NFTA_HOOK_HOOKNUM>::in(c[NFTA_CHAIN_HOOK]).u32(NFTA_HOOK_HOOKNUM);
            if (hook != NF_INET_LOCAL_IN && hook != NF_INET_FORWARD && hook != NF_INET_PRE_ROUTING) return;
            seen.hooks_in = true;
            if (c[NFTA_CHAIN_POLICY] && c.u32(NFTA_CHAIN_POLICY) == NF_DROP) seen.drops_by_policy = true;
        });
    if (done) done = dump(NFT_MSG_GETRULE, NFTA_RULE_TABLE, [&](const nlmsghdr& m) { read_rule(m, seen); });
    if (!done) return done.error();
    return seen;
}

} // namespace chronoknock::io
