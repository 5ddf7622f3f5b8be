#pragma once

#include "base/time.hpp"
#include "firewall/flow.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace chronoknock::io {

/// Knows which flows the guard has admitted, and which UDP peers were cut, should the table be lost: the
/// kernel adds them by itself, so the sets are read now and again, every second as long as they are small, a
/// bufferful in each turn of the loop. A round that the table's loss cut short does not count.
class flow_watch {
public:
    explicit flow_watch(const boost::asio::any_io_executor& executor);
    flow_watch(const flow_watch&) = delete;
    flow_watch& operator=(const flow_watch&) = delete;
    ~flow_watch();

    /// Begins, or goes over to another table.
    void start(const std::string& table);
    /// As of the last whole round.
    const std::vector<firewall::flow>& admitted() const;
    /// Those of them that neither end has closed, as far as the guard saw it.
    std::span<const firewall::flow> unclosed() const;
    /// When that began; the epoch before the first one.
    instant as_of() const;
    /// They were cut: a table that is lost now is not to admit them again.
    void forget(const std::function<bool(const firewall::flow&)>& which);
    /// UDP peers that were cut, and that no grant has admitted again, as of the last whole round.
    const std::set<firewall::flow>& cut() const;
    /// These were cut just now.
    void keep_cut(const std::set<firewall::flow>& flows);

private:
    class impl;
    std::shared_ptr<impl> impl_;
};

} // namespace chronoknock::io
