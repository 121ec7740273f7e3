#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
#![allow(clippy::print_stdout, reason = "says what was not tested")]

use proptest::prelude::*;

use super::super::testing::{output, package, parse, survives_truncation, wants};
use super::*;

const KEY: &str = "usr/lib/ruby/gems/3.1.0/specifications/nokogiri-1.13.10-x86_64-linux.gemspec";
const GOOD: &str = r##"# -*- encoding: utf-8 -*-
# stub: nokogiri 1.13.10 x86_64-linux lib

Gem::Specification.new do |s|
  s.name = "nokogiri".freeze
  s.version = "1.13.10"
  s.platform = "x86_64-linux".freeze
  s.required_rubygems_version = Gem::Requirement.new(">= 0".freeze) if s.respond_to? :required_rubygems_version=
  s.metadata = { "name" => "x" } if s.respond_to? :metadata=
  s.description = "s.version = \"9\"\n".freeze
  s.licenses = ["MIT".freeze, "Apache 2.0".freeze]
  s.rubygems_version = "3.3.15".freeze
end
"##;

#[test]
fn installed_specifications_are_wanted_and_those_of_sources_are_not() {
    assert!(wants(&Ruby, KEY));
    assert!(wants(
        &Ruby,
        "usr/local/lib/ruby/gems/3.3.0/specifications/default/json-2.7.gemspec"
    ));
    for key in [
        "usr/lib/ruby/gems/3.1.0/gems/rake-13.0.6/rake.gemspec",
        "app/specifications/x/a-1.gemspec",
        "app/default/a-1.gemspec",
        "specifications/a-1.gem",
    ] {
        assert!(!wants(&Ruby, key), "{key}");
    }
}

#[test]
fn what_rubygems_writes_is_read() {
    let found = package(&Ruby, KEY, GOOD);
    assert_eq!(
        (
            found.name.as_str(),
            found.version.as_str(),
            found.architecture.as_deref()
        ),
        ("nokogiri", "1.13.10", Some("x86_64-linux"))
    );
    assert_eq!(found.licences, ["MIT", "Apache-2.0"]);
    assert!(found.attributes.is_empty());
    assert_eq!(
        Ruby.purl(&found, None),
        "pkg:gem/nokogiri@1.13.10?platform=x86_64-linux"
    );
}

#[test]
fn gems_of_ruby_itself_are_marked() {
    let key = "usr/lib/ruby/gems/3.1.0/specifications/default/json-2.6.1.gemspec";
    let found = package(
        &Ruby,
        key,
        "  s.name = \"json\"\n  s.version = \"2.6.1\"\n  s.license = 'Ruby'\n",
    );
    assert_eq!(found.attributes[0].0, "gem.default");
    assert_eq!(Ruby.purl(&found, None), "pkg:gem/json@2.6.1");
    assert_eq!(found.licences, ["Ruby"]);
}

#[test]
fn older_and_other_forms_of_literals_are_read() {
    for (line, right) in [
        ("s.version = Gem::Version.new(\"1.0.1\")", Some("1.0.1")),
        ("s.version = '1.2'", Some("1.2")),
        ("s.version = %q{1.3}", Some("1.3")),
        ("s.version = %q<1.4>.freeze", Some("1.4")),
        ("spec.version=\"1.5\"", Some("1.5")),
        ("s.version = Foo::VERSION", None),
        ("s.version = File.read(\"version\")", None),
        ("s.version = \"#{x}.1\"", None),
        ("s.version = x + \"1\"", None),
        ("if s.version == \"1\"", None),
    ] {
        let mut read = Specification::default();
        read.take(line);
        assert_eq!(read.version.as_deref(), right, "{line}");
    }
}

#[test]
fn what_a_program_calculates_is_told_by_the_stub_or_the_name_of_the_file() {
    let found = package(
        &Ruby,
        KEY,
        "# stub: a 1.2 java lib\nGem::Specification.new do |s|\n s.version = V\nend",
    );
    assert_eq!((found.name.as_str(), found.version.as_str()), ("a", "1.2"));
    assert_eq!(found.architecture.as_deref(), Some("java"));
    let found = package(&Ruby, KEY, "Gem::Specification.new { |s| }");
    assert_eq!(
        (
            found.name.as_str(),
            found.version.as_str(),
            found.architecture.as_deref()
        ),
        ("nokogiri", "1.13.10", Some("x86_64-linux"))
    );
    assert_eq!(
        by_file_name("net-http2-client-0.3.0.1.gemspec"),
        Some(("net-http2-client", "0.3.0.1", None))
    );
    let none = parse(&Ruby, "specifications/a.gemspec", "");
    assert_eq!(none.notes[0].reason, SkipReason::Corrupt);
}

#[test]
fn this_machine_has_the_gems_that_rubygems_lists() {
    let program = "Gem::Specification.each { |s| puts [s.loaded_from, s.name, s.version, s.platform, \
                   s.default_gem?, s.licenses.size].join(\"\\t\") }";
    let Some(list) = output("ruby", &["-e", program]) else {
        println!("skipped: this machine has no Ruby");
        return;
    };
    let mut checked = 0;
    for line in list.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        if !wants(&Ruby, fields[0]) {
            println!("skipped: {} is no installed specification", fields[0]);
            continue;
        }
        let ours = package(&Ruby, fields[0], std::fs::read(fields[0]).unwrap());
        assert_eq!(
            [
                ours.name.as_str(),
                ours.version.as_str(),
                ours.architecture.as_deref().unwrap_or("ruby"),
                if ours.attributes.is_empty() {
                    "false"
                } else {
                    "true"
                },
                &ours.licences.len().to_string(),
            ],
            fields[1..],
            "{}",
            fields[0]
        );
        checked += 1;
    }
    assert!(checked > 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_text_is_survived(text in "(s\\.|name|version|licenses|platform| = |\"|'|%q<|>|\\[|\\]|#\\{|\\\\|# stub: |1.2|é|\n|\\.freeze){0,40}") {
        parse(&Ruby, KEY, &text);
        parse(&Ruby, "specifications/x.gemspec", &text);
    }

    #[test]
    fn any_name_is_survived(name in "[-a0.é]{0,12}\\.gemspec") {
        by_file_name(&name);
    }

    #[test]
    fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..300)) {
        parse(&Ruby, KEY, data);
    }
}

#[test]
fn any_truncation_is_survived() {
    survives_truncation(&Ruby, KEY, GOOD.as_bytes());
}
