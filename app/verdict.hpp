#pragma once

#include "app/salvo.hpp"
#include "client/diagnosis.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace chronoknock::app {

/// What the time of its knocks is taken from.
client::time_source clock_of(const order& o);

/// True if what comes back for the packets of a knock is looked at, and comes from the target.
bool hears_answers(const order& o, const sent_knock& k);

/// What is known of a knock. port: of the door that was tried; 0: none.
client::knock_facts facts_of(const order& o, const sent_knock& k, std::uint16_t port);

/// Of the knocks that did not open a door the one that tells most.
client::knock_facts telling_facts(const order& o, const std::vector<sent_knock>& knocks, std::uint16_t port);

/// That the door did not open in time, and the likeliest reason.
std::string stayed_shut(const order& o, const std::vector<sent_knock>& knocks, std::uint16_t port);

/// Remembers that the key has opened what was asked for, for telling reasons later.
void remember_opening(const order& o);

} // namespace chronoknock::app
