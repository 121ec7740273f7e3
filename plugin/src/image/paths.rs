//! Paths of an archive as keys: relative to the image's root, without `.` and doubled slashes. They never
//! name anything outside the archive.

/// Hops over symbolic links before a path counts as a loop, as in Linux.
pub const MAX_LINK_HOPS: usize = 40;

/// Brings the spelling of an archive to a key in `key`. False when the path leads out of the root (`..`)
/// or names the root itself: no key then.
pub fn normalise(spelled: &[u8], key: &mut Vec<u8>) -> bool {
    key.clear();
    for part in spelled.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return false,
            _ => {
                if !key.is_empty() {
                    key.push(b'/');
                }
                key.extend_from_slice(part);
            }
        }
    }
    !key.is_empty()
}

/// The folder and the last part of a key. The folder of `a` is the empty key.
pub fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('/').unwrap_or(("", key))
}

/// True when `key` lies anywhere below the folder `dir`. Everything lies below the root.
pub fn is_below(key: &str, dir: &str) -> bool {
    dir.is_empty() || key.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
}

/// Where `key` leads when links are followed: those of its folders, and its own when `last` is set. `None`
/// for loops. As in a container, `..` stops at the root.
pub fn resolve<'l>(key: &str, last: bool, link: impl Fn(&str) -> Option<&'l str>) -> Option<String> {
    let mut hops = 0;
    let mut done = String::new();
    let mut parts: Vec<String> = key.rsplit('/').map(str::to_owned).collect();
    while let Some(part) = parts.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                done.truncate(split(&done).0.len());
                continue;
            }
            _ => {}
        }
        let parent = done.len();
        if !done.is_empty() {
            done.push('/');
        }
        done.push_str(&part);
        let follow = last || !parts.is_empty();
        if let Some(target) = follow.then(|| link(&done)).flatten() {
            hops += 1;
            if hops > MAX_LINK_HOPS || parts.len() > 4096 {
                return None;
            }
            done.truncate(if target.starts_with('/') { 0 } else { parent });
            parts.extend(target.rsplit('/').map(str::to_owned));
        }
    }
    Some(done)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    fn key(spelled: &str) -> Option<String> {
        let mut key = Vec::new();
        normalise(spelled.as_bytes(), &mut key).then(|| String::from_utf8(key).unwrap())
    }

    #[test]
    fn every_spelling_of_a_path_is_one_key() {
        for spelled in ["etc/os-release", "./etc/os-release", "/etc/os-release", "//etc/.//os-release/"] {
            assert_eq!(key(spelled).as_deref(), Some("etc/os-release"), "{spelled}");
        }
        for spelled in ["", ".", "/", "../etc/passwd", "a/../../b", "a/.."] {
            assert_eq!(key(spelled), None, "{spelled}");
        }
    }

    #[test]
    fn links_are_followed_as_in_a_container() {
        let link = |key: &str| match key {
            "etc/os-release" => Some("../usr/lib/os-release"),
            "lib" => Some("usr/lib"),
            "abs" => Some("/usr/lib/../lib"),
            "out" => Some("../../../etc/passwd"),
            "a" => Some("b"),
            "b" => Some("a"),
            _ => None,
        };
        let resolve = |key, last| resolve(key, last, link);
        assert_eq!(resolve("etc/os-release", true).unwrap(), "usr/lib/os-release");
        assert_eq!(resolve("etc/os-release", false).unwrap(), "etc/os-release");
        assert_eq!(resolve("lib/apk/db/installed", false).unwrap(), "usr/lib/apk/db/installed");
        assert_eq!(resolve("abs/x", false).unwrap(), "usr/lib/x");
        assert_eq!(resolve("out", true).unwrap(), "etc/passwd");
        assert_eq!(resolve("a/x", false), None);
    }

    #[test]
    fn below_means_below_and_not_beside() {
        assert!(is_below("a/b", "a"));
        assert!(is_below("a/b", ""));
        assert!(!is_below("ab", "a"));
        assert!(!is_below("a", "a"));
    }
}
