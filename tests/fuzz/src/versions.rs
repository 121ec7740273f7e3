//! The orders of versions: each must stay an order of any three strings, and vectors are read to their end.

use std::cmp::Ordering;

use ox_advisory::version::{check_vectors, orders};

/// Three strings a seed, of every kind of version.
const SEEDS: &[&str] = &[
    "1:2.36-9+deb12u7\n2.36-9\n1.0~rc1-1",
    "1.2.3a_rc1_p2~0ab-r4\n1.2.3-r1\n6.6.2p1-r0",
    "0:1.1.1k-12.el8_9\n1.0~rc1^git1\n1.0^20240101-2.el9",
    "1!2.3a4.post5.dev6+local.7\n1.0-1\n0.9-doduo",
    "1.2.3-alpha.1+build.5\nv1.2\n=1.2.3beta",
    "v0.0.0-20190308221718-c2843e01d9a2\ngo1.21rc2\nv2.0.0+incompatible",
    "1.0-alpha-1-SNAPSHOT\n4.0.0.Final-redhat-1\n1.0.alpha",
    "1.13.0-x86_64-linux\n1.0.a.2\n4.0.0.beta1",
    "1.0-RC1\n1.0pl1\ndev-main",
    "1.0.0.1-Beta.2+AA\n1.0\n0.1-2",
];

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    SEEDS.iter().map(|seed| seed.as_bytes().to_vec()).collect()
}

/// Lines are the strings; the whole is read as vectors too.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let [a, b, c] = [(); 3].map(|()| lines.next().unwrap_or(""));
    for order in orders() {
        let (ab, bc, ac) = (
            order.compare(a, b),
            order.compare(b, c),
            order.compare(a, c),
        );
        let name = order.name();
        assert_eq!(order.compare(a, a), Ordering::Equal, "{name}");
        assert_eq!(ab, order.compare(b, a).reverse(), "{name}");
        assert_eq!(bc, order.compare(c, b).reverse(), "{name}");
        assert_eq!(ac, order.compare(c, a).reverse(), "{name}");
        // No circle: what holds over b holds without it.
        if ab == bc || bc.is_eq() {
            assert_eq!(ab, ac, "{name}");
        }
        if ab.is_eq() {
            assert_eq!(bc, ac, "{name}");
        }
        order.is_version(a);
        let report = check_vectors(*order, data).expect("bytes in memory are read");
        let lines = report.compared + report.blank + report.unread;
        assert_eq!(
            lines,
            data.split_inclusive(|byte| *byte == b'\n').count() as u64
        );
        assert!(report.wrong <= report.compared);
    }
}
