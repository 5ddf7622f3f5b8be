#pragma once

#include <string_view>

namespace chronoknock::report {

/// The page's style: colours by name, twice.
inline constexpr std::string_view page_style = R"(
:root{--paper:#fbfbf9;--card:#fff;--ink:#1d2329;--faint:#68727c;--rule:#dfe3e6;--good:#2c8a58;--bad:#c2413b;
--warn:#c98a14;--blue:#3a6fb5;--band:#3a6fb533;--gap:#9aa3ab33}
@media (prefers-color-scheme:dark){:root{--paper:#14181c;--card:#1c2228;--ink:#e3e7ea;--faint:#98a3ad;
--rule:#323a42;--good:#4fbf83;--bad:#ec6f68;--warn:#e5ad45;--blue:#78aae8;--band:#78aae83d;--gap:#9aa3ab26}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1rem;background:var(--paper);color:var(--ink);
font:16px/1.45 system-ui,sans-serif}
h1{font-size:1.5rem;margin:.2rem 0}
h2{font-size:1.1rem;margin:0 0 .6rem}
header p,footer{color:var(--faint);margin:.2rem 0 1rem}
footer{font-size:.85rem;margin-top:1.5rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(10rem,1fr));gap:.75rem}
.tile,figure,section:not(.tiles){background:var(--card);border:1px solid var(--rule);border-radius:.5rem;padding:.8rem 1rem}
.tile{border-left:.3rem solid var(--rule);min-width:0}
.tile.good{border-left-color:var(--good)}
.tile.bad{border-left-color:var(--bad)}
.tile span,.tile small{display:block;color:var(--faint);font-size:.8rem;overflow-wrap:anywhere}
.tile b{font-size:1.25rem}
figure,section:not(.tiles){margin:.9rem 0}
figcaption{margin-bottom:.6rem}
.key{display:inline-block;margin-left:.9rem;font-size:.85rem;color:var(--faint)}
.key i{display:inline-block;width:.75rem;height:.75rem;margin-right:.35rem;border-radius:.15rem}
.plot{display:grid;grid-template-columns:4.2rem minmax(0,1fr);grid-template-rows:10rem auto}
.plot svg{width:100%;height:100%;display:block;overflow:visible}
.y{display:flex;flex-direction:column;justify-content:space-between;text-align:right;padding-right:.6rem;
margin:-.55rem 0;font-size:.8rem;color:var(--faint);white-space:nowrap}
.x{grid-column:2;display:flex;justify-content:space-between;margin-top:.35rem;font-size:.8rem;color:var(--faint)}
.grid,.axis{stroke:var(--rule);stroke-width:1;vector-effect:non-scaling-stroke}
.axis{stroke:var(--faint)}
rect.granted{fill:var(--good)}rect.refused{fill:var(--bad)}rect.failed{fill:var(--warn)}
rect.strangers{fill:var(--blue)}rect.unknown{fill:var(--gap)}
i.granted{background:var(--good)}i.refused{background:var(--bad)}i.failed{background:var(--warn)}
i.strangers{background:var(--blue)}i.unknown{background:var(--gap)}
i.band{background:var(--band)}i.middle{background:var(--blue);height:.2rem;vertical-align:middle}
.key i.none{width:0;margin:0}
.band{fill:var(--band)}
.middle{fill:none;stroke:var(--blue);stroke-width:2;vector-effect:non-scaling-stroke}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.35rem .9rem .35rem 0;border-bottom:1px solid var(--rule);white-space:nowrap;font-weight:400}
tbody th,thead th{font-weight:600}
td:last-child:not(.more){white-space:normal;min-width:9rem}
.number{text-align:right;font-variant-numeric:tabular-nums;min-width:0!important}
.when{min-width:9rem;width:30%}
.never,em{color:var(--faint)}
.strip{width:100%;height:1.1rem;display:block;background:var(--gap);border-radius:.2rem}
.share{width:12rem}
.moment{font-variant-numeric:tabular-nums}
.badge{font-size:.8rem;border-radius:1rem;padding:.1rem .55rem;border:1px solid var(--faint);color:var(--faint)}
.badge.granted{border-color:var(--good);color:var(--good)}
.badge.refused{border-color:var(--bad);color:var(--bad)}
.badge.failed{border-color:var(--warn);color:var(--warn)}
@media (max-width:40rem){body{padding:.6rem;font-size:15px}.tiles{grid-template-columns:repeat(2,minmax(0,1fr));gap:.5rem}
.x span:nth-child(even){display:none}.plot{grid-template-columns:3.6rem minmax(0,1fr);grid-template-rows:8rem auto}
.tile,figure,section:not(.tiles){padding:.6rem .7rem}.key{margin-left:.5rem}
.more{display:none}th,td{padding-right:.6rem}tbody th{white-space:normal;overflow-wrap:anywhere;min-width:6.5rem}.never{white-space:normal}
.when{min-width:4.5rem}.share{width:4.5rem}td:last-child:not(.more){min-width:0}
.events thead{display:none}.events tr{display:flex;flex-wrap:wrap;gap:.1rem .7rem;padding:.4rem 0;border-bottom:1px solid var(--rule)}
.events td{border:0;padding:0;white-space:normal;overflow-wrap:anywhere}}
@media print{body{max-width:none}}
)";

} // namespace chronoknock::report
