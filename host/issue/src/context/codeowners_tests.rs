#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;

use super::*;

/// `section: owners` of a path, in the order of the file.
fn of(text: &str, path: &str) -> Vec<String> {
    CodeOwners::parse(text)
        .of_path(path)
        .unwrap()
        .into_iter()
        .map(|owned| format!("{}: {}", owned.section, owned.owners.join(" ")))
        .collect()
}

fn owner(text: &str, path: &str) -> Option<String> {
    of(text, path)
        .first()
        .map(|one| one.trim_start_matches(": ").to_owned())
}

fn fits(pattern: &str, path: &str) -> bool {
    owner(&format!("{pattern} @a"), path).is_some()
}

#[test]
fn the_last_match_of_a_section_wins() {
    let file = "*.md @docs\nterms.md @legal\n";
    assert_eq!(owner(file, "terms.md").unwrap(), "@legal");
    assert_eq!(owner(file, "a/b/readme.md").unwrap(), "@docs");
    assert_eq!(owner(file, "a.rs"), None);
}

#[test]
fn every_section_says_its_own() {
    let file = "* @admin\n[README Owners]\nREADME.md @user1 @user2\ninternal/README.md @user4\n\
                [README other owners]\nREADME.md @user3\n";
    assert_eq!(
        of(file, "README.md"),
        [
            ": @admin",
            "README Owners: @user1 @user2",
            "README other owners: @user3"
        ]
    );
    assert_eq!(
        of(file, "internal/README.md"),
        [
            ": @admin",
            "README Owners: @user4",
            "README other owners: @user3"
        ]
    );
}

#[test]
fn a_section_has_default_owners_and_any_case() {
    let file = "[Documentation][2] @docs-team\ndocs/\n^[Database] @db @agarcia\nmodel/db/\n\
                config/setup.md @other\n[DOCUMENTATION]\nLICENSE @legal\nNOTICE\n";
    assert_eq!(of(file, "docs/a/b.txt"), ["Documentation: @docs-team"]);
    assert_eq!(of(file, "model/db/x"), ["Database: @db @agarcia"]);
    assert_eq!(of(file, "config/setup.md"), ["Database: @other"]);
    assert_eq!(of(file, "LICENSE"), ["Documentation: @legal"]);
    // The second heading has no default owners, so an entry without owners has none.
    assert_eq!(of(file, "NOTICE"), Vec::<String>::new());
}

#[test]
fn an_exclusion_holds_in_its_section_for_good() {
    let file = "* @default\n!*.rb\n/special/*.rb @ruby\n[Ruby]\n*.rb @team\n!/config/**/*.rb\n/config/r.rb @ops\n";
    assert_eq!(of(file, "special/a.rb"), ["Ruby: @team"]);
    assert_eq!(of(file, "config/r.rb"), Vec::<String>::new());
    assert_eq!(of(file, "config/a/b.rb"), Vec::<String>::new());
    assert_eq!(of(file, "config/r.txt"), [": @default"]);
}

#[test]
fn patterns_match_as_gitlab_matches_them() {
    for (pattern, path, is_match) in [
        ("*", "a", true),
        ("*", "a/b/.c", true),
        ("/README.md", "README.md", true),
        ("/README.md", "docs/README.md", false),
        ("README.md", "app/lib/README.md", true),
        ("internal/README.md", "docs/api/internal/README.md", true),
        ("internal/README.md", "docs/notinternal/README.md", false),
        ("/docs/", "docs/a/b/c", true),
        ("/docs/", "x/docs/a", false),
        ("/docs/", "docs", false),
        ("docs/", "x/docs/a", true),
        ("docs", "x/docs/a", false),
        ("docs", "x/docs", true),
        ("/docs/*", "docs/a", true),
        ("/docs/*", "docs/a/b", false),
        ("/docs/**", "docs/a", true),
        ("/docs/**", "docs/a/b", false),
        ("/docs/**/*.md", "docs/a.md", true),
        ("/docs/**/*.md", "docs/x/y/a.md", true),
        ("/docs/**/index.md", "docs/index.md", true),
        ("/docs/*/README.md", "docs/api/README.md", true),
        ("/docs/*/README.md", "docs/api/v2/README.md", false),
        ("/docs/*spec*", "docs/qa_specs.rb", true),
        ("Docker*", "services/api/Dockerfile", true),
        ("a?c", "abc", true),
        ("a?c", "a/c", false),
        ("[ab]x", "bx", true),
        ("[a-c]x", "dx", false),
        ("[!a-c]x", "dx", true),
        ("[]]x", "]x", true),
        ("[a", "[a", false),
        ("a**b", "axxb", true),
        ("a**b", "ax/xb", false),
        ("{a,b}", "a", false),
        ("{a,b}", "{a,b}", true),
    ] {
        // Where a bracket is closed, a pattern that begins with it would be a heading: it stands in a folder.
        let folder = if pattern.starts_with('[') { "x/" } else { "" };
        let (pattern, path) = (format!("{folder}{pattern}"), format!("{folder}{path}"));
        assert_eq!(fits(&pattern, &path), is_match, "{pattern} on {path}");
    }
}

#[test]
fn spaces_and_hashes_can_be_escaped() {
    assert_eq!(
        owner("path\\ with\\ spaces/*.md @space", "path with spaces/a.md").unwrap(),
        "@space"
    );
    assert_eq!(
        owner("\\#file_with_pound.rb @pound", "#file_with_pound.rb").unwrap(),
        "@pound"
    );
    assert_eq!(owner("# * @nobody", "a"), None);
    assert_eq!(
        owner("folder with spaces/*.md @group", "folder").unwrap(),
        "@group"
    );
}

#[test]
fn owners_are_users_groups_roles_and_addresses() {
    let file = "/a @group user_without_at @user.x mira@example.com @@maintainer @group/sub @ @x!y x@y # @later";
    assert_eq!(
        owner(file, "a").unwrap(),
        "@group @user.x mira@example.com @@maintainer @group/sub @later"
    );
    assert_eq!(owner("/a only words", "a"), None);
}

#[test]
fn a_heading_that_can_not_be_read_is_an_entry() {
    let file = "* @group\n\n[Section name\ndocs/ @docs_group\n";
    assert_eq!(of(file, "docs/a"), [": @docs_group"]);
    assert_eq!(of("[]\n* @a", "x"), [": @a"]);
}

#[test]
fn lines_of_windows_are_lines() {
    assert_eq!(of("* @a\r\n[X]\r\n*.md @b\r\n", "a.md"), [": @a", "X: @b"]);
}

#[test]
fn a_cap_that_is_reached_is_told() {
    let long = format!("{}last @z\n", "a @a\n".repeat(MAX_ENTRIES));
    let file = CodeOwners::parse(&long);
    assert!(file.cut.as_ref().unwrap().contains("5000 entries"));
    assert_eq!(file.of_path("last").unwrap(), []);
    let long = format!("* @a\n{}", "é".repeat(MAX_BYTES));
    assert!(CodeOwners::parse(&long).cut.unwrap().contains("bytes"));
    assert_eq!(CodeOwners::parse("* @a").cut, None);
}

#[test]
fn patterns_made_to_be_slow_are_given_up_and_said_so() {
    let pattern = format!("*{}b @x\n", "a".repeat(400));
    let file = CodeOwners::parse(&pattern.repeat(500));
    assert_eq!(file.of_path(&"a".repeat(1_000)), Err(TooMuchWork));
    let folders = format!("**/{}b @x\n", "aa/".repeat(150));
    let file = CodeOwners::parse(&folders.repeat(400));
    assert_eq!(file.of_path(&"aa/".repeat(300)), Err(TooMuchWork));
}

/// The same meaning, slowly: tries everything.
fn slow(pattern: &[char], path: &[char]) -> bool {
    if let Some(rest) = pattern.strip_prefix(&['*', '*', '/']) {
        let mut from = 0;
        loop {
            if slow(rest, &path[from..]) {
                return true;
            }
            match path[from..].iter().position(|letter| *letter == '/') {
                Some(next) => from += next + 1,
                None => return false,
            }
        }
    }
    segment_slow(pattern, path)
}

fn segment_slow(pattern: &[char], path: &[char]) -> bool {
    match (pattern.first(), path.first()) {
        (None, None) => true,
        (Some('*'), _) => {
            segment_slow(&pattern[1..], path)
                || path.first().is_some_and(|letter| *letter != '/')
                    && segment_slow(pattern, &path[1..])
        }
        (Some('/'), Some('/')) => slow(&pattern[1..], &path[1..]),
        (Some('?'), Some(letter)) if *letter != '/' => segment_slow(&pattern[1..], &path[1..]),
        (Some(a), Some(b)) if a == b && *a != '/' => segment_slow(&pattern[1..], &path[1..]),
        _ => false,
    }
}

proptest! {
    #[test]
    fn any_text_is_a_file(text in "(?s).{0,400}", path in ".{0,80}") {
        let _ = CodeOwners::parse(&text).of_path(&path);
    }

    #[test]
    fn lines_of_the_dialect_never_panic(
        lines in proptest::collection::vec("[\\^\\[\\]!#*/a-c\\\\ @.\t0-9é-]{0,30}", 0..20), path in "[abcé/*\\[\\] ]{0,40}",
    ) {
        let _ = CodeOwners::parse(&lines.join("\n")).of_path(&path);
    }

    #[test]
    fn going_back_to_the_last_star_only_is_enough(pattern in "([ab*?]|\\*\\*/|/){0,10}", path in "[ab/]{0,10}") {
        let fast = takes(&pattern, &path, &mut Budget(u64::MAX)).unwrap();
        let pattern: Vec<char> = pattern.chars().collect();
        let path: Vec<char> = path.chars().collect();
        prop_assert_eq!(fast, slow(&pattern, &path));
    }

    #[test]
    fn a_step_is_at_most_a_letter_times_a_letter(pattern in "([ab*?]|\\*\\*/|/){0,40}", path in "[ab/]{0,60}") {
        let most = (pattern.len() as u64 + 2) * (path.len() as u64 + 2) * 3;
        prop_assert!(takes(&pattern, &path, &mut Budget(most)).is_ok());
    }
}
