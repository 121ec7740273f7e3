//! Which kind of place an IP address is.
//!
//! Every address is judged before it is dialled, whatever name led to it. IPv6 spellings of an IPv4 address
//! (mapped, compatible, NAT64, 6to4, Teredo, ISATAP) are judged as the strictest of the addresses in them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is, from harmless to never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressClass {
    /// Routed on the internet.
    Public,
    /// Of a private network: RFC 1918, carrier-grade NAT, unique-local, benchmarking.
    Private,
    /// This machine.
    Loopback,
    /// Never dialled: metadata services, link-local, multicast, unspecified, broadcast, reserved.
    Never(&'static str),
}

impl AddressClass {
    /// As it stands in a sentence: "a private address".
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Public => "a public address",
            Self::Private => "a private address",
            Self::Loopback => "a loopback address",
            Self::Never(what) => what,
        }
    }
}

const METADATA: AddressClass = AddressClass::Never("the address of a cloud metadata service");
const LINK_LOCAL: AddressClass = AddressClass::Never("a link-local address");
const MULTICAST: AddressClass = AddressClass::Never("a multicast address");
const UNSPECIFIED: AddressClass = AddressClass::Never("an unspecified address");
const RESERVED: AddressClass = AddressClass::Never("a reserved address");
const DOCUMENTATION: AddressClass = AddressClass::Never("an address for documentation only");

/// Judges one address.
pub fn classify(ip: IpAddr) -> AddressClass {
    match ip {
        IpAddr::V4(ip) => classify_v4(ip),
        IpAddr::V6(ip) => classify_v6(ip),
    }
}

fn classify_v4(ip: Ipv4Addr) -> AddressClass {
    match ip.octets() {
        // AWS, GCP, Azure, OpenStack (169.254.0.0/16 is link-local as a whole), Alibaba, Azure's wire
        // server, Oracle.
        [169, 254, 169, 254] | [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192] => {
            METADATA
        }
        [169, 254, ..] => LINK_LOCAL,
        [0, ..] => UNSPECIFIED,
        [127, ..] => AddressClass::Loopback,
        [10, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [100, 64..=127, ..]
        | [198, 18..=19, ..] => AddressClass::Private,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => DOCUMENTATION,
        // IETF protocol assignments and the old 6to4 relays.
        [192, 0, 0, _] | [192, 88, 99, _] => RESERVED,
        [224..=239, ..] => MULTICAST,
        // Class E, and the broadcast address at its end.
        [240..=255, ..] => RESERVED,
        _ => AddressClass::Public,
    }
}

fn classify_v6(ip: Ipv6Addr) -> AddressClass {
    let o = ip.octets();
    let v4 = |a: u8, b: u8, c: u8, d: u8| classify_v4(Ipv4Addr::new(a, b, c, d));
    let [
        _,
        _,
        a2,
        a3,
        a4,
        a5,
        a6,
        a7,
        _,
        a9,
        a10,
        _,
        a12,
        a13,
        a14,
        a15,
    ] = o;
    let last = v4(a12, a13, a14, a15);
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => UNSPECIFIED,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        // IPv4-compatible, IPv4-mapped, IPv4-translated.
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => last,
        // NAT64: the well-known prefix, and the one for local use (RFC 6052 spreads a /48 around byte 8;
        // operators also cut a /96 out of it, so both readings count).
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => last,
        [0x64, 0xff9b, 1, ..] => last.max(v4(a6, a7, a9, a10)),
        // 6to4.
        [0x2002, ..] => v4(a2, a3, a4, a5),
        // Teredo: its server in clear, its client inverted.
        [0x2001, 0, ..] => v4(a4, a5, a6, a7).max(v4(!a12, !a13, !a14, !a15)),
        // Benchmarking, and the two ORCHIDs, which are no addresses of hosts.
        [0x2001, 0x0002, 0, ..] => AddressClass::Private,
        [0x2001, 0x0010..=0x002f, ..] => RESERVED,
        [0xfd00, 0x0ec2, ..] | [0xfd20, 0x00ce, ..] => METADATA,
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => DOCUMENTATION,
        // ISATAP holds an IPv4 address in its interface identifier.
        [first, _, _, _, 0 | 0x0200, 0x5efe, ..] => plain_v6(first).max(last),
        [first, ..] => plain_v6(first),
    }
}

fn plain_v6(first: u16) -> AddressClass {
    match first {
        0xfe80..=0xfebf => LINK_LOCAL,
        0xff00..=0xffff => MULTICAST,
        // Unique-local, and the site-local that it replaced.
        0xfc00..=0xfdff | 0xfec0..=0xfeff => AddressClass::Private,
        0x2000..=0x3fff => AddressClass::Public,
        _ => RESERVED,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use AddressClass::{Loopback, Private, Public};
    use proptest::prelude::*;

    fn c(text: &str) -> AddressClass {
        classify(text.parse().unwrap())
    }

    #[test]
    fn addresses_are_what_they_are() {
        for (ip, class) in [
            ("8.8.8.8", Public),
            ("172.15.0.1", Public),
            ("172.16.0.1", Private),
            ("172.32.0.1", Public),
            ("10.1.2.3", Private),
            ("192.168.0.1", Private),
            ("100.64.0.1", Private),
            ("100.128.0.1", Public),
            ("198.18.0.7", Private),
            ("127.0.0.1", Loopback),
            ("127.255.0.1", Loopback),
            ("2606:4700::1111", Public),
            ("fd12::1", Private),
            ("fc00::1", Private),
            ("2001:2::1", Private),
            ("2001:2:1::1", Public),
            ("fec0::1", Private),
            ("::1", Loopback),
        ] {
            assert_eq!(c(ip), class, "{ip}");
        }
        for ip in [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "0.0.0.0",
            "0.1.2.3",
            "255.255.255.255",
            "224.0.0.1",
            "240.0.0.1",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fe80::1",
            "ff02::1",
            "::",
            "2001:10::1",
            "2001:2f::1",
            "2001:db8::1",
            "3fff::1",
            "4000::1",
            "100::1",
        ] {
            assert!(matches!(c(ip), AddressClass::Never(_)), "{ip}");
        }
    }

    #[test]
    fn ipv6_spellings_are_judged_as_the_ipv4_address() {
        for (prefix, suffix) in [
            ("::ffff:", ""),
            ("::", ""),
            ("::ffff:0:", ""),
            ("64:ff9b::", ""),
        ] {
            assert_eq!(
                c(&format!("{prefix}127.0.0.1{suffix}")),
                Loopback,
                "{prefix}"
            );
            assert_eq!(c(&format!("{prefix}10.0.0.1{suffix}")), Private, "{prefix}");
            assert_eq!(
                c(&format!("{prefix}169.254.169.254{suffix}")),
                METADATA,
                "{prefix}"
            );
            assert_eq!(c(&format!("{prefix}8.8.8.8{suffix}")), Public, "{prefix}");
        }
        assert_eq!(c("2002:7f00:1::"), Loopback);
        assert_eq!(c("2002:a00:1::1"), Private);
        assert_eq!(c("2001:0:808:808::f5ff:fffe"), Private);
        assert_eq!(c("2001:0:a00:1::f7f7:f7f7"), Private);
        assert_eq!(c("64:ff9b:1:a00:0:100::"), Private.max(UNSPECIFIED));
        assert_eq!(c("64:ff9b:1::169.254.169.254"), METADATA.max(UNSPECIFIED));
        assert_eq!(c("2606:4700::5efe:10.0.0.1"), Private);
        assert_eq!(c("2606:4700::200:5efe:127.0.0.1"), Loopback);
    }

    proptest! {
        #[test]
        fn no_spelling_is_kinder_than_the_address_itself(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from_bits(bits);
            let [a, b, c, d] = v4.octets();
            let w = |x: u8, y: u8| u16::from_be_bytes([x, y]);
            let class = classify_v4(v4);
            for v6 in [
                v4.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, w(a, b), w(c, d)),
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, w(a, b), w(c, d)),
                Ipv6Addr::new(0x2002, w(a, b), w(c, d), 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, 0x0808, 0x0808, 0, 0, !w(a, b), !w(c, d)),
            ] {
                prop_assert!(classify_v6(v6) >= class, "{v6} {class:?}");
            }
        }
    }
}
