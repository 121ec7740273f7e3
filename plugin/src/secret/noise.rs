//! What looks like a secret and is none: words, examples, placeholders, variables.

/// Words that no secret holds; texts for people do.
const WORDS: &[&str] = &[
    "example",
    "sample",
    "dummy",
    "changeme",
    "change_me",
    "change-me",
    "changeit",
    "placeholder",
    "yourkey",
    "your-",
    "your_",
    "yourpass",
    "yoursecret",
    "yourtoken",
    "yourapi",
    "redacted",
    "masked",
    "hidden",
    "foobar",
    "foo-bar",
    "notreal",
    "not-a-",
    "not_a_",
    "insert",
    "replace",
    "undefined",
    "todo",
    "fixme",
    "abcdefg",
    "qwerty",
    "0123456",
    "1234567",
    "7654321",
    "deadbeef",
    "cafebabe",
    "abcd1234",
    "abc123",
    "a1b2c3",
    "test-",
    "-test",
    "test_",
    "_test",
    "mock",
    "fake",
    "loremipsum",
    "somevalue",
    "mysecret",
    "my-secret",
    "my_secret",
    "mytoken",
    "my-token",
    "my_token",
    "supersecret",
    "super-secret",
    "super_secret",
    "thisis",
    "this-is",
    "this_is",
    "t0ps3cret",
    "invalid",
    "null",
];

/// What is typed in the place of characters.
const SIGNS: &[&str] = &["xxxxx", "....", "****", "####", "-----", "_____"];

/// More of them, for passwords, which people choose.
const PASSWORD_WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "test",
    "enter",
    "default",
    "string",
    "required",
    "optional",
    "credential",
    "token",
    "none",
    "empty",
    "value",
    "config",
    "setting",
    "field",
    "prompt",
    "unset",
    "blank",
    "encrypted",
    "forgot",
    "reset",
    "correct horse",
    "username",
];

/// Values that are no password by themselves.
const VALUES: &[&str] = &[
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "nil",
    "pass",
    "pw",
    "pwd",
    "user",
    "admin",
    "root",
    "guest",
    "login",
    "x",
    "xx",
    "xxx",
    "bar",
    "foo",
    "baz",
    "abc",
    "prompt",
    "ask",
    "env",
    "file",
    "auto",
    "basic",
    "bearer",
    "plain",
    "plaintext",
    "scram-sha-256",
    "md5",
    "sha256",
    "sha512",
    "bcrypt",
    "trust",
    "peer",
    "disabled",
    "enabled",
    "function",
    "object",
    "number",
    "boolean",
    "any",
];

/// Shannon's entropy in hundredths of bits a character.
pub(super) fn entropy(value: &[u8]) -> u16 {
    let mut counts = [0_u32; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let all = value.len() as f32;
    let bits: f32 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = *count as f32 / all;
            -share * share.log2()
        })
        .sum();
    (bits * 100.0) as u16
}

/// True when the value holds one of the words that have so many letters, in any case.
fn holds(value: &[u8], words: &[&str], least: usize) -> bool {
    let lower = value.to_ascii_lowercase();
    words.iter().filter(|word| word.len() >= least).any(|word| {
        lower
            .windows(word.len())
            .any(|window| window == word.as_bytes())
    })
}

/// True for a token of the right shape that somebody made up. Short words come about by chance, so they don't
/// count here.
pub(super) fn is_example(value: &[u8]) -> bool {
    value.is_empty() || is_monotonous(value) || holds(value, WORDS, 6) || holds(value, SIGNS, 0)
}

/// True for a value that something else will be put in the place of, and for one that is a word for a secret.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let Some(first) = value.first() else {
        return true;
    };
    let variable = matches!(first, b'$' | b'<' | b'{' | b'%' | b'@' | b'*' | b'&')
        || value.windows(2).any(|two| {
            matches!(
                two,
                b"${"
                    | b"$("
                    | b"{{"
                    | b"}}"
                    | b"#{"
                    | b"%("
                    | b"%{"
                    | b"@@"
                    | b"<%"
                    | b"%>"
                    | b"%s"
                    | b"{0"
                    | b"[["
                    | b"__"
                    | b"\\$"
            )
        });
    variable || is_example(value) || holds(value, WORDS, 0)
}

/// True for characters that somebody typed to fill a place: one repeated, a few of them, one after the other.
fn is_monotonous(value: &[u8]) -> bool {
    let mut seen = [false; 256];
    let mut distinct = 0;
    let (mut same, mut up, mut down) = (1, 1, 1);
    let mut before: Option<u8> = None;
    // Long tokens have numbers in them, and those have zeros.
    let long = if value.len() <= 64 { 6 } else { 12 };
    for byte in value {
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            distinct += u32::from(!*seen);
            *seen = true;
        }
        if let Some(before) = before {
            same = if *byte == before { same + 1 } else { 1 };
            up = if Some(*byte) == before.checked_add(1) {
                up + 1
            } else {
                1
            };
            down = if Some(*byte) == before.checked_sub(1) {
                down + 1
            } else {
                1
            };
        }
        before = Some(*byte);
        if same >= long || up >= 7 || down >= 7 {
            return true;
        }
    }
    let few = match value.len() {
        0..=3 => 1,
        4..=15 => 2,
        _ => 5,
    };
    distinct <= few || is_period(value)
}

/// True when the first few characters are all there is, again and again.
fn is_period(value: &[u8]) -> bool {
    (1..=value.len() / 3)
        .any(|period| period <= 10 && value.iter().skip(period).zip(value).all(|(a, b)| a == b))
}

/// True when a person's text for a password is none.
pub(super) fn is_no_password(value: &[u8]) -> bool {
    is_placeholder(value)
        || holds(value, PASSWORD_WORDS, 0)
        || VALUES
            .iter()
            .any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
        || is_place(value)
}

/// True for paths, addresses and names of files.
pub(super) fn is_place(value: &[u8]) -> bool {
    const ENDS: &[&[u8]] = &[
        b".pem", b".key", b".crt", b".txt", b".json", b".yml", b".yaml", b".conf", b".php", b".py",
        b".js", b".html", b".env", b".ini", b".xml", b".jks", b".p12", b".pfx", b".cer", b".rb",
        b".go", b".java", b".sh",
    ];
    let lower = value.to_ascii_lowercase();
    let slashes = value.iter().filter(|byte| **byte == b'/').count();
    let words = |separator: u8| {
        value.split(|byte| *byte == separator).all(|part| {
            part.iter()
                .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-' | b'.'))
        })
    };
    value.starts_with(b"/")
        || value.starts_with(b"./")
        || value.starts_with(b"../")
        || value.starts_with(b"~/")
        || value.get(1..3) == Some(b":\\")
        || value.windows(3).any(|three| three == b"://")
        || (slashes > 0 && words(b'/'))
        || ENDS.iter().any(|end| lower.ends_with(end))
}

/// True when letters and digits (or signs) take turns as they do in what was drawn by lot, and not in names.
pub(super) fn is_random(value: &[u8]) -> bool {
    let kind = |byte: &u8| match byte {
        b'0'..=b'9' => 1_u8,
        b'a'..=b'z' => 2,
        b'A'..=b'Z' => 3,
        _ => 4,
    };
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = value
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    if letters == 0 || digits == value.len() {
        return false;
    }
    let turns = value
        .iter()
        .zip(value.iter().skip(1))
        .filter(|(a, b)| {
            let (a, b) = (kind(a), kind(b));
            // A capital letter at the beginning of a word is no turn.
            a != b && a != 4 && b != 4 && !(a == 3 && b == 2)
        })
        .count();
    let parts = value
        .split(|byte| matches!(byte, b'-' | b'_' | b'.' | b' ' | b':'))
        .filter(|part| !part.is_empty())
        .count();
    digits >= 2 && turns >= 3 && turns * 9 >= value.len() && parts * 5 <= value.len()
}

/// True for a password that a person or a machine may have set: not one word.
pub(super) fn is_strong(value: &[u8]) -> bool {
    let letters = value.iter().any(u8::is_ascii_alphabetic);
    let digits = value.iter().any(u8::is_ascii_digit);
    let signs = value.iter().any(|byte| {
        byte.is_ascii_punctuation() && !matches!(byte, b'-' | b'_' | b'.' | b':' | b'/')
    });
    letters && (digits || signs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_that_of_shannon() {
        assert_eq!(entropy(b""), 0);
        assert_eq!(entropy(b"aaaa"), 0);
        assert_eq!(entropy(b"abab"), 100);
        assert_eq!(entropy(b"0123456789abcdef"), 400);
    }

    #[test]
    fn what_was_typed_to_fill_a_place_is_told_from_what_was_drawn() {
        for value in [
            "xxxxxxxxxxxxxxxx",
            "${TOKEN}",
            "{{ .Values.token }}",
            "<token>",
            "abcabcabcabc",
            "1234567890",
            "your-key-here",
            "AKIAIOSFODNN7EXAMPLE",
            "aaaaaaaaaaaaaaaaaaaa",
            "%PASSWORD%",
            "0000000000000000",
        ] {
            assert!(is_placeholder(value.as_bytes()), "{value}");
        }
        for value in [
            "pK3vQ9xZ7mT2wR8s",
            "d41d8cd98f00b204e9800998ecf8427e",
            "Tr0ub4dor&3",
        ] {
            assert!(!is_placeholder(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn names_are_not_random() {
        for value in [
            "my-service-token-v2-2023",
            "com.example.Service1",
            "AbstractBeanFactory2",
            "kubernetes.io/service-account-token",
        ] {
            assert!(!is_random(value.as_bytes()), "{value}");
        }
        for value in [
            "9f86d081884c7d659a2feaa0c55ad015",
            "pK3vQ9xZ7mT2wR8sLd04",
            "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        ] {
            assert!(is_random(value.as_bytes()), "{value}");
        }
    }
}
