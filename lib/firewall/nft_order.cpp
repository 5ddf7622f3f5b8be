#include "firewall/nft_order.hpp"

namespace chronoknock::firewall {

result<std::string> script_of(const nft_order& o) {
    const auto& r = o.rules;
    switch (o.task) {
    case nft_order::action::keep:
        return setup_script(r, o.existing, o.admitted, o.cut);
    case nft_order::action::anew:
        break;
    case nft_order::action::admit:
        if (const auto fit = check(r); !fit) return fit.error();
        return {boost::system::in_place_value, admission_script(r, o.admitted)};
    }
    auto fresh = setup_script(r, {}, o.admitted, o.cut);
    if (fresh) fresh->insert(0, removal_script(r.table));
    return fresh;
}

} // namespace chronoknock::firewall
