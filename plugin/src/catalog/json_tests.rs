#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use proptest::prelude::*;

use super::*;

#[derive(Debug, Default, PartialEq)]
struct Sample {
    name: Option<String>,
    flag: bool,
    licences: Vec<String>,
}

impl Fields for Sample {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "name" => self.name = map.next_value::<Text>()?.0,
            "flag" => self.flag = map.next_value::<Flag>()?.0,
            "licence" => self.licences = map.next_value::<Licences>()?.0,
            _ => skip(map)?,
        }
        Ok(())
    }
}

fn sample(text: &[u8]) -> Result<Sample, String> {
    object(&mut &text[..]).unwrap()
}

#[test]
fn fields_of_another_type_are_absent_and_the_last_of_two_counts() {
    for other in ["null", "7", "-7", "1.5", "true", "[1,[2]]", "{\"a\":{}}"] {
        let text = format!("{{\"name\":{other},\"licence\":{other},\"x\":{other}}}");
        assert_eq!(sample(text.as_bytes()).unwrap().name, None, "{text}");
    }
    assert!(!sample(b"{\"flag\":\"true\"}").unwrap().flag);
    let twice = sample(b"\xEF\xBB\xBF {\"name\":\"a\",\"flag\":true,\"name\":\" b \"}").unwrap();
    assert_eq!((twice.name.as_deref(), twice.flag), (Some("b"), true));
    for none in ["[]", "5", "\"x\"", "null"] {
        assert_eq!(
            sample(none.as_bytes()).unwrap(),
            Sample::default(),
            "{none}"
        );
    }
}

#[test]
fn an_error_of_the_reader_is_not_lost_behind_a_broken_text() {
    struct Gone;
    impl Read for Gone {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    for text in ["", "{", "{\"a\": \"b", "[1,"] {
        let error = object::<Sample>(&mut text.as_bytes().chain(Gone)).err();
        let kind = error.map(|error| error.kind());
        assert_eq!(kind, Some(io::ErrorKind::ConnectionReset), "{text}");
    }
}

#[test]
fn licences_are_read_in_every_form_that_packages_use() {
    for (text, right) in [
        ("\"MIT\"", &["MIT"][..]),
        ("{\"type\":\"MIT\",\"url\":\"x\"}", &["MIT"]),
        (
            "[{\"type\":\"MIT\"},\"ISC\",{\"type\":\"MIT\"}]",
            &["MIT", "ISC"],
        ),
        ("\"\"", &[]),
    ] {
        let text = format!("{{\"licence\":{text}}}");
        assert_eq!(sample(text.as_bytes()).unwrap().licences, right, "{text}");
    }
}

#[test]
fn a_string_of_any_length_is_cut_and_what_follows_is_read() {
    for unit in ["x", "é", "\u{1F600}", "\\n", "\\u00e9", "\\\"", "\\\\"] {
        let long = format!("x{}", unit.repeat(3 * MAX_STRING));
        let text =
            format!("{{\"x\":\"{long}\",\"{long}\":1,\"licence\":\"{long}\",\"name\":\"n\"}}");
        let sample = sample(text.as_bytes()).unwrap();
        assert_eq!(sample.name.as_deref(), Some("n"), "{unit}");
        assert!(sample.licences[0].len() <= 4 * lines::MAX_FIELD, "{unit}");
    }
    let mut endless = Read::chain(&b"\""[..], io::repeat(0x80).take(10_000_000));
    let mut all = Vec::new();
    ShortStrings::new(&mut endless)
        .read_to_end(&mut all)
        .unwrap();
    assert!(all.len() < MAX_STRING + 16);
}

#[test]
fn deep_nesting_is_an_error_and_the_readers_error_stays_one() {
    let deep = format!("{{\"licence\":{}", "[".repeat(100_000));
    assert!(sample(deep.as_bytes()).is_err());
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::ConnectionReset, "gone"))
        }
    }
    let error = object::<Sample>(&mut (&b"{\"name\":"[..]).chain(Broken)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn short_texts_pass_unchanged(data in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut all = Vec::new();
        ShortStrings::new(&data[..]).read_to_end(&mut all).unwrap();
        prop_assert_eq!(all, data);
    }

    #[test]
    fn any_text_is_survived(data in "[\\[\\]{}\",:0-9a-e\\\\unltrfs ]{0,80}") {
        let _ = sample(data.as_bytes());
    }
}
