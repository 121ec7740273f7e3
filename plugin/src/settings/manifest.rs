//! What the connector says of itself: `describe`.

use super::key;
use crate::contract::{Field, FieldKind, KindInfo, Manifest, ScopeInfo, StepInfo};

/// The connector's manifest. Constant for one build.
pub fn manifest() -> Manifest {
    Manifest {
        id: "gitlab-registry".to_owned(),
        name: "GitLab Container Registry".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        category: "Registry".to_owned(),
        source_tool: "GitLab".to_owned(),
        description: "Reads the container registry of gitlab.com or of a self-managed GitLab: lists its \
                      groups, projects and image repositories, takes the inventory of every image (layers, \
                      operating system, packages), and brings in what GitLab's own container scanning has \
                      found. It only reads; nothing in GitLab is changed."
            .to_owned(),
        fields: fields(),
        verify_steps: verify_steps(),
        scopes: scopes(),
        location_kinds: location_kinds(),
        emits: ["image", "packages", "finding", "context", "skipped"].map(str::to_owned).into(),
        attributes: Vec::new(),
    }
}

fn fields() -> Vec<Field> {
    let field = |key: &str, label: &str, kind, help: &str| Field {
        key: key.to_owned(),
        label: label.to_owned(),
        help: help.to_owned(),
        kind,
        required: false,
        default: None,
        advanced: true,
    };
    let main = |field: Field| Field {
        required: true,
        advanced: false,
        ..field
    };
    vec![
        main(field(
            key::URL,
            "Host URL",
            FieldKind::Url,
            "The address you open GitLab with, such as https://gitlab.com or \
             https://gitlab.example.com. A relative root (https://example.com/gitlab) is part of it.",
        )),
        main(field(
            key::TOKEN,
            "Token",
            FieldKind::Secret,
            "A personal, group or project access token with the scopes read_user, read_registry and \
             read_api. In GitLab: Edit profile > Access tokens > Add new token.",
        )),
        Field {
            default: Some("false".to_owned()),
            ..field(
                key::INSECURE_HTTP,
                "Allow plain http",
                FieldKind::Toggle,
                "Send the token over unencrypted http where the address says http. Only for networks that \
                 you trust; addresses of this machine itself don't need it.",
            )
        },
        field(
            key::TAGS_INCLUDE,
            "Only these tags",
            FieldKind::Patterns,
            "Patterns, one a line (v*, latest). Empty takes every tag.",
        ),
        field(
            key::TAGS_EXCLUDE,
            "Not these tags",
            FieldKind::Patterns,
            "Patterns, one a line (*-dev, sha-*). They win over the tags included.",
        ),
        field(
            key::NEWEST_TAGS,
            "Newest tags",
            FieldKind::Number,
            "Look only at the newest so many tags of each image repository. Empty takes all.",
        ),
        field(
            key::MAX_AGE_DAYS,
            "Largest age in days",
            FieldKind::Number,
            "Look only at tags that were pushed within so many days. Empty takes all.",
        ),
        field(
            key::PLATFORMS,
            "Platforms",
            FieldKind::Patterns,
            "Platforms of multi-platform images, one a line: os/architecture or \
             os/architecture/variant, such as linux/amd64. Empty takes all.",
        ),
    ]
}

fn verify_steps() -> Vec<StepInfo> {
    [
        ("address", "GitLab answers at the address"),
        ("tls", "Its certificate is trusted"),
        ("token", "The token is accepted"),
        ("scopes", "The token has the scopes it needs"),
        ("expiry", "The token does not end soon"),
        ("account", "The token's account can see locations"),
        ("version", "The version of GitLab is supported"),
        ("registry", "The registry lets the token in"),
        ("pull", "An image can be read"),
    ]
    .map(|(id, label)| StepInfo {
        id: id.to_owned(),
        label: label.to_owned(),
    })
    .into()
}

fn scopes() -> Vec<ScopeInfo> {
    [
        (
            "read_user",
            "To show which account the token belongs to, and what it can see.",
        ),
        ("read_registry", "To read manifests and layers of images."),
        (
            "read_api",
            "To list groups, projects and image repositories, and to read GitLab's findings and who owns a \
             project.",
        ),
    ]
    .map(|(name, purpose)| ScopeInfo {
        name: name.to_owned(),
        purpose: purpose.to_owned(),
    })
    .into()
}

fn location_kinds() -> Vec<KindInfo> {
    [
        ("group", "Group", false),
        ("user-namespace", "User namespace", false),
        ("project", "Project", false),
        ("image-repository", "Image repository", true),
    ]
    .map(|(id, label, scannable)| KindInfo {
        id: id.to_owned(),
        label: label.to_owned(),
        scannable,
    })
    .into()
}
