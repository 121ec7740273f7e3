#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::path::Path;

use proptest::prelude::*;

use super::corpus_tests::{ALNUM, FIRE, Lot, draw, hits, pem};
use super::*;

/// Reads real folders: `SECRET_ROOTS=/a:/b`. Says what it finds; nothing is asserted.
#[test]
fn real_folders_are_read() {
    let Ok(roots) = std::env::var("SECRET_ROOTS") else {
        println!("skipped: SECRET_ROOTS names no folders");
        return;
    };
    let show = std::env::var("SECRET_SHOW").is_ok();
    for root in roots.split(':') {
        let root = Path::new(root);
        let (mut files, mut wanted, mut bytes, mut hits) = (0_u64, 0_u64, 0_u64, 0);
        let start = std::time::Instant::now();
        let mut todo = vec![root.to_path_buf()];
        while let Some(folder) = todo.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else {
                continue;
            };
            for entry in entries.flatten() {
                let Ok(kind) = entry.file_type() else {
                    continue;
                };
                let path = entry.path();
                if kind.is_dir() {
                    let skip = ["proc", "sys", "dev"];
                    if !(root == Path::new("/") && skip.iter().any(|name| path == root.join(name)))
                    {
                        todo.push(path);
                    }
                    continue;
                }
                if !kind.is_file() {
                    continue;
                }
                files += 1;
                let key = match std::env::var("SECRET_PREFIX") {
                    Ok(prefix) => {
                        format!("{prefix}/{}", path.strip_prefix(root).unwrap().display())
                    }
                    Err(_) => path.strip_prefix(root).unwrap().display().to_string(),
                };
                let size = entry.metadata().map_or(0, |data| data.len());
                let file = File {
                    size,
                    ..File::of_path(&key)
                };
                if !wants(&file) {
                    continue;
                }
                let Ok(data) = std::fs::read(&path) else {
                    continue;
                };
                if !recognises(&data[..data.len().min(512)]) {
                    continue;
                }
                wanted += 1;
                bytes += data.len() as u64;
                let mut found = Vec::new();
                read(&file, &mut &data[..], &mut found).unwrap();
                hits += found.len();
                for hit in found {
                    let line = if show {
                        let text = String::from_utf8_lossy(&data);
                        let line = text
                            .lines()
                            .nth(hit.line.saturating_sub(1) as usize)
                            .unwrap_or_default();
                        line.chars().take(200).collect::<String>()
                    } else {
                        String::new()
                    };
                    println!("{} {key}:{} {} {line}", hit.rule, hit.line, hit.masked);
                }
            }
        }
        println!(
            "{}: {files} files, {wanted} read ({bytes} bytes), {hits} hits, {:?}",
            root.display(),
            start.elapsed()
        );
    }
}

/// What is secret in a drawn line: runs of at least eight characters that were drawn.
fn secrets(template: &str, text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut pattern = template;
    while let Some((before, after)) = pattern.split_once('{') {
        let before = before.replace('|', "");
        rest = rest.strip_prefix(before.as_str()).unwrap_or(rest);
        let (what, behind) = after.split_once('}').unwrap();
        pattern = behind;
        let count = match what {
            "c" => 6,
            _ => match what[1..].parse::<usize>() {
                Ok(count) => count,
                Err(_) => return parts,
            },
        };
        parts.push(rest[..count].to_owned());
        rest = &rest[count..];
    }
    parts
}

#[test]
fn no_five_characters_of_the_middle_of_a_secret_come_through() {
    for (index, (key, template, _)) in FIRE.iter().enumerate() {
        for round in 0..5 {
            let text = draw(template, (index * 20 + round) as u64);
            let shown = format!("{:?}", hits(key, &text));
            for secret in secrets(template, &text) {
                for part in secret.as_bytes().windows(5) {
                    let part = std::str::from_utf8(part).unwrap();
                    assert!(
                        !shown.contains(part),
                        "{key} {template}: {shown} tells {part}"
                    );
                }
            }
        }
    }
}

#[test]
fn commands_and_settings_lose_the_value_and_nothing_else() {
    let token = draw("glp|at-{a20}", 3);
    let password = draw("{a8}{d2}{a4}", 4);
    let mut found = Vec::new();
    let command = format!("curl -u ci:{token} https://x/y && app --password {password} --verbose");
    let shown = in_command(&command, &mut found);
    assert_eq!(
        shown,
        "curl -u ci:**** https://x/y && app --password **** --verbose"
    );
    assert_eq!(found.len(), 2, "{found:?}");
    let mut found = Vec::new();
    in_setting("DB_PASSWORD", "letmein", &mut found);
    in_setting(
        "GPG_KEY",
        "7169605F62C751356D054A26A821E680E5FA6305",
        &mut found,
    );
    in_setting("PATH", "/usr/local/bin:/usr/bin", &mut found);
    in_setting("PASSWORD_FILE", "/run/secrets/x", &mut found);
    assert_eq!(
        found,
        [Hit {
            rule: "password".to_owned(),
            line: 0,
            masked: "DB_PASSWORD=****".to_owned()
        }]
    );
}

/// Gives a text piece by piece.
struct Pieces<'t>(&'t [u8], usize);

impl io::Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(self.0.len()).min(buffer.len());
        let (now, rest) = self.0.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.0 = rest;
        Ok(count)
    }
}

#[test]
fn a_secret_at_any_place_of_a_long_text_is_found_once_with_its_line() {
    let token = draw("glp|at-{a20}", 11);
    let key = pem("RSA PRIVATE KEY", &[0x30, 0x82, 1, 2], 12);
    // Around the ends of windows above all.
    for before in [
        0, 1, 1000, 119_800, 120_000, 122_870, 122_880, 122_890, 123_000, 131_000, 131_060,
        131_072, 131_080, 240_000, 261_000, 400_000,
    ] {
        let filler = "all is well here\n".repeat(before / 17) + &".".repeat(before % 17);
        let line = u32::try_from(before / 17).unwrap() + 1;
        let text = format!("{filler} {token}\n{key}{}", "and so on\n".repeat(20_000));
        for size in [0, text.len() as u64] {
            let file = File {
                size,
                ..File::of_path("app/x.txt")
            };
            let mut found = Vec::new();
            read(&file, &mut Pieces(text.as_bytes(), 40_000), &mut found).unwrap();
            let told: Vec<_> = found
                .iter()
                .map(|hit| (hit.rule.as_str(), hit.line))
                .collect();
            assert_eq!(
                told,
                [("gitlab-pat", line), ("private-key", line + 1)],
                "{before}"
            );
        }
    }
}

#[test]
fn one_line_of_megabytes_is_read() {
    let token = draw("glp|at-{a20}", 11);
    let text = format!("{{\"a\":\"{}\",\"b\":\"{token}\"}}", "x".repeat(2 << 20));
    assert_eq!(hits("app/x.json", &text).len(), 1);
}

#[test]
fn more_than_a_hundred_are_cut_and_show_that_they_are() {
    let mut lot = Lot::new(5);
    let text: String = (0..500)
        .map(|_| ["glp", "at-", &lot.of(ALNUM, 20), "\n"].concat())
        .collect();
    assert_eq!(hits("app/x.txt", &text).len(), MAX_FILE_HITS + 1);
}

#[test]
fn text_of_windows_is_read_and_programs_are_not() {
    let text = draw("X=glp|at-{a20}\r\n", 3);
    for big in [false, true] {
        let bytes: Vec<u8> = "\u{feff}"
            .chars()
            .chain(text.chars())
            .flat_map(|letter| {
                let unit = letter as u16;
                if big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            })
            .collect();
        assert!(recognises(&bytes));
        for piece in [1, 2, 3, 4096] {
            let mut found = Vec::new();
            let file = File {
                size: bytes.len() as u64,
                ..File::of_path("app/x.ini")
            };
            read(&file, &mut Pieces(&bytes, piece), &mut found).unwrap();
            assert_eq!(found.len(), 1, "{big} {piece}");
        }
    }
    assert!(!recognises(b"\x7fELF\x02\x01\x01\0\0"));
    assert!(!recognises(b""));
}

#[test]
fn errors_of_the_reader_come_through() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    for key in ["app/x.txt", "root/.pgpass"] {
        let file = File {
            size: 100,
            ..File::of_path(key)
        };
        assert!(read(&file, &mut Broken, &mut Vec::new()).is_err());
    }
}

#[test]
fn rules_have_ids_of_their_own_and_something_to_look_for() {
    let mut seen = std::collections::HashSet::new();
    for rule in rules::all() {
        assert!(seen.insert(rule.id), "{} is there twice", rule.id);
        assert!(
            !rule.title.is_empty() && !rule.opens.ends_with('.'),
            "{}",
            rule.id
        );
        if let rules::Pattern::Token { .. } = rule.pattern {
            assert!(rule.looked_for().next().is_some(), "{}", rule.id);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..600), key in "[a-z./]{0,12}(.env|.pgpass|.netrc|.py|.xml)") {
        let file = File { size: 600, ..File::of_path(&key) };
        let mut found = Vec::new();
        read(&file, &mut &data[..], &mut found).unwrap();
        let text = String::from_utf8_lossy(&data);
        in_setting(&key, &text, &mut found);
        in_command(&text, &mut found);
    }

    #[test]
    fn any_text_of_keywords_and_signs_is_survived(
        text in "((password|-----BEGIN |PRIVATE KEY-----|token|https://|:|=|\"|'|@|<|>|\\\\n|eyJhbGci|\\.|LS0tLS1CRUdJTi|sig=|\\n| |é|a1){1,3}){0,30}",
        cut in 0_usize..200,
    ) {
        let end = (0..=cut.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap();
        for key in ["app/.env", "app/a.py", "root/.netrc", "app/x.xml"] {
            hits(key, &text);
            hits(key, &text[..end]);
        }
        in_command(&text, &mut Vec::new());
    }
}

/// Writes the lines that must fire as files, for other tools to read: `SECRET_PLANT=/a`.
#[test]
fn lines_are_written_for_other_tools() {
    let Ok(root) = std::env::var("SECRET_PLANT") else {
        println!("skipped: SECRET_PLANT names no folder");
        return;
    };
    for (index, (key, template, rule)) in FIRE.iter().enumerate() {
        let path = Path::new(&root)
            .join(format!("{index:03}-{rule}"))
            .join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, draw(template, index as u64 * 20)).unwrap();
    }
    let key = pem("RSA PRIVATE KEY", &[0x30, 0x82, 4, 5], 77);
    std::fs::write(Path::new(&root).join("id_rsa"), key).unwrap();
}
