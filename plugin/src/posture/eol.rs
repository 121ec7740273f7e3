//! Until when releases of operating systems get security fixes from those who make them.
//!
//! Dates as data. [`Release::ends`] is the last day on which everybody gets fixes without a contract: for
//! Debian the end of its long-term support, which the ordinary mirrors serve. [`Release::extended`] is the
//! last day of what is sold beyond. Where only a month is published the date is its last day. A release
//! that is not in the table (rolling, too new, or with a date that is not certain) says nothing.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use crate::contract::OperatingSystem;

/// Days before the end at which it is near.
pub const NEAR_DAYS: i64 = 90;

/// A distribution and its releases.
#[derive(Debug)]
pub struct Distribution {
    /// `ID` of os-release; CentOS Stream, which says `centos` as CentOS Linux did, is `centos-stream`.
    pub id: &'static str,
    /// For people.
    pub title: &'static str,
    /// How many numbers of `VERSION_ID` make a release.
    pub parts: usize,
    /// What the support beyond the end is called; empty where there is none.
    pub extension: &'static str,
    /// The page on which the dates are published.
    pub source: &'static str,
    /// Oldest first.
    pub releases: &'static [Release],
}

/// A release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// The first numbers of `VERSION_ID`.
    pub version: &'static str,
    /// The last day with fixes for everybody.
    pub ends: Date,
    /// The last day with fixes for those who pay.
    pub extended: Option<Date>,
}

const fn release(version: &'static str, ends: Date) -> Release {
    Release {
        version,
        ends,
        extended: None,
    }
}

const fn extended(version: &'static str, ends: Date, extended: Date) -> Release {
    Release {
        version,
        ends,
        extended: Some(extended),
    }
}

/// All that are known.
pub static RELEASES: &[Distribution] = &[
    Distribution {
        id: "debian",
        title: "Debian",
        parts: 1,
        extension: "Extended LTS",
        source: "https://wiki.debian.org/LTS",
        releases: &[
            extended("7", date(2018, 5, 31), date(2020, 6, 30)),
            extended("8", date(2020, 6, 30), date(2025, 6, 30)),
            extended("9", date(2022, 6, 30), date(2027, 6, 30)),
            extended("10", date(2024, 6, 30), date(2029, 6, 30)),
            extended("11", date(2026, 8, 31), date(2031, 6, 30)),
            extended("12", date(2028, 6, 30), date(2033, 6, 30)),
            extended("13", date(2030, 6, 30), date(2035, 6, 30)),
        ],
    },
    Distribution {
        id: "ubuntu",
        title: "Ubuntu",
        parts: 2,
        extension: "Expanded Security Maintenance (Ubuntu Pro)",
        source: "https://ubuntu.com/about/release-cycle",
        releases: &[
            extended("14.04", date(2019, 4, 25), date(2024, 4, 25)),
            release("14.10", date(2015, 7, 23)),
            release("15.04", date(2016, 2, 4)),
            release("15.10", date(2016, 7, 28)),
            extended("16.04", date(2021, 4, 30), date(2026, 4, 23)),
            release("16.10", date(2017, 7, 20)),
            release("17.04", date(2018, 1, 13)),
            release("17.10", date(2018, 7, 19)),
            extended("18.04", date(2023, 5, 31), date(2028, 4, 26)),
            release("18.10", date(2019, 7, 18)),
            release("19.04", date(2020, 1, 23)),
            release("19.10", date(2020, 7, 17)),
            extended("20.04", date(2025, 5, 29), date(2030, 4, 23)),
            release("20.10", date(2021, 7, 22)),
            release("21.04", date(2022, 1, 20)),
            release("21.10", date(2022, 7, 14)),
            extended("22.04", date(2027, 6, 1), date(2032, 4, 21)),
            release("22.10", date(2023, 7, 20)),
            release("23.04", date(2024, 1, 25)),
            release("23.10", date(2024, 7, 11)),
            extended("24.04", date(2029, 5, 31), date(2034, 4, 25)),
            release("24.10", date(2025, 7, 10)),
            release("25.04", date(2026, 1, 15)),
            release("25.10", date(2026, 7, 9)),
            extended("26.04", date(2031, 5, 29), date(2036, 4, 23)),
        ],
    },
    Distribution {
        id: "alpine",
        title: "Alpine Linux",
        parts: 2,
        extension: "",
        source: "https://alpinelinux.org/releases/",
        releases: &[
            release("3.10", date(2021, 5, 1)),
            release("3.11", date(2021, 11, 1)),
            release("3.12", date(2022, 5, 1)),
            release("3.13", date(2022, 11, 1)),
            release("3.14", date(2023, 5, 1)),
            release("3.15", date(2023, 11, 1)),
            release("3.16", date(2024, 5, 23)),
            release("3.17", date(2024, 11, 22)),
            release("3.18", date(2025, 5, 9)),
            release("3.19", date(2025, 11, 1)),
            release("3.20", date(2026, 4, 1)),
            release("3.21", date(2026, 11, 1)),
            release("3.22", date(2027, 5, 1)),
            release("3.23", date(2027, 11, 1)),
        ],
    },
    Distribution {
        id: "rhel",
        title: "Red Hat Enterprise Linux",
        parts: 1,
        extension: "Extended Life Cycle Support",
        source: "https://access.redhat.com/support/policy/updates/errata",
        releases: &[
            extended("6", date(2020, 11, 30), date(2024, 6, 30)),
            extended("7", date(2024, 6, 30), date(2028, 6, 30)),
            release("8", date(2029, 5, 31)),
            release("9", date(2032, 5, 31)),
            release("10", date(2035, 5, 31)),
        ],
    },
    Distribution {
        id: "centos",
        title: "CentOS Linux",
        parts: 1,
        extension: "",
        source: "https://www.centos.org/centos-linux-eol/",
        releases: &[
            release("6", date(2020, 11, 30)),
            release("7", date(2024, 6, 30)),
            release("8", date(2021, 12, 31)),
        ],
    },
    Distribution {
        id: "centos-stream",
        title: "CentOS Stream",
        parts: 1,
        extension: "",
        source: "https://www.centos.org/cl-vs-cs/",
        releases: &[
            release("8", date(2024, 5, 31)),
            release("9", date(2027, 5, 31)),
        ],
    },
    Distribution {
        id: "almalinux",
        title: "AlmaLinux",
        parts: 1,
        extension: "",
        source: "https://wiki.almalinux.org/release-notes/",
        releases: &[
            release("8", date(2029, 3, 1)),
            release("9", date(2032, 5, 31)),
            release("10", date(2035, 5, 31)),
        ],
    },
    Distribution {
        id: "rocky",
        title: "Rocky Linux",
        parts: 1,
        extension: "",
        source: "https://wiki.rockylinux.org/rocky/version/",
        releases: &[
            release("8", date(2029, 5, 31)),
            release("9", date(2032, 5, 31)),
            release("10", date(2035, 5, 31)),
        ],
    },
    Distribution {
        id: "ol",
        title: "Oracle Linux",
        parts: 1,
        extension: "Extended Support",
        source: "https://www.oracle.com/a/ocom/docs/elsp-lifetime-069338.pdf",
        releases: &[
            extended("6", date(2021, 3, 31), date(2024, 12, 31)),
            extended("7", date(2024, 12, 31), date(2028, 6, 30)),
            release("8", date(2029, 7, 31)),
            release("9", date(2032, 6, 30)),
        ],
    },
    Distribution {
        id: "fedora",
        title: "Fedora",
        parts: 1,
        extension: "",
        source: "https://docs.fedoraproject.org/en-US/releases/eol/",
        // The date of the newest is the plan; it moves with the release after the next.
        releases: &[
            release("35", date(2022, 12, 13)),
            release("36", date(2023, 5, 16)),
            release("37", date(2023, 12, 5)),
            release("38", date(2024, 5, 21)),
            release("39", date(2024, 11, 26)),
            release("40", date(2025, 5, 13)),
            release("41", date(2025, 12, 15)),
            release("42", date(2026, 5, 13)),
            release("43", date(2026, 12, 9)),
        ],
    },
    Distribution {
        id: "opensuse-leap",
        title: "openSUSE Leap",
        parts: 2,
        extension: "",
        source: "https://en.opensuse.org/Lifetime",
        releases: &[
            release("42.1", date(2017, 5, 17)),
            release("42.2", date(2018, 1, 26)),
            release("42.3", date(2019, 7, 1)),
            release("15.0", date(2019, 12, 3)),
            release("15.1", date(2021, 2, 2)),
            release("15.2", date(2022, 1, 4)),
            release("15.3", date(2022, 12, 31)),
            release("15.4", date(2023, 12, 7)),
            release("15.5", date(2024, 12, 31)),
            release("15.6", date(2026, 4, 30)),
            release("16.0", date(2027, 10, 31)),
        ],
    },
    Distribution {
        id: "sles",
        title: "SUSE Linux Enterprise Server",
        parts: 2,
        extension: "Long Term Service Pack Support",
        source: "https://www.suse.com/lifecycle",
        releases: &[
            extended("11.4", date(2019, 3, 31), date(2022, 3, 31)),
            extended("12", date(2016, 6, 30), date(2019, 7, 1)),
            extended("12.1", date(2017, 5, 31), date(2020, 5, 31)),
            extended("12.2", date(2018, 3, 31), date(2021, 3, 31)),
            extended("12.3", date(2019, 6, 30), date(2022, 6, 30)),
            extended("12.4", date(2020, 6, 30), date(2023, 6, 30)),
            extended("12.5", date(2024, 10, 31), date(2027, 10, 31)),
            extended("15", date(2019, 12, 31), date(2022, 12, 31)),
            extended("15.1", date(2021, 1, 31), date(2024, 1, 31)),
            extended("15.2", date(2021, 12, 31), date(2024, 12, 31)),
            extended("15.3", date(2022, 12, 31), date(2025, 12, 31)),
            extended("15.4", date(2023, 12, 31), date(2026, 12, 31)),
            extended("15.5", date(2024, 12, 31), date(2027, 12, 31)),
            extended("15.6", date(2025, 12, 31), date(2028, 12, 31)),
            extended("15.7", date(2031, 7, 31), date(2034, 7, 31)),
        ],
    },
    Distribution {
        id: "amzn",
        title: "Amazon Linux",
        parts: 1,
        extension: "",
        source: "https://aws.amazon.com/amazon-linux-2/faqs/",
        releases: &[
            // Amazon Linux 1 has months for versions.
            release("2017", date(2023, 12, 31)),
            release("2018", date(2023, 12, 31)),
            release("2", date(2026, 6, 30)),
            release("2023", date(2029, 6, 30)),
        ],
    },
    Distribution {
        id: "photon",
        title: "Photon OS",
        parts: 2,
        extension: "",
        source: "https://blogs.vmware.com/vsphere/2022/01/photon-1-x-end-of-support-announcement.html",
        releases: &[
            release("1.0", date(2022, 2, 28)),
            release("2.0", date(2022, 12, 31)),
        ],
    },
    Distribution {
        id: "mariner",
        title: "CBL-Mariner",
        parts: 2,
        extension: "",
        source: "https://learn.microsoft.com/azure/azure-linux/release-cadence-lifecycle",
        releases: &[
            release("1.0", date(2023, 8, 31)),
            release("2.0", date(2025, 7, 31)),
        ],
    },
];

/// How a release stands on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing to say.
    Supported,
    /// It ends in so many days, [`NEAR_DAYS`] at most.
    EndsIn(i64),
    /// It ended; who pays gets fixes until that day.
    EndedUnless(Date),
    /// It ended for everybody.
    Ended,
}

impl Release {
    /// How it stands on a day.
    pub fn standing(&self, today: Date) -> Standing {
        let days = today.duration_until(self.ends).as_hours() / 24;
        match self.extended {
            _ if days > NEAR_DAYS => Standing::Supported,
            _ if days >= 0 => Standing::EndsIn(days),
            Some(extended) if today <= extended => Standing::EndedUnless(extended),
            _ => Standing::Ended,
        }
    }
}

/// The release that an image is.
pub fn find(os: &OperatingSystem) -> Option<(&'static Distribution, &'static Release)> {
    let is_stream = os.id == "centos"
        && os
            .attributes
            .iter()
            .filter(|(key, _)| key == "name")
            .map(|(_, name)| name.as_str())
            .chain(os.pretty_name.as_deref())
            .any(|name| name.contains("Stream"));
    let id = if is_stream { "centos-stream" } else { &os.id };
    let distribution = RELEASES.iter().find(|one| one.id == id)?;
    let version = os.version_id.as_deref()?;
    let mut parts: Vec<&str> = version.split('.').take(distribution.parts).collect();
    // The first SUSE Linux Enterprise 15 is `15`, and somebody may write `15.0`.
    if distribution.id == "sles" && parts.last() == Some(&"0") {
        parts.pop();
    }
    let release = distribution
        .releases
        .iter()
        .find(|release| release.version.split('.').eq(parts.iter().copied()))?;
    Some((distribution, release))
}

/// The day of a time (seconds since 1970), in UTC.
pub fn day(now: u64) -> Option<Date> {
    let time = Timestamp::from_second(i64::try_from(now).ok()?).ok()?;
    Some(time.to_zoned(TimeZone::UTC).date())
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::print_stdout,
        reason = "tests"
    )]

    use super::*;

    fn os(id: &str, version: &str) -> OperatingSystem {
        OperatingSystem {
            id: id.to_owned(),
            version_id: Some(version.to_owned()),
            pretty_name: None,
            attributes: Vec::new(),
        }
    }

    fn version(id: &str, version_id: &str) -> Option<&'static str> {
        find(&os(id, version_id)).map(|(_, release)| release.version)
    }

    #[test]
    fn a_release_is_found_by_as_many_numbers_as_make_one() {
        for (id, version_id, expected) in [
            ("debian", "12", Some("12")),
            ("alpine", "3.20.3", Some("3.20")),
            ("alpine", "3.2", None),
            ("alpine", "3.23_alpha20250612", None),
            ("ubuntu", "22.04", Some("22.04")),
            ("ubuntu", "22", None),
            ("rhel", "9.4", Some("9")),
            ("rhel", "90", None),
            ("amzn", "2", Some("2")),
            ("amzn", "2023", Some("2023")),
            ("amzn", "2018.03", Some("2018")),
            ("sles", "15.6", Some("15.6")),
            ("sles", "15", Some("15")),
            ("sles", "15.0", Some("15")),
            ("sles", "15.9", None),
            ("opensuse-leap", "15.0", Some("15.0")),
            ("wolfi", "20230201", None),
            ("debian", "", None),
        ] {
            assert_eq!(version(id, version_id), expected, "{id} {version_id}");
        }
        let mut sid = os("debian", "");
        sid.version_id = None;
        assert!(find(&sid).is_none());
    }

    #[test]
    fn centos_stream_is_not_centos_linux() {
        let linux = os("centos", "8");
        assert_eq!(find(&linux).unwrap().1.ends, date(2021, 12, 31));
        let mut stream = linux;
        stream
            .attributes
            .push(("name".to_owned(), "CentOS Stream".to_owned()));
        assert_eq!(find(&stream).unwrap().1.ends, date(2024, 5, 31));
    }

    #[test]
    fn the_last_day_is_a_supported_one() {
        let debian = extended("11", date(2026, 8, 31), date(2031, 6, 30));
        for (today, expected) in [
            (date(2026, 6, 1), Standing::Supported),
            (date(2026, 6, 2), Standing::EndsIn(90)),
            (date(2026, 8, 31), Standing::EndsIn(0)),
            (date(2026, 9, 1), Standing::EndedUnless(date(2031, 6, 30))),
            (date(2031, 6, 30), Standing::EndedUnless(date(2031, 6, 30))),
            (date(2031, 7, 1), Standing::Ended),
        ] {
            assert_eq!(debian.standing(today), expected, "{today}");
        }
        assert_eq!(
            release("1", date(2020, 1, 1)).standing(date(2020, 1, 2)),
            Standing::Ended
        );
    }

    #[test]
    fn the_table_is_in_order() {
        for one in RELEASES {
            assert!(one.source.starts_with("https://"), "{}", one.id);
            assert_eq!(
                RELEASES.iter().filter(|other| other.id == one.id).count(),
                1
            );
            for release in one.releases {
                let same = |other: &&Release| other.version == release.version;
                assert_eq!(
                    one.releases.iter().filter(same).count(),
                    1,
                    "{} {}",
                    one.id,
                    release.version
                );
                assert!(release.version.split('.').count() <= one.parts);
                assert!(
                    release
                        .extended
                        .is_none_or(|extended| extended > release.ends)
                );
                assert!(release.extended.is_none() || !one.extension.is_empty());
            }
        }
    }

    /// Debian keeps such a table itself, for Debian and Ubuntu.
    #[test]
    fn the_dates_are_those_of_debians_own_table() {
        let mut compared = 0;
        for id in ["debian", "ubuntu"] {
            let Ok(text) = std::fs::read_to_string(format!("/usr/share/distro-info/{id}.csv"))
            else {
                println!("skipped: no /usr/share/distro-info/{id}.csv (package distro-info-data)");
                continue;
            };
            let mut lines = text.lines();
            let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
            for line in lines {
                let values: Vec<&str> = line.split(',').collect();
                let value = |name: &str| -> Option<Date> {
                    let place = columns.iter().position(|column| *column == name)?;
                    values.get(place)?.parse().ok()
                };
                let number = values[0].split(' ').next().unwrap();
                let distribution = RELEASES.iter().find(|one| one.id == id).unwrap();
                let Some(release) = distribution
                    .releases
                    .iter()
                    .find(|one| one.version == number)
                else {
                    continue;
                };
                let (ends, extended) = match id {
                    "debian" => (value("eol-lts"), value("eol-elts")),
                    _ => (value("eol"), value("eol-esm")),
                };
                // An older package has not heard of newer dates; what is long past no longer moves.
                for (ours, theirs) in [(Some(release.ends), ends), (release.extended, extended)] {
                    let (Some(ours), Some(theirs)) = (ours, theirs) else {
                        continue;
                    };
                    if theirs < date(2025, 1, 1) {
                        assert_eq!(ours, theirs, "{id} {number}");
                    } else if ours != theirs {
                        println!("{id} {number}: {ours} here, {theirs} there");
                    }
                    compared += 1;
                }
            }
        }
        println!("compared {compared} releases");
    }
}
