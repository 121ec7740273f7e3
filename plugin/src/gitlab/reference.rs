//! Image references as scanners write them, and whether one belongs to an image repository.

/// The parts of `host[:port]/path[:tag][@digest]`, in lower case but for the tag.
#[derive(Debug, PartialEq, Eq)]
pub struct Reference {
    /// Host without its port.
    pub host: String,
    /// Port, where one is written.
    pub port: Option<String>,
    /// Path in the registry.
    pub path: String,
    /// Tag, where one is written.
    pub tag: Option<String>,
    /// `algorithm:hex`, where one is written.
    pub digest: Option<String>,
}

impl Reference {
    /// Reads a reference that names its registry; one without a host (`nginx:1.27`) is `None`. What some
    /// scanners put behind it, ` (debian 12.1)`, is passed over.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.split_whitespace().next()?;
        let text = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .unwrap_or(text);
        let (text, digest) = match text.split_once('@') {
            Some((before, digest)) => (before, Some(digest.to_ascii_lowercase())),
            None => (text, None),
        };
        let (authority, path) = text.split_once('/')?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => {
                (host, Some(port.to_owned()))
            }
            _ => (authority, None),
        };
        // Without one of these the first part is the name of an account at Docker Hub.
        if port.is_none() && !host.contains('.') && host != "localhost" {
            return None;
        }
        // A colon in the last part begins the tag; there are none before.
        let (path, tag) = match path.rsplit_once(':') {
            Some((before, tag)) if !tag.contains('/') => (before, Some(tag.to_owned())),
            _ => (path, None),
        };
        let path = path.trim_matches('/').to_lowercase();
        (!path.is_empty()).then(|| Self {
            host: host.to_lowercase(),
            port,
            path,
            tag,
            digest,
        })
    }

    /// True when it names an image of that repository: the same host (a port that only one side writes is
    /// no difference) and exactly that path.
    pub fn belongs_to(&self, registry_host: &str, repository: &str) -> bool {
        self.is_at(registry_host) && self.path == repository.to_lowercase()
    }

    /// True when it names something in that registry.
    pub fn is_at(&self, registry_host: &str) -> bool {
        let registry = registry_host.to_lowercase();
        let (host, port) = match registry.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, Some(port)),
            _ => (registry.as_str(), None),
        };
        let same_port = match (self.port.as_deref(), port) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        self.host == host && same_port
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOST: &str = "registry.example.com:5050";

    fn belongs(image: &str) -> bool {
        Reference::parse(image).is_some_and(|image| image.belongs_to(HOST, "acme/shop/app"))
    }

    #[test]
    fn every_way_to_write_an_image_of_the_repository_belongs_to_it() {
        for image in [
            "registry.example.com:5050/acme/shop/app",
            "registry.example.com:5050/acme/shop/app:1.0",
            "registry.example.com/acme/shop/app:1.0",
            "Registry.Example.com:5050/Acme/Shop/App:V1",
            "registry.example.com:5050/acme/shop/app@sha256:0123",
            "registry.example.com:5050/acme/shop/app:1.0@sha256:0123",
            "registry.example.com:5050/acme/shop/app:1.0 (debian 12.1)",
            "https://registry.example.com:5050/acme/shop/app:1.0",
        ] {
            assert!(belongs(image), "{image}");
        }
    }

    #[test]
    fn a_neighbour_does_not_belong_to_it() {
        for image in [
            "registry.example.com:5050/acme/shop/app-base:1.0",
            "registry.example.com:5050/acme/shop/app/main:1.0",
            "registry.example.com:5050/acme/shop:app",
            "registry.example.com:5050/other/acme/shop/app",
            "registry.example.com:5000/acme/shop/app",
            "registry.example.org/acme/shop/app",
            "acme/shop/app:1.0",
            "app:1.0",
            "docker.io/acme/shop/app",
            "",
            " ",
            "/",
            ":/@",
        ] {
            assert!(!belongs(image), "{image}");
        }
    }

    #[test]
    fn the_tag_and_the_digest_are_told_apart() {
        let found = Reference::parse("localhost/a/b:Tag@SHA256:AB").unwrap();
        assert_eq!(
            (found.tag.as_deref(), found.digest.as_deref()),
            (Some("Tag"), Some("sha256:ab"))
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = Reference::parse(&text);
        }

        #[test]
        fn what_is_written_with_a_tag_belongs(path in "[a-z0-9]{1,8}(/[a-z0-9-]{1,8}){1,3}", tag in "[A-Za-z0-9_][A-Za-z0-9._-]{0,20}") {
            let image = Reference::parse(&format!("{HOST}/{path}:{tag}")).unwrap();
            prop_assert!(image.belongs_to(HOST, &path));
            prop_assert_eq!(image.tag, Some(tag));
        }
    }
}
