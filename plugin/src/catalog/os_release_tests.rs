#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;

fn parse_at(place: &str, data: &[u8]) -> Option<Release> {
    let mut found = Found::default();
    OsReleaseFile
        .parse(&File::of_path(place), &mut &data[..], &mut found)
        .unwrap();
    found.release
}

fn parse(data: &str) -> Option<Release> {
    parse_at("etc/os-release", data.as_bytes())
}

#[test]
fn fields_are_read_as_a_shell_would() {
    let release = parse(
        "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n# comment\nVERSION_ID='12'\nID=debian\n\
         VERSION_CODENAME=bookworm\nNAME=\"a \\\"b\\\" \\$c\"\nnot a field\n",
    )
    .unwrap();
    assert_eq!(release.id, "debian");
    assert_eq!(release.version_id.as_deref(), Some("12"));
    assert_eq!(
        release.pretty_name.as_deref(),
        Some("Debian GNU/Linux 12 (bookworm)")
    );
    assert!(
        release
            .attributes
            .contains(&("version-codename".to_owned(), "bookworm".to_owned()))
    );
    assert!(
        release
            .attributes
            .contains(&("name".to_owned(), "a \"b\" $c".to_owned()))
    );
}

#[test]
fn a_rolling_release_has_no_version_and_an_empty_file_no_system() {
    assert_eq!(parse("ID=wolfi\nVERSION_ID=\n").unwrap().version_id, None);
    assert_eq!(parse("NAME=x\n").unwrap().id, "linux");
    assert_eq!(parse(""), None);
}

#[test]
fn only_the_places_are_read() {
    for place in PLACES {
        assert!(OsReleaseFile.wants(&File::of_path(place)), "{place}");
    }
    for key in [
        "usr/lib/initrd-release",
        "opt/etc/os-release",
        "etc/arch-release",
    ] {
        assert!(!OsReleaseFile.wants(&File::of_path(key)), "{key}");
    }
}

#[test]
fn what_there_was_before_os_release_tells_the_system_and_its_advisories() {
    for (place, data, id, version, ecosystem) in [
        (
            "etc/alpine-release",
            "3.4.6\n",
            "alpine",
            Some("3.4.6"),
            Some("Alpine:v3.4"),
        ),
        (
            "etc/debian_version",
            "12.5\n",
            "debian",
            Some("12"),
            Some("Debian:12"),
        ),
        (
            "etc/debian_version",
            "trixie/sid\n",
            "debian",
            None,
            Some("Debian:13"),
        ),
        (
            "etc/centos-release",
            "CentOS Linux release 7.9.2009 (Core)\n",
            "centos",
            Some("7.9.2009"),
            None,
        ),
        (
            "etc/redhat-release",
            "CentOS release 6.10 (Final)",
            "centos",
            Some("6.10"),
            None,
        ),
        (
            "etc/redhat-release",
            "Red Hat Enterprise Linux Server release 7.9 (Maipo)",
            "rhel",
            Some("7.9"),
            Some("Red Hat:enterprise_linux:7::server"),
        ),
        (
            "etc/redhat-release",
            "Red Hat Enterprise Linux release 9.4 (Plow)",
            "rhel",
            Some("9.4"),
            Some("Red Hat:enterprise_linux:9::baseos"),
        ),
        (
            "etc/redhat-release",
            "Rocky Linux release 9.3 (Blue Onyx)",
            "rocky",
            Some("9.3"),
            Some("Rocky Linux:9"),
        ),
        (
            "etc/redhat-release",
            "AlmaLinux release 9.4 (Seafoam Ocelot)",
            "almalinux",
            Some("9.4"),
            Some("AlmaLinux:9"),
        ),
        (
            "etc/oracle-release",
            "Oracle Linux Server release 8.9",
            "ol",
            Some("8.9"),
            None,
        ),
        (
            "etc/system-release",
            "Amazon Linux release 2 (Karoo)",
            "amzn",
            Some("2"),
            None,
        ),
        (
            "etc/system-release",
            "Fedora release 39 (Thirty Nine)",
            "fedora",
            Some("39"),
            None,
        ),
        (
            "etc/lsb-release",
            "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=12.04\nDISTRIB_CODENAME=precise\n\
             DISTRIB_DESCRIPTION=\"Ubuntu 12.04.5 LTS\"\n",
            "ubuntu",
            Some("12.04"),
            Some("Ubuntu:12.04:LTS"),
        ),
    ] {
        let release = parse_at(place, data.as_bytes()).unwrap();
        assert_eq!(release.id, id, "{data}");
        assert_eq!(release.version_id.as_deref(), version, "{data}");
        assert_eq!(osv_ecosystem(&release).as_deref(), ecosystem, "{data}");
    }
    for place in PLACES {
        assert_eq!(parse_at(place, b""), None, "{place}");
    }
    assert_eq!(
        parse_at("etc/redhat-release", b"Kernel \\r on an \\m\n"),
        None
    );
}

#[test]
fn the_release_tells_which_advisories_are_for_it() {
    for (data, ecosystem) in [
        ("ID=debian\nVERSION_ID=\"12\"\n", Some("Debian:12")),
        (
            "PRETTY_NAME=\"Debian GNU/Linux forky/sid\"\nID=debian\nVERSION_CODENAME=forky\n",
            Some("Debian:14"),
        ),
        (
            "PRETTY_NAME=\"Debian GNU/Linux x/sid\"\nID=debian\n",
            Some("Debian:sid"),
        ),
        (
            "ID=ubuntu\nVERSION_ID=\"22.04\"\nVERSION=\"22.04.4 LTS (Jammy Jellyfish)\"\n",
            Some("Ubuntu:22.04:LTS"),
        ),
        (
            "ID=ubuntu\nVERSION_ID=\"14.04\"\n",
            Some("Ubuntu:14.04:LTS"),
        ),
        ("ID=ubuntu\nVERSION_ID=\"23.10\"\n", Some("Ubuntu:23.10")),
        ("ID=ubuntu\nVERSION_ID=\"25.04\"\n", Some("Ubuntu:25.04")),
        ("ID=ubuntu\nVERSION_ID=\"24.10\"\n", Some("Ubuntu:24.10")),
        ("ID=ubuntu\n", None),
        ("ID=alpine\nVERSION_ID=3.19.1\n", Some("Alpine:v3.19")),
        ("ID=alpine\nVERSION_ID=3.20.0_rc1\n", Some("Alpine:v3.20")),
        (
            "ID=alpine\nVERSION_ID=3.23_alpha20250612\nPRETTY_NAME=\"Alpine Linux edge\"\n",
            Some("Alpine:edge"),
        ),
        (
            "ID=alpine\nVERSION_ID=3.21.0_alpha20240923\nPRETTY_NAME=\"Alpine Linux edge\"\n",
            Some("Alpine:edge"),
        ),
        (
            "ID=\"almalinux\"\nVERSION_ID=\"9.4\"\n",
            Some("AlmaLinux:9"),
        ),
        ("ID=\"rocky\"\nVERSION_ID=\"8.9\"\n", Some("Rocky Linux:8")),
        (
            "ID=\"rhel\"\nVERSION_ID=\"9.4\"\nCPE_NAME=\"cpe:/o:redhat:enterprise_linux:9::baseos\"\n",
            Some("Red Hat:enterprise_linux:9::baseos"),
        ),
        (
            "ID=\"rhel\"\nVERSION_ID=\"7.9\"\nCPE_NAME=\"cpe:/o:redhat:enterprise_linux:7.9:GA:server\"\n",
            Some("Red Hat:enterprise_linux:7::server"),
        ),
        (
            "ID=\"rhel\"\nVERSION_ID=\"8.4\"\nCPE_NAME=\"cpe:/o:redhat:rhel_aus:8.4::appstream\"\n",
            Some("Red Hat:rhel_aus:8.4::appstream"),
        ),
        (
            "ID=\"rhel\"\nVERSION_ID=\"10.0\"\n",
            Some("Red Hat:enterprise_linux:10.0"),
        ),
        (
            "ID=\"opensuse-leap\"\nVERSION_ID=\"15.5\"\n",
            Some("openSUSE:Leap 15.5"),
        ),
        (
            "ID=\"opensuse-tumbleweed\"\nVERSION_ID=\"20240513\"\n",
            Some("openSUSE:Tumbleweed"),
        ),
        (
            "ID=\"opensuse-leap-micro\"\nVERSION_ID=\"5.5\"\n",
            Some("openSUSE:Leap Micro 5.5"),
        ),
        (
            "NAME=\"SLES\"\nVERSION=\"15-SP5\"\nVERSION_ID=\"15.5\"\nID=\"sles\"\n",
            Some("SUSE:Linux Enterprise Server 15 SP5"),
        ),
        (
            "ID=\"sles\"\nVERSION_ID=\"15\"\n",
            Some("SUSE:Linux Enterprise Server 15"),
        ),
        (
            "ID=\"sles\"\nVERSION_ID=\"16.0\"\n",
            Some("SUSE:Linux Enterprise Server 16.0"),
        ),
        (
            "ID=\"sle-micro\"\nVERSION_ID=\"5.5\"\n",
            Some("SUSE:Linux Enterprise Micro 5.5"),
        ),
        (
            "ID=\"sl-micro\"\nVERSION_ID=\"6.0\"\n",
            Some("SUSE:Linux Micro 6.0"),
        ),
        ("ID=wolfi\nVERSION_ID=\"20230201\"\n", Some("Wolfi")),
        (
            "ID=chainguard\nVERSION_ID=\"20230214\"\n",
            Some("Chainguard"),
        ),
        ("ID=minimos\nVERSION_ID=20241031\n", Some("MinimOS")),
        ("ID=azurelinux\nVERSION_ID=\"3.0\"\n", Some("Azure Linux:3")),
        ("ID=mariner\nVERSION_ID=\"2.0\"\n", Some("Azure Linux:2")),
        ("ID=mageia\nVERSION_ID=9\n", Some("Mageia:9")),
        ("ID=photon\nVERSION_ID=3.0\n", Some("Photon OS:3.0")),
        (
            "ID=\"openEuler\"\nVERSION=\"24.03 (LTS)\"\nVERSION_ID=\"24.03\"\n",
            Some("openEuler:24.03-LTS"),
        ),
        (
            "ID=\"openEuler\"\nVERSION=\"22.03 (LTS-SP3)\"\nVERSION_ID=\"22.03\"\n",
            Some("openEuler:22.03-LTS-SP3"),
        ),
        (
            "ID=\"openEuler\"\nVERSION=\"23.09\"\nVERSION_ID=\"23.09\"\n",
            Some("openEuler:23.09"),
        ),
        ("ID=alpaquita\nVERSION_ID=\"23\"\n", Some("Alpaquita:23")),
        ("ID=echo\nVERSION_ID=1\n", Some("Echo")),
        // None of these has advisories in OSV's format.
        ("ID=fedora\nVERSION_ID=40\n", None),
        ("ID=\"amzn\"\nVERSION_ID=\"2023\"\n", None),
        ("ID=\"ol\"\nVERSION_ID=\"8.9\"\n", None),
        ("ID=arch\n", None),
        ("ID=\"centos\"\nVERSION_ID=\"9\"\n", None),
    ] {
        let release = parse(data).unwrap();
        assert_eq!(osv_ecosystem(&release).as_deref(), ecosystem, "{data}");
    }
}

#[test]
fn it_says_what_it_reads() {
    insta::assert_debug_snapshot!(OsReleaseFile.about());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_are_survived(
        place in prop::sample::select(PLACES),
        data in prop::collection::vec(any::<u8>(), 0..300),
        id in "debian|ubuntu|alpine|rhel|sles|openeuler|opensuse-leap|[a-z]*",
        version in "[0-9.é(:]{0,12}",
        cpe in "(cpe:/o:redhat:)?[a-z_]*(enterprise_linux)?[0-9.:é]{0,12}",
    ) {
        parse_at(place, &data);
        if let Some(release) = parse(&format!("ID={id}\nVERSION_ID={version}\nVERSION={version}\nCPE_NAME={cpe}\n")) {
            osv_ecosystem(&release);
        }
    }
}
