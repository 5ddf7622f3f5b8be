#include "packet/log_line.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <ostream>

using namespace chronoknock;
using packet::log_format;

namespace {

const log_format& netfilter() {
    static const auto made = log_format::compile("");
    return **made;
}

std::string in_words(const packet::event& e) {
    return (e.kind == packet::kind::syn ? "tcp " : "udp ") + e.source.to_string() + " " +
           std::to_string(e.source_port) + " > " + e.destination.to_string() + " " + std::to_string(e.port) +
           (e.sequence == 0 ? "" : " seq " + std::to_string(e.sequence));
}

std::string read(const log_format& format, std::string_view text) {
    packet::event e;
    return format.read(text, e) ? in_words(e) : e.port == 0 ? "nothing" : "something written";
}
std::string read(std::string_view text) { return read(netfilter(), text); }

std::string complaint(std::string_view pattern) {
    const auto made = log_format::compile(pattern);
    return made ? "accepted" : made.error().text;
}

const std::string addresses = "SRC=192.0.2.1 DST=192.0.2.2 ";
const std::string network = "LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=16449 DF ";
const std::string syn = "PROTO=TCP SPT=34440 DPT=5558 WINDOW=65495 RES=0x00 SYN URGP=0 ";
const std::string from = "IN=eth0 OUT= MAC=02:00:00:00:00:01:02:00:00:00:00:02:08:00 ";
const std::string packet_in = from + addresses + network + syn;
const std::string its_event = "tcp 192.0.2.1 34440 > 192.0.2.2 5558";

struct sample {
    std::string text;
    std::string what;
};
std::ostream& operator<<(std::ostream& out, const sample& s) { return out << s.what << ": " << s.text; }

/// Lines of one and the same packet, as the kernel (Linux 6.18), rsyslog, dmesg and ulogd 2.0.8 wrote them.
const sample of_one_packet[] = {
    {packet_in, "the kernel, no prefix"},
    {"dropped: " + packet_in, "a prefix"},
    {"DROP " + packet_in, "a prefix without a colon"},
    {"[ 3831.324135] hlog: " + packet_in, "dmesg"},
    {"[3831.324135] Shorewall:net-fw:DROP:" + packet_in, "colons in a prefix"},
    {"[12345678.324135] [UFW BLOCK] " + packet_in, "brackets in a prefix"},
    {"<4>[    1.324135] " + packet_in, "a level"},
    {"Nov  8 06:24:50 host kernel: [ 3812.059101] ipt: " + packet_in, "rsyslog, old form"},
    {"2026-11-28T16:24:50.123456+00:00 my-host.example kernel: [ 3812.059101] ipt: " + packet_in,
     "rsyslog, new form"},
    {"2026-11-28T16:24:50Z host kernel: filter_IN_public_REJECT: " + packet_in, "no uptime"},
    {"Nov 28 16:25:10 vm ulog" + packet_in, "ulogd's head"},
    {"Nov 28 16:25:10 vm ulog IN=eth0 OUT= MAC=02:00:00:00:00:01:02:00:00:00:00:02:08:00 " + addresses +
         "LEN=60 TOS=00 PREC=0x00 TTL=64 ID=1 DF PROTO=TCP SPT=34440 DPT=5558 WINDOW=65495 SYN URGP=0 "
         "MARK=0x0 ",
     "ulogd"},
    {packet_in.substr(0, packet_in.size() - 1), "without the blank at its end"},
    {"IN=eth0 OUT= " + addresses + network + syn, "no MAC"},
    {"IN=eth0 OUT= MAC= " + addresses + network + syn, "an empty MAC"},
    {"IN=wan0 OUT=lan0 MAC=02:00 " + addresses + network + syn, "on its way to another interface"},
    {"IN=br0 OUT= PHYSIN=eth0 PHYSOUT=eth1 MAC=02:00 " + addresses + network + syn, "a bridge"},
    {"IN=eth0 OUT= MACSRC=02:00:00:00:00:01 MACDST=02:00:00:00:00:02 VPROTO=8100 VID=5 MACPROTO=0800 " +
         addresses + network + syn,
     "MAC decoded"},
    {from + addresses + "LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=1 CE DF OPT (9404AB) " + syn, "IP options"},
    {from + addresses + network +
         "PROTO=TCP SPT=34440 DPT=5558 WINDOW=65495 RES=0xc0 CWR ECE SYN URGP=0 OPT (0204FFD70402) UID=0 "
         "GID=0 "
         "MARK=0x1f ",
     "all the rest"},
};

/// What the kernel and others write, and what strangers can make them write.
const sample hostile[] = {
    {"", "nothing"},
    {"Nov 28 16:25:10 vm sshd[123]: Invalid user " + packet_in, "a user's name"},
    {"Nov 28 16:25:10 vm sshd[123]: " + packet_in, "a program's line, from its beginning"},
    {"Nov 28 16:25:10 vm su: " + packet_in, "a program's line without a number"},
    {"2026-11-28T16:24:50Z vm nginx: " + packet_in, "a program's line, new form"},
    {"Nov 28 16:25:10 vm sshd[123]: kernel: " + packet_in, "the kernel's name as text"},
    {"Nov 28 16:25:10 a b kernel: " + packet_in, "a host with a blank"},
    {"Nov 28 16:25:10 vm kernel: usb 1-1: Product: " + packet_in, "a USB device's name"},
    {"[ 3831.324135] usb 1-1: Product: " + packet_in, "the same in dmesg"},
    {"Nov 28 16:25:10 vm kernel: audit: type=1100 acct=\"" + packet_in, "a user's name in an audit line"},
    {"Nov 28 16:25:10 vm kernel: x:: y " + packet_in, "two colons"},
    {"usb 1-1: Product: " + packet_in, "the same alone"},
    {"Nov 28 16:25:10 vm kernel: lost IN=eth0 OUT= " + packet_in, "a line in a line"},
    {packet_in + "from 198.51.100.1 port 22", "more behind it"},
    {packet_in + packet_in, "twice"},
    {packet_in + "\n" + packet_in, "a line break"},
    {packet_in + "\rx", "a carriage return"},
    {"x\n" + packet_in, "a line break before"},
    {"IN=eth0 OUT= SRC=198.51.100.1 " + packet_in, "a field twice"},
    {"IN=eth0 OUT= MAC=02:00 SRC=198.51.100.1 " + addresses + network + syn, "an address twice"},
    {"IN=SRC=198.51.100.1 DST=192.0.2.2 OUT= " + addresses + network + syn, "a name with a blank"},
    {"IN=SRC=198.51.100.1x OUT= " + addresses + network + syn, "a name of 16"},
    {"IN=eth0 OUT= MAC=02:00 SRC=198.51.100.1 MAC=02:00 " + addresses + network + syn,
     "a MAC with a field in it"},
    {"IN= OUT=eth0 " + addresses + network + syn, "what this host sends"},
    {from + "SRC=192.0.2.1 SRC=192.0.2.3 DST=192.0.2.2 " + network + syn, "two sources"},
    {from + "DST=192.0.2.2 SRC=192.0.2.1 " + network + syn, "another order"},
    {from + "SRC=192.0.2.1 DST=192.0.2.2  " + network + syn, "two blanks"},
    {from + addresses + network + "PROTO=TCP SPT=1 DPT=5558 WINDOW=1 RES=0x00 ACK SYN URGP=0 ",
     "SYN and ACK"},
    {from + addresses + network + "PROTO=TCP SPT=1 DPT=5558 WINDOW=1 RES=0x00 ACK URGP=0 ", "ACK"},
    {from + addresses + network + "PROTO=TCP SPT=1 DPT=5558 WINDOW=1 RES=0x00 SYN FIN URGP=0 ",
     "SYN and FIN"},
    {from + addresses + network + "PROTO=TCP SPT=1 DPT=5558 WINDOW=1 RES=0x00 RST SYN URGP=0 ",
     "SYN and RST"},
    {from + addresses + network + "PROTO=TCP SPT=1 DPT=5558 WINDOW=1 RES=0x00 URGP=0 ", "no flags"},
    {from + addresses + network + "PROTO=TCP SPT=1 DPT=5558 LEN=8 ", "TCP without flags"},
    {from + addresses + network + "PROTO=TCP INCOMPLETE [4 bytes] ", "cut short"},
    {from + addresses + network + "PROTO=TCP SPT=1 DPT=65536 WINDOW=1 RES=0x00 SYN URGP=0 ", "no port"},
    {from + addresses + network + "PROTO=TCP SPT=65536 DPT=1 WINDOW=1 RES=0x00 SYN URGP=0 ",
     "no source port"},
    {from + addresses + network + "PROTO=TCP SPT=1 DPT=-1 WINDOW=1 RES=0x00 SYN URGP=0 ", "a negative port"},
    {from + addresses + network + "PROTO=TCP SPT=1 DPT=1 SEQ=4294967296 ACK=0 WINDOW=1 RES=0x00 SYN URGP=0 ",
     "no sequence number"},
    {from + addresses + network + "PROTO=ICMP TYPE=8 CODE=0 ID=1 SEQ=1 ", "a ping"},
    {from + "SRC=198.51.100.1 DST=192.0.2.2 " + network + "PROTO=ICMP TYPE=3 CODE=3 [" + addresses + network +
         syn + "] ",
     "a packet in an ICMP error"},
    {from + addresses + network + "PROTO=ICMP TYPE=3 CODE=3 [" + packet_in, "the same, cut short"},
    {from + addresses + "LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=1 MF " + syn, "a first fragment"},
    {from + addresses + "LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=1 FRAG:64 PROTO=TCP ", "a later fragment"},
    {from + addresses + "LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=1 OPT (" + addresses + ") " + syn,
     "text as options"},
    {from + "SRC=192.0.2.256 DST=192.0.2.2 " + network + syn, "no address"},
    {from + "SRC=192.0.2 DST=192.0.2.2 " + network + syn, "an address cut short"},
    {from + "SRC=2001:db8::1 DST=192.0.2.2 " + network + syn, "two families"},
    {from + "SRC=::ffff:192.0.2.1 DST=192.0.2.2 " + network + syn, "a mapped source"},
    {from + "SRC=::ffff:c000:201 DST=::ffff:c000:202 LEN=80 TC=0 HOPLIMIT=64 FLOWLBL=0 " + syn,
     "two mapped ones"},
    {from + "SRC=192.0.2.1 DST=224.0.0.1 " + network + syn, "to a group"},
    {from + "SRC=192.0.2.1 DST=255.255.255.255 " + network + syn, "to all"},
    {from + "SRC=2001:db8::1 DST=ff02::1 LEN=80 TC=0 HOPLIMIT=64 FLOWLBL=0 " + syn, "to an IPv6 group"},
    {from + "SRC=2001:db8::1 DST=2001:db8::2 LEN=80 TC=0 HOPLIMIT=64 FLOWLBL=0 OPT ( FRAG:0 ID:00000001 ) " +
         syn,
     "an extension header"},
    {"audit " + std::string(200, 'x') + packet_in, "a prefix longer than any"},
    {"prefix=IN=eth0 " + packet_in, "a prefix with an equals sign"},
    {std::string("IN=eth0 OUT= SRC=192.0.2.1\0 DST=192.0.2.2 ", 43) + network + syn, "a zero"},
    {packet_in.substr(0, packet_in.size() / 2), "half a line"},
    {packet_in.substr(1), "its beginning missing"},
    {packet_in.substr(packet_in.find("MAC")), "its head missing"},
};

} // namespace

BOOST_AUTO_TEST_SUITE(log_lines)

BOOST_DATA_TEST_CASE(the_kernels_format_is_read, of_one_packet) {
    BOOST_TEST(read(sample.text) == its_event);
}

BOOST_DATA_TEST_CASE(what_strangers_write_is_no_packet, hostile) {
    BOOST_TEST(read(sample.text) == "nothing");
}

BOOST_AUTO_TEST_CASE(a_strange_name_is_a_name) {
    for (const std::string name : {"SRC=9.9.9.9", "IN=x", "a=(.*)\\", "\x01\xff\xfe", "[", "DPT=1"})
        BOOST_TEST(read("drop: IN=" + name + " OUT= " + addresses + network + syn) == its_event);
}

BOOST_AUTO_TEST_CASE(datagrams_and_ipv6) {
    BOOST_TEST(read(from + addresses + network + "PROTO=UDP SPT=51016 DPT=5556 LEN=9 ") ==
               "udp 192.0.2.1 51016 > 192.0.2.2 5556");
    const std::string long_form =
        "[ 3831.324260] hlog: IN=lo OUT= MAC=00:00:00:00:00:00:00:00:00:00:00:00:86:dd "
        "SRC=2001:0db8:0000:0000:0000:0000:0000:0001 "
        "DST=2001:0db8:0000:0000:0000:0000:0000:0002 LEN=80 TC=0 HOPLIMIT=64 "
        "FLOWLBL=874475 PROTO=";
    BOOST_TEST(read(long_form + "TCP SPT=33264 DPT=5555 WINDOW=65476 RES=0x00 SYN URGP=0 ") ==
               "tcp 2001:db8::1 33264 > 2001:db8::2 5555");
    BOOST_TEST(read(long_form + "UDP SPT=55412 DPT=5556 LEN=9 ") ==
               "udp 2001:db8::1 55412 > 2001:db8::2 5556");
    // ulogd shortens addresses.
    BOOST_TEST(
        read("Nov 28 16:25:10 vm ulog IN=lo OUT= SRC=2001:db8::1 DST=2001:db8::2 LEN=49 TC=0 HOPLIMIT=64 "
             "FLOWLBL=562168 PROTO=UDP SPT=55412 DPT=5556 LEN=9 MARK=0x0 ") ==
        "udp 2001:db8::1 55412 > 2001:db8::2 5556");
}

BOOST_AUTO_TEST_CASE(a_sequence_number_is_read_where_it_is) {
    BOOST_TEST(read("ipt: " + from + addresses + network +
                    "PROTO=TCP SPT=34440 DPT=5558 SEQ=2173681114 ACK=0 WINDOW=65495 RES=0x00 SYN URGP=0 OPT "
                    "(0204FFD70402080A768FD83A000000000103030A) ") == its_event + " seq 2173681114");
}

BOOST_AUTO_TEST_CASE(no_part_of_a_line_passes_for_another) {
    // Whatever is cut off, at either end, what is left is read as it was or not at all.
    const std::string whole = "Nov 28 16:25:10 vm kernel: drop: " + packet_in;
    for (std::size_t n = 0; n < whole.size(); ++n) {
        const auto head = read(whole.substr(0, n));
        BOOST_TEST((head == "nothing" || head == its_event), whole.substr(0, n) << ": " << head);
        const auto rest = read(whole.substr(n));
        BOOST_TEST((rest == "nothing" || rest == its_event), whole.substr(n) << ": " << rest);
    }
}

BOOST_AUTO_TEST_CASE(patterns_of_ones_own) {
    const auto three = *log_format::compile("^from (?P<src>[^ ]*) to (?P<dst>[^ ]*) port (?P<dpt>[^ ]*)$");
    BOOST_TEST(three->anchored());
    BOOST_TEST(read(*three, "from 192.0.2.1 to 192.0.2.2 port 7000") == "tcp 192.0.2.1 0 > 192.0.2.2 7000");
    for (const auto* text :
         {"from 192.0.2.1 to 192.0.2.2 port 70000", "from 192.0.2.1 to 192.0.2.2 port ",
          "from 192.0.2.1 to 192.0.2.2 port +7", "from  to  port ", "from a to b port 1",
          "from 192.0.2.1%eth0 to 192.0.2.2 port 7000", "from fe80::1%lo to fe80::2 port 7000"})
        BOOST_TEST(read(*three, text) == "nothing");
    const auto all = *log_format::compile(
        "(?P<proto>\\w+) (?P<src>\\S+):(?P<spt>\\d+) (?P<dst>\\S+):(?P<dpt>\\d+)(?: (?P<flags>\\S+))?(?: "
        "(?P<seq>\\d+))?");
    BOOST_TEST(!all->anchored());
    BOOST_TEST(read(*all, "at noon tcp 192.0.2.1:1 192.0.2.2:7000 syn,ecn 5 or so") ==
               "tcp 192.0.2.1 1 > 192.0.2.2 7000 seq 5");
    BOOST_TEST(read(*all, "UDP 192.0.2.1:1 192.0.2.2:7000") == "udp 192.0.2.1 1 > 192.0.2.2 7000");
    BOOST_TEST(read(*all, "17 2001:db8::1:1 2001:db8::2:7000") == "udp 2001:db8::1 1 > 2001:db8::2 7000");
    BOOST_TEST(read(*all, "6 192.0.2.1:1 192.0.2.2:7000 SYN") == "tcp 192.0.2.1 1 > 192.0.2.2 7000");
    BOOST_TEST(read(*all, "6 192.0.2.1:1 192.0.2.2:7000") ==
               "nothing"); // where there are flags, one has to be SYN
    BOOST_TEST(read(*all, "icmp 192.0.2.1:1 192.0.2.2:7000") == "nothing");
    BOOST_TEST(read(*all, "tcp 192.0.2.1:1 192.0.2.2:7000 Syn|Ack") == "nothing");
    BOOST_TEST(read(*all, "tcp 192.0.2.1:1 192.0.2.2:7000 synack") == "nothing");
    // Bytes that are no UTF-8 are characters too.
    BOOST_TEST(read(**log_format::compile("^.(?P<src>\\S+) (?P<dst>\\S+) (?P<dpt>\\S+)"),
                    "\xff"
                    "192.0.2.1 192.0.2.2 7000") == "tcp 192.0.2.1 0 > 192.0.2.2 7000");
}

BOOST_AUTO_TEST_CASE(unfit_patterns) {
    BOOST_TEST(complaint("(?P<src>a)(?P<dst>b)") == "expected a group (?P<dpt>...)");
    BOOST_TEST(complaint("(?P<dpt>a)(?P<dst>b)") == "expected a group (?P<src>...)");
    BOOST_TEST(complaint("(?P<src>a)(?P<dpt>b)") == "expected a group (?P<dst>...)");
    BOOST_TEST(complaint("(?P<src>a)(?P<dst>b)(?P<dpt>c)(?P<dport>d)") ==
               "expected groups named src, dst, dpt, proto, spt, seq or flags, not 'dport'");
    BOOST_TEST(complaint("(?P<src>a") ==
               "expected a regular expression as RE2 takes it: missing ): (?P<src>a");
    BOOST_TEST(complaint("(?P<src>a)(?P<src>b)") == "expected each group's name once");
    BOOST_TEST(complaint("(a)\\1") ==
               "expected a regular expression as RE2 takes it: invalid escape sequence: \\x5c1");
    std::string many;
    for (int i = 0; i < 40; ++i) many += "(a)";
    BOOST_TEST(complaint(many + "(?P<src>a)(?P<dst>b)(?P<dpt>c)") ==
               "expected named groups among the first 31");
    BOOST_TEST(complaint("((((a{1000}){1000}){1000}))(?P<src>a)(?P<dst>b)(?P<dpt>c)") != "accepted");
}

BOOST_AUTO_TEST_SUITE_END()
